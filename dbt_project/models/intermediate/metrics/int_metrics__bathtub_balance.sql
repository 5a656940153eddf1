-- What is left in the bathtub over 13 weeks: stock and pipe less drain, each by its own inputs.
with bathtub as (

    select * from {{ ref('fct_bathtub_weekly') }}
    where horizon_weeks = 13

),

observations as (

    select
        'bathtub_balance' as metric_id,
        'system' as entity_type,
        'US' as entity_id,
        'week' as grain,
        {{ add_days('window_start', 1) }} as period_start,
        period_end,
        stock_usd_bn + pipe_usd_bn - drain_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        {{ known_share(['stock_usd_bn', 'pipe_usd_bn', 'drain_usd_bn']) }} as coverage,
        {{ missing_inputs(['stock_usd_bn', 'pipe_usd_bn', 'drain_usd_bn']) }} as null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from bathtub

)

select * from observations
