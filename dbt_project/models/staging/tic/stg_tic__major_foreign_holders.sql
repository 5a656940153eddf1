with landed as (

    {{ versions_of(source('tic', 'major_foreign_holders'), ['holder_name', 'month_end', 'survey_basis']) }}

),

versions as (

    select
        ---------- keys
        holder_name,
        month_end,
        survey_basis,

        ---------- dimensions
        is_memo,

        ---------- measures
        holdings_usd_bn,

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
