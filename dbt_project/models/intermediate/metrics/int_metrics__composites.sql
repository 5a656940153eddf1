{{ config(meta={'known_since': 'known_at'}) }}
with indices as (

    select
        case item_kind when 'headline' then index_id else index_id || '_' || item_kind end as metric_id,
        case when index_id = 'bti' then 'week' else 'day' end as grain,
        date_day::date as date_day,
        value,
        case when item_kind = 'headline' then coverage else 1.0 end as share_known,
        null_reason,
        pit_rank,
        origin_rank,
        parameter_set
    from {{ ref('int_index__composites') }}
    where item_kind in ('headline', 'pca', 'ciss')

),

regimes as (

    select
        'liquidity_regime' as metric_id,
        'day' as grain,
        date_day::date as date_day,
        case regime when 'DRAIN' then 1.0 when 'TRANSITION' then 0.0 when 'INJECTION' then -1.0 end as value,
        1.0 as share_known,
        case when regime = 'undetermined' then 'undetermined' end as null_reason,
        pit_rank,
        origin_rank,
        parameter_set
    from {{ ref('int_index__regimes') }}

),

scarcity as (

    select
        case measure
            when 'slope_today' then 'scarcity_slope'
            when 'convexity_ratio' then 'scarcity_convexity_ratio'
            when 'threshold_p' then 'scarcity_threshold_p'
        end as metric_id,
        'month' as grain,
        date_day::date as date_day,
        value,
        1.0 as share_known,
        null_reason,
        pit_rank,
        origin_rank,
        parameter_set
    from {{ ref('int_index__scarcity') }}
    where measure in ('slope_today', 'convexity_ratio', 'threshold_p')

),

multiplier as (

    select
        'multiplier_beta' as metric_id,
        'week' as grain,
        date_day::date as date_day,
        value,
        1.0 as share_known,
        null_reason,
        pit_rank,
        origin_rank,
        'default' as parameter_set
    from {{ ref('int_index__multiplier') }}

),

long as (

    select * from indices
    union all
    select * from regimes
    union all
    select * from scarcity
    union all
    select * from multiplier

),

observations as (

    select
        metric_id,
        'system' as entity_type,
        'US' as entity_id,
        grain,
        case grain
            when 'week' then {{ add_days('date_day', -6) }}
            when 'month' then date_trunc('month', date_day)::date
            else date_day
        end as period_start,
        date_day as period_end,
        value::double as value,
        null::double as numerator,
        null::double as denominator,
        case when value is null then 0.0 else share_known end as coverage,
        case when value is null then coalesce(null_reason, 'undetermined') end as null_reason,
        coalesce(pit_rank::integer, {{ worst_rank('pit_quality') }}) as pit_rank,
        coalesce(origin_rank::integer, {{ worst_rank('origin') }}) as origin_rank,
        null::varchar as source_url,
        {{ cutoff('date_day') }} as known_at,
        null::timestamptz as withdrawn_at,
        parameter_set
    from long
    where true {{ and_known_since('date_day') }}

)

select * from observations
