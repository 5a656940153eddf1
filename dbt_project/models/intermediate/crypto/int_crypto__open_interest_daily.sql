{{ config(meta={'known_since': 'known_at'}, unique_key=['asset', 'open_interest_date']) }}
{#- What stood open at the end of a UTC day: the last five minutes that the day's file has, if of its last ten. -#}
{%- set firsts = [first_landed(['binance.futures_metrics']), first_replaced('open_interest_date')] -%}
with labels as (

    select
        left(symbol, length(symbol) - 4) as asset,
        file_date as open_interest_date,
        labelled_at,
        open_interest_usd::double as open_interest_usd,
        open_interest_coins::double as open_interest_coins,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', '_origin') }} as origin_rank,
        _source_url as source_url,
        greatest(known_at, {{ start_of_utc_day(add_days('file_date', 1)) }}) as known_at,
        greatest(
            coalesce(known_until, timestamptz '9999-12-31 00:00:00+00'),
            {{ start_of_utc_day(add_days('file_date', 1)) }}
        ) as known_before
    from {{ ref('stg_binance__futures_metrics') }}
    where
        not is_deleted
        and symbol like '%USDT' {{ and_about('labelled_at', firsts) }} {{ and_about('file_date', firsts) }}
        and labelled_at >= {{ start_of_utc_day(add_days('file_date', 1)) }} - interval '10' minute

),

instants as (

    select
        asset,
        open_interest_date,
        known_at
    from labels
    where known_before > known_at
    union
    select
        asset,
        open_interest_date,
        known_before as known_at
    from labels
    where known_before < timestamptz '9999-12-31 00:00:00+00'

),

states as (

    select
        instants.asset,
        instants.open_interest_date,
        labels.open_interest_usd,
        labels.open_interest_coins,
        labels.pit_rank,
        labels.origin_rank,
        labels.source_url,
        instants.known_at
    from instants
    left join labels
        on
            instants.asset = labels.asset
            and instants.open_interest_date = labels.open_interest_date
            and labels.known_at <= instants.known_at
            and labels.known_before > instants.known_at
    qualify row_number() over (
        partition by instants.asset, instants.open_interest_date, instants.known_at
        order by labels.labelled_at desc nulls last
    ) = 1

),

days as (

    select
        *,
        lead(known_at) over (partition by asset, open_interest_date order by known_at) as known_until
    from states
    qualify pit_rank is not null

)

select * from days
