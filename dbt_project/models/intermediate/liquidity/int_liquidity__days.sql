-- What was known at the cut-off of each weekday of the levels that dry powder and the plumbing are read from.
{%- set series_ids = [
    'fed_total_assets', 'tga_daily', 'rrp', 'bank_reserves', 'bank_assets', 'mmf_total', 'mmf_repo_with_fed',
    'stablecoin_supply', 'nominal_gdp', 'sofr', 'iorb', 'srf',
] %}
with states as (

    select
        *,
        {{ add_days("date_trunc('quarter', period_end)::date", -1) }} as quarter_end_before,
        last_day({{ add_months("date_trunc('quarter', period_end)::date", 2) }}) as quarter_end_after
    from {{ ref('int_state__daily') }}
    where series_id in ('{{ series_ids | join("', '") }}')

),

statements as (

    select * from {{ ref('refunding_statements') }}
    where measure = 'end_cash_assumption'

),

days as (

    select
        date_day,
        {% for series_id in series_ids -%}
        max(case when series_id = '{{ series_id }}' then value end) as {{ series_id }},
        {% endfor -%}
        max(case
            when
                series_id = 'srf' and value is not null
                then
                    case
                        when
                            least(
                                {{ days_between('quarter_end_before', 'period_end') }},
                                {{ days_between('period_end', 'quarter_end_after') }}
                            ) <= 3
                            then 1
                        else 0
                    end
        end) as srf_at_quarter_end,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url,
        max(cutoff_at) as cutoff_at
    from states
    group by date_day

),

assumptions as (  -- what the Treasury said it would hold at the end of the day's quarter

    select
        days.date_day,
        statements.value_usd_bn::double as tga_assumed
    from days
    inner join statements
        on
            days.date_day between statements.period_start and statements.period_end
            and statements.announced_at <= days.cutoff_at
    qualify row_number() over (partition by days.date_day order by statements.announced_at desc) = 1

),

with_spreads as (

    select
        days.*,
        assumptions.tga_assumed,
        days.fed_total_assets - days.tga_daily - days.rrp as net_liquidity_daily,
        (days.sofr - days.iorb) * 100 as sofr_less_iorb_bp,
        case when count(days.sofr - days.iorb) over last_five = 5 then avg((days.sofr - days.iorb) * 100) over last_five end
            as sofr_less_iorb_5d_bp
    from days
    left join assumptions on days.date_day = assumptions.date_day
    window last_five as (order by days.date_day rows between 4 preceding and current row)

)

select * from with_spreads
