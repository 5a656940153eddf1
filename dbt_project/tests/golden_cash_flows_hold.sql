-- Annual figures of filings for concepts that are no metric yet (docs/method.md, golden facts 1 to 3, 17 and 19).
-- One whose company has not landed is passed over.
with expected as (

    select facts.*
    from (
        values
        ('MSFT', 'buybacks', date '2024-06-30', 17254),
        ('MSFT', 'buybacks', date '2025-06-30', 18420),
        ('MSFT', 'dividends', date '2024-06-30', 21771),
        ('MSFT', 'dividends', date '2025-06-30', 24082),
        ('MSFT', 'capex', date '2024-06-30', 44477),
        ('MSFT', 'ocf', date '2024-06-30', 118548),
        ('NVDA', 'capex', date '2023-01-29', 1833),
        ('NVDA', 'ocf', date '2025-01-26', 64089),
        ('AAPL', 'capex', date '2025-09-27', 12715),
        ('AAPL', 'ocf', date '2025-09-27', 111482)
    ) as facts (ticker, concept, period_end, year_usd_m)

),

latest as (

    select * from {{ ref('fct_company_cash_flows_quarterly') }}
    where known_until is null

),

landed as (

    select distinct
        ticker,
        concept
    from latest

)

select
    expected.*,
    latest.ttm_usd
from expected
inner join landed on expected.ticker = landed.ticker and expected.concept = landed.concept
left join latest
    on
        expected.ticker = latest.ticker
        and expected.concept = latest.concept
        and expected.period_end = latest.period_end
where latest.ttm_usd is null or latest.ttm_usd <> expected.year_usd_m * 1000000::bigint
