with measures as (

    select * from {{ ref('int_funding__company_measures') }}

),

twelve_months as (

    select
        metric_id,
        ticker,
        'fiscal_quarter' as grain,
        {{ add_months(add_days('period_end', 1), -12) }} as period_start,
        period_end,
        parameter_set,
        case
            when missing is not null then null
            when not is_ratio then numerator_usd::double / 1e9
            when denominator_usd <= 0 then null
            when metric_id = 'net_debt_issuance_share'
                then least(greatest(numerator_usd::double / denominator_usd::double, -1), 2)
            else numerator_usd::double / denominator_usd::double
        end as value,
        case when is_ratio then numerator_usd::double / 1e9 end as numerator,
        denominator_usd::double / 1e9 as denominator,
        inputs_known::double / inputs_needed as coverage,
        case
            when missing is not null then 'missing_input: ' || missing
            when is_ratio and denominator_usd <= 0 then 'denominator_not_positive'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at
    from measures

),

parameters as (

    select
        parameter_set,
        include_finance_leases = 1 as has_leases
    from ({{ parameter_sets(['include_finance_leases']) }}) as those_that_differ

),

quarters as (

    select
        quarters.ticker,
        quarters.period_start,
        quarters.period_end,
        case when parameters.has_leases then quarters.capex_with_leases_usd else quarters.capex_usd end as capex_usd,
        case when parameters.has_leases then 'capex, finlease_principal' else 'capex' end as inputs,
        parameters.parameter_set,
        quarters.pit_rank,
        quarters.origin_rank,
        quarters.source_url,
        quarters.known_at,
        quarters.known_until
    from {{ ref('int_funding__company_quarters') }} as quarters
    cross join parameters

),

instants as (  -- growth is judged when its quarter changes, and again when the quarter a year before does

    select
        ticker,
        period_end,
        parameter_set,
        known_at
    from quarters
    union
    select
        quarters.ticker,
        quarters.period_end,
        quarters.parameter_set,
        before.known_at
    from quarters
    inner join quarters as before
        on
            quarters.ticker = before.ticker
            and quarters.parameter_set = before.parameter_set
            and {{ days_between('before.period_end', 'quarters.period_end') }} between 355 and 375
            and quarters.known_at < before.known_at

),

compared as (

    select
        instants.ticker,
        instants.period_end,
        instants.parameter_set,
        instants.known_at,
        quarters.period_start,
        quarters.inputs,
        quarters.capex_usd,
        before.capex_usd as capex_before_usd,
        greatest(quarters.pit_rank, before.pit_rank) as pit_rank,
        greatest(quarters.origin_rank, before.origin_rank) as origin_rank,
        quarters.source_url
    from instants
    inner join quarters
        on
            instants.ticker = quarters.ticker
            and instants.period_end = quarters.period_end
            and instants.parameter_set = quarters.parameter_set
            and {{ known_then('quarters', 'instants.known_at') }}
    left join quarters as before
        on
            instants.ticker = before.ticker
            and instants.parameter_set = before.parameter_set
            and before.period_end
            between {{ add_days('instants.period_end', -375) }} and {{ add_days('instants.period_end', -355) }}
            and {{ known_then('before', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.ticker, instants.period_end, instants.parameter_set, instants.known_at
        order by
            case when before.capex_usd is null then 1 else 0 end,
            abs({{ days_between('before.period_end', 'instants.period_end') }} - 364),
            before.period_end desc
    ) = 1

),

growth as (

    select
        'capex_q_yoy' as metric_id,
        ticker,
        'fiscal_quarter' as grain,
        period_start,
        period_end,
        parameter_set,
        capex_usd::double / case when capex_before_usd > 0 then capex_before_usd::double end - 1 as value,
        capex_usd::double / 1e9 as numerator,
        capex_before_usd::double / 1e9 as denominator,
        (case when capex_usd is null then 0.0 else 1.0 end + case when capex_before_usd is null then 0.0 else 1.0 end)
        / 2 as coverage,
        case
            when capex_usd is null then 'missing_input: ' || inputs
            when capex_before_usd is null then 'missing_input: ' || inputs || ' a year before'
            when capex_before_usd <= 0 then 'denominator_not_positive'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at
    from compared

),

calendar as (

    select
        'capex_cal_q' as metric_id,
        quarters.ticker,
        'calendar_quarter' as grain,
        quarters.quarter_start as period_start,
        quarters.quarter_end as period_end,
        parameters.parameter_set,
        case when parameters.has_leases then quarters.capex_with_leases_usd_bn else quarters.capex_usd_bn end as value,
        null::double as numerator,
        null::double as denominator,
        case
            when parameters.has_leases and quarters.capex_with_leases_usd_bn is not null then 1.0
            when not parameters.has_leases and quarters.capex_usd_bn is not null then 1.0
            else 0.0
        end as coverage,
        case
            when quarters.missing_days <> 0 then 'missing_fiscal_quarter'
            when quarters.capex_usd_bn is null then 'missing_input: capex'
            when parameters.has_leases and quarters.capex_with_leases_usd_bn is null
                then 'missing_input: finlease_principal'
        end as null_reason,
        {{ rank_of('pit_quality', 'quarters.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'quarters.origin') }} as origin_rank,
        quarters.source_url,
        quarters.known_at
    from {{ ref('fct_ai_funding_calendar_quarterly') }} as quarters
    cross join parameters

),

together as (

    select * from twelve_months
    union all
    select * from growth
    union all
    select * from calendar

),

observations as (

    select
        metric_id,
        'company' as entity_type,
        ticker as entity_id,
        grain,
        period_start,
        period_end,
        value,
        numerator,
        denominator,
        coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        null::timestamptz as withdrawn_at,
        parameter_set
    from together

)

select * from observations
