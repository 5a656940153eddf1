-- What foreign officials bought of Treasuries in a month: published, else estimated from what they hold.
with flows as (

    select * from {{ ref('fct_sovereign_treasury_flows_monthly') }}
    where entity_id = 'foreign_official'

),

versions as (

    select
        month_end,
        active_flow_usd_bn as foreign_official_net_purchases_usd_bn,
        null_reason,
        known_at,
        known_until,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        flow_basis,
        source_url
    from flows

)

select * from versions
