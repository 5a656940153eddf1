with members as (

    select * from {{ ref('company_universe') }}
    where universe = 'ai_hyperscalers'

),

tickers as (

    select distinct ticker
    from members

),

measures as (

    select
        measures.*,
        {{ add_days("date_trunc('quarter', measures.period_end)::date", -1) }} as quarter_end_before,
        last_day({{ add_months("date_trunc('quarter', measures.period_end)::date", 2) }}) as quarter_end_after
    from {{ ref('int_funding__company_measures') }} as measures
    inner join tickers on measures.ticker = tickers.ticker

),

aligned as (  -- a fiscal quarter speaks for the calendar quarter whose end is nearest

    select
        metric_id,
        parameter_set,
        ticker,
        case
            when
                {{ days_between('quarter_end_before', 'period_end') }}
                < {{ days_between('period_end', 'quarter_end_after') }}
                then quarter_end_before
            else quarter_end_after
        end as quarter_end,
        period_end,
        is_ratio,
        case when missing is null then numerator_usd end as numerator_usd,
        case when missing is null then denominator_usd end as denominator_usd,
        missing is null as is_present,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from measures
    union all
    select
        'capex_cal_q' as metric_id,
        calendar.parameter_set,
        calendar.entity_id as ticker,
        calendar.period_end as quarter_end,
        calendar.period_end,
        false as is_ratio,
        (calendar.value * 1e9)::decimal(28, 2) as numerator_usd,
        null::decimal(28, 2) as denominator_usd,
        calendar.value is not null as is_present,
        calendar.pit_rank,
        calendar.origin_rank,
        calendar.source_url,
        calendar.known_at,
        lead(calendar.known_at) over (
            partition by calendar.entity_id, calendar.period_end, calendar.parameter_set order by calendar.known_at
        ) as known_until
    from {{ ref('int_metrics__funding_company') }} as calendar
    inner join tickers on calendar.entity_id = tickers.ticker
    where calendar.metric_id = 'capex_cal_q'

),

changes as (

    {{ instants_of('aligned', ['metric_id', 'parameter_set', 'is_ratio', 'ticker', 'quarter_end'], 'changed_at') }}

),

quarter_ends as (

    select
        quarter_end,
        {{ end_of_day_in_new_york('quarter_end') }} as ended_at
    from changes
    group by quarter_end

),

instants as (  -- a calendar quarter is not known before it has ended, though a fiscal one near it may be

    select distinct
        changes.metric_id,
        changes.parameter_set,
        changes.is_ratio,
        changes.quarter_end,
        greatest(changes.changed_at, quarter_ends.ended_at) as known_at
    from changes
    inner join quarter_ends on changes.quarter_end = quarter_ends.quarter_end
    inner join members
        on
            changes.ticker = members.ticker
            and members.valid_from <= changes.quarter_end
            and (members.valid_to is null or members.valid_to >= changes.quarter_end)

),

as_known as (

    select
        instants.metric_id,
        instants.parameter_set,
        instants.is_ratio,
        instants.quarter_end,
        instants.known_at,
        members.ticker,
        aligned.numerator_usd,
        aligned.denominator_usd,
        coalesce(aligned.is_present, false) as is_present,
        aligned.pit_rank,
        aligned.origin_rank,
        aligned.source_url
    from instants
    inner join members
        on
            members.valid_from <= instants.quarter_end
            and (members.valid_to is null or members.valid_to >= instants.quarter_end)
    left join aligned
        on
            members.ticker = aligned.ticker
            and instants.metric_id = aligned.metric_id
            and instants.parameter_set = aligned.parameter_set
            and instants.quarter_end = aligned.quarter_end
            and {{ known_then('aligned', 'instants.known_at') }}
    qualify row_number() over (
        partition by
            instants.metric_id, instants.parameter_set, instants.quarter_end, instants.known_at, members.ticker
        order by case when aligned.is_present then 0 else 1 end, aligned.period_end desc
    ) = 1

),

summed as (  -- over fewer members than all it is no value, only a numerator

    select
        metric_id,
        parameter_set,
        is_ratio,
        quarter_end,
        known_at,
        sum(case when is_present then numerator_usd end)::double / 1e9 as numerator,
        sum(case when is_present then denominator_usd end)::double / 1e9 as denominator,
        count(case when is_present then 1 end)::double / count(*) as coverage,
        {{ joined_text('case when not is_present then ticker end') }} as missing_members,
        coalesce(max(case when is_present then pit_rank end), max(pit_rank)) as pit_rank,
        coalesce(max(case when is_present then origin_rank end), max(origin_rank)) as origin_rank,
        min(source_url) as source_url
    from as_known
    group by metric_id, parameter_set, is_ratio, quarter_end, known_at
    having max(pit_rank) is not null

),

observations as (

    select
        metric_id,
        'system' as entity_type,
        'ai_core' as entity_id,
        'calendar_quarter' as grain,
        case
            when metric_id = 'capex_cal_q' then {{ add_months(add_days('quarter_end', 1), -3) }}
            else {{ add_months(add_days('quarter_end', 1), -12) }}
        end as period_start,
        quarter_end as period_end,
        case
            when coverage < 1 then null
            when not is_ratio then numerator
            when denominator <= 0 then null
            when metric_id = 'net_debt_issuance_share' then least(greatest(numerator / denominator, -1), 2)
            else numerator / denominator
        end as value,
        numerator,
        denominator,
        coverage,
        case
            when coverage < 1 then 'missing_members: ' || missing_members
            when is_ratio and denominator <= 0 then 'denominator_not_positive'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        null::timestamptz as withdrawn_at,
        parameter_set
    from summed

)

select * from observations
