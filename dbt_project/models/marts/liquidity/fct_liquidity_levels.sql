with observations as (

    select * from {{ ref('fct_observations') }}

),

levels as (

    select
        case series_id when 'tga_daily' then 'treasury_general_account' else series_id end::varchar as level_id,
        period_end::date as period_end,
        value::double as level_usd_bn,
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,
        source_url::varchar as source_url,
        origin::varchar as origin
    from observations
    where series_id in ('fed_total_assets', 'bank_reserves', 'bank_reserves_week_average', 'tga_daily', 'rrp')

)

select * from levels
