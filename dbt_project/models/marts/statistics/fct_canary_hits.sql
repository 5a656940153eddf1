with counted as (

    select * from {{ ref('int_statistics__canary_hits') }}

),

months as (

    select
        ---------- key
        date_day::date as evaluated_on,

        ---------- how often it was right
        hit_rate::double as hit_ratio,
        base_rate::double as base_ratio,
        lift::double as lift_ratio,

        ---------- in weeks; what was not counted is not nought
        steps::integer as week_count,
        alarms::integer as alarm_count,
        case when null_reason is null then hits end::integer as hit_count,
        case when null_reason is null then false_alarms end::integer as false_alarm_count,
        case when null_reason is null then missed_events end::integer as missed_event_count,

        ---------- in runs of alarms
        case when null_reason is null then episodes end::integer as episode_count,
        case when null_reason is null then false_episodes end::integer as false_episode_count,
        null_reason::varchar as null_reason,

        ---------- how good it is
        {{ word_of('pit_quality', 'pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'origin_rank::integer') }}::varchar as origin
    from counted

)

select * from months
