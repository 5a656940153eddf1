{{ config(meta={'known_since': 'known_at'}, unique_key=['cusip', 'issue_date']) }}
with versions as (

    select * from {{ ref('stg_fiscaldata__auctions') }}
    where not is_deleted

),

with_kind as (

    select
        *,
        case
            when security_type = 'Bill' then 'bill'
            when is_floating_rate then 'floating_rate_note'
            when is_inflation_indexed then 'inflation_indexed'
            else 'nominal_coupon'
        end as security_kind,
        -- by parts: the published total of 912797TN7 lacks the foreign authorities' bids; noncompetitive bids are
        -- filled whole, so what is accepted of them is what was tendered
        competitive_tendered_usd + noncompetitive_accepted_usd + fima_tendered_usd as public_tendered_usd,
        competitive_accepted_usd + noncompetitive_accepted_usd + fima_accepted_usd as public_accepted_usd,
        coalesce(is_reopening, min(issue_date) over (partition by cusip) < issue_date) as is_sold_again,
        (
            12 * (extract(year from maturity_date) - extract(year from issue_date))
            + extract(month from maturity_date) - extract(month from issue_date)
        )::integer as months_to_maturity
    from versions

),

changed as (

    select * from with_kind
    {{ of_what_changed(['cusip', 'issue_date'], ended='known_until', from_first_day='auction_date') }}

),

with_schedule as (

    {{ with_coupon_schedule('changed', 'issue_date', 'maturity_date') }}

),

priced as (

    select
        *,
        case
            when security_kind = 'bill' then {{ bill_price('high_discount_rate_pct') }}
            when security_kind in ('nominal_coupon', 'inflation_indexed')
                then {{ clean_price('coupon_pct', 'high_yield_pct') }}
        end as computed_price,
        case
            when security_kind in ('nominal_coupon', 'inflation_indexed')
                then {{ dirty_price('coupon_pct', 'high_yield_pct') }}
        end as dirty_price,
        case
            when security_kind = 'bill' then {{ bill_dv01() }}
            when security_kind in ('nominal_coupon', 'inflation_indexed')
                then {{ dv01('coupon_pct', 'high_yield_pct') }}
            when security_kind = 'floating_rate_note'
                then {{ floating_rate_duration_years() }} * price_per100_usd::double / 10000
        end as unadjusted_dv01
    from with_schedule

),

ten_year_yields as (

    select * from {{ ref('int_treasury__yields_at_one_pm') }}
    where tenor_years = 10

),

with_reference as (  -- what a basis point costs on ten years at par, at the yield last known when the bids closed

    select
        priced.*,
        ten_year_yields.yield_pct as ref_yield,
        ten_year_yields.quote_date as ref_yield_date,
        {{ par_dv01('ten_year_yields.yield_pct') }} as ref_dv01,
        -- the principal of an inflation-indexed security has grown by the index, and so has what a basis point costs
        case
            when priced.security_kind = 'inflation_indexed'
                then
                    priced.unadjusted_dv01
                    * priced.price_per100_usd::double / nullif(priced.unadjusted_price_per100_usd::double, 0)
            else priced.unadjusted_dv01
        end as dv01
    from priced
    left join ten_year_yields
        on priced.auction_date = ten_year_yields.date_day and priced.total_accepted_usd is not null

),

