-- By Friday what was known at its cut-off. While a value is missing there is a row for the Friday on which the reason
-- began, and no other. mmf_rrp_share only moves money between two terms of the supply, so no set is computed for it.
with parameters as (

    {{ parameter_sets(['include_crypto', 'stablecoin_overlap_share', 'min_history_weeks']) }}

),

fridays as (

    select balances.*
    from {{ ref('fct_capital_balance_weekly') }} as balances
    inner join parameters on balances.parameter_set = parameters.parameter_set

),

measured as (

    {% for metric_id, value, null_reason, coverage, numerator, denominator, only_default in [
        ('demand_external', 'demand_external_usd_bn', 'demand_external_null_reason',
            'demand_external_coverage_ratio', none, none, true),
        ('demand_gross', 'demand_gross_usd_bn', 'demand_gross_null_reason',
            'demand_gross_coverage_ratio', none, none, true),
        ('ai_share_of_demand', 'ai_share_of_demand_ratio', 'ai_share_of_demand_null_reason',
            'demand_external_coverage_ratio', 'ai_external_funding_usd_bn', 'demand_external_usd_bn', true),
        ('supply_insensitive', 'supply_insensitive_usd_bn', 'supply_insensitive_null_reason',
            'supply_insensitive_coverage_ratio', none, none, false),
        ('balance', 'balance_usd_bn', 'balance_null_reason', 'balance_coverage_ratio', none, none, false),
        ('absorption_burden', 'absorption_burden_usd_bn', 'balance_null_reason',
            'balance_coverage_ratio', none, none, false),
        ('coverage_ratio', 'coverage_ratio', 'coverage_null_reason',
            'balance_coverage_ratio', 'supply_insensitive_usd_bn', 'demand_external_usd_bn', false),
        ('absorption_burden_pct', 'absorption_burden_pct', 'absorption_burden_pct_null_reason',
            'balance_coverage_ratio', none, none, false),
        ('balance_surprise', 'balance_surprise_usd_bn', 'balance_surprise_null_reason',
            'balance_coverage_ratio', none, none, false),
    ] -%}
    select
        '{{ metric_id }}' as metric_id,
        {{ add_days('flow_end', -90) }} as period_start,
        period_end,
        case when {{ null_reason }} is null then {{ value }} end as value,
        {{ numerator or 'null' }}::double as numerator,
        {{ denominator or 'null' }}::double as denominator,
        {{ coverage }} as coverage,
        {{ null_reason }} as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        parameter_set
    from fridays
    {% if only_default -%}
    where parameter_set = 'default'
    {% endif -%}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

observations as (

    {{ state_observations('measured', 'week') }}

)

select * from observations
