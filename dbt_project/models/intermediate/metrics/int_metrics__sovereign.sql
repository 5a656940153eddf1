with treasury_flows as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank
    from {{ ref('fct_sovereign_treasury_flows_monthly') }}

),

books as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        {{ add_months(add_days('quarter_end', 1), -3) }} as quarter_start
    from {{ ref('fct_thirteenf_filers_quarterly') }}

),

covers as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank
    from {{ ref('fct_commitments_vs_capacity') }}

),

sales as (

    select
        *,
        {{ utc_date("announced_at - interval '5' hour") }} as announced_on,
        case announced_precision when 'minute' then 1 else 2 end as pit_rank,
        {{ rank_of('origin', "'documented'") }} as origin_rank
    from {{ ref('events') }}
    where event_type = 'asset_sale' and currency = 'USD'

),

members as (  -- SoftBank files too, but is a corporate and no sovereign

    select * from {{ ref('thirteenf_filers') }}
    where entity_id <> 'softbank'

),

changes as (

    select
        quarter_end,
        known_at
    from books
    where entity_id <> 'softbank'
    union
    select
        quarter_end,
        known_until as known_at
    from books
    where entity_id <> 'softbank' and known_until is not null

),

group_members as (

    select
        changes.quarter_end,
        changes.known_at,
        members.entity_id,
        books.active_flow_usd_bn,
        books.exit_count,
        books.lowest_conviction_exit_count,
        books.pit_rank,
        books.origin_rank,
        books.source_url
    from changes
    inner join members
        on
            members.valid_from <= changes.quarter_end
            and (members.valid_to is null or members.valid_to >= changes.quarter_end)
    left join books
        on
            members.entity_id = books.entity_id
            and changes.quarter_end = books.quarter_end
            and {{ known_then('books', 'changes.known_at') }}

),

group_totals as (  -- over fewer members it is no value, only a numerator; with no member left it is withdrawn

    select
        quarter_end,
        {{ add_months(add_days('quarter_end', 1), -3) }} as quarter_start,
        sum(active_flow_usd_bn::decimal(28, 12))::double as active_flow_usd_bn,
        sum(case when active_flow_usd_bn is not null then exit_count end) as exit_count,
        sum(case when active_flow_usd_bn is not null then lowest_conviction_exit_count end)
            as lowest_conviction_exit_count,
        count(active_flow_usd_bn)::double / count(*) as coverage,
        {{ joined_text('case when active_flow_usd_bn is null then entity_id end') }} as missing_members,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url,
        known_at,
        lead(known_at) over (partition by quarter_end order by known_at) as withdrawn_at
    from group_members
    group by quarter_end, known_at
    qualify count(pit_rank) > 0

),

group_states as (

    select
        *,
        case when coverage < 1 then 'missing_members: ' || missing_members end as null_reason
    from group_totals

),

