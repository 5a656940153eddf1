with wednesdays as (

    select * from {{ ref('int_liquidity__wednesdays') }}

),

levels as (

    select
        period_end::date as period_end,

        ---------- levels
        fed_total_assets::double as fed_total_assets_usd_bn,
        tga_wednesday::double as tga_usd_bn,
        rrp::double as rrp_usd_bn,
        reverse_repo_all::double as reverse_repo_all_usd_bn,
        reverse_repo_foreign::double as reverse_repo_foreign_usd_bn,
        bank_reserves::double as bank_reserves_usd_bn,
        bank_reserves_week_average::double as bank_reserves_week_average_usd_bn,
        factors_supplying::double as factors_supplying_usd_bn,
        factors_absorbing::double as factors_absorbing_usd_bn,

        ---------- what is worked out of them
        net_liquidity::double as net_liquidity_usd_bn,
        net_liquidity_null_reason::varchar as net_liquidity_null_reason,
        net_liquidity_incl_foreign_rrp::double as net_liquidity_incl_foreign_rrp_usd_bn,
        net_liquidity_incl_foreign_rrp_null_reason::varchar as net_liquidity_incl_foreign_rrp_null_reason,
        reserves_identity_residual::double as reserves_identity_residual_usd_bn,

        ---------- when it was known
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'origin_rank') }}::varchar as origin
    from wednesdays

)

select * from levels
