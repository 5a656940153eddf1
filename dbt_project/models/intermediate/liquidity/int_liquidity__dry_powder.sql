{{ config(meta={'known_since': 'cutoff_at'}) }}
-- Idle capital by day, tier and set of parameters, as it was known at the cut-off. Gross sums what each tier holds; net
-- takes out what is counted twice and what cannot leave.
with days as (

    select * from {{ ref('int_liquidity__reserve_scarcity') }}
    where true {{ and_known_since('cutoff_at') }}

),

cash_versions as (

    select * from {{ ref('int_flows__versions') }}
    where flow_id = 'ai_cash' and value is not null

),

holdings as (

    select * from {{ ref('fct_foreign_treasury_holdings_monthly') }}
    where
        survey_basis = 'current' and not is_memo and holdings_usd_bn is not null
        and entity_id in ('SA', 'NO', 'AE', 'QA', 'KW', 'SG', 'JP')

),

cutoffs as (

    select
        date_day,
        cutoff_at
    from {{ ref('int_liquidity__days') }}
    where true {{ and_known_since('cutoff_at') }}

),

cash as (

    select
        cutoffs.date_day,
        cash_versions.value as cash_ms,
        cash_versions.pit_rank as cash_pit_rank,
        cash_versions.origin_rank as cash_origin_rank
    from cutoffs
    inner join cash_versions
        on
            -- no bound above: firms report before the calendar quarter they are counted to has ended
            {{ add_days('cutoffs.date_day', -200) }} < cash_versions.period_end
            and {{ known_then('cash_versions', 'cutoffs.cutoff_at') }}
    qualify row_number() over (partition by cutoffs.date_day order by cash_versions.period_end desc) = 1

),

holdings_known as (  -- of each country the newest month known

    select
        cutoffs.date_day,
        holdings.entity_id,
        holdings.holdings_usd_bn
    from cutoffs
    inner join holdings
        on
            cutoffs.date_day >= holdings.month_end
            and {{ add_days('cutoffs.date_day', -125) }} < holdings.month_end
            and {{ known_then('holdings', 'cutoffs.cutoff_at') }}
    qualify row_number() over (partition by cutoffs.date_day, holdings.entity_id order by holdings.month_end desc) = 1

),

sovereigns as (

    select
        date_day,
        sum(holdings_usd_bn)::double as sovereign_treasuries,
        count(*) / 7.0::double as sovereign_known_share
    from holdings_known
    group by date_day

),

joined as (

    select
        days.date_day,
        days.parameter_set,
        days.cutoff_at,
        days.rrp,
        days.bank_reserves,
        days.bank_assets,
        days.excess_reserves,
        days.tga_daily,
        days.mmf_total,
        days.nominal_gdp,
        days.pit_rank,
        days.origin_rank,
        days.source_url,
        cash.cash_ms,
        cash.cash_pit_rank,
        cash.cash_origin_rank,
        sovereigns.sovereign_treasuries,
        sovereigns.sovereign_known_share,
        parameters.mmf_deployable_share,
        parameters.stablecoin_overlap_share,
        parameters.include_crypto,
        -- the funds' own reports where they are known, else the usual share of what is outstanding
        coalesce(days.mmf_repo_with_fed, parameters.mmf_rrp_share * days.rrp) as mmf_rrp,
        days.mmf_repo_with_fed is null as is_mmf_rrp_assumed,
        coalesce(days.tga_assumed, parameters.tga_target_usd_bn) as tga_target,
        case when parameters.include_crypto = 0 then 0 else days.stablecoin_supply end as stablecoins
    from days
    inner join {{ ref('thesis_parameters') }} as parameters on days.parameter_set = parameters.parameter_set
    left join cash on days.date_day = cash.date_day
    left join sovereigns on days.date_day = sovereigns.date_day

),

tiers as (

    select
        *,
        greatest(tga_daily - tga_target, 0) + 0 * tga_daily as tga_above_target,
        rrp + excess_reserves as dp0_gross,
        mmf_total as dp1_gross,
        cash_ms as dp2_gross,
        stablecoins as dp3_gross,
        mmf_total - mmf_rrp as dp1_cash_like,
        stablecoins * (1 - stablecoin_overlap_share) as dp3_net
    from joined

),

powder as (

    select
        *,
        dp0_gross + tga_above_target as dp0_net,
        mmf_deployable_share * dp1_cash_like as dp1_net,
        cash_ms as dp2_net,
        dp0_gross + dp1_gross + dp2_gross + dp3_gross as dry_powder_gross,
        {{ missing_inputs(['rrp', 'bank_reserves', 'bank_assets', 'mmf_total', 'cash_ms', 'stablecoins']) }}
            as dry_powder_gross_null_reason,
        {{ known_share(['rrp', 'bank_reserves', 'bank_assets', 'mmf_total', 'cash_ms', 'stablecoins']) }}
            as dry_powder_gross_known_share,
        dp0_gross + tga_above_target + mmf_deployable_share * dp1_cash_like + cash_ms + dp3_net as dry_powder_net,
        {{ missing_inputs(['rrp', 'bank_reserves', 'bank_assets', 'tga_daily', 'mmf_total', 'cash_ms', 'stablecoins']) }}
            as dry_powder_net_null_reason,
        {{ known_share(['rrp', 'bank_reserves', 'bank_assets', 'tga_daily', 'mmf_total', 'cash_ms', 'stablecoins']) }}
            as dry_powder_net_known_share,
        {{ missing_inputs([
            'rrp', 'bank_reserves', 'bank_assets', 'tga_daily', 'mmf_total', 'cash_ms', 'stablecoins', 'nominal_gdp',
        ]) }} as dry_powder_to_gdp_null_reason
    from tiers

),

year_before as (

    select
        date_day,
        rrp as rrp_then,
        mmf_total as mmf_total_then
    from {{ ref('int_liquidity__days') }}

),

scaled as (

    select
        powder.*,
        powder.dry_powder_net / powder.nominal_gdp as dry_powder_to_gdp,
        powder.rrp - year_before.rrp_then as rrp_change_52w,
        powder.mmf_total - year_before.mmf_total_then as mmf_change_52w,
        greatest(powder.pit_rank, coalesce(powder.cash_pit_rank, 1)) as worst_pit_rank,
        greatest(powder.origin_rank, coalesce(powder.cash_origin_rank, 1)) as worst_origin_rank
    from powder
    left join year_before on powder.date_day = {{ add_days('year_before.date_day', 364) }}

)

select * from scaled
