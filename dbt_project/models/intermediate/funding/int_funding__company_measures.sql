{#- Every measure of twelve months, with the figures it needs. `leases` says that it depends on the definition of capex. -#}
{%- set gap = 'capex_ttm + buybacks_ttm + dividends_ttm - ocf_ttm' -%}
{%- set debt = ['net_debt_ttm'] -%}
{%- set securities = ['securities_sold_ttm', 'securities_bought_ttm'] -%}
{%- set measures = [
    {'id': 'capex_with_leases_ttm', 'leases': false, 'upper': 'capex_with_leases_ttm',
     'needs': ['capex_ttm', 'finlease_principal_ttm']},
    {'id': 'funding_gap', 'leases': true, 'upper': gap,
     'needs': ['capex_ttm', 'buybacks_ttm', 'dividends_ttm', 'ocf_ttm']},
    {'id': 'funding_gap_capex_only', 'leases': true, 'upper': 'capex_ttm - ocf_ttm',
     'needs': ['capex_ttm', 'ocf_ttm']},
    {'id': 'net_debt_ttm', 'leases': false, 'upper': 'net_debt_ttm', 'needs': debt},
    {'id': 'external_funding', 'leases': false, 'upper': 'external_funding_ttm', 'needs': debt + ['net_equity_ttm']},
    {'id': 'external_funding_net', 'leases': false, 'upper': 'net_debt_ttm + net_equity_ttm',
     'needs': debt + ['net_equity_ttm']},
    {'id': 'capex_to_revenue', 'leases': true, 'upper': 'capex_ttm', 'lower': 'revenue_ttm',
     'needs': ['capex_ttm', 'revenue_ttm']},
    {'id': 'net_debt_issuance_share', 'leases': true, 'upper': 'net_debt_ttm', 'lower': 'capex_ttm',
     'needs': debt + ['capex_ttm']},
    {'id': 'ai_external_funding_share', 'leases': true, 'upper': 'external_funding_ttm', 'lower': 'capex_ttm',
     'needs': debt + ['net_equity_ttm', 'capex_ttm']},
    {'id': 'securities_sale_funding_share', 'leases': true,
     'upper': 'greatest(securities_sold_ttm - securities_bought_ttm, 0)', 'lower': 'capex_ttm',
     'needs': securities + ['capex_ttm']},
    {'id': 'securities_sale_only_funding_share', 'leases': true,
     'upper': 'greatest(securities_sales_only_ttm, 0)', 'lower': 'capex_ttm',
     'needs': ['securities_sales_only_ttm', 'capex_ttm']},
    {'id': 'cash_burn_share', 'leases': true, 'upper': 'greatest(-cash_ms_change_ttm, 0)', 'lower': 'capex_ttm',
     'needs': ['cash_ms_change_ttm', 'capex_ttm']},
] -%}
with quarters as (

    select * from {{ ref('int_funding__company_quarters') }}

),

parameters as (  -- of the sets of parameters those that change something here

    select
        sets.parameter_set,
        sets.include_finance_leases = 1 as has_leases
    from {{ ref('thesis_parameters') }} as sets
    inner join {{ ref('thesis_parameters') }} as defaults
        on
            defaults.parameter_set = 'default'
            and (
                sets.parameter_set = 'default'
                or sets.include_finance_leases <> defaults.include_finance_leases
            )

),

by_definition as (

    select
        quarters.ticker,
        quarters.period_start,
        quarters.period_end,
        case when parameters.has_leases then quarters.capex_with_leases_usd else quarters.capex_usd end as capex_usd,
        case when parameters.has_leases then quarters.capex_with_leases_ttm_usd else quarters.capex_ttm_usd end
            as capex_ttm,
        quarters.capex_with_leases_ttm_usd as capex_with_leases_ttm,
        quarters.finlease_principal_ttm_usd as finlease_principal_ttm,
        quarters.ocf_ttm_usd as ocf_ttm,
        quarters.revenue_ttm_usd as revenue_ttm,
        quarters.buybacks_ttm_usd as buybacks_ttm,
        quarters.dividends_ttm_usd as dividends_ttm,
        quarters.net_debt_ttm_usd as net_debt_ttm,
        quarters.net_debt_ttm_missing,
        quarters.net_equity_ttm_usd as net_equity_ttm,
        quarters.external_funding_ttm_usd as external_funding_ttm,
        quarters.securities_bought_ttm_usd as securities_bought_ttm,
        quarters.securities_sold_ttm_usd as securities_sold_ttm,
        quarters.securities_sales_only_ttm_usd as securities_sales_only_ttm,
        quarters.cash_ms_change_ttm_usd as cash_ms_change_ttm,
        parameters.parameter_set,
        parameters.has_leases,
        quarters.pit_rank,
        quarters.origin_rank,
        quarters.source_url,
        quarters.known_at,
        quarters.known_until
    from quarters
    cross join parameters

),

named as (  -- what is missing by its name

    select
        {% for input in [
            'finlease_principal', 'ocf', 'revenue', 'buybacks', 'dividends', 'net_equity', 'securities_bought',
            'securities_sold', 'securities_sales_only', 'cash_ms_change',
        ] -%}
        case when {{ input }}_ttm is null then '{{ input }}' end as {{ input }}_ttm_missing,
        {% endfor -%}
        case when capex_ttm is null then case when has_leases then 'capex, finlease_principal' else 'capex' end end
            as capex_ttm_missing,
        *
    from by_definition

),

measured as (
    {% for measure in measures %}
    select
        '{{ measure.id }}' as metric_id,
        ticker,
        period_end,
        parameter_set,
        {{ measure.lower is defined }} as is_ratio,
        ({{ measure.upper }})::decimal(28, 2) as numerator_usd,
        {{ measure.lower if measure.lower is defined else 'null' }}::decimal(28, 2) as denominator_usd,
        {{ measure.needs | length }} as inputs_needed,
        {% for input in measure.needs -%}
        case when {{ input }} is null then 0 else 1 end{{ ' + ' if not loop.last }}
        {%- endfor %} as inputs_known,
        nullif(concat_ws(', ', {{ measure.needs | join('_missing, ') }}_missing), '') as missing,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from named
    {%- if not measure.leases %}
    where parameter_set = 'default'
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from measured
