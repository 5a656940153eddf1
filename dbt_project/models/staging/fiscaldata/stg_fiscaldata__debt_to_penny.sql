with landed as (

    {{ versions_of(source('fiscaldata', 'debt_to_penny'), ['record_date']) }}

),

versions as (

    select
        ---------- keys
        record_date,

        ---------- measures
        debt_held_public_usd,
        intragov_hold_usd,
        tot_pub_debt_out_usd,

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
