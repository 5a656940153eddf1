{{ config(meta={'known_since': 'known_at'}) }}
with days as (

    select * from {{ ref('int_liquidity__dry_powder') }}
    where true {{ and_known_since('cutoff_at') }}

),

ranks as (

    select * from {{ ref('int_liquidity__powder_ranks') }}

),

fridays as (

    select
        parameter_set,
        seen_at,
        period_end as burden_friday,
        absorption_burden,
        balance_null_reason as burden_null_reason
    from {{ ref('int_flows__balance') }}

),

ranked as (

    select
        days.*,
        ranks.dry_powder_pct,
        ranks.dry_powder_floor
    from days
    left join ranks on days.date_day = ranks.date_day::date and days.parameter_set = ranks.parameter_set

),

with_burden as (

    {{ as_of_join('ranked', 'fridays', ['parameter_set'], 'cutoff_at', 'seen_at',
        ['absorption_burden', 'burden_null_reason']) }}

),

runways as (

    select
        *,
        absorption_burden / 3 as monthly_burden,
        case
            when dry_powder_net_null_reason is not null then dry_powder_net_null_reason
            when dry_powder_floor is null then 'min_history'
            when absorption_burden is null then coalesce(burden_null_reason, 'missing_input: absorption_burden')
            when absorption_burden <= 0 then 'no_burden'
        end as runway_null_reason
    from with_burden

),

powder as (

    select
        ---------- keys
        date_day::date as date_day,
        parameter_set::varchar as parameter_set,

        ---------- DP0: idle at the Federal Reserve
        rrp::double as rrp_usd_bn,
        excess_reserves::double as excess_reserves_usd_bn,
        tga_daily::double as tga_usd_bn,
        tga_target::double as tga_target_usd_bn,
        tga_above_target::double as tga_above_target_usd_bn,
        dp0_gross::double as dp0_gross_usd_bn,
        dp0_net::double as dp0_net_usd_bn,

        ---------- DP1: money funds
        dp1_gross::double as dp1_gross_usd_bn,
        mmf_rrp::double as mmf_rrp_usd_bn,
        is_mmf_rrp_assumed::boolean as is_mmf_rrp_assumed,
        dp1_cash_like::double as dp1_cash_like_usd_bn,
        dp1_net::double as dp1_net_usd_bn,

        ---------- DP2: companies
        dp2_gross::double as dp2_gross_usd_bn,
        dp2_net::double as dp2_net_usd_bn,

        ---------- DP3: stablecoins
        dp3_gross::double as dp3_gross_usd_bn,
        dp3_net::double as dp3_net_usd_bn,

        ---------- DP4: sovereigns, who must sell to deploy
        sovereign_treasuries::double as dp4_treasuries_usd_bn,
        coalesce(sovereign_known_share, 0)::double as dp4_coverage_ratio,

        ---------- in all
        dry_powder_gross::double as dry_powder_gross_usd_bn,
        dry_powder_gross_null_reason::varchar as dry_powder_gross_null_reason,
        dry_powder_gross_known_share::double as dry_powder_gross_coverage_ratio,
        (dry_powder_gross + sovereign_treasuries)::double as dry_powder_gross_with_sovereigns_usd_bn,
        dry_powder_net::double as dry_powder_net_usd_bn,
        dry_powder_net_null_reason::varchar as dry_powder_net_null_reason,
        dry_powder_net_known_share::double as dry_powder_net_coverage_ratio,

        ---------- against the economy, its own history and what is taken from it
        nominal_gdp::double as nominal_gdp_usd_bn,
        dry_powder_to_gdp::double as dry_powder_to_gdp_ratio,
        dry_powder_to_gdp_null_reason::varchar as dry_powder_to_gdp_null_reason,
        dry_powder_pct::double as dry_powder_pct,
        case
            when dry_powder_pct is null then coalesce(dry_powder_to_gdp_null_reason, 'min_history')
        end::varchar as dry_powder_pct_null_reason,
        dry_powder_floor::double as dry_powder_floor_usd_bn,
        monthly_burden::double as monthly_absorption_burden_usd_bn,
        case when runway_null_reason is null then (dry_powder_net - dry_powder_floor) / monthly_burden end::double
            as dry_powder_runway_months,
        runway_null_reason::varchar as runway_null_reason,

        ---------- where it moved
        rrp_change_52w::double as rrp_change_52w_usd_bn,
        mmf_change_52w::double as mmf_change_52w_usd_bn,
        (mmf_change_52w - rrp_change_52w)::double as dp_composition_shift_usd_bn,
        ({{ missing_inputs(['rrp_change_52w', 'mmf_change_52w']) }})::varchar as dp_composition_shift_null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'worst_pit_rank') }}::varchar as pit_quality,
        cutoff_at::timestamptz as known_at,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'worst_origin_rank') }}::varchar as origin
    from runways

)

select * from powder
