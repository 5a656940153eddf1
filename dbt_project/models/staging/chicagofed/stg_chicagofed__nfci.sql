with landed as (

    {{ versions_of(source('chicagofed', 'nfci'), ['week_end']) }}

),

versions as (

    select
        ---------- keys
        week_end,

        ---------- measures
        nfci,
        anfci,
        risk,
        credit,
        leverage,
        nonfinancial_leverage,

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
