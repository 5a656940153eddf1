with landed as (

    {{ versions_of(source('nyfed', 'reverse_repo'), ['operation_id']) }}

),

versions as (

    select
        ---------- keys
        operation_id,

        ---------- dimensions
        operation_date,
        operation_type,
        operation_method,
        auction_status,
        settlement_type,
        term_type,
        settlement_date,
        maturity_date,
        term_days,
        is_small_value,
        opens_at_new_york,
        closes_at_new_york,
        collateral_details,
        note,
        last_updated_new_york,

        ---------- measures
        total_submitted_usd,
        total_accepted_usd,
        participant_count,
        accepted_participant_count,

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
