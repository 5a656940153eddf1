{{ config(meta={'known_since': 'known_at'}, unique_key=['asset', 'price_date']) }}
{%- set measures = {
    'btc_drawdown': 'drawdown_ratio',
    'intraday_drawdown': 'intraday_drawdown_ratio',
    'realised_vol_30d': 'realised_vol_30d_ratio',
    'bid_absence': 'bid_absence_ratio',
    'liq_24h_usd': 'liquidated_usd_bn',
    'liq_long_share': 'liquidated_long_ratio',
    'liq_to_oi': 'liquidated_to_open_interest_ratio',
    'oi_change_24h': 'open_interest_change_24h_ratio',
    'oi_change_7d': 'open_interest_change_7d_ratio',
    'oi_change_24h_coins': 'open_interest_coins_change_24h_ratio',
    'oi_change_7d_coins': 'open_interest_coins_change_7d_ratio',
    'funding_8h': 'funding_8h_ratio',
    'funding_annual': 'funding_annual_ratio',
    'stablecoin_supply': 'stablecoin_supply_usd_bn',
    'stablecoin_growth_28d': 'stablecoin_growth_28d_ratio',
} -%}
{%- set parts = [ref('int_metrics__crypto'), ref('int_metrics__crypto_canary')] -%}
{%- set firsts = [] -%}
{%- for part in parts %}{% do firsts.append(first_changed(part, 'period_end', 'withdrawn_at')) %}{% endfor -%}
with computed as (

    {% for part in parts -%}
    select * from {{ part }}
    where true {{ and_about('period_end', firsts) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

intervals as (  -- a metric speaks until its next state or its withdrawal

    select
        metric_id,
        entity_id as asset,
        period_end as price_date,
        value,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        least(
            coalesce(
                lead(known_at) over (partition by metric_id, entity_id, period_end order by known_at),
                timestamptz '9999-12-31 00:00:00+00'
            ),
            coalesce(withdrawn_at, timestamptz '9999-12-31 00:00:00+00')
        ) as known_before
    from computed

),

coin_days as (

    select distinct
        asset,
        price_date
    from intervals
    where asset <> 'US'

),

members as (  -- what holds for all coins stands beside each

    select * from intervals
    where asset <> 'US'
    union all
    select
        intervals.metric_id,
        coin_days.asset,
        intervals.price_date,
        intervals.value,
        intervals.pit_rank,
        intervals.origin_rank,
        intervals.source_url,
        intervals.known_at,
        intervals.known_before
    from intervals
    inner join coin_days on intervals.price_date = coin_days.price_date
    where intervals.asset = 'US'

),

instants as (

    select
        asset,
        price_date,
        known_at
    from members
    union
    select
        asset,
        price_date,
        known_before as known_at
    from members
    where known_before < timestamptz '9999-12-31 00:00:00+00'

),

changed_instants as (

    select * from instants
    {{ of_what_changed(['asset', 'price_date']) }}

),

states as (

    select
        instants.asset,
        instants.price_date,
        {% for metric, column in measures.items() -%}
        max(case when members.metric_id = '{{ metric }}' then members.value end) as {{ column }},
        {% endfor -%}
        max(members.pit_rank) as pit_rank,
        max(members.origin_rank) as origin_rank,
        {{ joined_text('members.source_url') }} as source_url,
        instants.known_at
    from changed_instants as instants
    left join members
        on
            instants.asset = members.asset
            and instants.price_date = members.price_date
            and members.known_at <= instants.known_at
            and members.known_before > instants.known_at
    group by instants.asset, instants.price_date, instants.known_at

),

liquidations as (

    select
        *,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before
    from {{ ref('int_crypto__liquidations_daily') }}

),

with_venues as (

    select
        states.*,
        liquidations.venue_set as liquidation_venues
    from states
    left join liquidations
        on
            states.asset = liquidations.asset
            and states.price_date = liquidations.liquidation_date
            and liquidations.known_at <= states.known_at
            and liquidations.known_before > states.known_at

),

changes as (

    select * from with_venues
    window coin_day as (partition by asset, price_date order by known_at)
    qualify {{ differs_from_previous(
        measures.values() | list + ['liquidation_venues', 'pit_rank', 'origin_rank'], 'coin_day'
    ) }}

),

days as (

    select
        asset::varchar as asset,
        price_date::date as price_date,
        {% for column in measures.values() -%}
        {{ column }}::double as {{ column }},
        {% endfor -%}
        liquidation_venues::varchar as liquidation_venues,
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        (lead(known_at) over (partition by asset, price_date order by known_at))::timestamptz as known_until,
        source_url::varchar as source_url,
        {{ word_of('origin', 'origin_rank') }}::varchar as origin
    from changes
    qualify pit_rank is not null

)

select * from days
