with landed as (

    {{ versions_of(source('ofr', 'funding_monitor'), ['mnemonic', 'observation_date']) }}

),

versions as (

    select
        ---------- keys
        mnemonic,
        observation_date,

        ---------- measures
        case when contains(mnemonic, '_AR_') or starts_with(mnemonic, 'FNYR-') then value end as rate_pct,
        case when contains(mnemonic, '_TV_') or starts_with(mnemonic, 'MMF-') then value end as amount_usd,

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
