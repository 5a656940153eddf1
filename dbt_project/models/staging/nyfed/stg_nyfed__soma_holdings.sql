with landed as (

    {{ versions_of(source('nyfed', 'soma_holdings'), ['as_of_date', 'cusip']) }}

),

versions as (

    select
        ---------- keys
        as_of_date,
        cusip,

        ---------- dimensions
        security_type,
        issuer_name,
        maturity_date,

        ---------- measures
        coupon_pct,
        spread_pct,
        par_value_usd,
        inflation_compensation_usd,
        outstanding_ratio,
        change_week_usd,
        change_year_usd,

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
