{#- Linear in the changes as long as they come in the order of their days. One that comes late (a day changes after a
    later day did) opens an epoch: the days are laid out anew as known then, and told again from that day on. -#}
with prices as (

    select
        asset,
        price_date,
        low_usd::double as low_usd,
        close_usd::double as close_usd,
        coalesce(high_usd, close_usd)::double as high_or_close_usd,
        case when high_usd is not null and low_usd is not null then 1 end as has_range,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before  -- an OR would forbid a hash join
    from {{ ref('fct_crypto_prices_daily') }}

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

instants as (

    select
        asset,
        changed_at,
        min(price_date) as earliest_date,
        max(price_date) as latest_date
    from changes
    group by asset, changed_at

),

ordered as (

    select
        *,
        max(latest_date) over (
            partition by asset order by changed_at rows between unbounded preceding and 1 preceding
        ) as latest_date_before
    from instants

),

epochs as (

    select
        asset,
        changed_at as begun_at,
        earliest_date
    from ordered
    where earliest_date < latest_date_before

),

changes_by_epoch as (

    select
        changes.asset,
        changes.price_date,
        changes.changed_at,
        coalesce(
            max(epochs.begun_at) over (
                partition by changes.asset order by changes.changed_at
                range between unbounded preceding and current row
            ),
            timestamptz '1900-01-01 00:00:00+00'
        ) as epoch
    from changes
    left join epochs
        on
            changes.asset = epochs.asset
            and changes.changed_at = epochs.begun_at

),

moments as (

    select
        asset,
        epoch,
        price_date,
        changed_at as known_at,
        true as is_told
    from changes_by_epoch
    where changed_at > epoch
    union all
    select
        epochs.asset,
        epochs.begun_at as epoch,
        days.price_date,
        epochs.begun_at as known_at,
        days.price_date >= epochs.earliest_date as is_told
    from epochs
    inner join days
        on
            epochs.asset = days.asset
            and epochs.begun_at >= days.first_known_at

),

judged as (

    select
        moments.*,
        prices.low_usd,
        prices.close_usd,
        prices.high_or_close_usd,
        prices.has_range,
        prices.pit_rank,
        prices.origin_rank,
        prices.source_url
    from moments
    left join prices
        on
            moments.asset = prices.asset
            and moments.price_date = prices.price_date
            and prices.known_at <= moments.known_at
            and prices.known_before > moments.known_at

),

settled as (  -- what an epoch says of a day when the next one begins

    select * from judged
    qualify row_number() over (partition by asset, epoch, price_date order by known_at desc) = 1

),

earlier as (

    select
        asset,
        epoch,
        price_date,
        max(close_usd) over days_before as peak_close_usd,
        max(high_or_close_usd) over days_before as peak_high_usd,
        min(case when close_usd is not null then price_date end) over days_before as first_date,
        count(close_usd) over days_before as known_days,
        count(has_range) over days_before as range_days,
        max(pit_rank) over days_before as pit_rank,
        max(origin_rank) over days_before as origin_rank
    from settled
    window
        days_before as (
            partition by asset, epoch order by price_date rows between unbounded preceding and 1 preceding
        )

),

states as (

    select
        judged.asset,
        judged.price_date,
        coalesce(earlier.first_date, case when judged.close_usd is not null then judged.price_date end) as first_date,
        judged.close_usd,
        judged.low_usd,
        greatest(earlier.peak_close_usd, judged.close_usd) as peak_close_usd,
        greatest(earlier.peak_high_usd, judged.high_or_close_usd) as peak_high_usd,
        earlier.known_days + case when judged.close_usd is null then 0 else 1 end as known_days,
        earlier.range_days + coalesce(judged.has_range, 0) as range_days,
        greatest(earlier.pit_rank, judged.pit_rank) as pit_rank,
        greatest(earlier.origin_rank, judged.origin_rank) as origin_rank,
        judged.source_url,
        judged.known_at
    from judged
    inner join earlier
        on
            judged.asset = earlier.asset
            and judged.epoch = earlier.epoch
            and judged.price_date = earlier.price_date
    where judged.is_told

),

drawdowns as (  -- once all closes up to a day are withdrawn, so is its last state

    select
        *,
        lead(known_at) over (partition by asset, price_date order by known_at) as withdrawn_at
    from states
    qualify first_date is not null

)

select * from drawdowns
