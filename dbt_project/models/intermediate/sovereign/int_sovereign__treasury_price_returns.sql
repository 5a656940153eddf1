-- A Treasury index's price return of a month, from par yields at its two ends: a bond bought at par loses its modified
-- duration times the rise of its yield. Coupons and convexity are left out. The five-year alone has the duration of what
-- foreigners hold; where it is not known, half a two-year and half a ten-year stand for it.
with yields as (

    select
        *,
        last_day(period_end) as month_end,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank
    from {{ ref('fct_observations') }}
    where
        series_id in ('yield_2y', 'yield_5y', 'yield_10y')
        and period_end > {{ add_days('last_day(period_end)', -7) }}

),

instants as (

    {{ instants_of('yields', ['series_id', 'month_end']) }}

),

closes as (  -- of the month's last week, the newest day known then

    select
        instants.series_id,
        instants.month_end,
        yields.value,
        yields.pit_rank,
        yields.origin_rank,
        yields.source_url,
        instants.known_at
    from instants
    left join yields
        on
            instants.series_id = yields.series_id
            and instants.month_end = yields.month_end
            and {{ known_then('yields', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.series_id, instants.month_end, instants.known_at order by yields.period_end desc
    ) = 1

),

versions as (

    select
        *,
        lead(known_at) over (partition by series_id, month_end order by known_at) as known_until
    from closes

),

inputs as (

    select
        month_end,
        series_id || '_now' as input_id,
        value,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from versions
    where value is not null
    union all
    select
        last_day({{ add_months('month_end', 1) }}) as month_end,
        series_id || '_before' as input_id,
        value,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from versions
    where value is not null

),

pairs as (

    {{ bitemporal_pivot('inputs', ['month_end'], [
        'yield_2y_now', 'yield_2y_before', 'yield_5y_now', 'yield_5y_before', 'yield_10y_now', 'yield_10y_before',
    ]) }}

),

bonds as (  -- the modified duration of a bond at par; at no yield, its term

    select
        *,
        -(yield_2y_now - yield_2y_before) / 100
        * coalesce(
            (1 - power(1 + yield_2y_before / 200, -4)) / nullif(yield_2y_before / 100, 0), 2
        ) as return_2y_ratio,
        -(yield_5y_now - yield_5y_before) / 100
        * coalesce(
            (1 - power(1 + yield_5y_before / 200, -10)) / nullif(yield_5y_before / 100, 0), 5
        ) as return_5y_ratio,
        -(yield_10y_now - yield_10y_before) / 100
        * coalesce(
            (1 - power(1 + yield_10y_before / 200, -20)) / nullif(yield_10y_before / 100, 0), 10
        ) as return_10y_ratio,
        case
            when yield_5y_now is not null and yield_5y_before is not null then 'par_5y'
            else 'par_2y_10y'
        end as price_basis
    from pairs

),

returns as (

    select
        month_end,
        round(
            case price_basis
                when 'par_5y' then return_5y_ratio
                else (return_2y_ratio + return_10y_ratio) / 2
            end,
            10
        ) as price_return_ratio,
        price_basis,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from bonds

)

select * from returns
where price_return_ratio is not null
