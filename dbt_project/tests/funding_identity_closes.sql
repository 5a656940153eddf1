-- Cash flow from investing and financing of a fiscal year that no line explains, over two per cent of capex, or over what
-- is known not to close: Alphabet and Meta state taxes paid on employees' shares, and Alphabet and Amazon some investments,
-- under tags of their own; of Apple's borrowing in fiscal 2020 and 2021 a part has another tag.
{{ config(severity='warn') }}
with tolerated as (

    select named.*
    from (values ('GOOGL', 0.55), ('META', 0.40), ('AMZN', 0.06), ('AAPL', 0.13)) as named (ticker, share_of_capex)

),

followed as (

    select distinct ticker
    from {{ ref('company_universe') }}
    where universe in ('ai_hyperscalers', 'ai_wide')

),

latest as (

    select * from {{ ref('fct_ai_funding_quarterly') }}
    where known_until is null and fiscal_quarter_number = 4 and period_end >= date '2018-07-01'

)

select
    latest.ticker,
    latest.period_end,
    latest.funding_identity_residual_ttm_usd_bn,
    latest.capex_ttm_usd_bn
from latest
inner join followed on latest.ticker = followed.ticker
left join tolerated on latest.ticker = tolerated.ticker
where
    abs(latest.funding_identity_residual_ttm_usd_bn)
    > coalesce(tolerated.share_of_capex, 0.02) * latest.capex_ttm_usd_bn
