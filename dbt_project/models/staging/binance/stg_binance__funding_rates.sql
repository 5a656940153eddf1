with landed as (

    {{ versions_of(source('binance', 'funding_rates'), ['symbol', 'settled_at']) }}

),

versions as (

    select
        ---------- keys
        symbol,
        settled_at,

        ---------- dimensions
        calculated_at,

        ---------- measures
        funding_rate as funding_ratio,
        funding_interval_hours,

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
