with balances as (

    select * from {{ ref('int_flows__balance') }}

),

ranks as (

    select * from {{ ref('int_flows__burden_ranks') }}

),

fridays as (

    select
        ---------- keys
        balances.period_end::date as period_end,
        balances.parameter_set::varchar as parameter_set,
        balances.flow_end::date as flow_end,

        ---------- demand
        balances.treasury_net_new_cash::double as treasury_net_new_cash_usd_bn,
        balances.ai_external_funding::double as ai_external_funding_usd_bn,
        balances.ai_capex::double as ai_capex_usd_bn,
        balances.demand_external::double as demand_external_usd_bn,
        balances.demand_external_null_reason::varchar as demand_external_null_reason,
        balances.demand_external_known_share::double as demand_external_coverage_ratio,
        balances.demand_gross::double as demand_gross_usd_bn,
        balances.demand_gross_null_reason::varchar as demand_gross_null_reason,
        balances.demand_gross_known_share::double as demand_gross_coverage_ratio,

        ---------- supply that asks for no price
        balances.fed_secondary_market_purchases::double as fed_secondary_market_purchases_usd_bn,
        balances.rrp_drawdown::double as rrp_drawdown_usd_bn,
        balances.mmf_net_inflow::double as mmf_net_inflow_usd_bn,
        balances.mmf_rrp_change::double as mmf_rrp_change_usd_bn,
        (balances.mmf_rrp_reported_change is null)::boolean as is_mmf_rrp_assumed,
        balances.rrp_drawdown_outside_funds::double as rrp_drawdown_outside_funds_usd_bn,
        balances.mmf_placed_outside_rrp::double as mmf_placed_outside_rrp_usd_bn,
        balances.tga_drawdown::double as tga_drawdown_usd_bn,
        balances.foreign_official_net_purchases::double as foreign_official_net_purchases_usd_bn,
        balances.sovereign_active_flow::double as sovereign_active_flow_usd_bn,
        balances.stablecoin_growth::double as stablecoin_growth_usd_bn,
        balances.supply_insensitive::double as supply_insensitive_usd_bn,
        balances.supply_insensitive_null_reason::varchar as supply_insensitive_null_reason,
        balances.supply_insensitive_known_share::double as supply_insensitive_coverage_ratio,
        (greatest(balances.ai_ocf_after_distributions, 0) + 0 * balances.ai_ocf_after_distributions)::double
            as ai_own_cash_usd_bn,

        ---------- the balance
        balances.balance::double as balance_usd_bn,
        balances.balance_null_reason::varchar as balance_null_reason,
        balances.balance_known_share::double as balance_coverage_ratio,
        balances.absorption_burden::double as absorption_burden_usd_bn,
        balances.coverage_ratio::double as coverage_ratio,
        coalesce(balances.balance_null_reason, balances.small_demand_reason)::varchar as coverage_null_reason,
        balances.ai_share_of_demand::double as ai_share_of_demand_ratio,
        coalesce(balances.demand_external_null_reason, balances.small_demand_reason)::varchar
            as ai_share_of_demand_null_reason,

        ---------- against the economy and its own history
        balances.nominal_gdp::double as nominal_gdp_usd_bn,
        balances.burden_to_gdp::double as absorption_burden_to_gdp_ratio,
        ranks.absorption_burden_pct::double as absorption_burden_pct,
        case
            when ranks.absorption_burden_pct is not null then null
            when balances.balance_null_reason is not null then balances.balance_null_reason
            when balances.nominal_gdp is null then 'missing_input: nominal_gdp'
            else 'min_history'
        end::varchar as absorption_burden_pct_null_reason,

        ---------- against what could be expected
        balances.treasury_expected::double as treasury_expected_usd_bn,
        balances.ai_expected::double as ai_expected_usd_bn,
        balances.guiding_count::integer as guiding_company_count,
        balances.demand_expected::double as demand_expected_usd_bn,
        balances.balance_surprise::double as balance_surprise_usd_bn,
        coalesce(balances.balance_null_reason, balances.demand_expected_null_reason)::varchar
            as balance_surprise_null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'balances.worst_pit_rank') }}::varchar as pit_quality,
        balances.seen_at::timestamptz as known_at,

        ---------- where it came from
        balances.source_url::varchar as source_url,
        {{ word_of('origin', 'balances.worst_origin_rank') }}::varchar as origin
    from balances
    left join ranks
        on balances.period_end = ranks.period_end::date and balances.parameter_set = ranks.parameter_set

)

select * from fridays
