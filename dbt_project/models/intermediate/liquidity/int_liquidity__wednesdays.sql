-- The levels of a Wednesday side by side as they were known, from the first line of its H.4.1 on.
with levels as (

    select * from {{ ref('int_liquidity__wednesday_levels') }}

),

pivoted as (

    {{ bitemporal_pivot('levels', ['period_end'], [
        'fed_total_assets', 'fed_treasuries', 'fed_bills', 'fed_mbs', 'fed_loans', 'fed_repo', 'tga_wednesday',
        'bank_reserves', 'bank_reserves_week_average', 'reverse_repo_all', 'reverse_repo_foreign',
        'factors_supplying', 'factors_absorbing', 'rrp',
    ]) }}

),

wednesdays as (

    select
        *,
        fed_total_assets - tga_wednesday - rrp as net_liquidity,
        {{ missing_inputs(['fed_total_assets', 'tga_wednesday', 'rrp']) }} as net_liquidity_null_reason,
        fed_total_assets - tga_wednesday - reverse_repo_all as net_liquidity_incl_foreign_rrp,
        {{ missing_inputs(['fed_total_assets', 'tga_wednesday', 'reverse_repo_all']) }}
            as net_liquidity_incl_foreign_rrp_null_reason,
        factors_supplying - factors_absorbing - bank_reserves as reserves_identity_residual
    from pivoted
    where inputs_known > case when rrp is null then 0 else 1 end

)

select * from wednesdays
