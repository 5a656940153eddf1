with landed as (

    {{ versions_of(source('board', 'excess_bond_premium'), ['month_start']) }}

),

versions as (

    select
        ---------- keys
        month_start,

        ---------- measures
        gz_spread_pct,
        excess_bond_premium_pct,
        recession_probability_ratio,

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
