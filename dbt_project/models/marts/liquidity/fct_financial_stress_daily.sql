with versions as (

    select * from {{ ref('stg_ofr__financial_stress') }}
    where not is_deleted

),

days as (

    select
        observation_date::date as observation_date,
        {% for part in [
            'ofr_fsi', 'credit', 'equity_valuation', 'safe_assets', 'funding', 'volatility',
            'united_states', 'other_advanced_economies', 'emerging_markets',
        ] -%}
        {{ part }}_points::double as {{ part }}_points,
        {% endfor -%}
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,
        _source_url::varchar as source_url,
        _origin::varchar as origin
    from versions

)

select * from days
