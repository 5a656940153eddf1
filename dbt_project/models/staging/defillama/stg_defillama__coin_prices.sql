with landed as (

    {{ versions_of(source('defillama', 'coin_prices'), ['coin_id', 'close_date']) }}

),

versions as (

    select
        ---------- keys
        coin_id,
        close_date,

        ---------- dimensions
        symbol,
        price_at,

        ---------- measures
        price_usd as close_usd,
        confidence as confidence_ratio,

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
