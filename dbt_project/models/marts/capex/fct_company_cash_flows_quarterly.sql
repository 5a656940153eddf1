with states as (

    select * from {{ ref('int_capex__quarter_states') }}

),

companies as (

    select * from {{ ref('dim_company') }}

),

with_lasting_evidence as (  -- when the year's tag changes to one without this quarter, dates and source stay

    select
        cik,
        concept,
        tag,
        fiscal_year_start,
        fiscal_year_end,
        fiscal_quarter_number,
        coalesce(period_start, last_value(period_start ignore nulls) over quarter) as period_start,
        coalesce(period_end, last_value(period_end ignore nulls) over quarter) as period_end,
        value_usd,
        ttm_usd,
        null_reason,
        ttm_null_reason,
        coalesce(pit_rank, last_value(pit_rank ignore nulls) over quarter) as pit_rank,
        coalesce(origin_rank, last_value(origin_rank ignore nulls) over quarter) as origin_rank,
        coalesce(accession_number, last_value(accession_number ignore nulls) over quarter) as accession_number,
        coalesce(source_url, last_value(source_url ignore nulls) over quarter) as source_url,
        known_at
    from states
    window quarter as (
        partition by cik, concept, fiscal_year_start, fiscal_quarter_number order by known_at
    )

),

changes as (

    select * from with_lasting_evidence
    where period_end is not null
    window
        quarter as (
            partition by cik, concept, fiscal_year_start, fiscal_quarter_number order by known_at
        )
    qualify {{ differs_from_previous([
        'tag', 'fiscal_year_end', 'period_start', 'period_end', 'value_usd', 'ttm_usd',
        'null_reason', 'ttm_null_reason', 'pit_rank', 'origin_rank',
    ], 'quarter') }}

),

versions as (

    select
        ---------- keys
        companies.ticker::varchar as ticker,
        changes.cik::bigint as cik,
        changes.concept::varchar as concept,
        changes.tag::varchar as tag,
        changes.fiscal_year_start::date as fiscal_year_start,
        changes.fiscal_year_end::date as fiscal_year_end,
        changes.fiscal_quarter_number::integer as fiscal_quarter_number,
        changes.period_start::date as period_start,
        changes.period_end::date as period_end,

        ---------- measures
        changes.value_usd::decimal(28, 2) as value_usd,
        changes.ttm_usd::decimal(28, 2) as ttm_usd,
        changes.null_reason::varchar as null_reason,
        changes.ttm_null_reason::varchar as ttm_null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'changes.pit_rank') }}::varchar as pit_quality,
        changes.known_at::timestamptz as known_at,
        lead(changes.known_at) over (
            partition by changes.cik, changes.concept, changes.fiscal_year_start, changes.fiscal_quarter_number
            order by changes.known_at
        )::timestamptz as known_until,

        ---------- where it came from
        changes.accession_number::varchar as accession_number,
        changes.source_url::varchar as source_url,
        {{ word_of('origin', 'changes.origin_rank') }}::varchar as origin
    from changes
    inner join companies on changes.cik = companies.cik

)

select * from versions
