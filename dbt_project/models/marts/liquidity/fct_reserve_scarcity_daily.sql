{{ config(meta={'known_since': 'known_at'}) }}
with days as (

    select * from {{ ref('int_liquidity__reserve_scarcity') }}
    where true {{ and_known_since('cutoff_at') }}

),

scarcity as (

    select
        ---------- keys
        date_day::date as date_day,
        parameter_set::varchar as parameter_set,

        ---------- levels
        net_liquidity_daily::double as net_liquidity_usd_bn,
        ({{ missing_inputs(['fed_total_assets', 'tga_daily', 'rrp']) }})::varchar as net_liquidity_null_reason,
        ({{ known_share(['fed_total_assets', 'tga_daily', 'rrp']) }})::double as net_liquidity_coverage_ratio,
        bank_reserves::double as bank_reserves_usd_bn,
        bank_assets::double as bank_assets_usd_bn,
        reserve_floor::double as reserve_floor_usd_bn,
        reserve_floor_null_reason::varchar as reserve_floor_null_reason,
        excess_reserves::double as excess_reserves_usd_bn,
        excess_reserves_null_reason::varchar as excess_reserves_null_reason,
        excess_reserves_known_share::double as excess_reserves_coverage_ratio,

        ---------- signs of scarcity
        sofr::double as sofr_pct,
        iorb::double as iorb_pct,
        sofr_less_iorb_bp::double as sofr_less_iorb_bp,
        ({{ missing_inputs(['sofr', 'iorb']) }})::varchar as sofr_less_iorb_null_reason,
        sofr_less_iorb_5d_bp::double as sofr_less_iorb_5d_bp,
        srf::double as srf_usd_bn,
        (srf_at_quarter_end = 1)::boolean as is_srf_at_quarter_end,
        is_scarce::integer as reserve_scarcity_flag,
        case when is_scarce is null then signs_null_reason end::varchar as reserve_scarcity_null_reason,
        signs_known_share::double as reserve_scarcity_coverage_ratio,

        ---------- when it was known
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        cutoff_at::timestamptz as known_at,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'origin_rank') }}::varchar as origin
    from days

)

select * from scarcity
