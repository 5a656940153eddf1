with landed as (

    {{ versions_of(source('kenfrench', 'factors'), ['trading_date']) }}

),

versions as (

    select
        ---------- keys
        trading_date,

        ---------- measures
        mkt_rf_pct,
        smb_pct,
        hml_pct,
        rmw_pct,
        cma_pct,
        rf_pct,

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
