-- What a filer did to each position in a quarter, at each instant at which both ends of it are known.
--   change = price effect + active flow;  active flow = (q1 - q0 * f) * p1;  price effect = q0 * f * (p1 - p0 / f)
-- with q shares, p price (value over shares) and f shares after a split per share before it. Values are whole dollars,
-- so the flow is rounded to cents and the price effect is the exact remainder.
with instants as (

    select * from {{ ref('int_sovereign__thirteenf_instants') }}
    where is_now_known and is_before_known

),

books as (

    select
        *,
        upper(trim(issuer_name)) as issuer_key,
        upper(trim(class_title)) as class_key
    from {{ ref('int_sovereign__thirteenf_books') }}
    where position_kind in ('shares', 'principal')

),

positions_now as (

    select
        instants.entity_id,
        instants.quarter_end,
        instants.known_at,
        books.cusip,
        books.position_kind,
        books.issuer_name,
        books.class_title,
        books.issuer_key,
        books.class_key,
        books.quantity,
        books.value_usd
    from instants
    inner join books
        on
            instants.entity_id = books.entity_id
            and instants.quarter_end = books.quarter_end
            and {{ known_then('books', 'instants.known_at') }}

),

positions_before as (

    select
        instants.entity_id,
        instants.quarter_end,
        instants.known_at,
        books.cusip,
        books.position_kind,
        books.issuer_name,
        books.class_title,
        books.issuer_key,
        books.class_key,
        books.quantity,
        books.value_usd,
        ntile(3) over (
            partition by instants.entity_id, instants.quarter_end, instants.known_at
            order by books.value_usd, books.cusip, books.position_kind
        ) as size_tercile
    from instants
    inner join books
        on
            instants.entity_id = books.entity_id
            and instants.quarter_end_before = books.quarter_end
            and {{ known_then('books', 'instants.known_at') }}

),

arrivals as (

    select
        positions_now.*,
        count(*) over (
            partition by
                positions_now.entity_id, positions_now.quarter_end, positions_now.known_at,
                positions_now.issuer_key, positions_now.class_key, positions_now.position_kind
        ) as namesake_count
    from positions_now
    left join positions_before
        on
            positions_now.entity_id = positions_before.entity_id
            and positions_now.quarter_end = positions_before.quarter_end
            and positions_now.known_at = positions_before.known_at
            and positions_now.cusip = positions_before.cusip
            and positions_now.position_kind = positions_before.position_kind
    where positions_before.cusip is null

),

departures as (

    select
        positions_before.*,
        count(*) over (
            partition by
                positions_before.entity_id, positions_before.quarter_end, positions_before.known_at,
                positions_before.issuer_key, positions_before.class_key, positions_before.position_kind
        ) as namesake_count
    from positions_before
    left join positions_now
        on
            positions_before.entity_id = positions_now.entity_id
            and positions_before.quarter_end = positions_now.quarter_end
            and positions_before.known_at = positions_now.known_at
            and positions_before.cusip = positions_now.cusip
            and positions_before.position_kind = positions_now.position_kind
    where positions_now.cusip is null

),

renames as (  -- one that leaves and one that comes, of the same issuer and class: a new CUSIP, no trade

    select
        departures.entity_id,
        departures.quarter_end,
        departures.known_at,
        departures.position_kind,
        departures.cusip as cusip_before,
        arrivals.cusip
    from departures
    inner join arrivals
        on
            departures.entity_id = arrivals.entity_id
            and departures.quarter_end = arrivals.quarter_end
            and departures.known_at = arrivals.known_at
            and departures.position_kind = arrivals.position_kind
            and departures.issuer_key = arrivals.issuer_key
            and departures.class_key = arrivals.class_key
    where departures.namesake_count = 1 and arrivals.namesake_count = 1

),

linked_before as (

    select
        positions_before.*,
        coalesce(renames.cusip, positions_before.cusip) as cusip_now
    from positions_before
    left join renames
        on
            positions_before.entity_id = renames.entity_id
            and positions_before.quarter_end = renames.quarter_end
            and positions_before.known_at = renames.known_at
            and positions_before.position_kind = renames.position_kind
            and positions_before.cusip = renames.cusip_before

),

