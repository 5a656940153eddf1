{{ config(meta={'known_since': 'known_at'}, unique_key=['asset', 'liquidation_date']) }}
{#- A day is told once it is over; what becomes known of it later adds to it. -#}
{%- set firsts = [first_landed(['deribit.liquidations', 'okx.liquidations']), first_replaced('liquidation_date')] -%}
with contract_sizes as (  -- coins in one contract, as the venue lists them

    select
        'BTC-USDT-SWAP' as instrument_name,
        'BTC' as asset,
        0.01 as contract_coins
    union all
    select
        'ETH-USDT-SWAP' as instrument_name,
        'ETH' as asset,
        0.1 as contract_coins

),

events as (

    select
        currency as asset,
        venue,
        {{ utc_date('traded_at') }} as liquidation_date,
        liquidated_position_type,
        amount_usd::decimal(28, 4) as amount_usd,
        pit_quality,
        _origin as origin,
        _source_url as source_url,
        known_at,
        known_until
    from {{ ref('stg_deribit__liquidations') }}
    where not is_deleted {{ and_about(utc_date('traded_at'), firsts) }}
    union all
    select
        coalesce(contract_sizes.asset, left(liquidations.instrument_name, 3)) as asset,
        liquidations.venue,
        {{ utc_date('liquidations.liquidated_at') }} as liquidation_date,
        liquidations.liquidated_position_type,
        (
            liquidations.size_contracts::double
            * contract_sizes.contract_coins::double
            * liquidations.bankruptcy_price_usd::double
        )::decimal(28, 4) as amount_usd,
        liquidations.pit_quality,
        liquidations._origin as origin,
        liquidations._source_url as source_url,
        liquidations.known_at,
        liquidations.known_until
    from {{ ref('stg_okx__liquidations') }} as liquidations
    left join contract_sizes on liquidations.instrument_name = contract_sizes.instrument_name
    where not liquidations.is_deleted {{ and_about(utc_date('liquidations.liquidated_at'), firsts) }}

),

amounts as (  -- where both sides of a trade were liquidated, a long and a short position were

    select
        *,
        {{ start_of_utc_day(add_days('liquidation_date', 1)) }} as over_at,
        case when liquidated_position_type in ('long', 'both') then amount_usd else 0 end as long_usd,
        case when liquidated_position_type in ('short', 'both') then amount_usd else 0 end as short_usd
    from events

),

steps as (

    {% for sign, instant in [(1, 'known_at'), (-1, 'known_until')] -%}
    select
        asset,
        liquidation_date,
        greatest({{ instant }}, over_at) as known_at,
        {{ sign }} * long_usd as long_usd,
        {{ sign }} * short_usd as short_usd,
        {{ sign }} as events,
        case when amount_usd is null then 0 else {{ sign }} end as valued_events,
        case when venue = 'deribit' then {{ sign }} else 0 end as deribit_events,
        case when venue = 'okx' then {{ sign }} else 0 end as okx_events,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url
    from amounts
    {%- if instant == 'known_until' %}
    where known_until is not null
    {%- else %}
    union all
    {% endif %}
    {%- endfor %}

),

instants as (

    select
        asset,
        liquidation_date,
        known_at,
        sum(long_usd) as long_usd,
        sum(short_usd) as short_usd,
        sum(events) as events,
        sum(valued_events) as valued_events,
        sum(deribit_events) as deribit_events,
        sum(okx_events) as okx_events,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url
    from steps
    group by asset, liquidation_date, known_at

),

sums as (

    select
        asset,
        liquidation_date,
        known_at,
        {% for amount in ['long_usd', 'short_usd', 'events', 'valued_events', 'deribit_events', 'okx_events'] -%}
        sum({{ amount }}) over so_far as {{ amount }},
        {% endfor -%}
        max(pit_rank) over so_far as pit_rank,
        max(origin_rank) over so_far as origin_rank,
        max(source_url) over so_far as source_url
    from instants
    window
        so_far as (
            partition by asset, liquidation_date order by known_at rows between unbounded preceding and current row
        )

),

days as (

    select
        asset,
        liquidation_date,
        case when valued_events > 0 then long_usd::double end as long_usd,
        case when valued_events > 0 then (long_usd + short_usd)::double end as total_usd,
        valued_events / events::double as valued_share,
        case
            when deribit_events > 0 and okx_events > 0 then 'deribit, okx'
            when deribit_events > 0 then 'deribit'
            when okx_events > 0 then 'okx'
        end as venue_set,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        lead(known_at) over (partition by asset, liquidation_date order by known_at) as known_until
    from sums
    qualify events > 0

)

select * from days