auctions as (

    select
        ---------- keys
        cusip::varchar as cusip,
        issue_date::date as issue_date,

        ---------- dimensions
        auction_date::date as auction_date,
        announcement_date::date as announcement_date,
        dated_date::date as dated_date,
        maturity_date::date as maturity_date,
        security_type::varchar as security_type,
        security_kind::varchar as security_kind,
        security_term::varchar as security_term,
        original_security_term::varchar as original_security_term,
        is_reopening::boolean as is_reopening,
        is_cash_management_bill::boolean as is_cash_management_bill,
        case
            when security_kind <> 'bill' then ceil(months_to_maturity / 12.0)::integer || '-Year'
            when security_term like '%-Week' and not coalesce(is_cash_management_bill, false) then security_term
        end::varchar as tenor,
        is_sold_again::boolean as is_sold_again,
        months_to_maturity::integer as months_to_maturity,
        total_accepted_usd is not null as has_results,

        ---------- amounts
        offering_usd::decimal(28, 2) as offering_usd,
        total_tendered_usd::decimal(28, 2) as total_tendered_usd,
        total_accepted_usd::decimal(28, 2) as total_accepted_usd,
        soma_tendered_usd::decimal(28, 2) as soma_tendered_usd,
        soma_accepted_usd::decimal(28, 2) as soma_accepted_usd,
        public_tendered_usd::decimal(28, 2) as public_tendered_usd,
        public_accepted_usd::decimal(28, 2) as public_accepted_usd,
        competitive_accepted_usd::decimal(28, 2) as competitive_accepted_usd,
        dealer_accepted_usd::decimal(28, 2) as dealer_accepted_usd,
        direct_accepted_usd::decimal(28, 2) as direct_accepted_usd,
        indirect_accepted_usd::decimal(28, 2) as indirect_accepted_usd,
        maturing_public_by_type_usd::decimal(28, 2) as maturing_public_by_type_usd,

        ---------- demand
        (public_tendered_usd::double / nullif(public_accepted_usd, 0))::decimal(18, 6) as bid_to_cover_ratio,
        published_bid_to_cover_ratio::decimal(18, 6) as published_bid_to_cover_ratio,
        (dealer_accepted_usd::double / nullif(competitive_accepted_usd, 0))::decimal(18, 6) as dealer_share_ratio,
        (direct_accepted_usd::double / nullif(competitive_accepted_usd, 0))::decimal(18, 6) as direct_share_ratio,
        (indirect_accepted_usd::double / nullif(competitive_accepted_usd, 0))::decimal(18, 6) as indirect_share_ratio,
        allotted_at_high_pct::decimal(18, 6) as allotted_at_high_pct,

        ---------- price
        coupon_pct::decimal(18, 6) as coupon_pct,
        high_yield_pct::decimal(18, 6) as high_yield_pct,
        median_yield_pct::decimal(18, 6) as median_yield_pct,
        high_discount_rate_pct::decimal(18, 6) as high_discount_rate_pct,
        (
            100 * case security_kind
                when 'bill' then high_discount_rate_pct - median_discount_rate_pct
                when 'floating_rate_note' then high_discount_margin_pct - median_discount_margin_pct
                else high_yield_pct - median_yield_pct
            end
        )::decimal(18, 6) as tail_median_bp,
        price_per100_usd::decimal(18, 6) as price_per100_usd,
        unadjusted_price_per100_usd::decimal(18, 6) as unadjusted_price_per100_usd,
        computed_price::decimal(18, 6) as computed_price_per100_usd,

        ---------- duration
        dv01::double as dv01_per100_usd,
        case
            when security_kind = 'bill' then {{ modified_duration('dv01', 'computed_price') }}
            when security_kind = 'floating_rate_note' then {{ floating_rate_duration_years() }}
            else {{ modified_duration('unadjusted_dv01', 'dirty_price') }}
        end::double as modified_duration_years,
        (total_accepted_usd::double / 100 * dv01 / 1e6)::double as dv01_usd_mn,
        ref_yield_date::date as ref_yield_date,
        ref_yield::double as ref_yield_pct,
        ref_dv01::double as ref_dv01_per100_usd,
        (total_accepted_usd::double / 1e9 * dv01 / ref_dv01)::double as tenyr_equiv_usd_bn,
        ((total_accepted_usd - soma_accepted_usd)::double / 1e9 * dv01 / ref_dv01)::double
            as private_tenyr_equiv_usd_bn,
        case
            when total_accepted_usd is null then 'no_results'
            when dv01 is null then 'missing_input: yield_or_coupon'
            when ref_dv01 is null then 'missing_input: yield_10y'
            when soma_accepted_usd is null then 'missing_input: soma_accepted'
        end::varchar as tenyr_equiv_null_reason,

        ---------- when it was known
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        _source_url::varchar as source_url,
        _origin::varchar as origin
    from with_reference

)

select * from auctions
