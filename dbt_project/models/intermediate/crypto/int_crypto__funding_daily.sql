{{ config(meta={'known_since': 'known_at'}, unique_key=['asset', 'funding_date']) }}
{#- A settlement pays for the hours before it, eight where the source does not say, so that at midnight belongs to the day
    that ends. A day is told once it is over. -#}
{%- set firsts = [first_landed(['binance.funding_rates']), first_replaced('funding_date')] -%}
with settlements as (

    select
        left(symbol, length(symbol) - 4) as asset,
        {{ utc_date("settled_at - interval '1' minute") }} as funding_date,
        funding_ratio::decimal(20, 12) as funding_ratio,
        funding_interval_hours,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', '_origin') }} as origin_rank,
        _source_url as source_url,
        known_at,
        known_until
    from {{ ref('stg_binance__funding_rates') }}
    where not is_deleted and symbol like '%USDT' {{ and_about('settled_at', firsts, 1) }}

),

whole_days as (

    select * from settlements
    where true {{ and_about('funding_date', firsts, 1) }}

),

steps as (

    {% for sign, instant in [(1, 'known_at'), (-1, 'known_until')] -%}
    select
        asset,
        funding_date,
        greatest({{ instant }}, {{ start_of_utc_day(add_days('funding_date', 1)) }}) as known_at,
        {{ sign }} * funding_ratio as funding_ratio,
        {{ sign }} * coalesce(funding_interval_hours, 8) as hours,
        {{ sign }} as settlements,
        pit_rank,
        origin_rank,
        source_url
    from whole_days
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
        funding_date,
        known_at,
        sum(funding_ratio) as funding_ratio,
        sum(hours) as hours,
        sum(settlements) as settlements,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url
    from steps
    group by asset, funding_date, known_at

),

sums as (

    select
        asset,
        funding_date,
        known_at,
        sum(funding_ratio) over so_far as funding_ratio,
        sum(hours) over so_far as hours,
        sum(settlements) over so_far as settlements,
        max(pit_rank) over so_far as pit_rank,
        max(origin_rank) over so_far as origin_rank,
        max(source_url) over so_far as source_url
    from instants
    window
        so_far as (
            partition by asset, funding_date order by known_at rows between unbounded preceding and current row
        )

),

days as (

    select
        asset,
        funding_date,
        funding_ratio::double as funding_ratio,
        hours::double as hours,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        lead(known_at) over (partition by asset, funding_date order by known_at) as known_until
    from sums
    qualify settlements > 0

)

select * from days
