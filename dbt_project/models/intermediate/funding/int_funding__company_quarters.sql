{#- Quarter and twelve months are reckoned alike. -#}
{%- set windows = [('', 'value_usd', 'is_stated'), ('_ttm', 'ttm_usd', 'is_ttm_stated')] -%}
{%- set lines = [
    'capex', 'capex_proceeds', 'finlease_principal', 'finlease_assets', 'ocf', 'revenue', 'buybacks',
    'tax_withholding', 'dividends', 'debt_proceeds_long', 'debt_proceeds_short', 'debt_net_short', 'debt_repaid_long',
    'debt_repaid_short', 'sec_purchases', 'sec_sales', 'sec_maturities', 'sec_sales_and_maturities', 'equity_issued',
    'minority_issued', 'other_financing', 'acquisitions', 'other_investments_bought', 'other_investments_sold',
    'intangibles_bought', 'other_investing_paid', 'investing_total', 'financing_total', 'exchange_effect',
    'cash_change',
] -%}
{%- set measures = [
    'capex', 'capex_with_leases', 'capex_with_lease_assets', 'finlease_principal', 'ocf', 'revenue', 'buybacks',
    'tax_withholding', 'dividends', 'debt_proceeds', 'debt_repaid', 'debt_net_short', 'net_debt', 'net_equity',
    'external_funding', 'securities_bought', 'securities_sold', 'securities_sales_only', 'acquisitions',
    'funding_identity_residual', 'statement_residual',
] -%}
with lines as (

    select * from {{ ref('int_funding__quarter_lines') }}

),

balances as (

    select * from {{ ref('int_funding__cash_balances') }}

),

side_by_side as (

    select
        ticker,
        period_end,
        fiscal_year_start,
        fiscal_quarter_number,
        known_at,
        max(case when concept in ('ocf', 'capex') then period_start end) as period_start,
        max(case when concept = 'debt_repaid_long' then tag end) as debt_repaid_tag,
        {% for suffix, amount, stated in windows -%}
        {% for line in lines -%}
        max(case when concept = '{{ line }}' then {{ amount }} end) as {{ line }}{{ suffix }},
        {% endfor -%}
        max(case when concept = 'sec_sales' then {{ stated }}::integer end)
        + max(case when concept = 'sec_maturities' then {{ stated }}::integer end) = 2 as is_split_stated{{ suffix }},
        max(case when concept = 'other_financing' then {{ stated }}::integer end) = 1
            as is_other_financing_stated{{ suffix }},
        {% endfor -%}
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        coalesce(
            max(case when concept = 'capex' then source_url end), max(case when concept = 'ocf' then source_url end)
        ) as source_url
    from lines
    group by ticker, period_end, fiscal_year_start, fiscal_quarter_number, known_at

),

summed as (

    select
        ticker,
        period_start,
        period_end,
        fiscal_year_start,
        fiscal_quarter_number,
        known_at,
        pit_rank,
        origin_rank,
        source_url
        {%- for suffix, _, _ in windows -%}
        {%- for line in lines %},
        {{ line }}{{ suffix }}
        {%- endfor %},
        case
            when
                not is_other_financing_stated{{ suffix }}
                and coalesce(debt_repaid_tag, '') <> 'RepaymentsOfDebtAndCapitalLeaseObligations'
                then finlease_principal{{ suffix }}
        end as separate_leases{{ suffix }},
        capex{{ suffix }} + finlease_principal{{ suffix }} as capex_with_leases{{ suffix }},
        capex{{ suffix }} + finlease_assets{{ suffix }} as capex_with_lease_assets{{ suffix }},
        debt_proceeds_long{{ suffix }} + debt_proceeds_short{{ suffix }} as debt_proceeds{{ suffix }},
        debt_repaid_long{{ suffix }} + debt_repaid_short{{ suffix }} as debt_repaid{{ suffix }},
        debt_proceeds_long{{ suffix }} + debt_proceeds_short{{ suffix }} + debt_net_short{{ suffix }}
        - debt_repaid_long{{ suffix }} - debt_repaid_short{{ suffix }} as net_debt{{ suffix }},
        equity_issued{{ suffix }} as net_equity{{ suffix }},
        sec_purchases{{ suffix }} as securities_bought{{ suffix }},
        case
            when is_split_stated{{ suffix }} then sec_sales{{ suffix }} + sec_maturities{{ suffix }}
            when sec_sales_and_maturities{{ suffix }} <> 0 then sec_sales_and_maturities{{ suffix }}
            else sec_sales{{ suffix }} + sec_maturities{{ suffix }} + sec_sales_and_maturities{{ suffix }}
        end as securities_sold{{ suffix }},
        case
            when is_split_stated{{ suffix }} or sec_sales_and_maturities{{ suffix }} = 0
                then sec_sales{{ suffix }} + 0 * sec_maturities{{ suffix }}
        end as securities_sales_only{{ suffix }}
        {%- endfor %}
    from side_by_side

),

measured as (  -- what companies state under tags of their own has no line here and stays in the residual

    select
        {% for suffix, _, _ in windows -%}
        greatest(net_debt{{ suffix }} + net_equity{{ suffix }}, 0)
        + 0 * net_debt{{ suffix }} + 0 * net_equity{{ suffix }} as external_funding{{ suffix }},
        ocf{{ suffix }} + investing_total{{ suffix }} + financing_total{{ suffix }} + exchange_effect{{ suffix }}
        - cash_change{{ suffix }} as statement_residual{{ suffix }},
        investing_total{{ suffix }} + financing_total{{ suffix }}
        - coalesce(capex_proceeds{{ suffix }}, 0) + capex{{ suffix }} - net_debt{{ suffix }}
        - coalesce(net_equity{{ suffix }}, 0) - coalesce(minority_issued{{ suffix }}, 0)
        + buybacks{{ suffix }} + dividends{{ suffix }} + coalesce(tax_withholding{{ suffix }}, 0)
        - securities_sold{{ suffix }} + securities_bought{{ suffix }} + coalesce(acquisitions{{ suffix }}, 0)
        + coalesce(other_investments_bought{{ suffix }}, 0) - coalesce(other_investments_sold{{ suffix }}, 0)
        + coalesce(intangibles_bought{{ suffix }}, 0) + coalesce(other_investing_paid{{ suffix }}, 0)
        - coalesce(other_financing{{ suffix }}, 0) + coalesce(separate_leases{{ suffix }}, 0)
            as funding_identity_residual{{ suffix }},
        {% endfor -%}
        *
    from summed

),

with_balances as (

    select
        measured.*,
        now_held.cash_ms_usd as cash_ms,
        now_held.cash_ms_usd - quarter_ago.cash_ms_usd as cash_ms_change,
        now_held.cash_ms_usd - year_ago.cash_ms_usd as cash_ms_change_ttm
    from measured
    left join balances as now_held
        on
            measured.ticker = now_held.ticker
            and measured.period_end = now_held.balance_date
            and {{ known_then('now_held', 'measured.known_at') }}
    left join balances as quarter_ago
        on
            measured.ticker = quarter_ago.ticker
            and quarter_ago.balance_date
            between {{ add_days('measured.period_end', -100) }} and {{ add_days('measured.period_end', -80) }}
            and {{ known_then('quarter_ago', 'measured.known_at') }}
    left join balances as year_ago
        on
            measured.ticker = year_ago.ticker
            and year_ago.balance_date
            between {{ add_days('measured.period_end', -375) }} and {{ add_days('measured.period_end', -355) }}
            and {{ known_then('year_ago', 'measured.known_at') }}
    qualify row_number() over (
        partition by measured.ticker, measured.period_end, measured.known_at
        order by
            case when quarter_ago.cash_ms_usd is null then 1 else 0 end,
            case when year_ago.cash_ms_usd is null then 1 else 0 end,
            quarter_ago.balance_date desc,
            abs({{ days_between('year_ago.balance_date', 'measured.period_end') }} - 364),
            year_ago.balance_date desc
    ) = 1

),

explained as (

    select
        ticker,
        period_start,
        period_end,
        fiscal_year_start,
        fiscal_quarter_number,
        {% for suffix, _, _ in windows -%}
        {% for measure in measures -%}
        {{ measure }}{{ suffix }}::decimal(28, 2) as {{ measure }}{{ suffix }}_usd,
        {% endfor -%}
        nullif(concat_ws(
            ', '
            {%- for line in [
                'debt_proceeds_long', 'debt_proceeds_short', 'debt_net_short', 'debt_repaid_long', 'debt_repaid_short',
            ] %},
            case when {{ line }}{{ suffix }} is null then '{{ line }}' end
            {%- endfor %}
        ), '') as net_debt{{ suffix }}_missing,
        nullif(concat_ws(
            ', ',
            case when sec_purchases{{ suffix }} is null then 'sec_purchases' end,
            case when securities_sold{{ suffix }} is null then 'sec_sales, sec_maturities' end
        ), '') as securities{{ suffix }}_missing,
        {% endfor -%}
        cash_ms::decimal(28, 2) as cash_ms_usd,
        cash_ms_change::decimal(28, 2) as cash_ms_change_usd,
        cash_ms_change_ttm::decimal(28, 2) as cash_ms_change_ttm_usd,
        coalesce(pit_rank, last_value(pit_rank ignore nulls) over quarter) as pit_rank,
        coalesce(origin_rank, last_value(origin_rank ignore nulls) over quarter) as origin_rank,
        coalesce(source_url, last_value(source_url ignore nulls) over quarter) as source_url,
        known_at
    from with_balances
    window quarter as (partition by ticker, period_end order by known_at)

),

changes as (

    select * from explained
    window quarter as (partition by ticker, period_end order by known_at)
    qualify {{ differs_from_previous(
        ['period_start', 'cash_ms_usd', 'cash_ms_change_usd', 'cash_ms_change_ttm_usd', 'pit_rank', 'origin_rank']
        + ['net_debt_missing', 'net_debt_ttm_missing', 'securities_missing', 'securities_ttm_missing']
        + (measures | join('_usd,') ~ '_usd').split(',')
        + (measures | join('_ttm_usd,') ~ '_ttm_usd').split(','),
        'quarter'
    ) }}

),

versions as (

    select
        *,
        lead(known_at) over (partition by ticker, period_end order by known_at) as known_until
    from changes

)

select * from versions
