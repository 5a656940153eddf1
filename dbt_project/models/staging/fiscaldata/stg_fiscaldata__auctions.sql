with landed as (

    {{ versions_of(source('fiscaldata', 'auctions'), ['cusip', 'issue_date']) }}

),

versions as (

    select
        ---------- keys
        cusip,
        issue_date,

        ---------- dimensions
        security_type,
        security_term,
        original_security_term,
        series,
        announcemt_date as announcement_date,
        auction_date,
        dated_date,
        maturity_date,
        mat_date as refunded_maturity_date,
        auction_format,
        closing_time_comp as closing_time,
        reopening as is_reopening,
        cash_management_bill_cmb as is_cash_management_bill,
        floating_rate as is_floating_rate,
        inflation_index_security as is_inflation_indexed,
        soma_included as is_soma_included,
        pdf_filenm_comp_results as results_pdf_name,

        ---------- measures
        offering_amt as offering_usd,
        total_tendered as total_tendered_usd,
        total_accepted as total_accepted_usd,
        comp_tendered as competitive_tendered_usd,
        comp_accepted as competitive_accepted_usd,
        noncomp_accepted as noncompetitive_accepted_usd,
        fima_noncomp_tendered as fima_tendered_usd,
        fima_noncomp_accepted as fima_accepted_usd,
        treas_retail_accepted as retail_accepted_usd,
        soma_tendered as soma_tendered_usd,
        soma_accepted as soma_accepted_usd,
        soma_holdings as soma_holdings_usd,
        currently_outstanding as currently_outstanding_usd,
        est_pub_held_mat_by_type_amt as maturing_public_by_type_usd,
        primary_dealer_tendered as dealer_tendered_usd,
        primary_dealer_accepted as dealer_accepted_usd,
        direct_bidder_tendered as direct_tendered_usd,
        direct_bidder_accepted as direct_accepted_usd,
        indirect_bidder_tendered as indirect_tendered_usd,
        indirect_bidder_accepted as indirect_accepted_usd,
        bid_to_cover_ratio as published_bid_to_cover_ratio,
        allocation_pctage as allotted_at_high_pct,
        high_yield as high_yield_pct,
        avg_med_yield as median_yield_pct,
        low_yield as low_yield_pct,
        high_discnt_rate as high_discount_rate_pct,
        avg_med_discnt_rate as median_discount_rate_pct,
        low_discnt_rate as low_discount_rate_pct,
        high_investment_rate as high_investment_rate_pct,
        high_discnt_margin as high_discount_margin_pct,
        avg_med_discnt_margin as median_discount_margin_pct,
        spread as spread_pct,
        int_rate as coupon_pct,
        high_price as high_price_per100_usd,
        price_per100 as price_per100_usd,
        unadj_price as unadjusted_price_per100_usd,
        adj_price as adjusted_price_per100_usd,

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
