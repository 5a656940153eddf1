{{ config(meta={'known_since': 'known_at'}, unique_key=['metric_id', 'entity_type', 'entity_id', 'grain', 'period_end', 'parameter_set']) }}
{%- set firsts = [first_changed(ref('fct_crypto_prices_daily'), 'price_date')] -%}
with prices as (

    select
        asset,
        price_date,
        venue,
        high_usd::double as high_usd,
        low_usd::double as low_usd,
        close_usd::double as close_usd,
        volume_coins,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before  -- an OR would forbid a hash join
    from {{ ref('fct_crypto_prices_daily') }}
    where true {{ and_about('price_date', firsts, 31) }}

),

changes as (

    {{ instants_of('prices', ['asset', 'price_date'], 'changed_at') }}

),

days as (

    select
        asset,
        price_date,
        min(changed_at) as first_known_at
    from changes
    group by asset, price_date

),

offsets as (  -- joined by equality, so that a window costs its length and not the history's

    select {{ days_between("date '2000-01-01'", 'date_day') }} as days_apart
    from ({{ days_from('2000-01-01', '2000-01-31') }}) as january

),

reached as (  -- grouped before it is joined: joined at once, each day would meet every other

    select
        changes.asset,
        {{ add_days('changes.price_date', 'offsets.days_apart') }} as price_date,
        changes.changed_at,
        min(offsets.days_apart) as days_apart
    from changes
    cross join offsets
    group by changes.asset, {{ add_days('changes.price_date', 'offsets.days_apart') }}, changes.changed_at

),

instants as (  -- a day is judged when its close changes, and again when one of the thirty days before changes afterwards

    select
        days.asset,
        days.price_date,
        reached.changed_at as known_at
    from reached
    inner join days
        on
            reached.asset = days.asset
            and reached.price_date = days.price_date
    where reached.days_apart = 0 or days.first_known_at < reached.changed_at
    {{ of_what_changed(['reached.asset', 'reached.price_date'], 'reached.changed_at') }}

),

window_days as (

    select
        instants.asset,
        instants.price_date,
        instants.known_at,
        offsets.days_apart,
        {{ add_days('instants.price_date', '-offsets.days_apart') }} as window_date
    from instants
    cross join offsets

),

window_prices as (

    select
        window_days.*,
        prices.venue,
        prices.high_usd,
        prices.low_usd,
        prices.close_usd,
        prices.volume_coins,
        prices.pit_rank,
        prices.origin_rank,
        prices.source_url,
        lag(prices.close_usd) over by_day as previous_close_usd,
        max(case when window_days.days_apart = 0 then prices.venue end) over (
            partition by window_days.asset, window_days.price_date, window_days.known_at
        ) as last_venue
    from window_days
    left join prices
        on
            window_days.asset = prices.asset
            and window_days.window_date = prices.price_date
            and prices.known_at <= window_days.known_at
            and prices.known_before > window_days.known_at
    window
        by_day as (
            partition by window_days.asset, window_days.price_date, window_days.known_at
            order by window_days.window_date
        )

),

returns as (  -- decimals, whose sums do not depend on the order of the rows

    select
        *,
        ln(close_usd / previous_close_usd)::decimal(20, 15) as log_return,
        coalesce(days_apart < 20 and venue = last_venue and low_usd <= high_usd and volume_coins is not null, false)
            as has_bar
    from window_prices

),

sums as (

    select
        asset,
        price_date,
        known_at,
        count(log_return) as return_count,
        sum(log_return)::double as return_sum,
        sum((log_return::double * log_return::double)::decimal(28, 20))::double as square_sum,
        count(case when has_bar then 1 end) as bar_count,
        percentile_cont(0.5) within group (order by case when has_bar then volume_coins end) as median_volume_coins,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(case when days_apart = 0 then source_url end) as source_url,
        lead(known_at) over (partition by asset, price_date order by known_at) as withdrawn_at
    from returns
    group by asset, price_date, known_at
    qualify max(pit_rank) is not null

),

volatilities as (

    select
        *,
        case
            when return_count = 30
                then sqrt(greatest(square_sum - return_sum * return_sum / return_count, 0) / (return_count - 1))
        end as daily_sd
    from sums

),

absent_days as (  -- sold into the close on much volume: nobody bid

    select
        sums.asset,
        sums.price_date,
        sums.known_at,
        count(
            case
                when
                    returns.has_bar
                    and returns.low_usd < returns.high_usd
                    and returns.close_usd <= returns.low_usd + 0.25 * (returns.high_usd - returns.low_usd)
                    and returns.volume_coins > sums.median_volume_coins
                    then 1
            end
        ) as absent_count
    from sums
    inner join returns
        on
            sums.asset = returns.asset
            and sums.price_date = returns.price_date
            and sums.known_at = returns.known_at
    group by sums.asset, sums.price_date, sums.known_at

),

absences as (

    select
        sums.*,
        absent_days.absent_count
    from sums
    inner join absent_days
        on
            sums.asset = absent_days.asset
            and sums.price_date = absent_days.price_date
            and sums.known_at = absent_days.known_at

),

drawdowns as (

    select * from {{ ref('int_crypto__drawdowns') }}
    {{ where_changed(ref('int_crypto__drawdowns'), ['asset', 'price_date'], ['known_at', 'withdrawn_at']) }}

),

measured as (

    select
        'btc_drawdown' as metric_id,
        asset,
        first_date as period_start,
        price_date as period_end,
        close_usd / peak_close_usd - 1 as value,
        close_usd as numerator,
        case when close_usd is not null then peak_close_usd end as denominator,
        case when close_usd is null then 0.0 else 1.0 end as coverage,
        case when close_usd is null then 'withdrawn' end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at
    from drawdowns
    where asset = 'BTC'
    union all
    select
        'intraday_drawdown' as metric_id,
        asset,
        first_date as period_start,
        price_date as period_end,
        low_usd / peak_high_usd - 1 as value,
        low_usd as numerator,
        case when low_usd is not null then peak_high_usd end as denominator,
        case when close_usd is null then 0.0 else range_days / known_days::double end as coverage,
        case
            when close_usd is null then 'withdrawn'
            when low_usd is null then 'missing_input: low'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at
    from drawdowns
    union all
    select
        'realised_vol_30d' as metric_id,
        asset,
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
    union all
    select
        'bid_absence' as metric_id,
        asset,
        {{ add_days('price_date', -19) }} as period_start,
        price_date as period_end,
        case when bar_count = 20 then absent_count / 20.0 end as value,
        case when bar_count = 20 then absent_count end as numerator,
        case when bar_count = 20 then 20 end as denominator,
        bar_count / 20.0 as coverage,
        case when bar_count < 20 then 'missing_bars: ' || bar_count || ' of 20 with volume' end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at
    from absences

),

observations as (

    select
        metric_id,
        'asset' as entity_type,
        asset as entity_id,
        'day' as grain,
        period_start,
        period_end,
        value::double as value,
        numerator::double as numerator,
        denominator::double as denominator,
        coverage::double as coverage,
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
