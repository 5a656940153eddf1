{{ config(meta={'known_since': 'cutoff_at'}) }}
{#- What was known at the cut-off of each Friday of the 520 days before: returns by day, the newest first. A Friday meets
    only the years that its window lies in, or it would meet every day there is. -#}
with returns as (

    select
        *,
        extract(year from return_date)::integer as return_year,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before
    from {{ ref('fct_asset_returns_daily') }}
    where return_ratio is not null

),

fridays as (

    select
        date_day,
        {{ cutoff('date_day') }} as cutoff_at
    from {{ ref('time_spine_daily') }}
    where
        extract(dow from date_day) = 5
        and date_day >= date '2010-01-01'
        and {{ cutoff('date_day') }} <= {{ run_instant() }}
        {{ and_known_since('date_day') }}

),

friday_years as (

    select
        *,
        extract(year from date_day)::integer as return_year
    from fridays
    union all
    select
        *,
        extract(year from date_day)::integer - 1 as return_year
    from fridays
    union all
    select
        *,
        extract(year from date_day)::integer - 2 as return_year
    from fridays

),

windows as (

    select
        fridays.date_day,
        fridays.cutoff_at,
        returns.asset_id,
        returns.asset_group,
        returns.grain,
        returns.return_date,
        returns.return_ratio,
        {{ rank_of('pit_quality', 'returns.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'returns.origin') }} as origin_rank,
        row_number() over (
            partition by fridays.date_day, returns.asset_id order by returns.return_date desc
        ) as days_back
    from friday_years as fridays
    inner join returns
        on
            fridays.return_year = returns.return_year
            and fridays.cutoff_at >= returns.known_at
            and fridays.cutoff_at < returns.known_before
    where {{ days_between('returns.return_date', 'fridays.date_day') }} between 0 and 520

)

select * from windows
