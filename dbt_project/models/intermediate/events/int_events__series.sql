{#- What events are held against, by day, as known best by now. Crypto's rows are of every day, the others' of trading days. -#}
with closes as (

    select * from {{ ref('fct_crypto_prices_daily') }}
    where asset = 'BTC' and known_until is null

),

stated as (

    select * from {{ ref('fct_observations') }}
    where series_id in ('ofr_fsi', 'yield_10y', 'real_yield_10y', 'rrp') and known_until is null

),

combined as (

    select
        'btc_close' as series_id,
        price_date as date_day,
        100 * ln(close_usd::double) as value,  -- log points: a fall counts the same from any height
        'log_pct' as unit,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at
    from closes
    union all
    select
        series_id,
        period_end as date_day,
        case when unit = 'percent' then 100 * value else value end as value,
        case when unit = 'percent' then 'bp' else unit end as unit,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at
    from stated

)

select * from combined
