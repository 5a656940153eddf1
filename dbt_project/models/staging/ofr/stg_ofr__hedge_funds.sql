with landed as (

    {{ versions_of(source('ofr', 'hedge_funds'), ['mnemonic', 'quarter_end']) }}

),

versions as (

    select
        ---------- keys
        mnemonic,
        quarter_end,

        ---------- measures
        case when ends_with(mnemonic, '_SUM') then value end as amount_usd,
        case when contains(mnemonic, 'LEVERAGERATIO') then value end as leverage_ratio,
        case when ends_with(mnemonic, '_COUNT') then value end as fund_count,

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
