with curves as (

    select * from {{ ref('int_statistics__lead_lag') }}

),

lags as (

    select
        ---------- keys
        date_day::date as evaluated_on,
        target::varchar as target,
        lag_weeks::integer as lag_weeks,

        ---------- the curve
        correlation::double as correlation,
        low::double as correlation_low,
        high::double as correlation_high,
        pairs::integer as pair_count,

        ---------- its peak
        peak_lag::integer as peak_lag_weeks,
        peak_correlation::double as peak_correlation,
        peak_lag_low::double as peak_lag_low_weeks,
        peak_lag_high::double as peak_lag_high_weeks,
        stability::double as stability_ratio,
        case
            when correlation is null then coalesce(null_reason::varchar, 'short_history: ' || pairs::integer || ' of 104')
        end::varchar as null_reason,

        ---------- how good it is
        {{ word_of('pit_quality', 'pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'origin_rank::integer') }}::varchar as origin
    from curves

)

select * from lags
