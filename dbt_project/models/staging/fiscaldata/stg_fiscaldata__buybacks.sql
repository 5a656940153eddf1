with landed as (

    {{ versions_of(source('fiscaldata', 'buybacks'), ['operation_date', 'operation_start_time_est', 'operation_type', 'security_type', 'maturity_bucket']) }}

),

versions as (

    select
        ---------- keys
        operation_date,
        operation_start_time_est,
        operation_type,
        security_type,
        maturity_bucket,

        ---------- dimensions
        operation_close_time_est,
        settlement_date,
        preliminary_ann_pdf,
        preliminary_ann_xml,
        final_ann_pdf,
        final_ann_xml,
        results_pdf,
        results_xml,
        special_ann_pdf,

        ---------- measures
        max_par_redeemed_usd,
        total_par_offered_usd,
        total_par_accepted_usd,
        par_per_offer_usd,
        max_offers_count,
        issues_eligible_count,
        issues_accepted_count,

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
