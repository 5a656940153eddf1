with landed as (

    {{ versions_of(source('bis', 'global_liquidity'), ['frequency_code', 'currency_code', 'borrower_area_code', 'borrower_sector_code', 'lender_sector_code', 'position_code', 'instrument_code', 'measure_code', 'time_period']) }}

),

versions as (

    select
        ---------- keys
        frequency_code,
        currency_code,
        borrower_area_code,
        borrower_sector_code,
        lender_sector_code,
        position_code,
        instrument_code,
        measure_code,
        time_period,
        last_day(
            make_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 3, 1)
        ) as quarter_end,

        ---------- dimensions
        title,
        obs_status_code,
        confidentiality_code,

        ---------- measures
        case when measure_code = 'USD' and unit_exponent = 6 then obs_value end as credit_usd_mn,
        case when measure_code = 'USD' and unit_exponent = 6 then obs_pre_break end as credit_before_break_usd_mn,
        case when measure_code = '771' then obs_value end as growth_yoy_pct,

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
