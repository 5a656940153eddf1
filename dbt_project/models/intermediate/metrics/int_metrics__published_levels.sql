with stress as (

    select * from {{ ref('fct_financial_stress_daily') }}
    where ofr_fsi_points is not null

),

holdings as (

    select * from {{ ref('fct_foreign_treasury_holdings_monthly') }}
    where survey_basis = 'current' and entity_id is not null and holdings_usd_bn is not null

),

liquidity as (

    select
        case level_id when 'rrp' then 'rrp_usd_bn' else level_id end as metric_id,
        case level_id when 'fed_total_assets' then 'week' else 'day' end as grain,
        *
    from {{ ref('fct_liquidity_levels') }}
    where level_id in ('fed_total_assets', 'treasury_general_account', 'rrp')

),

levels as (

    select
        'ofr_fsi' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'day' as grain,
        observation_date as period_start,
        observation_date as period_end,
        ofr_fsi_points::double as value,
        pit_quality,
        origin,
        source_url,
        known_at,
        known_until
    from stress
    union all
    select
        'foreign_treasury_holdings' as metric_id,
        entity_type,
        entity_id,
        'month' as grain,
        date_trunc('month', month_end)::date as period_start,
        month_end as period_end,
        holdings_usd_bn::double as value,
        pit_quality,
        origin,
        source_url,
        known_at,
        known_until
    from holdings
    union all
    select
        metric_id,
        'system' as entity_type,
        'US' as entity_id,
        grain,
        period_end as period_start,
        period_end,
        level_usd_bn as value,
        pit_quality,
        origin,
        source_url,
        known_at,
        known_until
    from liquidity

),

observations as (

    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        period_start,
        period_end,
        value,
        null::double as numerator,
        null::double as denominator,
        1.0 as coverage,
        null::varchar as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from levels

)

select * from observations
