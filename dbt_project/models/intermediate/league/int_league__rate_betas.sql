{{ config(meta={'known_since': 'date_day'}) }}
{#- Empirical duration by Friday: the regression of daily returns on the change of the ten-year real yield, the market
    beside it, over the last 252 days of which all three were known. -#}
with windows as (

    select * from {{ ref('int_league__windows') }}
    where grain = 'day' {{ and_known_since('cutoff_at') }}

),

yield_changes as (

    select * from {{ ref('int_league__yield_changes') }}

),

market as (

    select
        date_day,
        return_date,
        return_ratio
    from windows
    where asset_id = 'factor_market'

),

friday_yields as (  -- of a day the nearest day before, as known then

    select
        market_days.date_day,
        market_days.return_date,
        yield_changes.yield_change_pp
    from (
        select distinct
            date_day,
            cutoff_at,
            return_date
        from windows
    ) as market_days
    inner join yield_changes
        on
            market_days.return_date = yield_changes.yield_date
            and market_days.cutoff_at >= yield_changes.known_at
            and market_days.cutoff_at < yield_changes.known_before
    qualify row_number() over (
        partition by market_days.date_day, market_days.return_date order by yield_changes.previous_date desc
    ) = 1

),

joined as (

    select
        windows.*,
        100 * windows.return_ratio as y,
        friday_yields.yield_change_pp as x,
        case when windows.asset_id = 'factor_market' then 0 else 100 * market.return_ratio end as m
    from windows
    left join friday_yields
        on
            windows.date_day = friday_yields.date_day
            and windows.return_date = friday_yields.return_date
    left join market
        on
            windows.date_day = market.date_day
            and windows.return_date = market.return_date

),

complete as (

    select
        *,
        row_number() over (partition by date_day, asset_id order by return_date desc) as place
    from joined
    where x is not null and m is not null

),

sums as (  -- of decimals, which do not depend on the order of the rows

    select
        date_day,
        asset_id,
        count(*) as n,
        sum(x::decimal(28, 16))::double as x,
        sum(y::decimal(28, 16))::double as y,
        sum(m::decimal(28, 16))::double as m,
        sum((x * y)::decimal(28, 16))::double as xy,
        sum((m * y)::decimal(28, 16))::double as my,
        sum((x * m)::decimal(28, 16))::double as xm,
        sum((x * x)::decimal(28, 16))::double as xx,
        sum((m * m)::decimal(28, 16))::double as mm
    from complete
    where place <= 252
    group by date_day, asset_id

),

moments as (

    select
        date_day,
        asset_id,
        n as complete_days,
        xy - x * y / n as xy,
        my - m * y / n as my,
        xm - x * m / n as xm,
        xx - x * x / n as xx,
        mm - m * m / n as mm
    from sums

),

seen as (

    select
        date_day,
        asset_id,
        count(x) as yield_days,
        count(m) as market_days
    from joined
    group by date_day, asset_id

),

betas as (

    select
        seen.date_day,
        seen.asset_id,
        seen.yield_days,
        seen.market_days,
        coalesce(moments.complete_days, 0) as complete_days,
        case
            when moments.complete_days < 252 then null
            when seen.asset_id = 'factor_market' then -moments.xy / nullif(moments.xx, 0)
            else
                -(moments.xy * moments.mm - moments.my * moments.xm)
                / nullif(moments.xx * moments.mm - moments.xm * moments.xm, 0)
        end as rate_beta
    from seen
    left join moments
        on
            seen.date_day = moments.date_day
            and seen.asset_id = moments.asset_id

),

rounded as (

    select
        date_day,
        asset_id,
        yield_days,
        market_days,
        complete_days,
        round(rate_beta, 9) + 0.0 as rate_beta  -- minus zero is zero
    from betas

)

select * from rounded
