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
        12 * (extract(year from maturity_date) - extract(year from issue_date))
        + extract(month from maturity_date) - extract(month from issue_date) as months_to_maturity
    from versions

),

with_coupon_count as (

    select
        *,
        ceil(months_to_maturity / 6.0)::integer as coupons
    from with_kind

),

with_coupon_near_issue as (  -- a bond that matures at a month's end pays its coupons at months' ends

    select
        *,
        case
            when last_day(maturity_date) = maturity_date
                then last_day({{ add_months('maturity_date', '-6 * coupons') }})
            else {{ add_months('maturity_date', '-6 * coupons') }}
        end as coupon_near_issue_date
    from with_coupon_count

),

with_full_periods as (

    select
        *,
        case when coupon_near_issue_date > issue_date then coupons else coupons - 1 end as full_periods
    from with_coupon_near_issue

),

with_coupon_dates as (

    select
        *,
        case
            when last_day(maturity_date) = maturity_date
                then last_day({{ add_months('maturity_date', '-6 * (full_periods + 1)') }})
            else {{ add_months('maturity_date', '-6 * (full_periods + 1)') }}
        end as previous_coupon_date,
        case
            when last_day(maturity_date) = maturity_date
                then last_day({{ add_months('maturity_date', '-6 * full_periods') }})
            else {{ add_months('maturity_date', '-6 * full_periods') }}
        end as next_coupon_date
    from with_full_periods

),

with_price_inputs as (

    select
        *,
        {{ days_between('previous_coupon_date', 'next_coupon_date') }}::double as period_days,
        {{ days_between('issue_date', 'next_coupon_date') }}::double as stub_days,
        {{ days_between('issue_date', 'maturity_date') }}::double as life_days,
        high_yield_pct::double / 200 as half_yield,
        coupon_pct::double / 2 as half_coupon
    from with_coupon_dates

),

with_discount as (

    select
        *,
        power(1 + half_yield, -full_periods) as discount,
        case when half_yield = 0 then full_periods else (1 - power(1 + half_yield, -full_periods)) / half_yield end
            as annuity
    from with_price_inputs

),

priced as (  -- 31 CFR 356, Appendix B: simple interest in the stub, compound afterwards; bills at bank discount

    select
        *,
        case
            when security_kind = 'bill' then 100 * (1 - high_discount_rate_pct::double / 100 * life_days / 360)
            when security_kind in ('nominal_coupon', 'inflation_indexed')
                then
                    (half_coupon + half_coupon * annuity + 100 * discount)
                    / (1 + stub_days / period_days * half_yield)
                    - half_coupon * (period_days - stub_days) / period_days
        end as computed_price
    from with_discount

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
        (100 * (high_yield_pct - median_yield_pct))::decimal(18, 6) as tail_median_bp,
        price_per100_usd::decimal(18, 6) as price_per100_usd,
        unadjusted_price_per100_usd::decimal(18, 6) as unadjusted_price_per100_usd,
        computed_price::decimal(18, 6) as computed_price_per100_usd,

        ---------- when it was known
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        _source_url::varchar as source_url,
        _origin::varchar as origin
    from priced

)

select * from auctions
