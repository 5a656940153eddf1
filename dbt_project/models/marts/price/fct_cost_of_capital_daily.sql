with days as (

    select * from {{ ref('int_price__daily') }}

),

runs as (  -- a run of days with the flag up starts where the day before it was not

    select
        *,
        sum(case when joint_rise_flag = 1 then 0 else 1 end) over (
            partition by parameter_set order by date_day rows between unbounded preceding and current row
        ) as run_number
    from days

),

with_start as (

    select
        *,
        min(case when joint_rise_flag = 1 then date_day end) over (partition by parameter_set, run_number)
            as run_started_on
    from runs

),

cost_of_capital as (

    select
        ---------- keys
        date_day::date as date_day,
        parameter_set::varchar as parameter_set,

        ---------- the legs
        yield_10y_pct::double as yield_10y_pct,
        yield_30y_pct::double as yield_30y_pct,
        real_yield_10y_pct::double as real_yield_10y_pct,
        credit_stress_points::double as credit_stress_points,
        gz_spread_pct::double as gz_spread_pct,
        excess_bond_premium_pct::double as excess_bond_premium_pct,
        cost_of_capital_index::double as cost_of_capital_index,
        cost_coverage::double as cost_coverage_ratio,

        ---------- whether they rise together
        yield_rise_bp::double as yield_rise_bp,
        credit_rise_points::double as credit_rise_points,
        yield_threshold_bp::double as yield_threshold_bp,
        credit_threshold_points::double as credit_threshold_points,
        (joint_rise_flag = 1)::boolean as is_joint_rise,
        case when joint_rise_flag = 1 then run_started_on end::date as joint_rise_since,
        joint_rise_intensity::double as joint_rise_intensity,
        sov_credit_corr::double as sov_credit_corr,
        credit_leg::varchar as credit_leg,

        ---------- how it came about
        {{ word_of('pit_quality', 'pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'origin_rank::integer') }}::varchar as origin
    from with_start

)

select * from cost_of_capital
