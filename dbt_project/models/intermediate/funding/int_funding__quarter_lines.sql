with flows as (

    select * from {{ ref('int_metrics__company_quarters') }}

),

lines as (

    select * from {{ ref('funding_lines') }}

),

quarters as (  -- a quarter counts once its operating cash flow or capex was reported, in the year first said to hold it

    select
        ticker,
        period_end,
        fiscal_year_start,
        fiscal_quarter_number,
        known_at as first_known_at
    from flows
    where concept in ('ocf', 'capex')
    qualify row_number() over (
        partition by ticker, period_end order by known_at, fiscal_year_start, fiscal_quarter_number
    ) = 1

),

points as (

    select
        companies.ticker,
        points.concept,
        points.fiscal_year_start,
        points.quarters,
        points.value_usd,
        points.known_at,
        points.known_until
    from {{ ref('int_capex__year_to_date') }} as points
    inner join {{ ref('dim_company') }} as companies on points.cik = companies.cik

),

reported_years as (

    select
        ticker,
        concept,
        fiscal_year_start,
        min(known_at) as stated_known_at,
        min(case when value_usd <> 0 then known_at end) as something_known_at
    from points
    group by ticker, concept, fiscal_year_start

),

balances as (

    select
        ticker,
        balance_date,
        known_at
    from {{ ref('int_funding__cash_balances') }}

),

causes as (

    {{ instants_of('flows', ['ticker', 'period_end']) }}
    union
    select
        quarters.ticker,
        quarters.period_end,
        points.known_at
    from quarters
    inner join points
        on
            quarters.ticker = points.ticker
            and quarters.fiscal_year_start = points.fiscal_year_start
    union
    select
        quarters.ticker,
        quarters.period_end,
        balances.known_at
    from quarters
    inner join balances
        on
            quarters.ticker = balances.ticker
            and (
                quarters.period_end = balances.balance_date
                or {{ days_between('balances.balance_date', 'quarters.period_end') }} between 80 and 100
                or {{ days_between('balances.balance_date', 'quarters.period_end') }} between 355 and 375
            )

),

instants as (

    select
        quarters.*,
        causes.known_at
    from quarters
    inner join causes
        on
            quarters.ticker = causes.ticker
            and quarters.period_end = causes.period_end
            and quarters.first_known_at <= causes.known_at

),

known_lines as (

    select
        instants.ticker,
        instants.period_end,
        instants.known_at,
        flows.concept,
        flows.tag,
        flows.period_start,
        flows.value_usd,
        flows.ttm_usd,
        flows.pit_rank,
        flows.origin_rank,
        flows.source_url
    from instants
    inner join flows
        on
            instants.ticker = flows.ticker
            and instants.period_end = flows.period_end
            and {{ known_then('flows', 'instants.known_at') }}

),

totals as (  -- the total of a section shows that the section was read

    select
        ticker,
        period_end,
        known_at,
        replace(concept, '_total', '') as section,
        value_usd,
        ttm_usd
    from known_lines
    where concept in ('investing_total', 'financing_total')

),

known_or_not as (

    select
        instants.ticker,
        instants.period_end,
        instants.fiscal_year_start,
        instants.fiscal_quarter_number,
        lines.concept,
        lines.is_signed,
        known_lines.tag,
        known_lines.period_start,
        known_lines.value_usd,
        known_lines.ttm_usd,
        totals.value_usd is not null as is_section_read,
        totals.ttm_usd is not null as is_section_read_for_a_year,
        known_lines.pit_rank,
        known_lines.origin_rank,
        known_lines.source_url,
        instants.known_at
    from instants
    cross join lines
    left join known_lines
        on
            instants.ticker = known_lines.ticker
            and instants.period_end = known_lines.period_end
            and instants.known_at = known_lines.known_at
            and lines.concept = known_lines.concept
    left join totals
        on
            instants.ticker = totals.ticker
            and instants.period_end = totals.period_end
            and instants.known_at = totals.known_at
            and lines.section = totals.section

),

