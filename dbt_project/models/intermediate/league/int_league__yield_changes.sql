{#- Change of the ten-year real yield between trading days, by version. -#}
with yields as (

    select
        period_end as yield_date,
        value as yield_pct,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        known_at,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before
    from {{ ref('fct_observations') }}
    where series_id = 'real_yield_10y'

),

offsets as (

    select {{ days_between("date '2000-01-01'", 'date_day') }} as days_apart
    from ({{ days_from('2000-01-02', '2000-01-08') }}) as week

),

earlier as (

    select
        yields.*,
        {{ add_days('yields.yield_date', '-offsets.days_apart') }} as earlier_date
    from yields
    cross join offsets

),

changes as (  -- a version of the day meets those versions of the day before that were known in its time

    select
        earlier.yield_date,
        earlier.yield_pct - before.yield_pct as yield_change_pp,
        greatest(earlier.pit_rank, before.pit_rank) as pit_rank,
        greatest(earlier.origin_rank, before.origin_rank) as origin_rank,
        before.yield_date as previous_date,
        greatest(earlier.known_at, before.known_at) as known_at,
        least(earlier.known_before, before.known_before) as known_before
    from earlier
    inner join yields as before on earlier.earlier_date = before.yield_date
    where greatest(earlier.known_at, before.known_at) < least(earlier.known_before, before.known_before)

)

select * from changes
