with landed as (

    {{ versions_of(source('deribit', 'liquidations'), ['currency', 'trade_id']) }}

),

versions as (

    select
        ---------- keys
        currency,
        trade_id,

        ---------- dimensions
        venue,
        instrument_name,
        traded_at,
        liquidated_side,
        taker_direction,
        case
            when liquidated_side = 'MT' then 'both'
            when (liquidated_side = 'T') = (taker_direction = 'sell') then 'long'
            else 'short'
        end as liquidated_position_type,
        is_lower_bound,

        ---------- measures
        price as price_usd,
        index_price as index_price_usd,
        mark_price as mark_price_usd,
        amount_usd,

        ---------- when it was known
        known_at,
        known_until,
        ingested_at,
        pit_quality,
        _is_deleted as is_deleted,

        ---------- where it came from
        _origin,
        _source_url,
        _source_sha256

    from landed

)

select * from versions
