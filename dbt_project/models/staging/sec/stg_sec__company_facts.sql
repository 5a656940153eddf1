with landed as (

    {{ versions_of(source('sec', 'company_facts'), ['cik', 'taxonomy', 'tag', 'unit', 'period_start', 'period_end', 'accession_number']) }}

),

versions as (

    select
        ---------- keys
        cik,
        taxonomy,
        tag,
        unit,
        period_start,
        period_end,
        accession_number,

        ---------- dimensions
        entity_name,
        form,
        filed_date,
        fiscal_year as filing_fiscal_year,
        fiscal_period as filing_fiscal_period,
        frame,

        ---------- measures
        value,

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
