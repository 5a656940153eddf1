{{ config(meta={'known_since': 'known_at'}, unique_key=['cusip', 'issue_date']) }}
with auctions as (

    select
        *,
        dense_rank() over (partition by tenor, security_kind, is_sold_again order by auction_date) as place,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank
    from {{ ref('fct_auctions') }}
    where tenor is not null

),

changed as (

    select * from auctions
    {{ of_what_changed(['cusip', 'issue_date'], ended='known_until', from_first_day='auction_date') }}

),

with_results as (

    select * from changed
    where has_results

),

earlier as (  -- the twelve auctions before that were held, as known when this one's result was

    select
        with_results.cusip,
        with_results.issue_date,
        with_results.known_at,
        earlier_ones.bid_to_cover_ratio,
        earlier_ones.indirect_share_ratio,
        earlier_ones.dealer_share_ratio,
        earlier_ones.tail_median_bp,
        earlier_ones.has_results,
        earlier_ones.pit_rank,
        earlier_ones.origin_rank
    from with_results
    inner join auctions as earlier_ones
        on
            with_results.tenor = earlier_ones.tenor
            and with_results.security_kind = earlier_ones.security_kind
            and with_results.is_sold_again = earlier_ones.is_sold_again
            -- near enough to be of the twelve even where dozens were not known yet, so that pairs stay few
            and earlier_ones.place between with_results.place - 52 and with_results.place - 1
            and {{ known_then('earlier_ones', 'with_results.known_at') }}
    qualify row_number() over (
        partition by with_results.cusip, with_results.issue_date, with_results.known_at
        order by earlier_ones.auction_date desc, earlier_ones.cusip asc
    ) <= 12

),

sums as (  -- of decimals, so that they do not depend on the order of the rows

    select
        cusip,
        issue_date,
        known_at,
        count(case when has_results then 1 end) as auction_count,
        count(bid_to_cover_ratio) as count_cover,
        sum(bid_to_cover_ratio)::double as sum_cover,
        sum(bid_to_cover_ratio * bid_to_cover_ratio)::double as squares_cover,
        count(indirect_share_ratio) as count_indirect,
        sum(indirect_share_ratio)::double as sum_indirect,
        sum(indirect_share_ratio * indirect_share_ratio)::double as squares_indirect,
        count(dealer_share_ratio) as count_dealer,
        sum(dealer_share_ratio)::double as sum_dealer,
        sum(dealer_share_ratio * dealer_share_ratio)::double as squares_dealer,
        count(tail_median_bp) as count_tail,
        sum(tail_median_bp)::double as sum_tail,
        sum(tail_median_bp * tail_median_bp)::double as squares_tail,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank
    from earlier
    group by cusip, issue_date, known_at

),

baselines as (

    select
        *,
        sum_cover / nullif(count_cover, 0) as mean_cover,
        squares_cover - sum_cover * sum_cover / nullif(count_cover, 0) as spread_cover,
        nullif(count_cover - 1, 0) as degrees_cover,
        sum_indirect / nullif(count_indirect, 0) as mean_indirect,
        squares_indirect - sum_indirect * sum_indirect / nullif(count_indirect, 0) as spread_indirect,
        nullif(count_indirect - 1, 0) as degrees_indirect,
        sum_dealer / nullif(count_dealer, 0) as mean_dealer,
        squares_dealer - sum_dealer * sum_dealer / nullif(count_dealer, 0) as spread_dealer,
        nullif(count_dealer - 1, 0) as degrees_dealer,
        sum_tail / nullif(count_tail, 0) as mean_tail,
        squares_tail - sum_tail * sum_tail / nullif(count_tail, 0) as spread_tail,
        nullif(count_tail - 1, 0) as degrees_tail
    from sums

),

