with landed as (

    {{ versions_of(source('treasury', 'real_yields'), ['quote_date']) }}

),

versions as (

    select
        ---------- keys
        quote_date,

        ---------- measures
        real_yield_5yr_pct,
        real_yield_7yr_pct,
        real_yield_10yr_pct,
        real_yield_20yr_pct,
        real_yield_30yr_pct,

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
