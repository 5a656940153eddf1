with landed as (

    {{
        versions_of(source('okx', 'liquidations'), [
            'instrument_name',
            'liquidated_at',
            'position_type',
            'order_side',
            'bankruptcy_price',
            'size_contracts',
            'occurrence'
        ])
    }}

),

versions as (

    select
        ---------- keys
        instrument_name,
        liquidated_at,
        position_type,
        order_side,
        bankruptcy_price as bankruptcy_price_usd,
        size_contracts,
        occurrence,

        ---------- dimensions
        venue,
        instrument_family,
        case when position_type = 'net' then if(order_side = 'sell', 'long', 'short') else position_type end as liquidated_position_type,
        is_lower_bound,
        snapshot_at,

        ---------- measures
        bankruptcy_loss,

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
