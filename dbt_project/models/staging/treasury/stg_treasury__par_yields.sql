with landed as (

    {{ versions_of(source('treasury', 'par_yields'), ['quote_date']) }}

),

versions as (

    select
        ---------- keys
        quote_date,

        ---------- measures
        yield_1mo_pct,
        yield_1_5mo_pct,
        yield_2mo_pct,
        yield_3mo_pct,
        yield_4mo_pct,
        yield_6mo_pct,
        yield_1yr_pct,
        yield_2yr_pct,
        yield_3yr_pct,
        yield_5yr_pct,
        yield_7yr_pct,
        yield_10yr_pct,
        yield_20yr_pct,
        yield_30yr_pct,

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
