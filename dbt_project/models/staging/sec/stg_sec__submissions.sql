with landed as (

    {{ versions_of(source('sec', 'submissions'), ['cik', 'accession_number']) }}

),

versions as (

    select
        ---------- keys
        cik,
        accession_number,

        ---------- dimensions
        entity_name,
        sic_code,
        filer_category,
        fiscal_year_end,
        form,
        core_type,
        filed_date,
        report_date,
        accepted_at_as_published,
        act,
        file_number,
        film_number,
        items,
        is_xbrl,
        is_inline_xbrl,
        is_xbrl_numeric,
        primary_document,
        primary_document_description,

        ---------- measures
        size_bytes,

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
