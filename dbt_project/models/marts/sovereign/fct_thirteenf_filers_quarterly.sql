with instants as (

    select * from {{ ref('int_sovereign__thirteenf_instants') }}

),

filers as (

    select * from {{ ref('thirteenf_filers') }}

),

books as (

    select * from {{ ref('int_sovereign__thirteenf_books') }}

),

values_now as (

    select
        instants.entity_id,
        instants.quarter_end,
        instants.known_at,
        sum(case when books.position_kind in ('shares', 'principal') then books.value_usd end) as value_usd,
        sum(case when books.position_kind in ('put', 'call') then books.value_usd end) as option_notional_usd,
        count(case when books.position_kind in ('shares', 'principal') then 1 end) as position_count,
        max(books.is_confidential_omitted) as is_confidential_omitted
    from instants
    inner join books
        on
            instants.entity_id = books.entity_id
            and instants.quarter_end = books.quarter_end
            and {{ known_then('books', 'instants.known_at') }}
    group by instants.entity_id, instants.quarter_end, instants.known_at

),

flows as (

    select
        entity_id,
        quarter_end,
        known_at,
        count(*) as pair_count,
        count(active_flow_usd) as flow_count,
        sum(value_before_usd) as value_before_usd,
        sum(price_effect_usd) as price_effect_usd,
        sum(active_flow_usd) as active_flow_usd,
        sum(active_flow_mid_usd) as active_flow_mid_usd,
        sum(case when position_state = 'exit' then value_before_usd else 0 end) as exited_value_usd,
        count(case when position_state = 'new' then 1 end) as new_count,
        count(case when position_state = 'exit' then 1 end) as exit_count,
        count(case when is_lowest_conviction_exit then 1 end) as lowest_conviction_exit_count,
        max(null_reason) as position_null_reason
    from {{ ref('int_sovereign__thirteenf_flow_states') }}
    group by entity_id, quarter_end, known_at

),

states as (  -- what an addition alone says of a quarter is no book

    select
        instants.entity_id,
        instants.quarter_end,
        case when instants.is_now_known then values_now.value_usd end as value_usd,
        values_now.option_notional_usd,
        values_now.position_count,
        values_now.is_confidential_omitted,
        flows.value_before_usd,
        flows.pair_count,
        flows.flow_count,
        flows.exited_value_usd,
        flows.new_count,
        flows.exit_count,
        flows.lowest_conviction_exit_count,
        case when flows.flow_count = flows.pair_count then flows.price_effect_usd end as price_effect_usd,
        case when flows.flow_count = flows.pair_count then flows.active_flow_usd end as active_flow_usd,
        case when flows.flow_count = flows.pair_count then flows.active_flow_mid_usd end as active_flow_mid_usd,
        case
            when not instants.is_now_known then 'missing_input: report'
            when instants.is_before_known is null or not instants.is_before_known then 'missing_input: report_before'
            when flows.pair_count is null then 'no_positions'
            else flows.position_null_reason
        end as null_reason,
        instants.pit_rank,
        instants.origin_rank,
        instants.source_url,
        instants.known_at,
        instants.known_until
    from instants
    inner join values_now
        on
            instants.entity_id = values_now.entity_id
            and instants.quarter_end = values_now.quarter_end
            and instants.known_at = values_now.known_at
    left join flows
        on
            instants.entity_id = flows.entity_id
            and instants.quarter_end = flows.quarter_end
            and instants.known_at = flows.known_at

),

totals as (

    select
        states.entity_id::varchar as entity_id,
        filers.name::varchar as filer_name,
        filers.country_code::varchar as country_code,
        states.quarter_end::date as quarter_end,
        (states.value_usd::double / 1e9)::double as value_usd_bn,
        (states.option_notional_usd::double / 1e9)::double as option_notional_usd_bn,
        states.position_count::integer as position_count,
        (states.value_before_usd::double / 1e9)::double as value_before_usd_bn,
        (states.price_effect_usd::double / 1e9)::double as price_effect_usd_bn,
        (states.active_flow_usd::double / 1e9)::double as active_flow_usd_bn,
        (states.active_flow_mid_usd::double / 1e9)::double as active_flow_mid_usd_bn,
        (states.exited_value_usd::double / 1e9)::double as exited_value_usd_bn,
        states.new_count::integer as new_count,
        states.exit_count::integer as exit_count,
        states.lowest_conviction_exit_count::integer as lowest_conviction_exit_count,
        (states.lowest_conviction_exit_count::double / nullif(states.exit_count, 0))::double
            as lowest_conviction_sold_ratio,
        states.is_confidential_omitted::boolean as is_confidential_omitted,
        states.null_reason::varchar as null_reason,
        {{ word_of('pit_quality', 'states.pit_rank') }}::varchar as pit_quality,
        states.known_at::timestamptz as known_at,
        states.known_until::timestamptz as known_until,
        states.source_url::varchar as source_url,
        {{ word_of('origin', 'states.origin_rank') }}::varchar as origin
    from states
    inner join filers on states.entity_id = filers.entity_id

)

select * from totals
