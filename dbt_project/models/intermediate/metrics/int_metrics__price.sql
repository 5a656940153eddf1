{{ config(meta={'known_since': 'known_at'}) }}
{#- metric, column, unit factor, what is missing where it is null -#}
{%- set measures = [
    ('nominal_10y', 'yield_10y_pct', 'missing_input: yield_10y'),
    ('nominal_30y', 'yield_30y_pct', 'missing_input: yield_30y'),
    ('real_yield_10y', 'real_yield_10y_pct', 'missing_input: real_yield_10y'),
    ('credit_stress', 'credit_stress_points', 'missing_input: ofr_credit'),
    ('gz_spread', 'gz_spread_pct', 'missing_input: gz_spread'),
    ('excess_bond_premium', 'excess_bond_premium_pct', 'missing_input: excess_bond_premium'),
    ('cost_of_capital_index', 'cost_of_capital_index', 'low_coverage'),
    ('joint_rise_flag', 'joint_rise_flag', 'missing_input: yield_10y or ofr_credit'),
    ('joint_rise_intensity', 'joint_rise_intensity', 'missing_input: yield_10y or ofr_credit'),
    ('sov_credit_corr', 'sov_credit_corr', 'missing_input: yield_10y or ofr_credit'),
] -%}
with days as (

    select * from {{ ref('int_price__daily') }}

),

first_days as (  -- before the first value nothing was landed, which is no news a day

    select
        {% for _, column, _ in measures -%}
        min(case when {{ column }} is not null then date_day end) as {{ column }},
        {% endfor -%}
        parameter_set
    from days
    group by parameter_set

),

long as (

    {% for metric_id, column, reason in measures -%}
    select
        '{{ metric_id }}' as metric_id,
        days.date_day::date as date_day,
        days.parameter_set,
        days.{{ column }}::double as value,
        {{ 'days.cost_coverage' if metric_id == 'cost_of_capital_index' else '1.0' }} as share_known,
        '{{ reason }}' as reason,
        days.pit_rank::integer as pit_rank,
        days.origin_rank::integer as origin_rank
    from days
    inner join first_days on days.parameter_set = first_days.parameter_set
    where days.date_day >= first_days.{{ column }} {{ and_known_since('days.date_day') }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

observations as (

    select
        metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'day' as grain,
        date_day as period_start,
        date_day as period_end,
        value,
        null::double as numerator,
        null::double as denominator,
        case when value is null then 0.0 else share_known end as coverage,
        case when value is null then reason end as null_reason,
        coalesce(pit_rank, {{ worst_rank('pit_quality') }}) as pit_rank,
        coalesce(origin_rank, {{ worst_rank('origin') }}) as origin_rank,
        null::varchar as source_url,
        {{ cutoff('date_day') }} as known_at,
        null::timestamptz as withdrawn_at,
        parameter_set
    from long

)

select * from observations
