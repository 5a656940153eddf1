with supply as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        result_count::double / auction_count as result_coverage,
        (result_count + maturing_count + case when buybacks_usd_bn is null then 0 else 1 end)::double
        / (auction_count + settlement_count + 1) as net_coverage
    from {{ ref('fct_treasury_supply') }}

),

measures as (

    select
        'gross_issuance' as metric_id,
        gross_issuance_usd_bn as value,
        known_gross_usd_bn as numerator,
        null::double as denominator,
        result_coverage as coverage,
        gross_null_reason as null_reason,
        supply.*
    from supply
    union all
    select
        'private_gross' as metric_id,
        private_gross_usd_bn as value,
        known_private_gross_usd_bn as numerator,
        null::double as denominator,
        result_coverage as coverage,
        private_null_reason as null_reason,
        supply.*
    from supply
    union all
    select
        'soma_addon' as metric_id,
        soma_addon_usd_bn as value,
        known_soma_addon_usd_bn as numerator,
        null::double as denominator,
        result_coverage as coverage,
        private_null_reason as null_reason,
        supply.*
    from supply
    union all
    select
        'soma_addon_share' as metric_id,
        soma_addon_share_ratio as value,
        known_soma_addon_usd_bn as numerator,
        known_gross_usd_bn as denominator,
        result_coverage as coverage,
        private_null_reason as null_reason,
        supply.*
    from supply
    union all
    select
        'net_new_cash' as metric_id,
        net_new_cash_usd_bn as value,
        known_private_gross_usd_bn as numerator,
        null::double as denominator,
        net_coverage as coverage,
        net_null_reason as null_reason,
        supply.*
    from supply
    union all
    select
        'treasury_buybacks' as metric_id,
        buybacks_usd_bn as value,
        buybacks_usd_bn as numerator,
        null::double as denominator,
        case when buybacks_usd_bn is null then 0 else 1 end as coverage,
        case when buybacks_usd_bn is null then 'missing_input: buybacks' end as null_reason,
        supply.*
    from supply
    union all
    select
        'bill_share' as metric_id,
        bill_share_ratio as value,
        net_bills_usd_bn as numerator,
        net_new_cash_usd_bn as denominator,
        net_coverage as coverage,
        case
            when bill_share_ratio is not null then null
            when net_null_reason is not null then net_null_reason
            else 'undefined: net_new_cash is not positive'
        end as null_reason,
        supply.*
    from supply

),

statements as (

    select
        *,
        case measure
            when 'borrowing_actual' then 'net_marketable_borrowing_q'
            else 'net_marketable_borrowing_estimate_q'
        end as metric_id
    from {{ ref('refunding_statements') }}
    where measure in ('borrowing_actual', 'borrowing_estimate')

),

observations as (

    select
        metric_id,
        'system' as entity_type,
        'US' as entity_id,
        grain,
        period_start,
        period_end,
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
        'default' as parameter_set
    from measures
    union all
    select
        metric_id,
        entity_type,
        entity_id,
        'calendar_quarter' as grain,
        period_start,
        period_end,
        value_usd_bn::double as value,
        value_usd_bn::double as numerator,
        null::double as denominator,
        1.0 as coverage,
        null as null_reason,
        {{ rank_of('pit_quality', "'dated'") }} as pit_rank,
        {{ rank_of('origin', "'documented'") }} as origin_rank,
        source_url,
        announced_at as known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from statements

)

select * from observations
