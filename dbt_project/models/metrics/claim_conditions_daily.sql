{{ config(meta={'known_since': 'date_day'}) }}
-- Each condition of each claim, by weekday since 2016: the figure, the threshold, and whether it held. Null where unknown.
with conditions as (

    select * from {{ ref('claim_conditions') }}

),

declared as (

    select metric_id from {{ ref('dim_metric') }}

),

states as (

    select * from {{ ref('int_claims__states') }}
    where true {{ and_known_since('date_day', days_before=1840) }}

),

days as (

    select date_day from {{ ref('time_spine_daily') }}
    where
        extract(dow from date_day) between 1 and 5
        and date_day >= date '2016-01-01'
        and {{ cutoff('date_day') }} <= {{ run_instant() }}
        {{ and_known_since('date_day') }}

),

measured as (  -- a year is 261 weekdays: every metric has a row each weekday from its first on

    select
        metric_id,
        entity_id,
        date_day,
        value as level,
        value - lag(value, 261) over by_day as change_1y,
        value - lag(value, 1305) over by_day as change_5y,
        case
            when count(value) over last_year >= 200 then min(value) over last_year
        end as lowest_1y,
        null_reason,
        period_end
    from states
    window
        by_day as (partition by metric_id, entity_id order by date_day),
        last_year as (
            partition by metric_id, entity_id order by date_day rows between 260 preceding and current row
        )

),

judged as (

    select
        days.date_day,
        conditions.*,
        case conditions.measure
            when 'level' then measured.level
            when 'change_1y' then measured.change_1y
            when 'change_5y' then measured.change_5y
            when 'lowest_1y' then measured.lowest_1y
        end as figure,
        measured.period_end,
        case
            when declared.metric_id is null then 'not_computed'
            when measured.metric_id is null then 'not_landed'
            when measured.level is null then coalesce(measured.null_reason, 'missing')
            else 'short_history'
        end as missing_reason
    from days
    cross join conditions
    left join declared on conditions.metric_id = declared.metric_id
    left join measured
        on
            conditions.metric_id = measured.metric_id
            and conditions.entity_id = measured.entity_id
            and days.date_day = measured.date_day

),

with_reason as (  -- a runway without a burden has no end: it is not unknown, and not short

    select
        *,
        figure is null and missing_reason = 'no_burden' and comparison = 'below' as is_without_end
    from judged

),

daily as (

    select
        ---------- keys
        claim_id::varchar as claim_id,
        date_day::date as date_day,
        condition_id::varchar as condition_id,

        ---------- what is asked
        side::varchar as side,
        metric_id::varchar as metric_id,
        entity_id::varchar as entity_id,
        measure::varchar as measure,
        comparison::varchar as comparison,
        threshold::double as threshold_value,

        ---------- what is known
        figure::double as figure_value,
        period_end::date as period_end,
        (case
            when is_without_end then false
            when comparison = 'above' then figure > threshold
            else figure < threshold
        end)::boolean as is_met,
        case when figure is null and not is_without_end then missing_reason end::varchar as null_reason
    from with_reason

)

select * from daily
