-- What the statistics read, by Friday, as known at its cut-off. Never revised.
with fridays as (

    select date_day from {{ ref('time_spine_daily') }}
    where
        extract(dow from date_day) = 5
        and date_day >= date '1990-01-05'
        and {{ cutoff('date_day') }} <= {{ run_instant() }}

),

series as (

    select
        date_day,
        max(case when series_id = 'real_yield_10y' then value end) as real_yield_10y,
        max(case when series_id = 'yield_2y' then value end) as yield_2y,
        max(case when series_id = 'broad_dollar' then value end) as broad_dollar,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank
    from {{ ref('int_state__daily') }}
    where series_id in ('real_yield_10y', 'yield_2y', 'broad_dollar')
    group by date_day

),

liquidity as (

    select * from {{ ref('int_state__metrics_daily') }}
    where metric_id = 'net_liquidity' and entity_id = 'US' and parameter_set = 'default'

),

indices as (

    select
        date_day::date as date_day,
        max(case when index_id = 'csi' then value end) as csi,
        max(case when index_id = 'cci' then value end) as cci,
        max(case when value is not null then pit_rank end)::integer as pit_rank,
        max(case when value is not null then origin_rank end)::integer as origin_rank
    from {{ ref('int_index__composites') }}
    where item_kind = 'headline' and index_id in ('csi', 'cci') and parameter_set = 'default'
    group by date_day

),

regimes as (

    select * from {{ ref('int_index__regimes') }}
    where parameter_set = 'default'

),

joint_rises as (

    select
        {{ add_days('date_day::date', '(12 - extract(dow from date_day::date)::integer) % 7') }} as week_end,
        max(joint_rise_flag) as joint_rise
    from {{ ref('int_price__daily') }}
    where parameter_set = 'default'
    group by week_end

),

balances as (

    select * from {{ ref('fct_capital_balance_weekly') }}
    where parameter_set = 'default'

),

closes as (

    select
        price_date,
        close_usd::double as close_usd,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        known_at
    from {{ ref('fct_crypto_prices_daily') }}
    where asset = 'BTC'
    qualify row_number() over (partition by price_date order by known_at) = 1

),

states as (

    select
        fridays.date_day,
        indices.csi,
        indices.cci,
        liquidity.value as net_liquidity,
        series.real_yield_10y,
        series.yield_2y,
        series.broad_dollar,
        closes.close_usd as btc_close,
        balances.demand_external_usd_bn as demand,
        balances.supply_insensitive_usd_bn as supply,
        regimes.regime,
        joint_rises.joint_rise,
        greatest(
            series.pit_rank, liquidity.pit_rank, indices.pit_rank, closes.pit_rank,
            {{ rank_of('pit_quality', 'balances.pit_quality') }}
        ) as pit_rank,
        greatest(
            series.origin_rank, liquidity.origin_rank, indices.origin_rank, closes.origin_rank,
            {{ rank_of('origin', 'balances.origin') }}
        ) as origin_rank
    from fridays
    left join series on fridays.date_day = series.date_day
    left join liquidity on fridays.date_day = liquidity.date_day
    left join indices on fridays.date_day = indices.date_day
    left join regimes on fridays.date_day = regimes.date_day::date
    left join joint_rises on fridays.date_day = joint_rises.week_end
    left join closes
        on fridays.date_day = {{ add_days('closes.price_date', 1) }} and {{ cutoff('fridays.date_day') }} >= closes.known_at
    left join balances
        on fridays.date_day = balances.period_end and {{ cutoff('fridays.date_day') }} >= balances.known_at

)

select * from states
