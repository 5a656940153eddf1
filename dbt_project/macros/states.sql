{# The newest observation of each watched metric and entity, and since when it is that: first the newest version of a
   period, then the newest period. A period that cannot be computed yet displaces none that can: while a group waits for
   its last member, its last whole quarter stands until it is stale. `watched` has metric_id, entity_id and grain; of the
   entity ANY what was said last counts, whose and of which period ever (the mean of what was said at one instant).
   Observations have the columns of int_metrics__subjects. Where the table `grown` holds the result as of an instant, only
   what came since is found: nothing older than its newest period matters, but that some value was known of it. #}
{% macro newest_metrics(observations, watched, grown=none) -%}
{%- set grows = grown and is_incremental() -%}
with observed as (

    select
        watched.entity_id as watched_entity_id,
        stated.*
    from {{ watched }} as watched
    inner join {{ observations }} as stated
        on
            watched.metric_id = stated.metric_id
            and (watched.entity_id = stated.entity_id or watched.entity_id = 'ANY')
            and coalesce(watched.grain, stated.grain) = stated.grain

),

events as (

    select
        metric_id,
        watched_entity_id as entity_id,
        parameter_set,
        period_end,
        value,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at as newest_since
    from observed
    union all
    select
        metric_id,
        watched_entity_id as entity_id,
        parameter_set,
        period_end,
        null as value,
        'withdrawn' as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        withdrawn_at as newest_since
    from observed
    where withdrawn_at is not null and watched_entity_id <> 'ANY'

),

{% if grows -%}
reached as (

    select
        metric_id,
        entity_id,
        parameter_set,
        max(period_end) as period_end
    from {{ grown }}
    where not (true {{ and_known_since('newest_since') }})
    group by metric_id, entity_id, parameter_set

),

older as (

    select
        events.metric_id,
        events.entity_id,
        events.parameter_set,
        min(events.newest_since) as first_known_at
    from events
    inner join reached
        on
            events.metric_id = reached.metric_id
            and events.entity_id = reached.entity_id
            and events.parameter_set = reached.parameter_set
    where events.value is not null and events.period_end < reached.period_end
    group by events.metric_id, events.entity_id, events.parameter_set

),

recent as (

    select
        events.*,
        older.first_known_at
    from events
    left join reached
        on
            events.metric_id = reached.metric_id
            and events.entity_id = reached.entity_id
            and events.parameter_set = reached.parameter_set
    left join older
        on
            events.metric_id = older.metric_id
            and events.entity_id = older.entity_id
            and events.parameter_set = older.parameter_set
    where reached.period_end is null or events.period_end >= reached.period_end

),
{%- else -%}
recent as (

    select
        *,
        null::timestamptz as first_known_at
    from events

),
{%- endif %}

of_a_period as (  -- a state that ends because the next begins is not withdrawn: of one instant what has a value counts

    select * from recent
    where entity_id <> 'ANY'
    qualify row_number() over (
        partition by metric_id, entity_id, parameter_set, period_end, newest_since
        order by
            case when value is null then 1 else 0 end,
            case when null_reason = 'withdrawn' then 1 else 0 end,
            null_reason
    ) = 1

),

with_past as (

    select
        *,
        count(value) over (
            partition by metric_id, entity_id, parameter_set, period_end
            order by newest_since range between unbounded preceding and current row
        ) as known_of_period,
        count(value) over (
            partition by metric_id, entity_id, parameter_set
            order by newest_since range between unbounded preceding and current row
        ) as known_of_any
    from of_a_period

),

at_an_instant as (

    select * from with_past
    where known_of_period > 0 or (known_of_any = 0 and (first_known_at is null or first_known_at > newest_since))
    qualify row_number() over (
        partition by metric_id, entity_id, parameter_set, newest_since order by period_end desc
    ) = 1

),

newest as (

    select * from at_an_instant
    qualify period_end = max(period_end) over (
        partition by metric_id, entity_id, parameter_set
        order by newest_since rows between unbounded preceding and current row
    )

),

together as (

    select
        metric_id,
        entity_id,
        parameter_set,
        period_end,
        value,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        newest_since
    from newest
    union all
    select
        metric_id,
        entity_id,
        parameter_set,
        max(period_end) as period_end,
        sum(value::decimal(38, 12))::double / count(value) as value,
        null as null_reason,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url,
        newest_since
    from events
    where entity_id = 'ANY' and value is not null
    group by metric_id, entity_id, parameter_set, newest_since

)

select * from together
{% if grows %}where true {{ and_known_since('newest_since') }}{% endif %}
{%- endmacro %}

{# What was known of each metric of `newest` at the cut-off of each weekday: one row a day, null once it is stale. #}
{% macro daily_metrics(newest) -%}
with newest as (

    select * from {{ newest }}

),

declared as (

    select
        metric_id,
        freshness_sla_days
    from {{ ref('dim_metric') }}

),

first_known as (

    select
        metric_id,
        entity_id,
        parameter_set,
        min(newest_since) as first_known_at
    from newest
    group by metric_id, entity_id, parameter_set

),

days as (

    select date_day from {{ ref('time_spine_daily') }}
    where
        extract(dow from date_day) between 1 and 5
        and {{ cutoff('date_day') }} <= {{ run_instant() }}
        {{ and_known_since('date_day') }}

),

asked as (

    select
        first_known.metric_id,
        first_known.entity_id,
        first_known.parameter_set,
        days.date_day,
        {{ cutoff('days.date_day') }} as cutoff_at
    from first_known
    inner join days on {{ cutoff('days.date_day') }} >= first_known.first_known_at

),

found as (

    {{ as_of_join('asked', 'newest', ['metric_id', 'entity_id', 'parameter_set'], 'cutoff_at', 'newest_since',
        ['period_end', 'value', 'null_reason', 'newest_since', 'pit_rank', 'origin_rank', 'source_url']) }}

),

states as (

    select
        found.date_day,
        found.metric_id,
        found.entity_id,
        found.parameter_set,
        case
            when {{ add_days('found.newest_since::date', 'declared.freshness_sla_days') }} >= found.date_day then found.value
        end as value,
        case
            when found.value is null then coalesce(found.null_reason, 'missing')
            when {{ add_days('found.newest_since::date', 'declared.freshness_sla_days') }} < found.date_day then 'stale'
        end as null_reason,
        found.period_end,
        {{ days_between('found.period_end', 'found.date_day') }} as age_days,
        found.pit_rank,
        found.origin_rank,
        found.source_url,
        found.newest_since,
        found.cutoff_at
    from found
    inner join declared on found.metric_id = declared.metric_id

)

select * from states
{%- endmacro %}
