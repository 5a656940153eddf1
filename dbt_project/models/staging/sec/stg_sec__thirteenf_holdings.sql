with landed as (

    {{ versions_of(source('sec', 'thirteenf_holdings'), ['accession_number', 'entry_number']) }}

),

versions as (

    select
        ---------- keys
        accession_number,
        entry_number,

        ---------- dimensions
        cik,
        filer_name,
        period_of_report,
        filed_date,
        accepted_at,
        form,
        amendment_type,
        amendment_number,
        is_confidential_omitted,
        issuer_name,
        class_title,
        cusip,
        figi,
        put_call,
        quantity_type,
        investment_discretion,
        other_manager,

        ---------- measures
        value_reported,
        value_unit_usd,
        value_unit_basis,
        value_usd,
        quantity,
        voting_sole_quantity,
        voting_shared_quantity,
        voting_none_quantity,
        table_entry_total,
        table_value_total_reported,
        matches_totals,

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
