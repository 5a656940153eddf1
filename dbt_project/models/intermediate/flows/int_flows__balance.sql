-- Supply that does not ask for a price against demand for capital, over the 13 weeks that ended on the Friday before, as
-- it was known at the cut-off of a Friday. Every flow is counted once: what money funds drew from reverse repos is in
-- what they placed, and only what others drew is apart.
with windows as (

    select * from {{ ref('int_flows__windows') }}
    where anchor = 'friday'

),

days as (

    select * from {{ ref('int_liquidity__days') }}

),

expected as (

    select * from {{ ref('int_flows__expected_demand') }}

),

parameter_sets as (

    {{ powder_sets() }}

),

levels as (

    select
        windows.*,
        parameter_sets.parameter_set,
        parameter_sets.mmf_rrp_share,
        parameter_sets.include_crypto,
        parameter_sets.stablecoin_overlap_share,
        now.rrp as rrp_now,
        now.mmf_total - before.mmf_total as mmf_net_inflow,
        now.mmf_repo_with_fed - before.mmf_repo_with_fed as mmf_rrp_reported_change,
        before.rrp - now.rrp as rrp_drawdown,
        before.tga_daily - now.tga_daily as tga_drawdown,
        case
            when parameter_sets.include_crypto = 0 then 0
            else (now.stablecoin_supply - before.stablecoin_supply) * (1 - parameter_sets.stablecoin_overlap_share)
        end as stablecoin_growth,
        friday.nominal_gdp,
        expected.treasury_expected,
        expected.ai_expected,
        expected.guiding_count,
        greatest(coalesce(windows.pit_rank, 1), coalesce(now.pit_rank, 1)) as worst_pit_rank,
        greatest(coalesce(windows.origin_rank, 1), coalesce(now.origin_rank, 1)) as worst_origin_rank,
        coalesce(windows.pit_rank, now.pit_rank) is not null as is_anything_known,
        now.source_url
    from windows
    cross join parameter_sets
    left join days as now on windows.flow_end = now.date_day
    left join days as before on windows.flow_end = {{ add_days('before.date_day', 91) }}
    left join days as friday on windows.period_end = friday.date_day
    left join expected on windows.period_end = expected.period_end

),

placed as (

    select
        *,
        coalesce(mmf_rrp_reported_change, -mmf_rrp_share * rrp_drawdown) as mmf_rrp_change
    from levels

),

parts as (

    select
        *,
        mmf_net_inflow - mmf_rrp_change as mmf_placed_outside_rrp,
        rrp_drawdown + mmf_rrp_change as rrp_drawdown_outside_funds,
        treasury_net_new_cash + ai_external_funding as demand_external,
        treasury_net_new_cash + ai_capex as demand_gross
    from placed

),

sums as (

    select
        *,
        fed_secondary_market_purchases + rrp_drawdown_outside_funds + tga_drawdown + mmf_placed_outside_rrp
        + foreign_official_net_purchases + sovereign_active_flow + stablecoin_growth as supply_insensitive,
        {{ missing_inputs(['treasury_net_new_cash', 'ai_external_funding']) }} as demand_external_null_reason,
        {{ missing_inputs(['treasury_net_new_cash', 'ai_capex']) }} as demand_gross_null_reason,
        {{ missing_inputs([
            'fed_secondary_market_purchases', 'rrp_drawdown', 'tga_drawdown', 'mmf_net_inflow',
            'foreign_official_net_purchases', 'sovereign_active_flow', 'stablecoin_growth',
        ]) }} as supply_insensitive_null_reason,
        {{ missing_inputs([
            'treasury_net_new_cash', 'ai_external_funding',
            'fed_secondary_market_purchases', 'rrp_drawdown', 'tga_drawdown', 'mmf_net_inflow',
            'foreign_official_net_purchases', 'sovereign_active_flow', 'stablecoin_growth',
        ]) }} as balance_null_reason,
        {{ known_share(['treasury_net_new_cash', 'ai_external_funding']) }} as demand_external_known_share,
        {{ known_share(['treasury_net_new_cash', 'ai_capex']) }} as demand_gross_known_share,
        {{ known_share([
            'fed_secondary_market_purchases', 'rrp_drawdown', 'tga_drawdown', 'mmf_net_inflow',
            'foreign_official_net_purchases', 'sovereign_active_flow', 'stablecoin_growth',
        ]) }} as supply_insensitive_known_share,
        {{ known_share([
            'treasury_net_new_cash', 'ai_external_funding',
            'fed_secondary_market_purchases', 'rrp_drawdown', 'tga_drawdown', 'mmf_net_inflow',
            'foreign_official_net_purchases', 'sovereign_active_flow', 'stablecoin_growth',
        ]) }} as balance_known_share
    from parts

),

balances as (

    select
        *,
        supply_insensitive - demand_external as balance,
        demand_external - supply_insensitive as absorption_burden,
        case when demand_external >= 10 then supply_insensitive / demand_external end as coverage_ratio,
        case when demand_external >= 10 then ai_external_funding / demand_external end as ai_share_of_demand,
        case when demand_external < 10 then 'small_denominator: demand below 10 bn' end as small_demand_reason,
        treasury_expected + ai_expected as demand_expected,
        (demand_external - supply_insensitive) / nominal_gdp as burden_to_gdp
    from sums

),

surprises as (

    select
        *,
        balance + demand_expected as balance_surprise,
        {{ missing_inputs(['treasury_expected', 'ai_expected']) }} as demand_expected_null_reason
    from balances
    where is_anything_known

)

select * from surprises
