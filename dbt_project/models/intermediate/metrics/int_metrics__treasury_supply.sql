with auctions as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        date_trunc('month', issue_date)::date as month_start,
        {{ end_of_day_in_new_york('last_day(issue_date)') }} as month_ended_at
    from {{ ref('fct_auctions') }}

),

instants as (  -- a month's issuance is not known before the month has ended

    select
        month_start,
        greatest(known_at, month_ended_at) as known_at
    from auctions
    union
    select
        month_start,
        greatest(known_until, month_ended_at) as known_at
    from auctions
    where known_until is not null

),

months as (  -- once all auctions of a month are withdrawn, so is its last state

    select
        instants.month_start,
        instants.known_at,
        sum(auctions.total_accepted_usd)::double / 1e9 as known_usd_bn,
        count(auctions.cusip) as auction_count,
        count(auctions.total_accepted_usd) as result_count,
        count(case when auctions.security_kind = 'bill' then 1 end) as bill_count,
        max(auctions.pit_rank) as pit_rank,
        max(auctions.origin_rank) as origin_rank,
        min(auctions.source_url) as source_url,
        lead(instants.known_at) over (partition by instants.month_start order by instants.known_at) as withdrawn_at
    from instants
    left join auctions
        on
            instants.month_start = auctions.month_start
            and {{ known_then('auctions', 'instants.known_at') }}
    group by instants.month_start, instants.known_at
    qualify count(auctions.cusip) > 0

),

explained as (

    select
        *,
        case
            when result_count < auction_count
                then 'missing_results: ' || (auction_count - result_count) || ' of ' || auction_count
            when bill_count = 0 then 'missing_results: no bills'
            when bill_count = auction_count then 'missing_results: no coupons'
        end as null_reason
    from months

),

observations as (

    select
        'gross_issuance' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'month' as grain,
        month_start as period_start,
        last_day(month_start) as period_end,
        case when null_reason is null then known_usd_bn end as value,
        known_usd_bn as numerator,
        null::double as denominator,
        result_count::double / auction_count as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from explained
    union all
    select
        'bid_to_cover' as metric_id,
        'security' as entity_type,
        cusip as entity_id,
        'auction' as grain,
        auction_date as period_start,
        auction_date as period_end,
        public_tendered_usd::double / public_accepted_usd::double as value,
        public_tendered_usd::double / 1e9 as numerator,
        public_accepted_usd::double / 1e9 as denominator,
        1.0 as coverage,
        null as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from auctions
    where bid_to_cover_ratio is not null

)

select * from observations
