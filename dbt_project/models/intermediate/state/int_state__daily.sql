{{ config(meta={'known_since': 'cutoff_at'}) }}
-- What was known of each series at the cut-off of each weekday, and how old it was. Never revised: a row says what was
-- known then. A value older than its series may be is stale, and null.
with newest as (

    select * from {{ ref('int_state__newest') }}

),

declared as (

    select * from {{ ref('series') }}

),

first_known as (

    select
        series_id,
        min(newest_since) as first_known_at
    from newest
    group by series_id

),

days as (

    select date_day from {{ ref('time_spine_daily') }}
    where
        extract(dow from date_day) between 1 and 5
        and {{ cutoff('date_day') }} <= {{ run_instant() }}
        {{ and_known_since('date_day') }}

),

asked as (

    select
        first_known.series_id,
        days.date_day,
        {{ cutoff('days.date_day') }} as cutoff_at
    from first_known
    inner join days on {{ cutoff('days.date_day') }} >= first_known.first_known_at

),

found as (

    {{ as_of_join('asked', 'newest', ['series_id'], 'cutoff_at', 'newest_since',
        ['period_end', 'value', 'newest_since', 'pit_rank', 'origin_rank', 'source_url']) }}

),

states as (

    select
        found.date_day,
        found.series_id,
        case
            when {{ add_days('found.newest_since::date', 'declared.stale_after_days') }} >= found.date_day then found.value
        end as value,
        case
            when found.value is null then 'withdrawn'
            when {{ add_days('found.newest_since::date', 'declared.stale_after_days') }} < found.date_day then 'stale'
        end as null_reason,
        found.period_end,
        {{ days_between('found.period_end', 'found.date_day') }} as age_days,
        found.pit_rank,
        found.origin_rank,
        found.source_url,
        found.newest_since,
        found.cutoff_at
    from found
    inner join declared on found.series_id = declared.series_id

)

select * from states
