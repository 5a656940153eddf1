with changes as (

    select * from {{ ref('int_liquidity__changes') }}

),

flows as (

    select * from {{ ref('int_flows__windows') }}
    where anchor = 'wednesday'

),

money_funds as (

    select
        date_day,
        mmf_total
    from {{ ref('int_liquidity__days') }}

),

joined as (  -- a week is complete at the cut-off of the Monday after it; what the drain was then is not revised

    select
        changes.*,
        flows.treasury_net_new_cash,
        flows.ai_external_funding,
        now.mmf_total,
        now.mmf_total - before.mmf_total as mmf_change,
        -- redemptions that the Treasury had to sell again are in the stock already
        greatest(-changes.treasuries_change, 0) + 0 * changes.treasuries_change as soma_refinancing,
        greatest(changes.pit_rank, coalesce(flows.pit_rank, 1)) as worst_pit_rank,
        greatest(changes.origin_rank, coalesce(flows.origin_rank, 1)) as worst_origin_rank,
        greatest(changes.known_at, flows.seen_at) as complete_at
    from changes
    inner join flows
        on changes.period_end = flows.period_end and changes.horizon_weeks = flows.horizon_weeks
    left join money_funds as now on changes.period_end = {{ add_days('now.date_day', -5) }}
    left join money_funds as before on changes.window_start = {{ add_days('before.date_day', -5) }}
    where changes.known_until is null or changes.known_until > flows.seen_at

),

with_drain as (

    select
        *,
        treasury_net_new_cash - soma_refinancing + ai_external_funding as drain,
        net_liquidity + mmf_total as water_level,
        net_liquidity_change + mmf_change as water_change,
        {{ missing_inputs(['treasury_net_new_cash', 'soma_refinancing', 'ai_external_funding']) }} as drain_null_reason,
        {{ known_share(['treasury_net_new_cash', 'soma_refinancing', 'ai_external_funding']) }} as drain_known_share,
        {{ missing_inputs(['net_liquidity', 'mmf_total']) }} as water_level_null_reason
    from joined

),

with_residual as (

    select
        *,
        water_change - (stock + pipe - drain) as residual,
        abs(stock) + abs(pipe) + abs(drain) as turnover
    from with_drain

),

bathtub as (

    select
        ---------- keys
        period_end::date as period_end,
        horizon_weeks::integer as horizon_weeks,
        window_start::date as window_start,

        ---------- the level
        net_liquidity::double as net_liquidity_usd_bn,
        water_level::double as water_level_usd_bn,
        net_liquidity_change::double as net_liquidity_change_usd_bn,
        mmf_change::double as mmf_change_usd_bn,
        water_change::double as water_change_usd_bn,

        ---------- stock: the amount of water
        soma_coupons::double as soma_coupons_usd_bn,
        other_bills::double as other_bills_usd_bn,
        mbs::double as mbs_usd_bn,
        loans_and_repo::double as loans_and_repo_usd_bn,
        other_assets::double as other_assets_usd_bn,
        stock::double as stock_usd_bn,

        ---------- pipe: what flows in
        rmp_bills::double as rmp_bills_usd_bn,
        rrp_drawdown::double as rrp_drawdown_usd_bn,
        tga_drawdown::double as tga_drawdown_usd_bn,
        pipe::double as pipe_usd_bn,

        ---------- drain: what flows out
        treasury_net_new_cash::double as treasury_net_new_cash_usd_bn,
        soma_refinancing::double as soma_refinancing_usd_bn,
        ai_external_funding::double as ai_external_funding_usd_bn,
        drain::double as drain_usd_bn,

        ---------- and how well it adds up
        residual::double as residual_usd_bn,
        (abs(stock) / nullif(turnover, 0))::double as stock_share_ratio,
        (abs(pipe) / nullif(turnover, 0))::double as pipe_share_ratio,
        (abs(drain) / nullif(turnover, 0))::double as drain_share_ratio,
        (abs(residual) > 0.5 * turnover)::boolean as is_unexplained,

        ---------- what is missing
        net_liquidity_change_null_reason::varchar as net_liquidity_change_null_reason,
        net_liquidity_change_known_share::double as net_liquidity_change_coverage_ratio,
        stock_null_reason::varchar as stock_null_reason,
        stock_known_share::double as stock_coverage_ratio,
        pipe_null_reason::varchar as pipe_null_reason,
        pipe_known_share::double as pipe_coverage_ratio,
        drain_null_reason::varchar as drain_null_reason,
        drain_known_share::double as drain_coverage_ratio,
        water_level_null_reason::varchar as water_level_null_reason,
        case
            when residual is not null then null
            when stock_null_reason is not null then stock_null_reason
            when pipe_null_reason is not null then pipe_null_reason
            when drain_null_reason is not null then drain_null_reason
            else 'missing_input: mmf_change'
        end::varchar as residual_null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'worst_pit_rank') }}::varchar as pit_quality,
        complete_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'worst_origin_rank') }}::varchar as origin
    from with_residual

)

select * from bathtub
