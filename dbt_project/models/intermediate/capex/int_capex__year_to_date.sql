with versions as (

    select * from {{ ref('int_capex__fact_versions') }}

),

years as (

    select * from {{ ref('int_capex__fiscal_years') }}

),

points as (  -- usable once the fact is known and its start is known to open a fiscal year

    select
        versions.cik,
        versions.concept,
        versions.tag,
        versions.priority,
        years.fiscal_year_start,
        versions.quarters,
        versions.period_end,
        versions.value_usd,
        versions.version_number,
        versions.is_restated,
        versions.accession_number,
        versions.pit_rank,
        versions.origin_rank,
        versions.source_url,
        greatest(
            versions.known_at, case when versions.quarters = 4 then years.end_known_at else years.start_known_at end
        ) as known_at,
        versions.known_until
    from versions
    inner join years
        on
            versions.cik = years.cik
            and versions.period_start = years.fiscal_year_start
            and (versions.quarters < 4 or versions.period_end = years.fiscal_year_end)

),

alive as (

    select * from points
    where known_until is null or known_until > known_at

)

select * from alive
