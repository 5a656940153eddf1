{{ config(meta={'known_since': 'known_at'}) }}
{#- Whether a gain of the momentum factor is kept (C19): of its last sixty days that rose and are five days past, how many
    gave the whole gain back within five. A state: what was known at each weekday's cut-off. -#}
with factor as (

    select
        return_date,
        return_ratio::decimal(20, 15) as return_ratio,  -- whose sums do not depend on the order of the rows
        extract(year from return_date)::integer as return_year,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before
    from {{ ref('fct_asset_returns_daily') }}
    where asset_id = 'factor_momentum'

),

weekdays as (

    select
        date_day,
        {{ cutoff('date_day') }} as cutoff_at
    from {{ ref('time_spine_daily') }}
    where
        extract(dow from date_day) between 1 and 5
        and date_day >= date '2010-01-01'
        and {{ cutoff('date_day') }} <= {{ run_instant() }}
        {{ and_known_since('date_day') }}

),

weekday_years as (

    select
        *,
        extract(year from date_day)::integer as return_year
    from weekdays
    union all
    select
        *,
        extract(year from date_day)::integer - 1 as return_year
    from weekdays

),

windows as (

    select
        weekdays.date_day,
        weekdays.cutoff_at,
        factor.return_date,
        factor.return_ratio,
        factor.pit_rank,
        factor.origin_rank,
        factor.source_url,
        count(*) over (
            partition by weekdays.date_day order by factor.return_date rows between 1 following and 5 following
        ) as days_after,
        {% for days in range(1, 6) -%}
        sum(factor.return_ratio) over (
            partition by weekdays.date_day order by factor.return_date rows between 1 following and {{ days }} following
        ) as after_{{ days }},
        {% endfor -%}
        max(factor.return_date) over (partition by weekdays.date_day) as newest_date
    from weekday_years as weekdays
    inner join factor
        on
            weekdays.return_year = factor.return_year
            and weekdays.cutoff_at >= factor.known_at
            and weekdays.cutoff_at < factor.known_before
    where factor.return_date <= weekdays.date_day

),

rises as (

    select
        *,
        case when least(after_1, after_2, after_3, after_4, after_5) <= -return_ratio then 1 else 0 end as is_reversed
    from windows
    where return_ratio > 0 and days_after = 5
    qualify row_number() over (partition by date_day order by return_date desc) <= 60

),

days as (

    select
        date_day,
        cutoff_at,
        count(*) as rises,
        sum(is_reversed) as reversals,
        min(return_date) as first_date,
        max(newest_date) as newest_date,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url
    from rises
    group by date_day, cutoff_at

),

observations as (

    select
        'momentum_hold' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'day' as grain,
        date_day as period_start,
        date_day as period_end,
        case
            when rises = 60 and {{ days_between('newest_date', 'date_day') }} <= 100
                then reversals / 60.0::double
        end as value,
        reversals::double as numerator,
        rises::double as denominator,
        rises / 60.0::double as coverage,
        case
            when rises < 60 then 'short_history: ' || rises || ' of 60'
            when {{ days_between('newest_date', 'date_day') }} > 100 then 'stale'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        cutoff_at as known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from days

)

select * from observations
