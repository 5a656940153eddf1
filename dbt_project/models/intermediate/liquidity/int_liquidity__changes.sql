-- What changed on the Federal Reserve's balance sheet over the weeks before a Wednesday, as it was known: the parts of
-- the change in net liquidity. They sum to it exactly.
{%- set levels = [
    'fed_total_assets', 'fed_treasuries', 'fed_bills', 'fed_mbs', 'fed_loans', 'fed_repo', 'tga_wednesday', 'rrp',
] -%}
{%- set inputs = [] -%}
{%- for level in levels %}{% do inputs.extend([level ~ '_now', level ~ '_then']) %}{% endfor -%}
{%- do inputs.extend(['fed_bills_start', 'fed_mbs_start']) %}
with levels as (

    select * from {{ ref('int_liquidity__wednesday_levels') }}

),

wednesdays as (

    select distinct period_end from levels
    where input_id <> 'rrp'

),

programmes as (  -- the Wednesday before the desk began to buy bills to manage reserves

    select
        {{ add_days('min(period_start)', '-mod(extract(dow from min(period_start))::integer + 4, 7)') }} as programme_start
    from {{ ref('events') }}
    where event_id like 'rmp-directive-%'

),

windows as (

    {% for weeks in [4, 13] -%}
    select
        wednesdays.period_end,
        {{ weeks }} as horizon_weeks,
        {{ add_days('wednesdays.period_end', -7 * weeks) }} as window_start,
        case
            when wednesdays.period_end > programmes.programme_start
                then greatest(programmes.programme_start, {{ add_days('wednesdays.period_end', -7 * weeks) }})
        end as purchases_start
    from wednesdays
    cross join programmes
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

ends as (

    {% for suffix, day in {'now': 'period_end', 'then': 'window_start', 'start': 'purchases_start'}.items() -%}
    select
        windows.period_end,
        windows.horizon_weeks,
        levels.input_id || '_{{ suffix }}' as input_id,
        levels.value,
        levels.pit_rank,
        levels.origin_rank,
        levels.source_url,
        levels.known_at,
        levels.known_until
    from windows
    inner join levels on windows.{{ day }} = levels.period_end
    where levels.input_id in ('{{ (['fed_bills', 'fed_mbs'] if suffix == 'start' else levels) | join("', '") }}')
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

pivoted as (

    {{ bitemporal_pivot('ends', ['period_end', 'horizon_weeks'], inputs) }}

),

changes as (  -- each level stands for its change

    select
        pivoted.period_end,
        pivoted.horizon_weeks,
        windows.window_start,
        windows.purchases_start,
        {% for level in levels -%}
        pivoted.{{ level }}_now - pivoted.{{ level }}_then as {{ level }},
        {% endfor -%}
        pivoted.fed_total_assets_now - pivoted.tga_wednesday_now - pivoted.rrp_now as net_liquidity,
        pivoted.fed_total_assets_then - pivoted.tga_wednesday_then - pivoted.rrp_then as net_liquidity_then,
        case
            when windows.purchases_start is null then 0
            -- what mortgage securities repay is put into bills too, and is no new money
            else
                pivoted.fed_bills_now - pivoted.fed_bills_start
                - greatest(0, pivoted.fed_mbs_start - pivoted.fed_mbs_now)
                -- greatest() takes no notice of a null
                + 0 * (pivoted.fed_mbs_start - pivoted.fed_mbs_now)
        end as rmp_bills,
        pivoted.pit_rank,
        pivoted.origin_rank,
        pivoted.source_url,
        pivoted.known_at,
        pivoted.known_until
    from pivoted
    inner join windows
        on pivoted.period_end = windows.period_end and pivoted.horizon_weeks = windows.horizon_weeks
    where
        coalesce(
            pivoted.fed_total_assets_now, pivoted.fed_treasuries_now, pivoted.fed_bills_now, pivoted.fed_mbs_now,
            pivoted.fed_loans_now, pivoted.fed_repo_now, pivoted.tga_wednesday_now
        ) is not null

),

parts as (

    select
        period_end,
        horizon_weeks,
        window_start,
        purchases_start,
        net_liquidity,
        net_liquidity - net_liquidity_then as net_liquidity_change,
        {{ missing_inputs(['fed_total_assets', 'tga_wednesday', 'rrp']) }} as net_liquidity_change_null_reason,
        {{ known_share(['fed_total_assets', 'tga_wednesday', 'rrp']) }} as net_liquidity_change_known_share,
        fed_treasuries - fed_bills as soma_coupons,
        fed_bills - rmp_bills as other_bills,
        fed_mbs as mbs,
        fed_loans + fed_repo as loans_and_repo,
        fed_total_assets - fed_treasuries - fed_mbs - fed_loans - fed_repo as other_assets,
        fed_total_assets - rmp_bills as stock,
        {{ missing_inputs(['fed_total_assets', 'rmp_bills']) }} as stock_null_reason,
        {{ known_share(['fed_total_assets', 'rmp_bills']) }} as stock_known_share,
        rmp_bills,
        -rrp as rrp_drawdown,
        -tga_wednesday as tga_drawdown,
        rmp_bills - rrp - tga_wednesday as pipe,
        {{ missing_inputs(['rmp_bills', 'rrp', 'tga_wednesday']) }} as pipe_null_reason,
        {{ known_share(['rmp_bills', 'rrp', 'tga_wednesday']) }} as pipe_known_share,
        fed_treasuries as treasuries_change,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from changes

)

select * from parts
