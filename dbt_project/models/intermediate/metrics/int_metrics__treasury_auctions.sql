{{ config(meta={'known_since': 'known_at'}, unique_key=['metric_id', 'entity_type', 'entity_id', 'grain', 'period_end', 'parameter_set']) }}
with auctions as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank
    from {{ ref('fct_auctions') }}

),

demand as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank
    from {{ ref('fct_auction_demand') }}

),

changed_auctions as (

    select * from auctions
    {{ where_changed(ref('fct_auctions'), ['cusip', 'issue_date'], ['known_at', 'known_until']) }}

),

changed_demand as (

    select * from demand
    {{ where_changed(ref('fct_auction_demand'), ['cusip', 'issue_date'], ['known_at', 'known_until']) }}

),

measures as (

    select
        'bid_to_cover' as metric_id,
        cusip,
        auction_date,
        public_tendered_usd::double / public_accepted_usd::double as value,
        public_tendered_usd::double / 1e9 as numerator,
        public_accepted_usd::double / 1e9 as denominator,
        null as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changed_auctions
    where bid_to_cover_ratio is not null
    {%- for metric, buyer in {'dealer_share': 'dealer', 'direct_share': 'direct', 'indirect_share': 'indirect'}.items() %}
    union all
    select
        '{{ metric }}' as metric_id,
        cusip,
        auction_date,
        {{ buyer }}_accepted_usd::double / competitive_accepted_usd::double as value,
        {{ buyer }}_accepted_usd::double / 1e9 as numerator,
        competitive_accepted_usd::double / 1e9 as denominator,
        null as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changed_auctions
    where {{ buyer }}_share_ratio is not null
    {%- endfor %}
    {%- for metric, column in {'allotted_at_high': 'allotted_at_high_pct', 'tail_median_bp': 'tail_median_bp'}.items() %}
    union all
    select
        '{{ metric }}' as metric_id,
        cusip,
        auction_date,
        {{ column }}::double as value,
        null::double as numerator,
        null::double as denominator,
        null as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changed_auctions
    where has_results and {{ column }} is not null
    {%- endfor %}
    union all
    select
        'tail_curve_bp' as metric_id,
        cusip,
        auction_date,
        tail_curve_bp as value,
        null::double as numerator,
        null::double as denominator,
        tail_curve_null_reason as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changed_demand
    where security_kind = 'nominal_coupon'
    union all
    select
        'bid_cover_z' as metric_id,
        cusip,
        auction_date,
        bid_cover_z as value,
        null::double as numerator,
        null::double as denominator,
        case
            when bid_cover_z is not null then null
            when baseline_count >= 8 then 'missing_input: bids'
            else score_null_reason
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changed_demand
    union all
    select
        'auction_demand_score' as metric_id,
        cusip,
        auction_date,
        auction_demand_score as value,
        null::double as numerator,
        null::double as denominator,
        score_null_reason as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changed_demand

),

fridays as (  -- with the cut-off of that day; one that is still to come has none

    select
        days.date_day,
        {{ add_days('days.date_day', -90) }} as first_day,
        {{ cutoff('days.date_day') }} as cutoff
    from {{ ref('time_spine_daily') }} as days
    where
        {{ add_days("date_trunc('week', days.date_day)::date", 4) }} = days.date_day
        and {{ cutoff('days.date_day') }} <= {{ run_instant() }}
        {{ and_known_since('days.date_day') }}

),

coupons as (

    select
        auctions.cusip,
        auctions.auction_date,
        auctions.has_results,
        demand.auction_demand_score,
        demand.private_tenyr_equiv_usd_bn,
        coalesce(demand.pit_rank, auctions.pit_rank) as pit_rank,
        coalesce(demand.origin_rank, auctions.origin_rank) as origin_rank,
        auctions.source_url,
        auctions.known_at,
        auctions.known_until
    from auctions
    left join demand
        on
            auctions.cusip = demand.cusip
            and auctions.issue_date = demand.issue_date
            and auctions.known_at = demand.known_at
    where auctions.security_kind in ('nominal_coupon', 'inflation_indexed')

),

quarters as (

    select
        fridays.date_day,
        fridays.first_day,
        fridays.cutoff,
        count(coupons.cusip) as auction_count,
        count(case when coupons.has_results then 1 end) as result_count,
        count(coupons.auction_demand_score) as score_count,
        -- in decimals, whose sums do not depend on the order of the rows
        sum((coupons.auction_demand_score * coupons.private_tenyr_equiv_usd_bn)::decimal(28, 12))::double
            as weighted_scores,
        sum(
            case when coupons.auction_demand_score is not null then coupons.private_tenyr_equiv_usd_bn end::decimal(28, 12)
        )::double as weights,
        max(coupons.pit_rank) as pit_rank,
        max(coupons.origin_rank) as origin_rank,
        min(coupons.source_url) as source_url
    from fridays
    inner join coupons
        on
            coupons.auction_date between fridays.first_day and fridays.date_day
            and {{ known_then('coupons', 'fridays.cutoff') }}
    group by fridays.date_day, fridays.first_day, fridays.cutoff

),

explained as (

    select
        *,
        case
            when result_count < auction_count
                then 'missing_results: ' || (auction_count - result_count) || ' of ' || auction_count
            when score_count = 0 then 'short_history: no auction has a score'
            when weights is null or weights = 0 then 'missing_input: yield_10y'
        end as null_reason
    from quarters

),

observations as (

    select
        metric_id,
        'security' as entity_type,
        cusip as entity_id,
        'auction' as grain,
        auction_date as period_start,
        auction_date as period_end,
        value,
        numerator,
        denominator,
        case when null_reason is null then 1.0 else 0.0 end as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from measures
    union all
    select
        'auction_demand_score_13w' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'week' as grain,
        first_day as period_start,
        date_day as period_end,
        case when null_reason is null then weighted_scores / weights end as value,
        weighted_scores as numerator,
        weights as denominator,
        score_count::double / auction_count as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        cutoff as known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from explained

)

select * from observations
