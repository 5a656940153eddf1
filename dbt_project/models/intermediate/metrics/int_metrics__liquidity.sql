with wednesdays as (

    select * from {{ ref('fct_net_liquidity_weekly') }}

),

changes as (

    select * from {{ ref('int_liquidity__changes') }}

),

bathtub as (

    select * from {{ ref('fct_bathtub_weekly') }}
    where horizon_weeks = 13

),

facility as (

    select * from {{ ref('fct_observations') }}
    where series_id = 'srf'

),

measured as (

    {% for metric_id, value, null_reason, inputs in [
        ('net_liquidity', 'net_liquidity_usd_bn', 'net_liquidity_null_reason',
            ['fed_total_assets_usd_bn', 'tga_usd_bn', 'rrp_usd_bn']),
        ('net_liquidity_incl_foreign_rrp', 'net_liquidity_incl_foreign_rrp_usd_bn',
            'net_liquidity_incl_foreign_rrp_null_reason',
            ['fed_total_assets_usd_bn', 'tga_usd_bn', 'reverse_repo_all_usd_bn']),
        ('bank_reserves', 'bank_reserves_usd_bn',
            "case when bank_reserves_usd_bn is null then 'missing_input: bank_reserves' end", ['bank_reserves_usd_bn']),
    ] -%}
    select
        '{{ metric_id }}' as metric_id,
        'week' as grain,
        period_end as period_start,
        period_end,
        {{ value }} as value,
        {{ known_share(inputs) }} as coverage,
        {{ null_reason }} as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from wednesdays
    union all
    {% endfor -%}
    {% for metric_id, value, null_reason, coverage in [
        ('net_liquidity_impulse', 'net_liquidity_change_usd_bn', 'net_liquidity_change_null_reason',
            'net_liquidity_change_coverage_ratio'),
        ('bathtub_stock', 'stock_usd_bn', 'stock_null_reason', 'stock_coverage_ratio'),
        ('bathtub_pipe', 'pipe_usd_bn', 'pipe_null_reason', 'pipe_coverage_ratio'),
        ('bathtub_drain', 'drain_usd_bn', 'drain_null_reason', 'drain_coverage_ratio'),
        ('bathtub_residual', 'residual_usd_bn', 'residual_null_reason',
            known_share(['stock_usd_bn', 'pipe_usd_bn', 'drain_usd_bn', 'mmf_change_usd_bn'])),
        ('water_level', 'water_level_usd_bn', 'water_level_null_reason',
            known_share(['net_liquidity_usd_bn', 'water_level_usd_bn'])),
    ] -%}
    select
        '{{ metric_id }}' as metric_id,
        'week' as grain,
        {{ 'period_end' if metric_id == 'water_level' else add_days('window_start', 1) }} as period_start,
        period_end,
        {{ value }} as value,
        {{ coverage }} as coverage,
        {{ null_reason }} as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from bathtub
    union all
    {% endfor -%}
    select
        'rmp_pace' as metric_id,
        'week' as grain,
        {{ add_days('purchases_start', 1) }} as period_start,
        period_end,
        rmp_bills as value,
        case when rmp_bills is null then 0 else 1 end as coverage,
        case when rmp_bills is null then 'missing_input: fed_bills, fed_mbs' end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changes
    where horizon_weeks = 4 and purchases_start is not null
    union all
    select
        'srf_usd_bn' as metric_id,
        'day' as grain,
        period_start,
        period_end,
        value,
        1.0 as coverage,
        null as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from facility

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
        null::double as numerator,
        null::double as denominator,
        coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from measured

)

select * from observations
