with days as (

    select * from {{ ref('int_index__regimes') }}

),

first_own as (

    select
        parameter_set,
        min(date_day) as first_day
    from days
    where parameter_set <> 'default'
    group by parameter_set

),

told as (  -- until the day on which it first differs, a set's regime is the default's

    select
        parameter_set,
        date_day,
        regime
    from days
    union all
    select
        first_own.parameter_set,
        days.date_day,
        days.regime
    from first_own
    inner join days on first_own.first_day > days.date_day
    where days.parameter_set = 'default'

),

turns as (

    select
        *,
        case when {{ differs_from_previous(['regime'], 'by_day') }} then 1 else 0 end as is_turn
    from told
    window by_day as (partition by parameter_set order by date_day)

),

numbered as (

    select
        *,
        sum(is_turn) over (
            partition by parameter_set order by date_day rows between unbounded preceding and current row
        ) as run_number
    from turns

),

runs as (

    select
        parameter_set,
        date_day,
        min(date_day) over (partition by parameter_set, run_number) as regime_since
    from numbered

),

regimes as (

    select
        ---------- keys
        days.date_day::date as date_day,
        days.parameter_set::varchar as parameter_set,

        ---------- the regime
        days.regime::varchar as regime,
        runs.regime_since::date as regime_since,

        ---------- every input
        days.dry_powder_pct::double as dry_powder_pct,
        days.burden_pct::double as burden_pct,
        days.multiplier_beta::double as multiplier_beta,
        (days.joint_rise = 1)::boolean as is_joint_rise,
        (days.external_share_rising = 1)::boolean as is_external_share_rising,

        ---------- what the rules said
        (days.is_drain_met = 1)::boolean as is_drain_condition_met,
        days.drain_days_met::integer as drain_days_met,
        days.drain_days_unknown::integer as drain_days_unknown,
        (days.is_injection_met = 1)::boolean as is_injection_condition_met,
        days.rule_version::varchar as rule_version,
        {{ cutoff('days.date_day::date') }}::timestamptz as known_at,
        {{ word_of('pit_quality', 'days.pit_rank::integer') }}::varchar as pit_quality,
        {{ word_of('origin', 'days.origin_rank::integer') }}::varchar as origin
    from days
    inner join runs
        on
            days.parameter_set = runs.parameter_set
            and days.date_day = runs.date_day

)

select * from regimes
