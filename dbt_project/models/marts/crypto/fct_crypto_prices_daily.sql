{{ config(meta={'known_since': 'known_at'}, unique_key=['asset', 'price_date']) }}
{%- set firsts = [
    first_landed(['binance.spot_klines', 'coinbase.candles', 'defillama.coin_prices']), first_replaced('price_date'),
] -%}
with bars as (

    select * from {{ ref('stg_binance__spot_klines') }}
    where
        not is_deleted
        and bar_interval = '1d'
        and symbol in ('BTCUSDT', 'ETHUSDT', 'BTCUSD', 'ETHUSD') {{ and_about('opened_at', firsts) }}

),

candles as (

    select * from {{ ref('stg_coinbase__candles') }}
    where
        not is_deleted and bar_interval = '1d' and symbol in ('BTC-USD', 'ETH-USD') {{ and_about('opened_at', firsts) }}

),

closes as (

    select * from {{ ref('stg_defillama__coin_prices') }}
    where
        not is_deleted and coin_id in ('coingecko:bitcoin', 'coingecko:ethereum') {{ and_about('close_date', firsts) }}

),

candidates as (

    select
        left(symbol, 3) as asset,
        {{ utc_date('opened_at') }} as price_date,
        venue,
        case venue when 'binance' then 1 else 2 end as priority,
        open_usd,
        high_usd,
        low_usd,
        close_usd,
        volume_coins,
        pit_quality,
        known_at,
        known_until,
        _source_url as source_url,
        _origin as origin
    from bars
    union all
    select
        left(symbol, 3) as asset,
        {{ utc_date('opened_at') }} as price_date,
        venue,
        3 as priority,
        open_usd,
        high_usd,
        low_usd,
        close_usd,
        volume_coins,
        pit_quality,
        known_at,
        known_until,
        _source_url as source_url,
        _origin as origin
    from candles
    union all
    select
        case coin_id when 'coingecko:bitcoin' then 'BTC' else 'ETH' end as asset,
        close_date as price_date,
        'defillama' as venue,
        4 as priority,
        null as open_usd,
        null as high_usd,
        null as low_usd,
        close_usd,
        null as volume_coins,
        pit_quality,
        known_at,
        known_until,
        _source_url as source_url,
        _origin as origin
    from closes

),

instants as (

    {{ instants_of('candidates', ['asset', 'price_date']) }}

),

changed_instants as (

    select * from instants
    {{ of_what_changed(['asset', 'price_date']) }}

),

states as (  -- of the venues known then, the first by priority; none once all are withdrawn

    select
        instants.asset,
        instants.price_date,
        candidates.venue,
        candidates.open_usd,
        candidates.high_usd,
        candidates.low_usd,
        candidates.close_usd,
        candidates.volume_coins,
        candidates.pit_quality,
        candidates.source_url,
        candidates.origin,
        instants.known_at
    from changed_instants as instants
    left join candidates
        on
            instants.asset = candidates.asset
            and instants.price_date = candidates.price_date
            and {{ known_then('candidates', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.asset, instants.price_date, instants.known_at
        order by candidates.priority asc, candidates.known_at desc
    ) = 1

),

changes as (

    select * from states
    window day_states as (partition by asset, price_date order by known_at)
    qualify {{ differs_from_previous(
        ['venue', 'open_usd', 'high_usd', 'low_usd', 'close_usd', 'volume_coins', 'pit_quality', 'origin'], 'day_states'
    ) }}

),

versions as (

    select
        asset::varchar as asset,
        price_date::date as price_date,
        open_usd::decimal(18, 8) as open_usd,
        high_usd::decimal(18, 8) as high_usd,
        low_usd::decimal(18, 8) as low_usd,
        close_usd::decimal(18, 8) as close_usd,
        volume_coins::double as volume_coins,
        venue::varchar as venue,
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        (lead(known_at) over (partition by asset, price_date order by known_at))::timestamptz as known_until,
        source_url::varchar as source_url,
        origin::varchar as origin
    from changes
    qualify venue is not null

)

select * from versions
