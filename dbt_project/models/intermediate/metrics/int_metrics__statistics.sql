{#- Statistics of what the other metrics and the indices say: they read composites, so composites must not read them. The
    league's ranks wait for a universe: what a smaller one gives stands in fct_elimination_quarterly. -#}
{%- set assets_needed = universe_needed() -%}
with tails as (

    select
        case measure
            when 'breadth' then 'forced_sale_breadth'
            when 'tail_dependence' then 'cross_asset_tail_dependence'
        end as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        case measure when 'breadth' then 'week' else 'month' end as grain,
        date_day::date as date_day,
        value,
        null as numerator,
        null as denominator,
        coverage,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from {{ ref('int_statistics__forced_sales') }}

),

betas as (

    select
        case measure
            when 'liquidity_beta' then 'liquidity_beta'
            when 'scarcity_beta' then 'scarcity_beta'
        end as metric_id,
        'asset' as entity_type,
        asset_id as entity_id,
        'week' as grain,
        date_day::date as date_day,
        value,
        null as numerator,
        null as denominator,
        n / 104.0 as coverage,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from {{ ref('int_statistics__betas') }}

),

elimination as (

    select
        case measure
            when 'all' then 'elimination_rank_ic'
            when 'drain' then 'elimination_rank_ic_drain'
            when 'injection' then 'elimination_rank_ic_injection'
            when 'asymmetry' then 'asymmetry'
        end as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'calendar_quarter' as grain,
        date_day::date as date_day,
        case when assets >= {{ assets_needed }} then value end as value,
        null as numerator,
        null as denominator,
        least(assets / {{ assets_needed }}.0, 1.0) as coverage,
        case
            when assets < {{ assets_needed }} then 'universe_below_{{ assets_needed }}: ' || assets
            else null_reason::varchar
        end as null_reason,
        pit_rank,
        origin_rank
    from {{ ref('int_statistics__elimination') }}

),

curves as (

    select
        date_day,
        peak_lag,
        peak_correlation,
        stability,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from {{ ref('int_statistics__lead_lag') }}
    where target = 'csi' and lag_weeks = 0

),

leads as (

    {% for metric_id, value in [
        ('lead_lag_peak_weeks', 'peak_lag'),
        ('lead_lag_peak_correlation', 'peak_correlation'),
        ('lead_lag_stability', 'stability'),
    ] -%}
    select
        '{{ metric_id }}' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'calendar_quarter' as grain,
        date_day::date as date_day,
        {{ value }} as value,
        null as numerator,
        null as denominator,
        1.0 as coverage,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from curves
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

hits as (

    select
        'canary_hit_rate' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'month' as grain,
        date_day::date as date_day,
        hit_rate as value,
        null as numerator,
        null as denominator,
        1.0 as coverage,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from {{ ref('int_statistics__canary_hits') }}

),

shares as (

    {% for metric_id, study, player, value in [
        ('cost_demand_share', 'cost', 'demand', 'share'),
        ('cost_demand_share_low', 'cost', 'demand', 'low'),
        ('cost_demand_share_high', 'cost', 'demand', 'high'),
        ('rival_scarcity_share', 'rivals', 'csi', 'share'),
        ('rival_scarcity_share_low', 'rivals', 'csi', 'low'),
        ('rival_scarcity_share_high', 'rivals', 'csi', 'high'),
    ] -%}
    select
        '{{ metric_id }}' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'calendar_quarter' as grain,
        date_day::date as date_day,
        {{ value }} as value,
        null as numerator,
        null as denominator,
        1.0 as coverage,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from {{ ref('int_statistics__variance_shares') }}
    where study = '{{ study }}' and player = '{{ player }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

multipliers as (  -- weekly risk has no ranks, and what has none counts as the most doubtful

    {% for metric_id, tercile, value in [
        ('multiplier_beta_high_powder', 'high', 'value'),
        ('multiplier_beta_high_powder_low', 'high', 'low'),
        ('multiplier_beta_high_powder_high', 'high', 'high'),
        ('multiplier_beta_low_powder', 'low', 'value'),
        ('multiplier_beta_powder_difference', 'difference', 'value'),
        ('multiplier_beta_powder_difference_low', 'difference', 'low'),
        ('multiplier_beta_powder_difference_high', 'difference', 'high'),
    ] -%}
    select
        '{{ metric_id }}' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'calendar_quarter' as grain,
        date_day::date as date_day,
        {{ value }} as value,
        null as numerator,
        null as denominator,
        1.0 as coverage,
        null_reason::varchar as null_reason,
        null as pit_rank,
        null as origin_rank
    from {{ ref('int_statistics__multipliers') }}
    where tercile = '{{ tercile }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

evaluated as (

    select * from tails
    union all
    select * from betas
    union all
    select * from elimination
    union all
    select * from leads
    union all
    select * from hits
    union all
    select * from shares
    union all
    select * from multipliers

),

states as (

    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        case grain
            when 'week' then {{ add_days('date_day', -6) }}
            when 'month' then date_trunc('month', date_day)::date
            else date_trunc('quarter', date_day)::date
        end as period_start,
        date_day as period_end,
        value,
        numerator,
        denominator,
        coverage,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from evaluated
    union all
    select
        'event_scarcity_slope_change' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'day' as grain,
        event_date::date as period_start,
        date_day::date as period_end,
        value,
        null as numerator,
        null as denominator,
        n / 120.0 as coverage,
        null_reason::varchar as null_reason,
        pit_rank,
        origin_rank
    from {{ ref('int_statistics__event_slopes') }}

),

funds as (

    select
        period_start,
        period_end,
        series_id as input_id,
        value,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from {{ ref('fct_observations') }}
    where series_id in ('hedge_fund_gross_assets', 'hedge_fund_net_assets')

),

fund_quarters as (

    {{ bitemporal_pivot('funds', ['period_start', 'period_end'], ['hedge_fund_gross_assets', 'hedge_fund_net_assets']) }}

),

investment as (

    select * from {{ ref('fct_observations') }}
    where series_id = 'private_fixed_investment'

),

observations as (

    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        period_start,
        period_end,
        value::double as value,
        numerator::double as numerator,
        denominator::double as denominator,
        case
            when value is null then least(coalesce(coverage, 0.0), 0.99) else least(coalesce(coverage, 1.0), 1.0)
        end::double as coverage,
        case when value is null then coalesce(null_reason, 'undetermined') end as null_reason,
        coalesce(pit_rank::integer, {{ worst_rank('pit_quality') }}) as pit_rank,
        coalesce(origin_rank::integer, {{ worst_rank('origin') }}) as origin_rank,
        null::varchar as source_url,
        {{ cutoff('period_end') }} as known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from states
    union all
    select
        'hedge_fund_leverage' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'calendar_quarter' as grain,
        period_start,
        period_end,
        case when hedge_fund_net_assets > 0 then hedge_fund_gross_assets / hedge_fund_net_assets end as value,
        hedge_fund_gross_assets as numerator,
        hedge_fund_net_assets as denominator,
        {{ known_share(['hedge_fund_gross_assets', 'hedge_fund_net_assets']) }} as coverage,
        case
            when hedge_fund_net_assets <= 0 then 'denominator_not_positive'
            else {{ missing_inputs(['hedge_fund_gross_assets', 'hedge_fund_net_assets']) }}
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from fund_quarters
    where inputs_known > 0
    union all
    select
        'private_fixed_investment' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'calendar_quarter' as grain,
        period_start,
        period_end,
        value,
        null as numerator,
        null as denominator,
        1.0 as coverage,
        null as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from investment

)

select * from observations
