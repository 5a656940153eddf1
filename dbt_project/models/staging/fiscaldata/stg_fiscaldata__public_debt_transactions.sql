with landed as (

    {{ versions_of(source('fiscaldata', 'public_debt_transactions'), ['record_date', 'transaction_type', 'security_market', 'security_type', 'security_type_desc', 'src_line_nbr']) }}

),

versions as (

    select
        ---------- keys
        record_date,
        transaction_type,
        security_market,
        security_type,
        security_type_desc,
        src_line_nbr,

        ---------- dimensions
        table_nbr,
        table_nm,
        coalesce(
            security_market ilike 'total%' or security_type ilike '%total%' or security_type_desc ilike '%total%', false
        ) as is_total,

        ---------- measures
        today_usd_mn,
        month_to_date_usd_mn,
        fiscal_year_to_date_usd_mn,

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
