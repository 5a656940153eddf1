with landed as (

    {{ versions_of(source('bea', 'gdp'), ['series_code', 'period']) }}

),

versions as (

    select
        ---------- keys
        series_code,
        period,
        last_day(make_date(left(period, 4)::integer, right(period, 1)::integer * 3, 1)) as quarter_end,

        ---------- measures
        case when series_code = 'A191RC' then (value_usd_mn / 1000)::decimal(18, 6) end as gdp_usd_bn,
        case when series_code = 'A006RC' then (value_usd_mn / 1000)::decimal(18, 6) end as private_investment_usd_bn,
        case when series_code = 'A007RC' then (value_usd_mn / 1000)::decimal(18, 6) end as private_fixed_investment_usd_bn,

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
