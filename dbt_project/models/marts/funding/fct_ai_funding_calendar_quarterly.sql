{%- set flows = [
    'capex', 'capex_with_leases', 'capex_with_lease_assets', 'ocf', 'revenue', 'buybacks', 'dividends', 'net_debt',
    'net_equity', 'securities_bought', 'securities_sold', 'acquisitions',
] -%}
with fiscal as (

    select * from {{ ref('int_funding__company_quarters') }}
    where period_start is not null

),

nearby as (  -- a fiscal quarter touches at most two calendar quarters

    select
        ticker,
        date_trunc('quarter', period_start)::date as quarter_start
    from fiscal
    union
    select
        ticker,
        date_trunc('quarter', period_end)::date as quarter_start
    from fiscal

),

calendar as (

    select
        ticker,
        quarter_start,
        last_day({{ add_months('quarter_start', 2) }}) as quarter_end
    from nearby

),

overlapping as (

    select
        calendar.ticker,
        calendar.quarter_start,
        calendar.quarter_end,
        fiscal.period_end as fiscal_period_end,
        {{ days_between(
            'greatest(fiscal.period_start, calendar.quarter_start)', 'least(fiscal.period_end, calendar.quarter_end)'
        ) }} + 1 as overlap_days,
        {{ days_between('fiscal.period_start', 'fiscal.period_end') }} + 1 as fiscal_days,
        {{ days_between('calendar.quarter_start', 'calendar.quarter_end') }} + 1 as calendar_days,
        abs({{ days_between('fiscal.period_end', 'calendar.quarter_end') }}) as error_days,
        {% for flow in flows -%}
        fiscal.{{ flow }}_usd,
        {% endfor -%}
        fiscal.pit_rank,
        fiscal.origin_rank,
        fiscal.source_url,
        fiscal.known_at,
        fiscal.known_until
    from calendar
    inner join fiscal
        on
            calendar.ticker = fiscal.ticker
            and calendar.quarter_start <= fiscal.period_end
            and calendar.quarter_end >= fiscal.period_start

),

changes as (

    {{ instants_of('overlapping', ['ticker', 'quarter_end'], 'changed_at') }}

),

instants as (

    select distinct
        ticker,
        quarter_end,
        greatest(changed_at, {{ end_of_day_in_new_york('quarter_end') }}) as known_at
    from changes

),

shared as (  -- decimals until the last step: their sum does not depend on the order

    select
        instants.ticker,
        overlapping.quarter_start,
        instants.quarter_end,
        instants.known_at,
        min(overlapping.error_days) as alignment_error_days,
        sum(overlapping.overlap_days) as covered_days,
        max(overlapping.calendar_days) as calendar_days,
        {% for flow in flows -%}
        case
            when count(overlapping.{{ flow }}_usd) = count(*)
                then
                    sum(
                        round(
                            overlapping.{{ flow }}_usd::double * overlapping.overlap_days / overlapping.fiscal_days, 2
                        )::decimal(28, 2)
                    )
        end as {{ flow }}_usd,
        {% endfor -%}
        max(overlapping.pit_rank) as pit_rank,
        max(overlapping.origin_rank) as origin_rank,
        max(overlapping.source_url) as source_url
    from instants
    inner join overlapping
        on
            instants.ticker = overlapping.ticker
            and instants.quarter_end = overlapping.quarter_end
            and {{ known_then('overlapping', 'instants.known_at') }}
    group by instants.ticker, overlapping.quarter_start, instants.quarter_end, instants.known_at

),

complete as (  -- of a quarter whose other part is not reported yet, nothing is known

    select
        ticker,
        quarter_start,
        quarter_end,
        known_at,
        alignment_error_days,
        calendar_days - covered_days as missing_days,
        {% for flow in flows -%}
        case when covered_days = calendar_days then {{ flow }}_usd end as {{ flow }}_usd,
        {% endfor -%}
        pit_rank,
        origin_rank,
        source_url
    from shared

),

different as (

    select * from complete
    window quarter as (partition by ticker, quarter_end order by known_at)
    qualify {{ differs_from_previous(
        ['alignment_error_days', 'missing_days', 'pit_rank', 'origin_rank'] + (flows | join('_usd,') ~ '_usd').split(','),
        'quarter'
    ) }}

),

versions as (

    select
        ---------- keys
        ticker::varchar as ticker,
        quarter_start::date as quarter_start,
        quarter_end::date as quarter_end,

        ---------- measures
        {% for flow in flows -%}
        ({{ flow }}_usd::double / 1e9)::double as {{ flow }}_usd_bn,
        {% endfor -%}
        alignment_error_days::integer as alignment_error_days,
        missing_days::integer as missing_days,
        case
            when missing_days <> 0 then 'missing_fiscal_quarter'
            when capex_usd is null then 'missing_input: capex'
        end::varchar as null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        (lead(known_at) over (partition by ticker, quarter_end order by known_at))::timestamptz as known_until,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'origin_rank') }}::varchar as origin
    from different

)

select * from versions
