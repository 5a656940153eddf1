with landed as (

    {{ versions_of(source('worldbank', 'commodity_prices'), ['commodity_name', 'month_end']) }}

),

versions as (

    select
        ---------- keys
        commodity_name,
        month_end,

        ---------- dimensions
        unit_name,

        ---------- measures
        price,

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
