with memberships as (

    select * from {{ ref('company_universe') }}

),

first_memberships as (

    select * from memberships
    qualify row_number() over (partition by cik order by valid_from, universe) = 1

),

universes as (

    select
        cik,
        {{ joined_text('universe') }} as universes,
        min(valid_from) as followed_from
    from memberships
    group by cik

),

companies as (

    select
        first_memberships.ticker::varchar as ticker,
        first_memberships.cik::bigint as cik,
        first_memberships.name::varchar as company_name,
        universes.universes::varchar as universes,
        universes.followed_from::date as followed_from
    from first_memberships
    inner join universes on first_memberships.cik = universes.cik

)

select * from companies
