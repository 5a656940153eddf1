with flows as (

    select
        ticker,
        concept,
        period_start,
        period_end,
        value_usd::double / 1e9 as value_usd_bn,
        ttm_usd::double / 1e9 as ttm_usd_bn,
        null_reason,
        ttm_null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from {{ ref('int_metrics__company_quarters') }}
    where concept in ('capex', 'ocf')

),

plain as (

    select
        ticker,
        'capex_q' as metric_id,
        period_start,
        period_end,
        value_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at
    from flows
    where concept = 'capex'
    union all
    select
        ticker,
        concept || '_ttm' as metric_id,
        {{ add_months(add_days('period_end', 1), -12) }} as period_start,
        period_end,
        ttm_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        ttm_null_reason as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until as withdrawn_at
    from flows

),

capex as (

    select * from flows
    where concept = 'capex'

),

compared_with as (  -- the same twelve months a year before, or the operating cash flow of the same twelve months

    select
        'capex_yoy' as metric_id,
        365 as days_before,
        'capex' as concept
    union all
    select
        'capex_to_ocf' as metric_id,
        0 as days_before,
        'ocf' as concept

),

wanted as (

    select
        compared_with.metric_id,
        compared_with.concept as other_concept,
        {{ add_days('capex.period_end', '-compared_with.days_before') }} as other_period_end,
        capex.*
    from capex
    cross join compared_with

),

changes as (

    {{ instants_of('flows', ['ticker', 'concept', 'period_end'], 'changed_at') }}

),

instants as (  -- a ratio is judged when its numerator changes, and again when what it is compared with does

    select
        metric_id,
        ticker,
        period_end,
        known_at
    from wanted
    union
    select
        wanted.metric_id,
        wanted.ticker,
        wanted.period_end,
        changes.changed_at as known_at
    from wanted
    inner join changes
        on
            wanted.ticker = changes.ticker
            and wanted.other_concept = changes.concept
            and abs({{ days_between('wanted.other_period_end', 'changes.period_end') }}) <= 10
            and wanted.known_at < changes.changed_at
            and (wanted.known_until is null or wanted.known_until > changes.changed_at)

),

compared as (  -- fiscal years of 52 or 53 weeks end some days apart: of the quarters known then the nearest

    select
        wanted.ticker,
        wanted.metric_id,
        wanted.period_end,
        wanted.ttm_usd_bn as numerator,
        wanted.ttm_null_reason,
        others.ttm_usd_bn as denominator,
        others.ticker is not null as has_other,
        others.ttm_null_reason as other_null_reason,
        greatest(wanted.pit_rank, others.pit_rank) as pit_rank,
        greatest(wanted.origin_rank, others.origin_rank) as origin_rank,
        wanted.source_url,
        instants.known_at,
        wanted.known_until as withdrawn_at
    from instants
    inner join wanted
        on
            instants.metric_id = wanted.metric_id
            and instants.ticker = wanted.ticker
            and instants.period_end = wanted.period_end
            and {{ known_then('wanted', 'instants.known_at') }}
    left join flows as others
        on
            wanted.ticker = others.ticker
            and wanted.other_concept = others.concept
            and others.period_end
            between {{ add_days('wanted.other_period_end', -10) }} and {{ add_days('wanted.other_period_end', 10) }}
            and {{ known_then('others', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.metric_id, instants.ticker, instants.period_end, instants.known_at
        order by
            case when others.ttm_usd_bn is null then 1 else 0 end,
            abs({{ days_between('wanted.other_period_end', 'others.period_end') }}),
            others.period_end desc
    ) = 1

),

ratios as (

    select
        ticker,
        metric_id,
        {{ add_months(add_days('period_end', 1), -12) }} as period_start,
        period_end,
        numerator / case when denominator > 0 then denominator end
        - case when metric_id = 'capex_yoy' then 1 else 0 end as value,
        numerator,
        denominator,
        case
            when numerator is null then 'capex_ttm: ' || ttm_null_reason
            when not has_other then 'missing_denominator'
            when denominator is null then 'denominator: ' || other_null_reason
            when denominator <= 0 then 'denominator_not_positive'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at
    from compared

),

together as (

    select * from plain
    union all
    select * from ratios

),

observations as (

    select
        metric_id,
        'company' as entity_type,
        ticker as entity_id,
        'fiscal_quarter' as grain,
        period_start,
        period_end,
        value,
        numerator,
        denominator,
        case when value is null then 0.0 else 1.0 end as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from together

)

select * from observations
