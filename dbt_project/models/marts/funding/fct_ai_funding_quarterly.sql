{%- set flows = [
    'capex', 'capex_with_leases', 'capex_with_lease_assets', 'finlease_principal', 'ocf', 'revenue', 'buybacks',
    'tax_withholding', 'dividends', 'debt_proceeds', 'debt_repaid', 'debt_net_short', 'net_debt', 'net_equity',
    'external_funding', 'securities_bought', 'securities_sold', 'securities_sales_only', 'acquisitions',
] -%}
with quarters as (

    select * from {{ ref('int_funding__company_quarters') }}

),

versions as (

    select
        ---------- keys
        ticker::varchar as ticker,
        fiscal_year_start::date as fiscal_year_start,
        fiscal_quarter_number::integer as fiscal_quarter_number,
        period_start::date as period_start,
        period_end::date as period_end,

        ---------- the quarter
        {% for flow in flows -%}
        ({{ flow }}_usd::double / 1e9)::double as {{ flow }}_usd_bn,
        {% endfor %}
        ---------- the twelve months that end with it
        {% for flow in flows -%}
        ({{ flow }}_ttm_usd::double / 1e9)::double as {{ flow }}_ttm_usd_bn,
        {% endfor -%}
        ((capex_ttm_usd + buybacks_ttm_usd + dividends_ttm_usd - ocf_ttm_usd)::double / 1e9)::double
            as funding_gap_ttm_usd_bn,
        ((capex_ttm_usd - ocf_ttm_usd)::double / 1e9)::double as funding_gap_capex_only_ttm_usd_bn,
        (funding_identity_residual_ttm_usd::double / 1e9)::double as funding_identity_residual_ttm_usd_bn,

        ---------- what is held
        (cash_ms_usd::double / 1e9)::double as cash_ms_usd_bn,
        (cash_ms_change_usd::double / 1e9)::double as cash_ms_change_usd_bn,
        (cash_ms_change_ttm_usd::double / 1e9)::double as cash_ms_change_ttm_usd_bn,

        ---------- what is missing
        (securities_sold_usd is not null and securities_sales_only_usd is not null)::boolean as is_sale_split_known,
        concat_ws(', ', net_debt_missing, securities_missing)::varchar as missing_lines,
        concat_ws(', ', net_debt_ttm_missing, securities_ttm_missing)::varchar as missing_lines_ttm,

        ---------- when it was known
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'origin_rank') }}::varchar as origin
    from quarters

)

select * from versions
