with days as (

    select * from {{ ref('int_index__regimes') }}

),

turns as (

    select
        *,
        case when {{ differs_from_previous(['regime'], 'by_day') }} then 1 else 0 end as is_turn
    from days
    window by_day as (partition by parameter_set order by date_day)

),

runs as (

    select
        *,
        sum(is_turn) over (
            partition by parameter_set order by date_day rows between unbounded preceding and current row
        ) as run_number
    from turns

),

regimes as (

    select
        ---------- keys
        date_day::date as date_day,
        parameter_set::varchar as parameter_set,

        ---------- the regime
        regime::varchar as regime,
        (min(date_day) over (partition by parameter_set, run_number))::date as regime_since,

        ---------- every input
        dry_powder_pct::double as dry_powder_pct,
        burden_pct::double as burden_pct,
        multiplier_beta::double as multiplier_beta,
        (joint_rise = 1)::boolean as is_joint_rise,
        (external_share_rising = 1)::boolean as is_external_share_rising,

        ---------- what the rules said
        (is_drain_met = 1)::boolean as is_drain_condition_met,
        drain_days_met::integer as drain_days_met,
        drain_days_unknown::integer as drain_days_unknown,
        (is_injection_met = 1)::boolean as is_injection_condition_met,
        rule_version::varchar as rule_version,
        {{ cutoff('date_day::date') }}::timestamptz as known_at,
        {{ word_of('pit_quality', 'pit_rank::integer') }}::varchar as pit_quality,
        {{ word_of('origin', 'origin_rank::integer') }}::varchar as origin
    from runs

)

select * from regimes
