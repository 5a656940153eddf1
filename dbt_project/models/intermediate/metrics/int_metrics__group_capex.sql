with flows as (

    select
        ticker,
        concept,
        period_end,
        {{ add_days("date_trunc('quarter', period_end)::date", -1) }} as quarter_end_before,
        last_day({{ add_months("date_trunc('quarter', period_end)::date", 2) }}) as quarter_end_after,
        ttm_usd,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from {{ ref('int_metrics__company_quarters') }}
    where concept in ('capex', 'ocf')

),

nearest as (

    select
        *,
        case
            when
                {{ days_between('quarter_end_before', 'period_end') }}
                < {{ days_between('period_end', 'quarter_end_after') }}
                then quarter_end_before
            else quarter_end_after
        end as quarter_end
    from flows

),

aligned as (

    select * from nearest
    where abs({{ days_between('quarter_end', 'period_end') }}) <= 45

),

members as (

    select * from {{ ref('company_universe') }}
    where universe = 'ai_hyperscalers'

),

changes as (

    {{ instants_of('aligned', ['ticker', 'quarter_end'], 'changed_at') }}

),

instants as (  -- a calendar quarter is not known before it has ended, though a fiscal one near it may be

    select distinct
        changes.quarter_end,
        greatest(changes.changed_at, {{ end_of_day_in_new_york('changes.quarter_end') }}) as known_at
    from changes
    inner join members
        on
            changes.ticker = members.ticker
            and members.valid_from <= changes.quarter_end
            and (members.valid_to is null or members.valid_to >= changes.quarter_end)

),

as_known as (

    select
        instants.quarter_end,
        instants.known_at,
        members.ticker,
        capex.ttm_usd as capex_usd,
        ocf.ttm_usd as ocf_usd,
        capex.pit_rank as capex_pit_rank,
        ocf.pit_rank as ocf_pit_rank,
        capex.origin_rank as capex_origin_rank,
        ocf.origin_rank as ocf_origin_rank,
        coalesce(capex.source_url, ocf.source_url) as source_url
    from instants
    inner join members
        on
            members.valid_from <= instants.quarter_end
            and (members.valid_to is null or members.valid_to >= instants.quarter_end)
    left join aligned as capex
        on
            members.ticker = capex.ticker
            and capex.concept = 'capex'
            and instants.quarter_end = capex.quarter_end
            and {{ known_then('capex', 'instants.known_at') }}
    left join aligned as ocf
        on
            members.ticker = ocf.ticker
            and ocf.concept = 'ocf'
            and instants.quarter_end = ocf.quarter_end
            and {{ known_then('ocf', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.quarter_end, instants.known_at, members.ticker
        order by
            case when capex.ttm_usd is null then 1 else 0 end + case when ocf.ttm_usd is null then 1 else 0 end,
            capex.period_end desc,
            ocf.period_end desc
    ) = 1

),

wanted as (

    select
        'capex_ttm' as metric_id,
        quarter_end,
        known_at,
        ticker,
        capex_usd as numerator,
        null::decimal(28, 2) as denominator,
        capex_usd is not null as is_present,
        capex_pit_rank as pit_rank,
        capex_origin_rank as origin_rank,
        source_url
    from as_known
    union all
    select
        'ocf_ttm' as metric_id,
        quarter_end,
        known_at,
        ticker,
        ocf_usd as numerator,
        null::decimal(28, 2) as denominator,
        ocf_usd is not null as is_present,
        ocf_pit_rank as pit_rank,
        ocf_origin_rank as origin_rank,
        source_url
    from as_known
    union all
    select
        'capex_to_ocf' as metric_id,
        quarter_end,
        known_at,
        ticker,
        capex_usd as numerator,
        ocf_usd as denominator,
        capex_usd is not null and ocf_usd is not null as is_present,
        greatest(capex_pit_rank, ocf_pit_rank) as pit_rank,
        greatest(capex_origin_rank, ocf_origin_rank) as origin_rank,
        source_url
    from as_known

),

summed as (  -- decimals, whose sum does not depend on the order; over fewer members it is no value, only a numerator

    select
        metric_id,
        quarter_end,
        known_at,
        sum(case when is_present then numerator end)::double / 1e9 as numerator,
        sum(case when is_present then denominator end)::double / 1e9 as denominator,
        count(case when is_present then 1 end)::double / count(*) as coverage,
        {{ joined_text('case when not is_present then ticker end') }} as missing_members,
        coalesce(max(case when is_present then pit_rank end), max(pit_rank)) as pit_rank,
        coalesce(max(case when is_present then origin_rank end), max(origin_rank)) as origin_rank,
        min(source_url) as source_url
    from wanted
    group by metric_id, quarter_end, known_at

),

known_of_at_all as (  -- once no member is known any more, the last state is withdrawn

    select
        *,
        lead(known_at) over (partition by metric_id, quarter_end order by known_at) as withdrawn_at
    from summed
    qualify pit_rank is not null

),

observations as (

    select
        metric_id,
        'system' as entity_type,
        'ai_core' as entity_id,
        'calendar_quarter' as grain,
        {{ add_months(add_days('quarter_end', 1), -12) }} as period_start,
        quarter_end as period_end,
        case
            when coverage < 1 then null
            when metric_id = 'capex_to_ocf' then numerator / case when denominator > 0 then denominator end
            else numerator
        end as value,
        numerator,
        denominator,
        coverage,
        case
            when coverage < 1 then 'missing_members: ' || missing_members
            when metric_id = 'capex_to_ocf' and denominator <= 0 then 'denominator_not_positive'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from known_of_at_all

)

select * from observations
