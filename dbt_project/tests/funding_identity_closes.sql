-- Cash flow from investing and financing that no line explains, over two per cent of capex. What is known not to close is
-- named: Alphabet pays taxes on employees' shares and buys businesses, and Microsoft sells securities, under tags of their
-- own; Amazon and Micron have sundry lines of that kind; NVIDIA bought a business under a second tag in fiscal 2026.
{{ config(severity='warn') }}
with latest as (

    select * from {{ ref('fct_ai_funding_quarterly') }}
    where known_until is null and fiscal_quarter_number = 4

)

select
    ticker,
    period_end,
    funding_identity_residual_ttm_usd_bn,
    capex_ttm_usd_bn
from latest
where
    abs(funding_identity_residual_ttm_usd_bn) > 0.02 * capex_ttm_usd_bn
    and ticker not in ('GOOGL', 'MSFT', 'AMZN', 'MU', 'NVDA', 'META')
