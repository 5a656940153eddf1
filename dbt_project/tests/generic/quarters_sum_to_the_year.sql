{# Four quarters known at one instant sum to the annual fact, unless a restatement left the quarters as they were. #}
{% test quarters_sum_to_the_year(model) %}
with latest as (

    select * from {{ model }}
    where known_until is null

),

years as (

    select
        ticker,
        concept,
        fiscal_year_start,
        sum(value_usd) as quarters_usd,
        max(case when fiscal_quarter_number = 4 then ttm_usd end) as year_usd
    from latest
    group by ticker, concept, fiscal_year_start
    having count(value_usd) = 4

),

restated as (

    select distinct cik, concept, period_start as fiscal_year_start
    from {{ ref('int_capex__fact_versions') }}
    where is_restated

)

select years.*
from years
left join {{ ref('dim_company') }} as companies on years.ticker = companies.ticker
left join restated
    on
        companies.cik = restated.cik
        and years.concept = restated.concept
        and years.fiscal_year_start = restated.fiscal_year_start
where restated.cik is null and abs(years.quarters_usd - years.year_usd) > 1000000
{% endtest %}
