with landed as (

    {{ versions_of(source('nyfed', 'reference_rates'), ['rate_type', 'effective_date']) }}

),

versions as (

    select
        ---------- keys
        rate_type,
        effective_date,

        ---------- dimensions
        revision_indicator,

        ---------- measures
        rate_pct,
        percentile_1_pct,
        percentile_25_pct,
        percentile_75_pct,
        percentile_99_pct,
        target_from_pct,
        target_to_pct,
        volume_usd_bn,

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
