with facts as (  -- lines every report has; a note may state any span

    select * from {{ ref('int_capex__duration_facts') }}
    where concept in ('ocf', 'capex', 'revenue', 'buybacks', 'dividends', 'finlease_principal')

),

closed_years as (  -- only an annual report says so: Amazon's 10-Qs also state trailing twelve months

    select
        cik,
        period_start as fiscal_year_start,
        period_end as fiscal_year_end,
        min(known_at) as end_known_at
    from facts
    where quarters = 4 and is_annual_report and not is_deleted
    group by cik, period_start, period_end
    qualify row_number() over (partition by cik, period_start order by min(known_at), period_end) = 1

),

evidence as (

    select
        cik,
        period_start as fiscal_year_start,
        known_at
    from facts
    where quarters in (2, 3) and not is_deleted
    union all
    select
        cik,
        fiscal_year_start,
        end_known_at as known_at
    from closed_years
    union all
    select
        cik,
        {{ add_days('fiscal_year_end', 1) }} as fiscal_year_start,
        end_known_at as known_at
    from closed_years

),

starts as (

    select
        cik,
        fiscal_year_start,
        min(known_at) as start_known_at
    from evidence
    group by all

),

previous_years as (  -- a later report of another year with the same end does not unsay the first

    select
        cik,
        {{ add_days('fiscal_year_end', 1) }} as next_fiscal_year_start,
        fiscal_year_start,
        end_known_at
    from closed_years
    qualify row_number() over (
        partition by cik, fiscal_year_end order by end_known_at asc, fiscal_year_start desc
    ) = 1

),

years as (

    select
        starts.cik,
        starts.fiscal_year_start,
        starts.start_known_at,
        closed_years.fiscal_year_end,
        closed_years.end_known_at,
        previous_years.fiscal_year_start as previous_fiscal_year_start,
        previous_years.end_known_at as previous_end_known_at
    from starts
    left join closed_years
        on
            starts.cik = closed_years.cik
            and starts.fiscal_year_start = closed_years.fiscal_year_start
    left join previous_years
        on
            starts.cik = previous_years.cik
            and starts.fiscal_year_start = previous_years.next_fiscal_year_start

)

select * from years
