with slopes as (

    select * from {{ ref('int_statistics__event_slopes') }}

),

states as (

    select
        event_date::date as event_date,
        date_day::date as evaluated_on,
        value::double as slope_change_points,
        standard_error::double as standard_error_points,
        low::double as interval_low_points,
        high::double as interval_high_points,
        n::integer as change_count,
        null_reason::varchar as null_reason,
        {{ word_of('pit_quality', 'pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'origin_rank::integer') }}::varchar as origin
    from slopes

)

select * from states
