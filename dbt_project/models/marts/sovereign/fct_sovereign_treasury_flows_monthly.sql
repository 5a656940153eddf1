with candidates as (

    select
        *,
        case
            when flow_basis = 'published' then 1
            when source_table = 'foreign_holdings' then 3
            else 2
        end as priority
    from {{ ref('int_sovereign__tic_flow_candidates') }}

),

instants as (

    {{ instants_of('candidates', ['entity_id', 'month_end']) }}

),

states as (  -- published before estimated; of the two tables of large holders the one that was revised last

    select
        instants.entity_id,
        instants.month_end,
        candidates.entity_type,
        candidates.holder_name,
        candidates.holdings_usd_bn,
        candidates.holdings_before_usd_bn,
        candidates.change_usd_bn,
        candidates.price_effect_usd_bn,
        candidates.active_flow_usd_bn,
        candidates.other_change_usd_bn,
        candidates.price_return_ratio,
        candidates.flow_basis,
        candidates.is_custody_shift,
        candidates.null_reason,
        candidates.pit_rank,
        candidates.origin_rank,
        candidates.source_url,
        instants.known_at
    from instants
    left join candidates
        on
            instants.entity_id = candidates.entity_id
            and instants.month_end = candidates.month_end
            and {{ known_then('candidates', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.entity_id, instants.month_end, instants.known_at
        order by
            candidates.priority asc,
            case when candidates.change_usd_bn is null then 1 else 0 end asc,
            candidates.known_at desc,
            candidates.source_table asc
    ) = 1

),

changes as (

    select * from states
    window month_states as (partition by entity_id, month_end order by known_at)
    qualify {{ differs_from_previous([
        'holdings_usd_bn', 'holdings_before_usd_bn', 'price_effect_usd_bn', 'active_flow_usd_bn', 'other_change_usd_bn',
        'price_return_ratio', 'flow_basis', 'is_custody_shift', 'null_reason', 'pit_rank', 'origin_rank',
    ], 'month_states') }}

),

flows as (

    select
        entity_type::varchar as entity_type,
        entity_id::varchar as entity_id,
        holder_name::varchar as holder_name,
        month_end::date as month_end,
        holdings_usd_bn::double as holdings_usd_bn,
        holdings_before_usd_bn::double as holdings_before_usd_bn,
        change_usd_bn::double as change_usd_bn,
        price_effect_usd_bn::double as price_effect_usd_bn,
        active_flow_usd_bn::double as active_flow_usd_bn,
        other_change_usd_bn::double as other_change_usd_bn,
        (price_return_ratio * 100)::double as price_return_pct,
        flow_basis::varchar as flow_basis,
        is_custody_shift::boolean as is_custody_shift,
        null_reason::varchar as null_reason,
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        (lead(known_at) over (partition by entity_id, month_end order by known_at))::timestamptz as known_until,
        source_url::varchar as source_url,
        {{ word_of('origin', 'origin_rank') }}::varchar as origin
    from changes
    qualify flow_basis is not null

)

select * from flows