absent as (

    select
        ticker,
        period_end,
        fiscal_year_start,
        fiscal_quarter_number,
        concept,
        known_at
    from known_or_not
    where value_usd is null or ttm_usd is null

),

earlier as (  -- the last fiscal year before it for which the line was stated, and the last in which it held something

    select
        absent.ticker,
        absent.period_end,
        absent.concept,
        absent.known_at,
        max(reported_years.fiscal_year_start) as stated_year_start,
        max(
            case
                when reported_years.something_known_at <= absent.known_at then reported_years.fiscal_year_start
            end
        ) as something_year_start
    from absent
    inner join reported_years
        on
            absent.ticker = reported_years.ticker
            and absent.concept = reported_years.concept
            and absent.fiscal_year_start > reported_years.fiscal_year_start
            and absent.known_at >= reported_years.stated_known_at
    group by absent.ticker, absent.period_end, absent.concept, absent.known_at

),

so_far as (  -- the same of its own fiscal year up to it, and whether all of that year was stated to be nothing

    select
        absent.ticker,
        absent.period_end,
        absent.concept,
        absent.known_at,
        max(case when points.quarters <= absent.fiscal_quarter_number then 1 else 0 end) = 1 as is_stated,
        max(
            case when points.quarters <= absent.fiscal_quarter_number and points.value_usd <> 0 then 1 else 0 end
        ) = 1 as is_something,
        max(case when points.value_usd <> 0 then 1 else 0 end) = 0
        and max(case when points.quarters = 4 and points.value_usd = 0 then 1 else 0 end) = 1 as is_year_of_nothing
    from absent
    inner join points
        on
            absent.ticker = points.ticker
            and absent.concept = points.concept
            and absent.fiscal_year_start = points.fiscal_year_start
            and points.value_usd is not null
            and {{ known_then('points', 'absent.known_at') }}
    group by absent.ticker, absent.period_end, absent.concept, absent.known_at

),

judged as (  -- idle is a line that was never stated, or was nothing when it last was

    select
        known_or_not.*,
        not known_or_not.is_signed and coalesce(so_far.is_year_of_nothing, false) as is_year_of_nothing,
        not coalesce(so_far.is_something, false)
        and (
            coalesce(so_far.is_stated, false)
            or earlier.something_year_start is null
            or earlier.stated_year_start > earlier.something_year_start
        ) as is_idle,
        coalesce(
            {{ days_between('earlier.something_year_start', 'known_or_not.fiscal_year_start') }} <= 380, false
        ) as was_busy_a_year_before
    from known_or_not
    left join earlier
        on
            known_or_not.ticker = earlier.ticker
            and known_or_not.period_end = earlier.period_end
            and known_or_not.concept = earlier.concept
            and known_or_not.known_at = earlier.known_at
    left join so_far
        on
            known_or_not.ticker = so_far.ticker
            and known_or_not.period_end = so_far.period_end
            and known_or_not.concept = so_far.concept
            and known_or_not.known_at = so_far.known_at

),

valued as (  -- an idle line that is absent from a section that was read is nothing; any other is missing

    select
        ticker,
        period_end,
        fiscal_year_start,
        fiscal_quarter_number,
        concept,
        tag,
        period_start,
        case
            when value_usd is not null then value_usd
            when is_year_of_nothing or (is_section_read and is_idle) then 0
        end::decimal(28, 2) as value_usd,
        case
            when ttm_usd is not null then ttm_usd
            when is_section_read_for_a_year and is_idle and not was_busy_a_year_before then 0
        end::decimal(28, 2) as ttm_usd,
        value_usd is not null as is_stated,
        ttm_usd is not null as is_ttm_stated,
        pit_rank,
        origin_rank,
        source_url,
        known_at
    from judged

)

select * from valued
