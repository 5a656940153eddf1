with points as (

    select * from {{ ref('int_capex__year_to_date') }}

),

instants as (

    select distinct
        cik,
        concept,
        fiscal_year_start,
        known_at
    from points

),

candidates as (

    select
        instants.cik,
        instants.concept,
        instants.fiscal_year_start,
        instants.known_at,
        points.tag,
        points.priority,
        max(points.quarters) as reaches_quarter,
        count(distinct points.quarters) as known_points
    from instants
    inner join points
        on
            instants.cik = points.cik
            and instants.concept = points.concept
            and instants.fiscal_year_start = points.fiscal_year_start
            and points.value_usd is not null
            and {{ known_then('points', 'instants.known_at') }}
    group by all

),

chosen as (  -- the tag of the annual fact, or that which reaches furthest; then the fullest; then by priority

    select * from candidates
    qualify row_number() over (
        partition by cik, concept, fiscal_year_start, known_at
        order by reaches_quarter desc, known_points desc, priority asc
    ) = 1

),

changes as (

    select * from chosen
    window states as (partition by cik, concept, fiscal_year_start order by known_at)
    qualify {{ differs_from_previous(['tag'], 'states') }}

),

intervals as (

    select
        cik,
        concept,
        fiscal_year_start,
        tag,
        known_at,
        lead(known_at) over (partition by cik, concept, fiscal_year_start order by known_at) as known_until
    from changes

)

select * from intervals
