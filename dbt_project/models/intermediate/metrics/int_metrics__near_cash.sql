{#- What the league needs of companies. Their prices may not be passed on, so neither has a value here; the twelve months'
    free cash flow, which the yield divides, stands in its numerator. -#}
with flows as (

    select * from {{ ref('int_metrics__company_capex') }}
    where metric_id = 'capex_to_ocf'

),

measured as (

    select
        'near_cash_yield' as metric_id,
        denominator - numerator as free_cash_flow_usd_bn,
        case when denominator - numerator is null then 0.0 else 0.5 end as share_known,
        'missing_input: enterprise_value' as reason,
        entity_type,
        entity_id,
        grain,
        period_start,
        period_end,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        parameter_set
    from flows
    union all
    select
        'implied_duration' as metric_id,
        null as free_cash_flow_usd_bn,
        0.0 as share_known,
        'missing_input: price' as reason,
        entity_type,
        entity_id,
        grain,
        period_start,
        period_end,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        parameter_set
    from flows

)

select
    measured.metric_id,
    measured.entity_type,
    measured.entity_id,
    measured.grain,
    measured.period_start,
    measured.period_end,
    null::double as value,
    measured.free_cash_flow_usd_bn::double as numerator,
    null::double as denominator,
    measured.share_known::double as coverage,
    measured.reason as null_reason,
    measured.pit_rank,
    measured.origin_rank,
    measured.source_url,
    measured.known_at,
    measured.withdrawn_at,
    measured.parameter_set
from measured
