-- Versions of the levels that stand on a Wednesday: those of H.4.1, and overnight reverse repos outstanding that day.
with observations as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        {{ add_days('period_end', 1) }} as next_day
    from {{ ref('fct_observations') }}
    where
        series_id in (
            'fed_total_assets', 'fed_treasuries', 'fed_bills', 'fed_mbs', 'fed_loans', 'fed_repo', 'tga_wednesday',
            'bank_reserves', 'bank_reserves_week_average', 'reverse_repo_all', 'reverse_repo_foreign',
            'factors_supplying', 'factors_absorbing', 'rrp'
        )

),

operation_days as (

    select distinct period_end from observations
    where series_id = 'rrp'

),

tuesdays as (

    select * from observations
    where
        series_id = 'rrp'
        and extract(dow from period_end) = 2
        and (
            extract(month from next_day) * 100 + extract(day from next_day) in (101, 704, 1111, 1225)
            or (extract(month from next_day) * 100 + extract(day from next_day) = 619 and extract(year from next_day) > 2020)
        )

),

levels as (

    select
        period_end,
        series_id as input_id,
        value,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from observations
    where extract(dow from period_end) = 3
    union all
    select  -- on a Wednesday that is a holiday Tuesday's operation is still outstanding
        tuesdays.next_day as period_end,
        tuesdays.series_id as input_id,
        tuesdays.value,
        tuesdays.pit_rank,
        tuesdays.origin_rank,
        tuesdays.source_url,
        tuesdays.known_at,
        tuesdays.known_until
    from tuesdays
    left join operation_days on tuesdays.next_day = operation_days.period_end
    where operation_days.period_end is null

)

select * from levels
