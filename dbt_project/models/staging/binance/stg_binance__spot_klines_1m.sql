with landed as (

    {{ versions_of(source('binance', 'spot_klines_1m'), ['venue', 'symbol', 'bar_interval', 'opened_at']) }}

),

versions as (

    select
        ---------- keys
        venue,
        symbol,
        bar_interval,
        opened_at,

        ---------- dimensions
        closed_at,

        ---------- measures
        open_price as open_usd,
        high_price as high_usd,
        low_price as low_usd,
        close_price as close_usd,
        base_volume as volume_coins,
        quote_volume as volume_usd,
        trade_count,
        taker_buy_base_volume as taker_buy_coins,
        taker_buy_quote_volume as taker_buy_usd,

        ---------- when it was known
        known_at,
        known_until,
        ingested_at,
        pit_quality,
        _is_deleted as is_deleted,

        ---------- where it came from
        _origin,
        _source_url,
        _source_sha256

    from landed

)

select * from versions
