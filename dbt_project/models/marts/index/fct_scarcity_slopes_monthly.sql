with estimates as (

    select * from {{ ref('int_index__scarcity') }}

),

slopes as (

    select
        date_day::date as date_day,
        parameter_set::varchar as parameter_set,
        measure::varchar as measure,
        value::double as estimate,
        standard_error::double as standard_error,
        low::double as interval_low,
        high::double as interval_high,
        n::integer as n_obs,
        effective_n::double as effective_n_obs,
        null_reason::varchar as null_reason,
        {{ cutoff('date_day::date') }}::timestamptz as known_at
    from estimates

)

select * from slopes
