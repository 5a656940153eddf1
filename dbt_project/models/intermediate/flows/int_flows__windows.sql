-- What flowed in the weeks before a day, as it was known at an instant and is never revised. Two kinds of rows:
-- friday: 13 weeks that ended on the Friday before, known at the cut-off of the Friday;
-- wednesday: 4 and 13 weeks that ended with the week of the Wednesday, known at the cut-off of the Monday after it.
-- Weeks are summed; of months the newest three known are, and of quarters the newest known counts a thirteenth a week:
-- steps from when they were known, never lines.
{%- set flow_ids = [
    'treasury_net_new_cash', 'fed_secondary_market_purchases', 'foreign_official_net_purchases', 'sovereign_active_flow',
    'ai_external_funding', 'ai_capex', 'ai_ocf_after_distributions', 'ai_cash',
] %}
with versions as (

    select * from {{ ref('int_flows__versions') }}

),

days as (

    select date_day from {{ ref('time_spine_daily') }}
    where date_day >= date '2002-12-18' and {{ cutoff('date_day') }} <= {{ run_instant() }}

),

windows as (

    select
        'friday' as anchor,
        date_day as period_end,
        13 as horizon_weeks,
        {{ add_days('date_day', -7) }} as flow_end,
        {{ cutoff('date_day') }} as seen_at
    from days
    where extract(dow from date_day) = 5
    {% for weeks in [4, 13] -%}
    union all
    select
        'wednesday' as anchor,
        {{ add_days('date_day', -5) }} as period_end,
        {{ weeks }} as horizon_weeks,
        {{ add_days('date_day', -3) }} as flow_end,
        {{ cutoff('date_day') }} as seen_at
    from days
    where extract(dow from date_day) = 1
    {% endfor %}

),

places as (

    {{ days_from('2000-01-01', '2000-01-13') }}

),

weeks as (

    select
        windows.anchor,
        windows.period_end,
        windows.horizon_weeks,
        windows.seen_at,
        {{ add_days('windows.flow_end', '-7 * (extract(day from places.date_day)::integer - 1)') }} as week_end
    from windows
    inner join places on windows.horizon_weeks >= extract(day from places.date_day)

),

of_weeks as (  -- in decimals, whose sums do not depend on the order of the rows

    select
        weeks.anchor,
        weeks.period_end,
        weeks.horizon_weeks,
        versions.flow_id,
        sum(versions.value::decimal(28, 12))::double as known_value,
        count(versions.value) as known_count,
        weeks.horizon_weeks as needed_count,
        max(versions.null_reason) as null_reason,
        max(versions.pit_rank) as pit_rank,
        max(versions.origin_rank) as origin_rank
    from weeks
    inner join versions
        on
            versions.grain = 'week'
            -- the Federal Reserve's weeks end on Wednesday, the others' on Friday
            and weeks.week_end
            = {{ add_days('versions.period_end', "case versions.flow_id when 'fed_secondary_market_purchases' then 2 else 0 end") }}
            and {{ known_then('versions', 'weeks.seen_at') }}
    group by weeks.anchor, weeks.period_end, weeks.horizon_weeks, versions.flow_id

),

newest_known as (

    select
        windows.anchor,
        windows.period_end,
        windows.horizon_weeks,
        windows.seen_at,
        versions.flow_id,
        versions.grain,
        versions.period_end as flow_period_end,
        versions.value,
        versions.pit_rank,
        versions.origin_rank,
        row_number() over (
            partition by windows.anchor, windows.period_end, windows.horizon_weeks, versions.flow_id
            order by versions.period_end desc
        ) as place,
        {{ days_between('versions.period_end', 'windows.period_end') }} as age_days
    from windows
    inner join versions
        on
            versions.grain in ('month', 'quarter')
            and versions.value is not null
            -- no bound above: firms report before the calendar quarter they are counted to has ended
            and versions.period_end > {{ add_days('windows.period_end', -250) }}
            and {{ known_then('versions', 'windows.seen_at') }}

),

of_steps as (

    select
        anchor,
        period_end,
        horizon_weeks,
        flow_id,
        sum(value::decimal(28, 12))::double * case
            when grain = 'month' then horizon_weeks / 13.0::double
            when flow_id = 'ai_cash' then 1
            else horizon_weeks / 13.0::double
        end as known_value,
        count(*) as known_count,
        case grain when 'month' then 3 else 1 end as needed_count,
        -- a month is known after seven weeks and then until the next one is, a quarter after sixty days
        case
            when max(case when place = 1 then age_days end) > case grain when 'month' then 125 else 200 end then 'stale'
            -- three months that leave one out are not 13 weeks
            when
                grain = 'month'
                and (
                    count(*) < 3
                    or max(12 * extract(year from flow_period_end) + extract(month from flow_period_end))
                    - min(12 * extract(year from flow_period_end) + extract(month from flow_period_end)) <> 2
                )
                then 'missing_month'
        end as null_reason,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank
    from newest_known
    where place <= case grain when 'month' then 3 else 1 end
    group by anchor, period_end, horizon_weeks, flow_id, grain

),

flows as (

    select
        *,
        case when known_count = needed_count and null_reason is null then known_value end as value
    from of_weeks
    union all
    select
        *,
        case when known_count = needed_count and null_reason is null then known_value end as value
    from of_steps

),

side_by_side as (

    select
        windows.anchor,
        windows.period_end,
        windows.horizon_weeks,
        windows.flow_end,
        windows.seen_at,
        {% for flow_id in flow_ids -%}
        max(case when flows.flow_id = '{{ flow_id }}' then flows.value end) as {{ flow_id }},
        {% endfor -%}
        max(flows.pit_rank) as pit_rank,
        max(flows.origin_rank) as origin_rank
    from windows
    left join flows
        on
            windows.anchor = flows.anchor
            and windows.period_end = flows.period_end
            and windows.horizon_weeks = flows.horizon_weeks
    group by windows.anchor, windows.period_end, windows.horizon_weeks, windows.flow_end, windows.seen_at

)

select * from side_by_side
