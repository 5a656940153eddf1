with memberships as (

    select * from {{ ref('company_universe') }}

),

companies as (

    select
        first_membership.ticker::varchar as ticker,
        first_membership.cik::bigint as cik,
        first_membership.name::varchar as company_name,
        universes.universes::varchar as universes,
        universes.followed_from::date as followed_from
    from (
        select * from memberships
        qualify row_number() over (partition by cik order by valid_from, universe) = 1
    ) as first_membership
    inner join (
        select
            cik,
            {{ joined_text('universe') }} as universes,
            min(valid_from) as followed_from
        from memberships
        group by cik
    ) as universes
        on first_membership.cik = universes.cik

)

select * from companies
