with shared as (

    select * from {{ ref('int_statistics__variance_shares') }}

),

quarters as (

    select
        ---------- keys
        date_day::date as evaluated_on,
        study::varchar as study,
        player::varchar as player,

        ---------- what it explains
        share::double as share_ratio,
        low::double as share_low_ratio,
        high::double as share_high_ratio,
        gain::double as gain_ratio,
        r2::double as explained_ratio,
        n::integer as week_count,
        null_reason::varchar as null_reason,

        ---------- how good it is
        {{ word_of('pit_quality', 'pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'origin_rank::integer') }}::varchar as origin
    from shared

)

select * from quarters
