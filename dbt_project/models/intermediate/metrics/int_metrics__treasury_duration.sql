with supply as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as sold_pit_rank,
        {{ rank_of('origin', 'origin') }} as sold_origin_rank,
        coalesce({{ rank_of('pit_quality', 'fed_pit_quality') }}, 1) as fed_pit_rank,
        coalesce({{ rank_of('origin', 'fed_origin') }}, 1) as fed_origin_rank,
        coalesce({{ rank_of('pit_quality', 'foreign_pit_quality') }}, 1) as foreign_pit_rank,
        coalesce({{ rank_of('origin', 'foreign_origin') }}, 1) as foreign_origin_rank,
        {{ rank_of('pit_quality', "'dated'") }} as log_pit_rank,
        {{ rank_of('origin', "'documented'") }} as log_origin_rank,
        fed_week_count::double / expected_week_count as fed_coverage,
        min(case when bond_count is not null then month_end end) over () as first_logged_month
    from {{ ref('fct_duration_supply_monthly') }}

),

measures as (

    select
        'private_duration_supply' as metric_id,
        month_end,
        parameter_set,
        private_duration_supply_usd_bn as value,
        known_sold_tenyr_usd_bn as numerator,
        null::double as denominator,
        (priced_auction_count + case when buybacks_tenyr_usd_bn is null then 0 else 1 end)::double
        / (auction_count + 1) as coverage,
        private_null_reason as null_reason,
        sold_pit_rank as pit_rank,
        sold_origin_rank as origin_rank,
        source_url,
        known_at,
        known_until
    from supply
    union all
    select
        'ai_duration_supply' as metric_id,
        month_end,
        parameter_set,
        ai_duration_supply_usd_bn as value,
        known_ai_duration_supply_usd_bn as numerator,
        null::double as denominator,
        coalesce(priced_bond_count::double / bond_count, 0) as coverage,
        ai_null_reason as null_reason,
        log_pit_rank as pit_rank,
        log_origin_rank as origin_rank,
        ai_source_url as source_url,
        known_at,
        known_until
    from supply
    where parameter_set = 'default' and month_end >= first_logged_month
    union all
    select
        'fed_duration_absorption' as metric_id,
        month_end,
        parameter_set,
        fed_duration_absorption_usd_bn as value,
        known_fed_duration_absorption_usd_bn as numerator,
        null::double as denominator,
        fed_coverage as coverage,
        fed_null_reason as null_reason,
        greatest(fed_pit_rank, sold_pit_rank) as pit_rank,
        greatest(fed_origin_rank, sold_origin_rank) as origin_rank,
        coalesce(fed_source_url, source_url) as source_url,
        known_at,
        known_until
    from supply
    union all
    select
        'fed_duration_absorption_share' as metric_id,
        month_end,
        parameter_set,
        fed_duration_absorption_share_ratio as value,
        fed_duration_absorption_usd_bn as numerator,
        private_duration_supply_usd_bn + fed_duration_absorption_usd_bn as denominator,
        (
            case when private_null_reason is null then 1 else 0 end
            + case when fed_null_reason is null then 1 else 0 end
        ) / 2.0 as coverage,
        case
            when fed_duration_absorption_share_ratio is not null then null
            when private_null_reason is not null then private_null_reason
            when fed_null_reason is not null then fed_null_reason
            else 'undefined: supply and absorption together are not positive'
        end as null_reason,
        greatest(fed_pit_rank, sold_pit_rank) as pit_rank,
        greatest(fed_origin_rank, sold_origin_rank) as origin_rank,
        coalesce(fed_source_url, source_url) as source_url,
        known_at,
        known_until
    from supply
    union all
    select
        'net_duration_to_private' as metric_id,
        month_end,
        parameter_set,
        net_duration_to_private_usd_bn as value,
        treasury_net_duration_to_private_usd_bn as numerator,
        null::double as denominator,
        (
            case when private_null_reason is null then 1 else 0 end
            + case when ai_null_reason is null then 1 else 0 end
            + case when fed_null_reason is null then 1 else 0 end
            + case when foreign_official_tenyr_usd_bn is null then 0 else 1 end
        ) / 4.0 as coverage,
        net_null_reason as null_reason,
        greatest(
            sold_pit_rank, fed_pit_rank, foreign_pit_rank, case when bond_count is null then 1 else log_pit_rank end
        ) as pit_rank,
        greatest(
            sold_origin_rank,
            fed_origin_rank,
            foreign_origin_rank,
            case when bond_count is null then 1 else log_origin_rank end
        ) as origin_rank,
        source_url,
        known_at,
        known_until
    from supply
    union all
    select
        'treasury_net_duration_to_private' as metric_id,
        month_end,
        parameter_set,
        treasury_net_duration_to_private_usd_bn as value,
        private_duration_supply_usd_bn as numerator,
        null::double as denominator,
        (
            case when private_null_reason is null then 1 else 0 end
            + case when fed_null_reason is null then 1 else 0 end
            + case when foreign_official_tenyr_usd_bn is null then 0 else 1 end
        ) / 3.0 as coverage,
        case
            when treasury_net_duration_to_private_usd_bn is not null then null
            when private_null_reason is not null then private_null_reason
            when fed_null_reason is not null then fed_null_reason
            else 'missing_input: foreign official holdings'
        end as null_reason,
        greatest(sold_pit_rank, fed_pit_rank, foreign_pit_rank) as pit_rank,
        greatest(sold_origin_rank, fed_origin_rank, foreign_origin_rank) as origin_rank,
        source_url,
        known_at,
        known_until
    from supply

),

observations as (

    select
        metric_id,
        'system' as entity_type,
        case metric_id when 'ai_duration_supply' then 'ai_core' else 'US' end as entity_id,
        'month' as grain,
        date_trunc('month', month_end)::date as period_start,
        month_end as period_end,
        value,
        numerator,
        denominator,
        coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        parameter_set
    from measures

)

select * from observations
