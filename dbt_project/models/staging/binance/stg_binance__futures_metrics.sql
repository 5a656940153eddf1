with landed as (

    {{ versions_of(source('binance', 'futures_metrics'), ['symbol', 'file_date', 'create_time']) }}

),

versions as (

    select
        ---------- keys
        symbol,
        file_date,
        create_time as labelled_at,

        ---------- measures
        open_interest as open_interest_coins,
        open_interest_value as open_interest_usd,
        top_trader_account_ratio,
        top_trader_position_ratio,
        account_ratio,
        taker_volume_ratio,

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
