with landed as (

    {{ versions_of(source('kenfrench', 'momentum'), ['trading_date']) }}

),

versions as (

    select
        ---------- keys
        trading_date,

        ---------- measures
        momentum_pct,

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
