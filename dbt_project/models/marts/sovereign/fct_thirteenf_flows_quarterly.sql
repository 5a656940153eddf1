with flow_states as (

    select * from {{ ref('int_sovereign__thirteenf_flow_states') }}

),

filers as (

    select * from {{ ref('thirteenf_filers') }}

),

changes_of_book as (

    {{ instants_of('flow_states', ['entity_id', 'quarter_end']) }}

),

positions as (

    select distinct
        entity_id,
        quarter_end,
        cusip,
        position_kind
    from flow_states

),

states as (

    select
        positions.entity_id,
        positions.quarter_end,
        positions.cusip,
        positions.position_kind,
        flow_states.cusip_before,
        flow_states.issuer_name,
        flow_states.class_title,
        flow_states.position_state,
        flow_states.quantity_before,
        flow_states.quantity,
        flow_states.price_before_usd,
        flow_states.price_usd,
        flow_states.split_factor,
        flow_states.value_before_usd,
        flow_states.value_usd,
        flow_states.change_usd,
        flow_states.price_effect_usd,
        flow_states.active_flow_usd,
        flow_states.active_flow_mid_usd,
        flow_states.size_tercile,
        flow_states.is_valued_at_last_price,
        flow_states.is_lowest_conviction_exit,
        flow_states.null_reason,
        flow_states.pit_rank,
        flow_states.origin_rank,
        flow_states.source_url,
        changes_of_book.known_at
    from positions
    inner join changes_of_book
        on
            positions.entity_id = changes_of_book.entity_id
            and positions.quarter_end = changes_of_book.quarter_end
    left join flow_states
        on
            positions.entity_id = flow_states.entity_id
            and positions.quarter_end = flow_states.quarter_end
            and positions.cusip = flow_states.cusip
            and positions.position_kind = flow_states.position_kind
            and {{ known_then('flow_states', 'changes_of_book.known_at') }}

),

changes as (

    select * from states
    window
        position_states as (
            partition by entity_id, quarter_end, cusip, position_kind order by known_at
        )
    qualify {{ differs_from_previous([
        'position_state', 'cusip_before', 'quantity_before', 'quantity', 'value_before_usd', 'value_usd',
        'split_factor', 'price_effect_usd', 'active_flow_usd', 'size_tercile', 'null_reason', 'pit_rank',
        'origin_rank',
    ], 'position_states') }}

),

versions as (

    select
        *,
        lead(known_at) over (
            partition by entity_id, quarter_end, cusip, position_kind order by known_at
        ) as known_until
    from changes

),

flows as (

    select
        versions.entity_id::varchar as entity_id,
        filers.name::varchar as filer_name,
        filers.country_code::varchar as country_code,
        versions.quarter_end::date as quarter_end,
        versions.cusip::varchar as cusip,
        versions.cusip_before::varchar as cusip_before,
        versions.issuer_name::varchar as issuer_name,
        versions.class_title::varchar as class_title,
        versions.position_kind::varchar as position_kind,
        versions.position_state::varchar as position_state,
        versions.quantity_before::decimal(20, 2) as shares_before,
        versions.quantity::decimal(20, 2) as shares,
        versions.price_before_usd::double as price_before_usd,
        versions.price_usd::double as price_usd,
        versions.split_factor::double as split_factor,
        versions.value_before_usd::decimal(28, 2) as value_before_usd,
        versions.value_usd::decimal(28, 2) as value_usd,
        versions.change_usd::decimal(28, 2) as change_usd,
        versions.price_effect_usd::decimal(28, 2) as price_effect_usd,
        versions.active_flow_usd::decimal(28, 2) as active_flow_usd,
        versions.active_flow_mid_usd::decimal(28, 2) as active_flow_mid_usd,
        versions.size_tercile::integer as size_tercile,
        versions.is_valued_at_last_price::boolean as is_valued_at_last_price,
        versions.is_lowest_conviction_exit::boolean as is_lowest_conviction_exit,
        versions.null_reason::varchar as null_reason,
        {{ word_of('pit_quality', 'versions.pit_rank') }}::varchar as pit_quality,
        versions.known_at::timestamptz as known_at,
        versions.known_until::timestamptz as known_until,
        versions.source_url::varchar as source_url,
        {{ word_of('origin', 'versions.origin_rank') }}::varchar as origin
    from versions
    inner join filers on versions.entity_id = filers.entity_id
    where versions.position_state is not null

)

select * from flows
