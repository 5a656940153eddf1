with flows as (

    select
        ticker,
        concept,
        tag,
        fiscal_year_start,
        fiscal_quarter_number,
        period_start,
        period_end,
        value_usd,
        ttm_usd,
        null_reason,
        ttm_null_reason,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        min(known_at) over (partition by ticker, concept, fiscal_year_start) as fiscal_year_known_at,
        known_at,
        known_until
    from {{ ref('fct_company_cash_flows_quarterly') }}

),

instants as (

    {{ instants_of('flows', ['ticker', 'concept', 'period_end']) }}

),

states as (  -- nothing speaks for an end once the quarter's versions have moved to another

    select
        instants.ticker,
        instants.concept,
        instants.period_end,
        instants.known_at,
        flows.tag,
        flows.fiscal_year_start,
        flows.fiscal_quarter_number,
        flows.period_start,
        flows.value_usd,
        flows.ttm_usd,
        flows.null_reason,
        flows.ttm_null_reason,
        flows.pit_rank,
        flows.origin_rank,
        flows.source_url,
        flows.ticker is not null as is_known
    from instants
    left join flows
        on
            instants.ticker = flows.ticker
            and instants.concept = flows.concept
            and instants.period_end = flows.period_end
            and {{ known_then('flows', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.ticker, instants.concept, instants.period_end, instants.known_at
        order by
            case when flows.value_usd is null then 1 else 0 end + case when flows.ttm_usd is null then 1 else 0 end,
            flows.fiscal_year_known_at,
            flows.fiscal_year_start,
            flows.fiscal_quarter_number
    ) = 1

),

intervals as (

    select
        *,
        lead(known_at) over (partition by ticker, concept, period_end order by known_at) as known_until
    from states
    qualify is_known

)

select * from intervals
