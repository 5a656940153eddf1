with landed as (

    {{ versions_of(source('sec', 'financial_statements'), ['accession_number', 'tag', 'taxonomy_version', 'period_end', 'quarter_count', 'unit', 'segments', 'coregistrant_name']) }}

),

versions as (

    select
        ---------- keys
        accession_number,
        tag,
        taxonomy_version,
        period_end,
        quarter_count,
        unit,
        segments,
        coregistrant_name,

        ---------- dimensions
        cik,
        entity_name,
        form,
        report_period_end,
        fiscal_year as filing_fiscal_year,
        fiscal_period as filing_fiscal_period,
        filed_date,
        accepted_at,
        footnote,

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
