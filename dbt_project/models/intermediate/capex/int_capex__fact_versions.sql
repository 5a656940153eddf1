with facts as (

    select * from {{ ref('int_capex__duration_facts') }}

),

instants as (

    select distinct
        cik,
        concept,
        tag,
        period_start,
        period_end,
        quarters,
        known_at
    from facts

),

known_then as (  -- of all filings that state the fact, the one filed last speaks; none does once all are withdrawn

    select
        instants.*,
        facts.priority,
        facts.value_usd,
        facts.accession_number,
        facts.pit_rank,
        facts.origin_rank,
        facts.source_url
    from instants
    left join facts
        on
            instants.cik = facts.cik
            and instants.concept = facts.concept
            and instants.tag = facts.tag
            and instants.period_start = facts.period_start
            and instants.period_end = facts.period_end
            and not facts.is_deleted
            and {{ known_then('facts', 'instants.known_at') }}
    qualify row_number() over (
        partition by
            instants.cik, instants.concept, instants.tag, instants.period_start, instants.period_end,
            instants.known_at
        order by facts.filing_known_at desc, facts.accession_number desc, facts.value_usd desc
    ) = 1

),

with_reporting_unit as (  -- the coarsest of dollars, thousands and millions that the value is a whole number of

    select
        *,
        case when value_usd % 1000000 = 0 then 1000000 when value_usd % 1000 = 0 then 1000 else 1 end as unit_usd
    from known_then

),

compared as (

    select
        *,
        lag(value_usd) over filings as previous_value_usd,
        greatest(unit_usd, lag(unit_usd) over filings) as coarser_unit_usd,
        row_number() over filings as filing_number
    from with_reporting_unit
    window filings as (partition by cik, concept, tag, period_start, period_end order by known_at)

),

changed as (  -- the same figure in a coarser unit is no new version

    select * from compared
    where
        filing_number = 1
        or (value_usd is null) <> (previous_value_usd is null)
        or abs(value_usd - previous_value_usd) > coarser_unit_usd / 2

),

versions as (

    select
        cik,
        concept,
        tag,
        priority,
        period_start,
        period_end,
        quarters,
        value_usd,
        row_number() over filings as version_number,
        coalesce(value_usd <> first_value(value_usd) over filings, true) as is_restated,
        accession_number,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        lead(known_at) over filings as known_until
    from changed
    window filings as (partition by cik, concept, tag, period_start, period_end order by known_at)

)

select * from versions
