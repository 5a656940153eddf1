{{ config(meta={'known_since': 'known_at'}) }}
-- By day what was known at its cut-off. While a value is missing there is a row for the day on which the reason began,
-- and no other: its absence is one fact and not one a day.
with plumbing as (

    select * from {{ ref('fct_reserve_scarcity_daily') }}

),

powder as (

    select * from {{ ref('fct_dry_powder_daily') }}

),

measured as (

    {% for metric_id, relation, value, null_reason, coverage, numerator, denominator, only_default in [
        ('net_liquidity_daily', 'plumbing', 'net_liquidity_usd_bn', 'net_liquidity_null_reason',
            'net_liquidity_coverage_ratio', none, none, true),
        ('sofr_less_iorb_bp', 'plumbing', 'sofr_less_iorb_bp', 'sofr_less_iorb_null_reason',
            'case when sofr_less_iorb_bp is null then 0 else 1 end', none, none, true),
        ('reserve_scarcity_flag', 'plumbing', 'reserve_scarcity_flag', 'reserve_scarcity_null_reason',
            'reserve_scarcity_coverage_ratio', none, none, true),
        ('reserve_floor', 'plumbing', 'reserve_floor_usd_bn', 'reserve_floor_null_reason',
            'case when reserve_floor_usd_bn is null then 0 else 1 end', none, none, false),
        ('excess_reserves', 'plumbing', 'excess_reserves_usd_bn', 'excess_reserves_null_reason',
            'excess_reserves_coverage_ratio', none, none, false),
        ('dry_powder_gross', 'powder', 'dry_powder_gross_usd_bn', 'dry_powder_gross_null_reason',
            'dry_powder_gross_coverage_ratio', none, none, false),
        ('dry_powder_net', 'powder', 'dry_powder_net_usd_bn', 'dry_powder_net_null_reason',
            'dry_powder_net_coverage_ratio', none, none, false),
        ('dry_powder_to_gdp', 'powder', 'dry_powder_to_gdp_ratio', 'dry_powder_to_gdp_null_reason',
            'dry_powder_net_coverage_ratio', 'dry_powder_net_usd_bn', 'nominal_gdp_usd_bn', false),
        ('dry_powder_pct', 'powder', 'dry_powder_pct', 'dry_powder_pct_null_reason',
            'dry_powder_net_coverage_ratio', none, none, false),
        ('dry_powder_runway_months', 'powder', 'dry_powder_runway_months', 'runway_null_reason',
            'dry_powder_net_coverage_ratio', 'dry_powder_net_usd_bn', 'monthly_absorption_burden_usd_bn', false),
        ('dp_composition_shift', 'powder', 'dp_composition_shift_usd_bn', 'dp_composition_shift_null_reason',
            known_share(['rrp_change_52w_usd_bn', 'mmf_change_52w_usd_bn']), none, none, true),
    ] -%}
    select
        '{{ metric_id }}' as metric_id,
        date_day as period_start,
        date_day as period_end,
        {{ value }}::double as value,
        {{ numerator or 'null' }}::double as numerator,
        {{ denominator or 'null' }}::double as denominator,
        {{ coverage }} as coverage,
        {{ null_reason }} as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        parameter_set
    from {{ relation }}
    where {{ "parameter_set = 'default'" if only_default else 'true' }} {{ and_known_since('known_at', days_before=14) }}

    {{ 'union all' if not loop.last }}
    {% endfor %}

),

observations as (

    {{ state_observations('measured', 'day') }}

)

select * from observations
where true {{ and_known_since('known_at') }}
