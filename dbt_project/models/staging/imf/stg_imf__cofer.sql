with landed as (

    {{ versions_of(source('imf', 'cofer'), ['area_code', 'indicator_code', 'currency_code', 'transformation_code', 'frequency_code', 'time_period']) }}

),

versions as (

    select
        ---------- keys
        area_code,
        indicator_code,
        currency_code,
        transformation_code,
        frequency_code,
        time_period,
        last_day(
            make_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 3, 1)
        ) as quarter_end,

        ---------- dimensions
        structure_id,
        published_at,
        -- Since the release of December 2025 (quarter 2025Q3) shares are of all reserves, with those that the IMF
        -- imputes, back to 2000Q1. What was published before is of allocated reserves alone.
        case
            when published_at >= timestamptz '2025-12-01 00:00:00+00' then 'world_with_imputations'
            when published_at is not null then 'allocated_only'
        end as methodology,

        ---------- measures
        case when transformation_code = 'SHRO_PT' then obs_value end as share_pct,
        case when transformation_code = 'NV_USD' then obs_value end as reserves_usd,

        ---------- when it was known
        known_at,
        known_until,
        ingested_at,
        pit_quality,
        _is_deleted as is_deleted,

        ---------- where it came from
        _origin,
        _source_url,
        _source_sha256

    from landed

)

select * from versions
