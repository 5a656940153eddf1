{#- Days after which a quarter that no newer one has followed is too old to speak for a company. -#}
{%- set stale_after_days = 140 -%}
with members as (

    select * from {{ ref('company_universe') }}
    where universe = 'ai_hyperscalers'

),

tickers as (

    select distinct ticker
    from members

),

quarters as (

    select
        quarters.ticker,
        quarters.period_end,
        quarters.capex_usd as capex_q,
        quarters.capex_ttm_usd as capex_ttm,
        quarters.ocf_ttm_usd as ocf_ttm,
        quarters.external_funding_usd as external_funding_q,
        quarters.external_funding_ttm_usd as external_funding_ttm,
        quarters.net_debt_ttm_usd as net_debt_ttm,
        quarters.cash_ms_usd as cash_ms,
        quarters.ocf_usd - quarters.buybacks_usd - quarters.dividends_usd as ocf_after_distributions_q,
        quarters.pit_rank,
        quarters.origin_rank,
        quarters.known_at,
        quarters.known_until,
        min(quarters.known_at) over (partition by quarters.ticker, quarters.period_end) as first_known_at
    from {{ ref('int_funding__company_quarters') }} as quarters
    inner join tickers on quarters.ticker = tickers.ticker

),

instants as (

    select known_at
    from quarters
    union
    select first_known_at + interval '{{ stale_after_days }}' day as known_at
    from quarters

),

as_known as (  -- of each member the newest quarter known then, in its newest revision

    select
        instants.known_at,
        members.ticker,
        quarters.period_end,
        quarters.first_known_at + interval '{{ stale_after_days }}' day <= instants.known_at as is_stale,
        quarters.capex_q,
        quarters.capex_ttm,
        quarters.ocf_ttm,
        quarters.external_funding_q,
        quarters.external_funding_ttm,
        quarters.net_debt_ttm,
        quarters.cash_ms,
        quarters.ocf_after_distributions_q,
        quarters.pit_rank,
        quarters.origin_rank
    from instants
    inner join members
        on
            members.valid_from <= {{ utc_date('instants.known_at') }}
            and (members.valid_to is null or members.valid_to >= {{ utc_date('instants.known_at') }})
    left join quarters
        on
            members.ticker = quarters.ticker
            and {{ known_then('quarters', 'instants.known_at') }}
    qualify row_number() over (
        partition by instants.known_at, members.ticker order by quarters.period_end desc nulls last
    ) = 1

),

newest as (

    select
        known_at,
        max(period_end) as period_end
    from as_known
    group by known_at

),

nearest_quarter as (  -- the calendar quarter whose end is nearest to the newest fiscal one

    select
        known_at,
        case
            when
                {{ days_between(add_days("date_trunc('quarter', period_end)::date", -1), 'period_end') }}
                < {{ days_between(
                    'period_end', 'last_day(' ~ add_months("date_trunc('quarter', period_end)::date", 2) ~ ')'
                ) }}
                then {{ add_days("date_trunc('quarter', period_end)::date", -1) }}
            else last_day({{ add_months("date_trunc('quarter', period_end)::date", 2) }})
        end as period_end
    from newest

),

measured as (
    {% for measure in [
        'capex_ttm', 'ocf_ttm', 'external_funding_ttm', 'external_funding_q', 'net_debt_ttm', 'cash_ms', 'capex_q',
        'ocf_after_distributions_q',
    ] %}
    select
        '{{ measure }}' as measure,
        known_at,
        ticker,
        case when not is_stale then {{ measure }} end as value_usd,
        case when is_stale then ticker end as stale_ticker,
        pit_rank,
        origin_rank
    from as_known
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

summed as (  -- a sum over fewer members than all is none

    select
        measure,
        known_at,
        case when count(value_usd) = count(*) then sum(value_usd)::double / 1e9 end as value_usd_bn,
        count(value_usd)::double / count(*) as coverage,
        case
            when count(value_usd) < count(*)
                then
                    concat_ws(
                        '; ',
                        'missing_members: '
                        || {{ joined_text('case when value_usd is null and stale_ticker is null then ticker end') }},
                        'stale_members: ' || {{ joined_text('stale_ticker') }}
                    )
        end as null_reason,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank
    from measured
    group by measure, known_at

),

dated as (

    select
        summed.*,
        nearest_quarter.period_end
    from summed
    inner join nearest_quarter on summed.known_at = nearest_quarter.known_at

),

changes as (

    select * from dated
    window knowledge as (partition by measure order by known_at)
    qualify {{ differs_from_previous([
        'period_end', 'value_usd_bn', 'coverage', 'null_reason', 'pit_rank', 'origin_rank',
    ], 'knowledge') }}

),

versions as (

    select
        measure,
        'ai_core' as entity_id,
        period_end,
        value_usd_bn,
        coverage,
        null_reason,
        known_at,
        lead(known_at) over (partition by measure order by known_at) as known_until,
        pit_rank,
        origin_rank
    from changes

)

select * from versions
