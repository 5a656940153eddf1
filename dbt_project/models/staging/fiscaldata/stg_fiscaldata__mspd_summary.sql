with landed as (

    {{ versions_of(source('fiscaldata', 'mspd_summary'), ['record_date', 'security_type_desc', 'security_class_desc']) }}

),

versions as (

    select
        ---------- keys
        record_date,
        security_type_desc,
        security_class_desc,

        ---------- dimensions
        src_line_nbr,
        security_type_desc ilike '%total%' as is_total,

        ---------- measures
        debt_held_public_usd_mn,
        intragov_hold_usd_mn,
        total_usd_mn,

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
