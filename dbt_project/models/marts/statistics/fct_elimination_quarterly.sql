with measures as (

    select * from {{ ref('int_statistics__elimination') }}

),

quarters as (

    select
        date_day::date as date_day,
        measure::varchar as measure,
        value::double as estimate,
        standard_error::double as standard_error,
        low::double as interval_low,
        high::double as interval_high,
        n::integer as quarter_count,
        assets::integer as asset_count,
        (assets >= 40)::boolean as is_published,
        null_reason::varchar as null_reason,
        {{ word_of('pit_quality', 'pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'origin_rank::integer') }}::varchar as origin
    from measures

)

select * from quarters