scored as (

    select
        with_results.*,
        coalesce(baselines.auction_count, 0) as baseline_count,
        greatest(with_results.pit_rank, coalesce(baselines.pit_rank, 1)) as worst_pit_rank,
        greatest(with_results.origin_rank, coalesce(baselines.origin_rank, 1)) as worst_origin_rank,
        case
            when baselines.auction_count >= 8
                then (with_results.bid_to_cover_ratio::double - baselines.mean_cover) / nullif(sqrt(greatest(baselines.spread_cover, 0) / baselines.degrees_cover), 0)
        end as cover_z,
        case
            when baselines.auction_count >= 8
                then (with_results.indirect_share_ratio::double - baselines.mean_indirect) / nullif(sqrt(greatest(baselines.spread_indirect, 0) / baselines.degrees_indirect), 0)
        end as indirect_z,
        case
            when baselines.auction_count >= 8
                then (with_results.dealer_share_ratio::double - baselines.mean_dealer) / nullif(sqrt(greatest(baselines.spread_dealer, 0) / baselines.degrees_dealer), 0)
        end as dealer_z,
        case
            when baselines.auction_count >= 8
                then (with_results.tail_median_bp::double - baselines.mean_tail) / nullif(sqrt(greatest(baselines.spread_tail, 0) / baselines.degrees_tail), 0)
        end as tail_z,
        -- a new issue may settle a day or two late and is still of its tenor
        case
            when with_results.is_sold_again then with_results.months_to_maturity
            else 12 * ceil(with_results.months_to_maturity / 12.0)
        end as curve_months
    from with_results
    left join baselines
        on
            with_results.cusip = baselines.cusip
            and with_results.issue_date = baselines.issue_date
            and with_results.known_at = baselines.known_at

),

with_neighbours as (

    select
        *,
        case
            {%- for years in [30, 20, 10, 7, 5, 3, 2] %}
            when curve_months >= {{ 12 * years }} then {{ years }}
            {%- endfor %}
        end as years_below,
        case
            {%- for years in [2, 3, 5, 7, 10, 20, 30] %}
            when curve_months <= {{ 12 * years }} then {{ years }}
            {%- endfor %}
        end as years_above
    from scored

),

with_curve as (

    select
        with_neighbours.*,
        case
            when with_neighbours.years_below = with_neighbours.years_above then below.yield_pct
            else
                below.yield_pct
                + (above.yield_pct - below.yield_pct)
                * (with_neighbours.curve_months / 12.0 - with_neighbours.years_below)
                / (with_neighbours.years_above - with_neighbours.years_below)
        end as curve_yield,
        below.quote_date as curve_date,
        greatest(below.pit_rank, above.pit_rank) as curve_pit_rank,
        greatest(below.origin_rank, above.origin_rank) as curve_origin_rank
    from with_neighbours
    left join {{ ref('int_treasury__yields_at_one_pm') }} as below
        on
            with_neighbours.auction_date = below.date_day
            and with_neighbours.years_below = below.tenor_years
            and with_neighbours.security_kind = 'nominal_coupon'
    left join {{ ref('int_treasury__yields_at_one_pm') }} as above
        on
            with_neighbours.auction_date = above.date_day
            and with_neighbours.years_above = above.tenor_years
            and with_neighbours.security_kind = 'nominal_coupon'

),

demand as (

    select
        ---------- keys
        cusip::varchar as cusip,
        issue_date::date as issue_date,

        ---------- dimensions
        auction_date::date as auction_date,
        security_kind::varchar as security_kind,
        tenor::varchar as tenor,
        is_sold_again::boolean as is_sold_again,
        private_tenyr_equiv_usd_bn::double as private_tenyr_equiv_usd_bn,

        ---------- demand
        bid_to_cover_ratio::double as bid_to_cover_ratio,
        indirect_share_ratio::double as indirect_share_ratio,
        direct_share_ratio::double as direct_share_ratio,
        dealer_share_ratio::double as dealer_share_ratio,
        tail_median_bp::double as tail_median_bp,
        curve_date::date as curve_date,
        curve_yield::double as curve_yield_pct,
        (100 * (high_yield_pct::double - curve_yield))::double as tail_curve_bp,
        case
            when high_yield_pct - curve_yield is not null then null
            when security_kind <> 'nominal_coupon' then 'not_a_nominal_coupon'
            when curve_yield is null then 'missing_input: yields_around_' || curve_months::integer || '_months'
            else 'missing_input: high_yield'
        end::varchar as tail_curve_null_reason,

        ---------- compared with the twelve before
        baseline_count::integer as baseline_count,
        cover_z::double as bid_cover_z,
        indirect_z::double as indirect_z,
        dealer_z::double as dealer_z,
        tail_z::double as tail_median_z,
        ((cover_z + indirect_z - dealer_z - tail_z) / 4)::double as auction_demand_score,
        case
            when cover_z + indirect_z - dealer_z - tail_z is not null then null
            when baseline_count < 8 then 'short_history: ' || baseline_count || ' of 8 auctions'
            when tail_z is null then 'undefined: tail of the auctions before did not vary'
            else 'missing_input: bids or bidder classes'
        end::varchar as score_null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'greatest(worst_pit_rank, coalesce(curve_pit_rank, 1))') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'greatest(worst_origin_rank, coalesce(curve_origin_rank, 1))') }}::varchar as origin
    from with_curve

)

select * from demand
