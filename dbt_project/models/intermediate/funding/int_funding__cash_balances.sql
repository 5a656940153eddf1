with filed as (

    select
        facts.cik,
        tags.concept,
        tags.priority,
        facts.period_end as balance_date,
        facts.value::decimal(28, 2) as value_usd,
        facts.accession_number,
        facts.is_deleted,
        {{ rank_of('pit_quality', 'facts.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'facts._origin') }} as origin_rank,
        facts._source_url as source_url,
        facts.known_at,
        facts.known_until,
        min(facts.known_at) over (
            partition by facts.cik, facts.tag, facts.period_end, facts.accession_number
        ) as filing_known_at
    from {{ ref('stg_sec__company_facts') }} as facts
    inner join {{ ref('concept_tags') }} as tags on facts.tag = tags.tag
    where
        facts.taxonomy = 'us-gaap'
        and facts.unit = 'USD'
        and tags.statement = 'instant'
        and facts.period_start is null
        and replace(facts.form, '/A', '') in ('10-Q', '10-K', '10-KT', '20-F', '40-F', '6-K')
        and (tags.except_cik is null or tags.except_cik <> facts.cik)

),

instants as (

    select distinct
        cik,
        balance_date,
        known_at
    from filed

),

known_then as (  -- the tag of the highest priority that states the day, and of its filings the newest

    select
        instants.cik,
        instants.balance_date,
        instants.known_at,
        filed.concept,
        filed.value_usd,
        filed.pit_rank,
        filed.origin_rank,
        filed.source_url
    from instants
    inner join filed
        on
            instants.cik = filed.cik
            and instants.balance_date = filed.balance_date
            and not filed.is_deleted
            and {{ known_then('filed', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.cik, instants.balance_date, instants.known_at, filed.concept
        order by filed.priority asc, filed.filing_known_at desc, filed.accession_number desc
    ) = 1

),

holdings as (

    select
        cik,
        concept,
        balance_date,
        min(filing_known_at) as first_known_at
    from filed
    where concept <> 'cash' and value_usd <> 0 and not is_deleted
    group by all

),

expected as (  -- a company that held such securities within a year holds some still, though a report may not say so

    select
        instants.cik,
        instants.balance_date,
        instants.known_at,
        holdings.concept,
        min(holdings.first_known_at) as first_known_at
    from instants
    inner join holdings
        on
            instants.cik = holdings.cik
            and {{ days_between('holdings.balance_date', 'instants.balance_date') }} between 0 and 400
            and instants.known_at >= holdings.first_known_at
    group by all

),

side_by_side as (

    select
        instants.cik,
        instants.balance_date,
        instants.known_at,
        max(case when known_then.concept = 'cash' then known_then.value_usd end) as cash_usd,
        {% for part in ['securities_current', 'securities_noncurrent'] -%}
        max(case when known_then.concept = '{{ part }}' then known_then.value_usd end) as {{ part }}_usd,
        {% endfor -%}
        max(known_then.pit_rank) as pit_rank,
        max(known_then.origin_rank) as origin_rank,
        min(known_then.source_url) as source_url
    from instants
    left join known_then
        on
            instants.cik = known_then.cik
            and instants.balance_date = known_then.balance_date
            and instants.known_at = known_then.known_at
    group by instants.cik, instants.balance_date, instants.known_at

),

completed as (

    select
        side_by_side.cik,
        side_by_side.balance_date,
        side_by_side.known_at,
        side_by_side.cash_usd,
        {% for part in ['current', 'noncurrent'] -%}
        coalesce(
            side_by_side.securities_{{ part }}_usd, case when expected_{{ part }}.cik is null then 0 end
        )::decimal(28, 2) as securities_{{ part }}_usd,
        {% endfor -%}
        side_by_side.pit_rank,
        side_by_side.origin_rank,
        side_by_side.source_url
    from side_by_side
    {% for part in ['current', 'noncurrent'] -%}
    left join expected as expected_{{ part }}
        on
            side_by_side.cik = expected_{{ part }}.cik
            and side_by_side.balance_date = expected_{{ part }}.balance_date
            and side_by_side.known_at = expected_{{ part }}.known_at
            and expected_{{ part }}.concept = 'securities_{{ part }}'
    {% endfor %}
),

changes as (

    select
        *,
        cash_usd + securities_current_usd + securities_noncurrent_usd as cash_ms_usd
    from completed
    window balances as (partition by cik, balance_date order by known_at)
    qualify {{ differs_from_previous([
        'cash_usd', 'securities_current_usd', 'securities_noncurrent_usd', 'pit_rank', 'origin_rank',
    ], 'balances') }}

),

versions as (

    select
        companies.ticker,
        changes.balance_date,
        changes.cash_usd,
        changes.securities_current_usd,
        changes.securities_noncurrent_usd,
        changes.cash_ms_usd,
        changes.pit_rank,
        changes.origin_rank,
        changes.source_url,
        changes.known_at,
        lead(changes.known_at) over (
            partition by changes.cik, changes.balance_date order by changes.known_at
        ) as known_until
    from changes
    inner join {{ ref('dim_company') }} as companies on changes.cik = companies.cik

)

select * from versions