pairs as (

    select
        coalesce(positions_now.entity_id, linked_before.entity_id) as entity_id,
        coalesce(positions_now.quarter_end, linked_before.quarter_end) as quarter_end,
        coalesce(positions_now.known_at, linked_before.known_at) as known_at,
        coalesce(positions_now.cusip, linked_before.cusip) as cusip,
        case when positions_now.cusip <> linked_before.cusip then linked_before.cusip end as cusip_before,
        coalesce(positions_now.position_kind, linked_before.position_kind) as position_kind,
        coalesce(positions_now.issuer_name, linked_before.issuer_name) as issuer_name,
        coalesce(positions_now.class_title, linked_before.class_title) as class_title,
        case
            when positions_now.cusip is null then 'exit'
            when linked_before.cusip is null then 'new'
            else 'held'
        end as position_state,
        linked_before.quantity as quantity_before,
        positions_now.quantity,
        linked_before.value_usd as value_before_usd,
        positions_now.value_usd,
        linked_before.value_usd::double / nullif(linked_before.quantity, 0)::double as price_before_usd,
        positions_now.value_usd::double / nullif(positions_now.quantity, 0)::double as price_usd,
        linked_before.size_tercile
    from positions_now
    full outer join linked_before
        on
            positions_now.entity_id = linked_before.entity_id
            and positions_now.quarter_end = linked_before.quarter_end
            and positions_now.known_at = linked_before.known_at
            and positions_now.cusip = linked_before.cusip_now
            and positions_now.position_kind = linked_before.position_kind

),

factors as (

    {% for n in [1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100] -%}
    select
        {{ n }}::double as factor,
        ln({{ n }}) as log_factor
    union all
    select
        1 / {{ n }}::double as factor,
        -ln({{ n }}) as log_factor
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

splits as (  -- the shares are a clean multiple, and the price is nearer to its inverse than to what it was

    select
        pairs.entity_id,
        pairs.quarter_end,
        pairs.known_at,
        pairs.cusip,
        pairs.position_kind,
        factors.factor
    from pairs
    inner join factors
        on
            abs(ln(pairs.quantity / pairs.quantity_before) - factors.log_factor)
            <= case when abs(factors.log_factor) < ln(4) then 0.005 else 0.05 end
            and abs(ln(pairs.price_usd / pairs.price_before_usd) + factors.log_factor)
            <= least(abs(factors.log_factor) / 2, ln(2))
    where
        pairs.position_kind = 'shares'
        and pairs.quantity > 0
        and pairs.quantity_before > 0
        and pairs.value_usd > 0
        and pairs.value_before_usd > 0
    qualify row_number() over (
        partition by pairs.entity_id, pairs.quarter_end, pairs.known_at, pairs.cusip, pairs.position_kind
        order by abs(ln(pairs.quantity / pairs.quantity_before) - factors.log_factor)
    ) = 1

),

units as (  -- half of a book a twentieth or twenty times as dear as before: one of two filings is in another unit

    select
        entity_id,
        quarter_end,
        known_at,
        abs(ln(percentile_cont(0.5) within group (order by price_usd / price_before_usd))) > ln(20) as is_unit_doubtful
    from pairs
    where position_state = 'held' and price_usd > 0 and price_before_usd > 0
    group by entity_id, quarter_end, known_at

),

split_pairs as (

    select
        pairs.*,
        coalesce(splits.factor, 1) as split_factor,
        case
            when coalesce(units.is_unit_doubtful, false) then 'value_unit_doubtful'
            when pairs.position_state <> 'exit' and pairs.price_usd is null then 'missing_input: quantity'
            when pairs.position_state = 'held' and pairs.price_before_usd is null
                then 'missing_input: quantity_before'
        end as null_reason
    from pairs
    left join splits
        on
            pairs.entity_id = splits.entity_id
            and pairs.quarter_end = splits.quarter_end
            and pairs.known_at = splits.known_at
            and pairs.cusip = splits.cusip
            and pairs.position_kind = splits.position_kind
    left join units
        on
            pairs.entity_id = units.entity_id
            and pairs.quarter_end = units.quarter_end
            and pairs.known_at = units.known_at

),

active as (  -- what is sold out has no price at the quarter's end: it counts at the last one, its price effect is unknown

    select
        *,
        (coalesce(value_usd, 0) - coalesce(value_before_usd, 0))::decimal(28, 2) as change_usd,
        case
            when null_reason is not null then null
            when position_state = 'exit' then -value_before_usd
            when position_state = 'new' then value_usd
            else round(((quantity - quantity_before * split_factor) * price_usd)::decimal(28, 4), 2)
        end as active_flow_usd,
        case
            when null_reason is not null then null
            when position_state = 'exit' then -value_before_usd
            when position_state = 'new' then value_usd
            else
                round(
                    (
                        (quantity - quantity_before * split_factor)
                        * (price_before_usd / split_factor + price_usd)
                        / 2
                    )::decimal(28, 4),
                    2
                )
        end as active_flow_mid_usd
    from split_pairs

),

flows as (

    select
        active.*,
        case
            when active.null_reason is null and active.position_state <> 'exit'
                then active.change_usd - active.active_flow_usd
        end as price_effect_usd,
        active.position_state = 'exit' as is_valued_at_last_price,
        active.position_state = 'exit' and active.size_tercile = 1 as is_lowest_conviction_exit,
        instants.pit_rank,
        instants.origin_rank,
        instants.source_url,
        instants.known_until
    from active
    inner join instants
        on
            active.entity_id = instants.entity_id
            and active.quarter_end = instants.quarter_end
            and active.known_at = instants.known_at

)

select * from flows
