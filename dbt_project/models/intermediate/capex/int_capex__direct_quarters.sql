with versions as (

    select * from {{ ref('int_capex__fact_versions') }}
    where quarters = 1

),

years as (

    select * from {{ ref('int_capex__fiscal_years') }}

),

placed as (  -- three months that start 91, 182 or 273 days into a fiscal year, give or take twelve

    select
        versions.cik,
        versions.concept,
        versions.tag,
        years.fiscal_year_start,
        round({{ days_between('years.fiscal_year_start', 'versions.period_start') }} / 91.25)::integer + 1 as quarters,
        versions.period_start,
        versions.period_end,
        versions.value_usd,
        versions.accession_number,
        versions.pit_rank,
        versions.origin_rank,
        versions.source_url,
        greatest(versions.known_at, years.start_known_at) as known_at,
        versions.known_until
    from versions
    inner join years
        on
            versions.cik = years.cik
            and {{ days_between('years.fiscal_year_start', 'versions.period_start') }} between 79 and 286
            and abs(
                {{ days_between('years.fiscal_year_start', 'versions.period_start') }}
                - 91.25 * round({{ days_between('years.fiscal_year_start', 'versions.period_start') }} / 91.25)
            ) <= 12

),

alive as (

    select * from placed
    where known_until is null or known_until > known_at

)

select * from alive
