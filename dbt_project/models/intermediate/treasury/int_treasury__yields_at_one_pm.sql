{{ config(meta={'known_since': 'date_day'}, unique_key=['date_day', 'tenor_years']) }}
{#- The days to come, and those that only now anybody asks of. -#}
{%- set firsts = [
    first_day(), first_landed(['fiscaldata.auctions', 'nyfed.soma_holdings', 'fiscaldata.buybacks']),
] -%}
with days as (

    select auction_date as date_day from {{ ref('stg_fiscaldata__auctions') }}
    union
    select last_day(issue_date) as date_day from {{ ref('stg_fiscaldata__auctions') }}
    union
    select as_of_date as date_day from {{ ref('stg_nyfed__soma_holdings') }}
    union
    select settlement_date as date_day from {{ ref('stg_fiscaldata__buybacks') }}
    where settlement_date is not null
    union
    select period_start as date_day from {{ ref('off_balance_financing') }}
    where instrument = 'bond'

),

h15_quotes as (

    select
        case series_name
            {%- for years in [2, 3, 5, 7, 10, 20, 30] %}
            when 'RIFLGFCY{{ '%02d' % years }}_N.B' then {{ years }}
            {%- endfor %}
        end as tenor_years,
        period_end as quote_date,
        value as yield_pct,
        1 as preference,
        pit_quality,
        _origin,
        _source_url,
        known_at,
        known_until
    from {{ ref('stg_board__h15') }}
    where
        not is_deleted and value is not null {{ and_about('period_end', firsts, 7) }}
        and series_name like 'RIFLGFCY%#_N.B' escape '#'

),

par_quotes as (
    {% for years in [2, 3, 5, 7, 10, 20, 30] %}
    select
        {{ years }} as tenor_years,
        quote_date,
        yield_{{ years }}yr_pct as yield_pct,
        2 as preference,
        pit_quality,
        _origin,
        _source_url,
        known_at,
        known_until
    from {{ ref('stg_treasury__par_yields') }}
    where not is_deleted and yield_{{ years }}yr_pct is not null {{ and_about('quote_date', firsts, 7) }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

quotes as (

    select * from h15_quotes
    where tenor_years is not null
    union all
    select * from par_quotes

),

days_back as (  -- a rate older than a week is none: five business days and a week-end

    {% for days in range(8) -%}
    select {{ days }} as days_before
    {% if not loop.last -%}
    union all
    {% endif %}
    {%- endfor %}

),

looked_at as (

    select
        days.date_day,
        {{ add_days('days.date_day', '-days_back.days_before') }} as quote_date,
        {{ new_york("days.date_day::timestamp + interval '13' hour") }} as looked_at
    from days
    cross join days_back
    where true {{ and_about('days.date_day', firsts) }}

),

at_one_pm as (

    select
        looked_at.date_day,
        quotes.tenor_years,
        quotes.quote_date,
        quotes.yield_pct::double as yield_pct,
        {{ rank_of('pit_quality', 'quotes.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'quotes._origin') }} as origin_rank,
        quotes._source_url as source_url,
        quotes.known_at
    from looked_at
    inner join quotes on looked_at.quote_date = quotes.quote_date
    where {{ known_then('quotes', 'looked_at.looked_at') }}
    qualify row_number() over (
        partition by looked_at.date_day, quotes.tenor_years
        order by quotes.quote_date desc, quotes.preference asc
    ) = 1

)

select * from at_one_pm