observations as (

    select
        'tic_active_flow' as metric_id,
        entity_type,
        entity_id,
        'month' as grain,
        date_trunc('month', month_end)::date as period_start,
        month_end as period_end,
        active_flow_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        case
            when active_flow_usd_bn is not null then 1.0
            else
                (
                    1
                    + case when holdings_before_usd_bn is not null then 1 else 0 end
                    + case when price_effect_usd_bn is not null then 1 else 0 end
                ) / 3.0
        end as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from treasury_flows
    union all
    select
        'tic_price_effect' as metric_id,
        entity_type,
        entity_id,
        'month' as grain,
        date_trunc('month', month_end)::date as period_start,
        month_end as period_end,
        price_effect_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        case
            when price_effect_usd_bn is not null then 1.0
            when holdings_before_usd_bn is not null then 0.5
            else 0.0
        end as coverage,
        case
            when price_effect_usd_bn is null
                then case when flow_basis = 'published' then 'missing_input: valuation_change' else null_reason end
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from treasury_flows
    union all
    select
        'sovereign_active_flow' as metric_id,
        'fund' as entity_type,
        entity_id,
        'quarter' as grain,
        quarter_start as period_start,
        quarter_end as period_end,
        active_flow_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        case when null_reason is null then 1.0 else 0.5 end as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from books
    union all
    select
        'sovereign_active_flow' as metric_id,
        'system' as entity_type,
        'sovereign' as entity_id,
        'quarter' as grain,
        quarter_start as period_start,
        quarter_end as period_end,
        case when coverage = 1 then active_flow_usd_bn end as value,
        active_flow_usd_bn as numerator,
        null::double as denominator,
        coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from group_states
    union all
    select
        'pif_13f_value' as metric_id,
        'fund' as entity_type,
        entity_id,
        'quarter' as grain,
        quarter_end as period_start,
        quarter_end as period_end,
        value_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        case when value_usd_bn is null then 0.0 else 1.0 end as coverage,
        case
            when value_usd_bn is null
                then case null_reason when 'missing_input: report' then null_reason else 'no_positions' end
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from books
    where entity_id = 'pif'
    union all
    select
        'sovereign_exit_count' as metric_id,
        'fund' as entity_type,
        entity_id,
        'quarter' as grain,
        quarter_start as period_start,
        quarter_end as period_end,
        case when null_reason is null then exit_count::double end as value,
        null::double as numerator,
        null::double as denominator,
        case when null_reason is null then 1.0 else 0.5 end as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from books
    union all
    select
        'sovereign_exit_count' as metric_id,
        'system' as entity_type,
        'sovereign' as entity_id,
        'quarter' as grain,
        quarter_start as period_start,
        quarter_end as period_end,
        case when coverage = 1 then exit_count::double end as value,
        exit_count::double as numerator,
        null::double as denominator,
        coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from group_states
    union all
    select
        'lowest_conviction_sold' as metric_id,
        'fund' as entity_type,
        entity_id,
        'quarter' as grain,
        quarter_start as period_start,
        quarter_end as period_end,
        case when null_reason is null then lowest_conviction_sold_ratio end as value,
        lowest_conviction_exit_count::double as numerator,
        exit_count::double as denominator,
        case when null_reason is null then 1.0 else 0.5 end as coverage,
        coalesce(null_reason, case when exit_count = 0 then 'no_exits' end) as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at,
        'default' as parameter_set
    from books
    union all
    select
        'lowest_conviction_sold' as metric_id,
        'system' as entity_type,
        'sovereign' as entity_id,
        'quarter' as grain,
        quarter_start as period_start,
        quarter_end as period_end,
        case when coverage = 1 then lowest_conviction_exit_count::double / nullif(exit_count, 0)::double end as value,
        lowest_conviction_exit_count::double as numerator,
        exit_count::double as denominator,
        coverage,
        coalesce(null_reason, case when exit_count = 0 then 'no_exits' end) as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from group_states
    union all
    select
        'commitment_undrawn' as metric_id,
        entity_type,
        entity_id,
        'announcement' as grain,
        as_of_date as period_start,
        as_of_date as period_end,
        undrawn_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        coalesce(draw_known_count::double / nullif(commitment_count, 0), 0.0) as coverage,
        case
            when commitment_count = 0 then 'no_commitments_on_record'
            when undrawn_usd_bn is null then 'missing_input: drawn_to_date'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_urls as source_url,
        known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from covers
    where parameter_set = 'default'
    union all
    select
        'commitment_run_rate' as metric_id,
        entity_type,
        entity_id,
        'announcement' as grain,
        as_of_date as period_start,
        as_of_date as period_end,
        commitment_run_rate_usd_bn as value,
        known_run_rate_usd_bn as numerator,
        null::double as denominator,
        coalesce(rated_share_ratio, 0.0) as coverage,
        run_rate_null_reason as null_reason,
        pit_rank,
        origin_rank,
        source_urls as source_url,
        known_at,
        null::timestamptz as withdrawn_at,
        parameter_set
    from covers
    union all
    select
        'commitment_cover' as metric_id,
        entity_type,
        entity_id,
        'announcement' as grain,
        as_of_date as period_start,
        as_of_date as period_end,
        cover_ratio as value,
        capacity_on_record_usd_bn as numerator,
        next_12m_commitments_usd_bn as denominator,
        case
            when next_12m_commitments_usd_bn is null then capacity_known_ratio * 3 / 4
            else (1 + capacity_known_ratio * 3) / 4
        end as coverage,
        cover_null_reason as null_reason,
        pit_rank,
        origin_rank,
        source_urls as source_url,
        known_at,
        null::timestamptz as withdrawn_at,
        parameter_set
    from covers
    union all
    select
        'commitment_cover_on_record' as metric_id,
        entity_type,
        entity_id,
        'announcement' as grain,
        as_of_date as period_start,
        as_of_date as period_end,
        cover_on_record_ratio as value,
        capacity_on_record_usd_bn as numerator,
        next_12m_commitments_usd_bn as denominator,
        case
            when next_12m_commitments_usd_bn is null then capacity_known_ratio * 3 / 4
            else (1 + capacity_known_ratio * 3) / 4
        end as coverage,
        case
            when run_rate_null_reason is not null then run_rate_null_reason
            when next_12m_commitments_usd_bn = 0 then 'denominator_not_positive'
            when capacity_on_record_usd_bn is null then 'missing_input: capacity'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_urls as source_url,
        known_at,
        null::timestamptz as withdrawn_at,
        parameter_set
    from covers
    union all
    select
        'disclosed_asset_sales' as metric_id,
        entity_type,
        entity_id,
        'announcement' as grain,
        announced_on as period_start,
        announced_on as period_end,
        sum(amount_usd_bn)::double as value,
        null::double as numerator,
        null::double as denominator,
        1.0 as coverage,
        null as null_reason,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url,
        max(announced_at) as known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from sales
    group by entity_type, entity_id, announced_on

)

select * from observations
