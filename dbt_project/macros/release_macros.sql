{# Macros that stand beside the tables, in the builder's file and in every release. The text between the macro tags
   is plain SQL without Jinja: the release step reads it from here (docs in metrics/_metrics.yml). #}
{% macro release_macros() %}
create or replace macro metrics.instant_of(ts) as case
    when ts is null then error('metrics: NULL is no instant. Give one, such as TIMESTAMPTZ ''2026-02-04 22:00:00+00'', or a day, such as DATE ''2026-02-04''.')
    when regexp_full_match(cast(ts as varchar), '\d{4}-\d{2}-\d{2}') and typeof(ts) in ('DATE', 'VARCHAR')
        then timezone('America/New_York', cast(cast(ts as varchar) || ' 23:59:59.999' as timestamp))
    when typeof(ts) = 'TIMESTAMP WITH TIME ZONE' then try_cast(cast(ts as varchar) as timestamptz)
    when typeof(ts) = 'VARCHAR' and regexp_full_match(cast(ts as varchar), '\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)')
        then cast(cast(ts as varchar) as timestamptz)
    else error('metrics: ' || cast(ts as varchar) || ', a ' || typeof(ts) || ' without an offset, could mean any instant. Give one with an offset, such as ''2026-02-04T22:00:00Z'', or a day, such as ''2026-02-04'', which means its end in New York.')
end;
create or replace macro metrics.known_set(asked) as (
    select case
        when bool_or(parameter_set = asked) then asked
        else error(concat('metrics: There is no parameter set ', coalesce(asked, 'NULL'), '; expected one of ',
            string_agg(parameter_set, ', ' order by parameter_set), '. metrics.parameter_sets says what they are.'))
    end
    from metrics.parameter_sets
);
create or replace macro metrics.as_of(ts, parameters := 'default') as table
select *
from metrics.metric_observations
where
    parameter_set = metrics.known_set(parameters)
    and known_at <= metrics.instant_of(ts)
    and (known_until is null or known_until > metrics.instant_of(ts));
create or replace macro metrics.compare(ts1, ts2, parameters := 'default') as table
with earlier as (
    select * from metrics.metric_observations
    where parameter_set = metrics.known_set(parameters) and known_at <= metrics.instant_of(ts1)
        and (known_until is null or known_until > metrics.instant_of(ts1))
), later as (
    select * from metrics.metric_observations
    where parameter_set = metrics.known_set(parameters) and known_at <= metrics.instant_of(ts2)
        and (known_until is null or known_until > metrics.instant_of(ts2))
), both_sides as (
    select
        metric_id, entity_type, entity_id, grain, period_end, later.unit,
        earlier.value as value_1, later.value as value_2, later.value - earlier.value as change,
        earlier.null_reason as null_reason_1, later.null_reason as null_reason_2,
        case
            when earlier.known_at is null then 'new_period'
            when later.known_at is null or (earlier.value is not null and later.null_reason = 'withdrawn') then 'withdrawn'
            when earlier.value is null and later.value is not null then 'newly_computable'
            when earlier.value is not null and later.value is null then 'no_longer_computable'
            else 'restated_by_source'
        end as reason,
        earlier.known_at as known_at_1, later.known_at as known_at_2, later.source_url
    from earlier
    full join later using (metric_id, entity_type, entity_id, grain, period_end)
    where earlier.known_at is distinct from later.known_at
)
select * from both_sides
where reason <> 'restated_by_source' or value_1 is distinct from value_2;
{% endmacro %}
