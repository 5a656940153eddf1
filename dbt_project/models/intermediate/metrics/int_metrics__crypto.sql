with closes as (

    select
        price_date,
        close_usd::double as close_usd,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from {{ ref('fct_crypto_prices_daily') }}
    where asset = 'BTC'

),

days as (

    select
        price_date,
        min(known_at) as first_known_at
    from closes
    group by price_date

),

changes as (

    select
        price_date,
        known_at as changed_at
    from closes
    union
    select
        price_date,
        known_until as changed_at
    from closes
    where known_until is not null

),

instants as (  -- a day is judged when its close changes, and again when that of an earlier day changes afterwards

    select
        price_date,
        changed_at as known_at,
        price_date as changed_date
    from changes
    union all
    select
        days.price_date,
        changes.changed_at as known_at,
        changes.price_date as changed_date
    from days
    inner join changes
        on
            days.price_date > changes.price_date
            and days.first_known_at < changes.changed_at

),

drawdown_instants as (

    select distinct
        price_date,
        known_at
    from instants

),

drawdowns as (  -- once all closes up to a day are withdrawn, so is its last state

    select
        instants.price_date,
        instants.known_at,
        max(case when closes.price_date = instants.price_date then closes.close_usd end) as close_usd,
        max(closes.close_usd) as peak_usd,
        min(closes.price_date) as first_date,
        max(closes.pit_rank) as pit_rank,
        max(closes.origin_rank) as origin_rank,
        max(case when closes.price_date = instants.price_date then closes.source_url end) as source_url,
        lead(instants.known_at) over (partition by instants.price_date order by instants.known_at) as withdrawn_at
    from drawdown_instants as instants
    left join closes
        on
            instants.price_date >= closes.price_date
            and {{ known_then('closes', 'instants.known_at') }}
    group by instants.price_date, instants.known_at
    qualify min(closes.price_date) is not null

),

volatility_instants as (

    select distinct
        price_date,
        known_at
    from instants
    where {{ days_between('changed_date', 'price_date') }} <= 30

),

window_closes as (

    select
        instants.price_date,
        instants.known_at,
        closes.price_date as close_date,
        closes.close_usd,
        closes.pit_rank,
        closes.origin_rank,
        closes.source_url,
        lag(closes.price_date) over by_day as previous_date,
        lag(closes.close_usd) over by_day as previous_close_usd
    from volatility_instants as instants
    left join closes
        on
            closes.price_date between {{ add_days('instants.price_date', -30) }} and instants.price_date
            and {{ known_then('closes', 'instants.known_at') }}
    window by_day as (partition by instants.price_date, instants.known_at order by closes.price_date)

),

returns as (  -- decimals, whose sums do not depend on the order of the rows

    select
        *,
        ln(close_usd / previous_close_usd)::decimal(20, 15) as log_return
    from window_closes

),

return_sums as (

    select
        price_date,
        known_at,
        count(case when {{ days_between('previous_date', 'close_date') }} = 1 then 1 end) as return_count,
        sum(log_return)::double as return_sum,
        sum((log_return::double * log_return::double)::decimal(28, 20))::double as square_sum,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(case when close_date = price_date then source_url end) as source_url,
        lead(known_at) over (partition by price_date order by known_at) as withdrawn_at
    from returns
    group by price_date, known_at
    qualify max(pit_rank) is not null

),

volatilities as (

    select
        *,
        case
            when return_count = 30
                then sqrt(greatest(square_sum - return_sum * return_sum / return_count, 0) / (return_count - 1))
        end as daily_sd
    from return_sums

),

measured as (

    select
        'btc_drawdown' as metric_id,
        first_date as period_start,
        price_date as period_end,
        close_usd / peak_usd - 1 as value,
        close_usd as numerator,
        case when close_usd is not null then peak_usd end as denominator,
        case when close_usd is null then 0.0 else 1.0 end as coverage,
        case when close_usd is null then 'withdrawn' end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at
    from drawdowns
    union all
    select
        'realised_vol_30d' as metric_id,
        {{ add_days('price_date', -29) }} as period_start,
        price_date as period_end,
        daily_sd * sqrt(365) as value,
        null::double as numerator,
        null::double as denominator,
        return_count / 30.0 as coverage,
        case when return_count < 30 then 'missing_closes: ' || return_count || ' of 30 returns' end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at
    from volatilities

),

observations as (

    select
        metric_id,
        'asset' as entity_type,
        'BTC' as entity_id,
        'day' as grain,
        period_start,
        period_end,
        value,
        numerator,
        denominator,
        coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from measured

)

select * from observations
