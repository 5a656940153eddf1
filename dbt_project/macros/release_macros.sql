{# Macros that stand beside the tables, in the builder's file and in every release. The text between the macro tags
   is plain SQL without Jinja: the release step reads it from here (docs in metrics/_metrics.yml). #}
{% macro release_macros() %}
create or replace macro metrics.as_of(ts, parameters := 'default') as table
select *
from metrics.metric_observations
where
    parameter_set = parameters
    and known_at <= case
        when ts is null then error('metrics.as_of(NULL): give an instant, such as TIMESTAMPTZ ''2026-02-04 22:00:00+00'', or a day, such as DATE ''2026-02-04''.')
        when regexp_full_match(cast(ts as varchar), '\d{4}-\d{2}-\d{2}') and typeof(ts) in ('DATE', 'VARCHAR')
            then timezone('America/New_York', cast(cast(ts as varchar) || ' 23:59:59.999' as timestamp))
        when typeof(ts) = 'TIMESTAMP WITH TIME ZONE' then try_cast(cast(ts as varchar) as timestamptz)
        when typeof(ts) = 'VARCHAR' and regexp_full_match(cast(ts as varchar), '\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)')
            then cast(cast(ts as varchar) as timestamptz)
        else error('metrics.as_of(' || cast(ts as varchar) || '): a ' || typeof(ts) || ' without an offset could mean any instant. Give one with an offset, such as ''2026-02-04T22:00:00Z'', or a day, such as ''2026-02-04'', which means its end in New York.')
    end
    and (known_until is null or known_until > case
        when regexp_full_match(cast(ts as varchar), '\d{4}-\d{2}-\d{2}') and typeof(ts) in ('DATE', 'VARCHAR')
            then timezone('America/New_York', cast(cast(ts as varchar) || ' 23:59:59.999' as timestamp))
        else try_cast(cast(ts as varchar) as timestamptz)
    end);
{% endmacro %}
