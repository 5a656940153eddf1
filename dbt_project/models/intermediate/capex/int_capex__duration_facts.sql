with filed as (

    select * from {{ ref('stg_sec__company_facts') }}

),

tags as (

    select * from {{ ref('concept_tags') }}

),

measured as (

    select
        filed.cik,
        tags.concept,
        coalesce(tags.line, tags.tag) as tag,
        tags.priority,
        filed.period_start,
        filed.period_end,
        {{ days_between('filed.period_start', 'filed.period_end') }} + 1 as period_days,
        (filed.value * coalesce(tags.sign, 1))::decimal(28, 2) as value_usd,
        filed.accession_number,
        filed.form,
        filed.is_deleted,
        {{ rank_of('pit_quality', 'filed.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'filed._origin') }} as origin_rank,
        filed._source_url as source_url,
        filed.known_at,
        filed.known_until,
        min(filed.known_at) over (
            partition by filed.cik, filed.tag, filed.period_start, filed.period_end, filed.accession_number
        ) as filing_known_at
    from filed
    inner join tags on filed.tag = tags.tag
    where
        filed.taxonomy = 'us-gaap'
        and filed.unit = 'USD'
        and tags.statement = 'duration'
        and filed.period_start is not null

),

classed as (

    select
        *,
        case
            when period_days between 80 and 100 then 1
            when period_days between 168 and 196 then 2
            when period_days between 259 and 287 then 3
            when period_days between 350 and 378 then 4
        end as quarters,
        replace(form, '/A', '') in ('10-K', '10-KT', '20-F', '40-F') as is_annual_report,
        replace(form, '/A', '') in ('10-Q', '10-K', '10-KT', '20-F', '40-F', '6-K') as is_periodic_report,
        replace(form, '/A', '') = '8-K' as is_current_report
    from measured

),

dated as (

    select
        *,
        min(case when is_periodic_report then filing_known_at end) over (
            partition by cik, tag, period_start, period_end
        ) as first_reported_at
    from classed
    where quarters is not null

),

admitted as (  -- an 8-K may restate what a periodic report has said; it may not say it first

    select * from dated
    where is_periodic_report or (is_current_report and first_reported_at <= filing_known_at)

)

select * from admitted
