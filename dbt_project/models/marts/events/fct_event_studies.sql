with studies as (

    select * from {{ ref('int_events__studies') }}

),

dates as (

    select * from {{ ref('int_events__dates') }}

),

events as (

    select * from {{ ref('events') }}

),

rows_of_mart as (

    select
        studies.event_id::varchar as event_id,
        events.event_type::varchar as event_type,
        events.title::varchar as title,
        events.claim_ids::varchar as claim_ids,
        dates.event_date::date as event_date,
        studies.series_id::varchar as series_id,
        studies.unit::varchar as unit,
        studies.window_days::integer as window_days,
        studies.window_start::date as window_start,
        studies.window_end::date as window_end,
        case when not isnan(studies.change_before) then studies.change_before end::double as change_before,
        case when not isnan(studies.change_after) then studies.change_after end::double as change_after,
        case when not isnan(studies.sd_before) then studies.sd_before end::double as daily_sd_before,
        case when not isnan(studies.score) then studies.score end::double as score,
        studies.coverage::double as coverage,
        studies.null_reason::varchar as null_reason,
        {{ word_of('pit_quality', 'studies.pit_rank::integer') }}::varchar as pit_quality,
        greatest(studies.known_at, events.announced_at)::timestamptz as known_at,
        studies.source_url::varchar as source_url,
        {{ word_of('origin', 'studies.origin_rank::integer') }}::varchar as origin
    from studies
    inner join dates on studies.event_id = dates.event_id
    inner join events on studies.event_id = events.event_id

)

select * from rows_of_mart
