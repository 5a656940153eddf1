with landed as (

    {{ versions_of(source('defillama', 'stablecoins'), ['observation_date', 'peg_type']) }}

),

versions as (

    select
        ---------- keys
        observation_date,
        peg_type,

        ---------- measures
        circulating as circulating_peg_units,
        circulating_usd,
        minted_usd,
        bridged_to_usd,
        unreleased as unreleased_peg_units,

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
