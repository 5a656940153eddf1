-- Flows of capital by period, each as it was known: one long table of what other subjects work out.
with treasury as (

    select
        'treasury_net_new_cash' as flow_id,
        'week' as grain,
        period_end,
        net_new_cash_usd_bn as value,
        net_null_reason as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        known_at,
        known_until
    from {{ ref('fct_treasury_supply') }}
    where grain = 'week'

),

fed as (

    select
        'fed_secondary_market_purchases' as flow_id,
        'week' as grain,
        as_of_date as period_end,
        bought_usd_bn as value,
        null_reason,
        pit_rank,
        origin_rank,
        known_at,
        known_until
    from {{ ref('int_treasury__soma_purchases') }}

),

officials as (

    select
        'foreign_official_net_purchases' as flow_id,
        'month' as grain,
        month_end as period_end,
        foreign_official_net_purchases_usd_bn as value,
        null_reason,
        pit_rank,
        origin_rank,
        known_at,
        known_until
    from {{ ref('int_sovereign__official_flow_versions') }}

),

firms as (

    select
        case measure
            when 'external_funding_q' then 'ai_external_funding'
            when 'capex_q' then 'ai_capex'
            when 'ocf_after_distributions_q' then 'ai_ocf_after_distributions'
            when 'cash_ms' then 'ai_cash'
        end as flow_id,
        'quarter' as grain,
        period_end,
        value_usd_bn as value,
        null_reason,
        pit_rank,
        origin_rank,
        known_at,
        known_until
    from {{ ref('int_funding__group_ttm_versions') }}
    where
        entity_id = 'ai_core'
        and measure in ('external_funding_q', 'capex_q', 'ocf_after_distributions_q', 'cash_ms')

),

sovereigns as (

    select
        metric_id as flow_id,
        'quarter' as grain,
        period_end,
        value,
        null_reason,
        pit_rank,
        origin_rank,
        known_at,
        withdrawn_at as known_until
    from {{ ref('int_metrics__sovereign') }}
    where metric_id = 'sovereign_active_flow' and entity_id = 'sovereign'

),

versions as (

    select * from treasury
    union all
    select * from fed
    union all
    select * from officials
    union all
    select * from firms
    union all
    select * from sovereigns

),

stated as (

    select
        flow_id,
        grain,
        period_end,
        case when null_reason is null then value end as value,
        case when value is null or null_reason is not null then coalesce(null_reason, 'missing_value') end as null_reason,
        pit_rank,
        origin_rank,
        known_at,
        known_until
    from versions

)

select * from stated
