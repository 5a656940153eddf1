with flows as (

    select
        ticker,
        concept,
        fiscal_year_start,
        fiscal_quarter_number,
        period_start,
        period_end,
        value_usd::double / 1e9 as value_usd_bn,
        ttm_usd::double / 1e9 as ttm_usd_bn,
        null_reason,
        ttm_null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from {{ ref('fct_company_cash_flows_quarterly') }}
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
        known_at
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
        known_at
    from flows

),

capex as (

    select * from flows
    where concept = 'capex'

),

compared_with as (  -- the same twelve months a year before, or the operating cash flow of the same twelve months

    select
        'capex_yoy' as metric_id,
        1 as fiscal_years_before,
        'capex' as concept
    union all
    select
        'capex_to_ocf' as metric_id,
        0 as fiscal_years_before,
        'ocf' as concept

),

pairs as (

    select
        compared_with.metric_id,
        capex.ticker,
        capex.fiscal_year_start,
        capex.fiscal_quarter_number,
        others.concept as other_concept,
        others.fiscal_year_start as other_fiscal_year_start,
        min(capex.known_at) as first_known_at
    from capex
    cross join compared_with
    left join flows as others
        on
            capex.ticker = others.ticker
            and compared_with.concept = others.concept
            and capex.fiscal_quarter_number = others.fiscal_quarter_number
            and {{ days_between('others.fiscal_year_start', 'capex.fiscal_year_start') }}
            between 365 * compared_with.fiscal_years_before - 10 and 365 * compared_with.fiscal_years_before + 10
    group by all

),

instants as (

    select
        pairs.*,
        capex.known_at
    from pairs
    inner join capex
        on
            pairs.ticker = capex.ticker
            and pairs.fiscal_year_start = capex.fiscal_year_start
            and pairs.fiscal_quarter_number = capex.fiscal_quarter_number
    union
    select
        pairs.*,
        others.known_at
    from pairs
    inner join flows as others
        on
            pairs.ticker = others.ticker
            and pairs.other_concept = others.concept
            and pairs.other_fiscal_year_start = others.fiscal_year_start
            and pairs.fiscal_quarter_number = others.fiscal_quarter_number
    where others.known_at > pairs.first_known_at

),

ratios as (

    select
        instants.ticker,
        instants.metric_id,
        {{ add_months(add_days('capex.period_end', 1), -12) }} as period_start,
        capex.period_end,
        capex.ttm_usd_bn / case when others.ttm_usd_bn > 0 then others.ttm_usd_bn end
        - case when instants.metric_id = 'capex_yoy' then 1 else 0 end as value,
        capex.ttm_usd_bn as numerator,
        others.ttm_usd_bn as denominator,
        case
            when capex.ttm_usd_bn is null then 'capex_ttm: ' || capex.ttm_null_reason
            when others.ticker is null then 'missing_denominator'
            when others.ttm_usd_bn is null then 'denominator: ' || others.ttm_null_reason
            when others.ttm_usd_bn <= 0 then 'denominator_not_positive'
        end as null_reason,
        greatest(capex.pit_rank, others.pit_rank) as pit_rank,
        greatest(capex.origin_rank, others.origin_rank) as origin_rank,
        capex.source_url,
        instants.known_at
    from instants
    inner join capex
        on
            instants.ticker = capex.ticker
            and instants.fiscal_year_start = capex.fiscal_year_start
            and instants.fiscal_quarter_number = capex.fiscal_quarter_number
            and {{ known_then('capex', 'instants.known_at') }}
    left join flows as others
        on
            instants.ticker = others.ticker
            and instants.other_concept = others.concept
            and instants.other_fiscal_year_start = others.fiscal_year_start
            and instants.fiscal_quarter_number = others.fiscal_quarter_number
            and {{ known_then('others', 'instants.known_at') }}

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
        null::timestamptz as withdrawn_at
    from together

)

select * from observations
