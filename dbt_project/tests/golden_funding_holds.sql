-- Figures of filings for parts of the funding of capex that are no metric (docs/method.md, golden facts 3 to 5, 19 and 21, and
-- the two of A.1 that a note tag or the wrong sum would miss). One whose company has not landed is passed over.
with expected as (

    select facts.*
    from (
        values
        ('MSFT', date '2024-06-30', 'debt_proceeds_ttm', 24395),
        ('MSFT', date '2024-06-30', 'debt_repaid_ttm', 29070),
        ('MSFT', date '2024-06-30', 'debt_net_short_ttm', 5250),
        ('MSFT', date '2025-06-30', 'debt_proceeds_ttm', 0),
        ('MSFT', date '2025-06-30', 'debt_repaid_ttm', 3216),
        ('MSFT', date '2025-06-30', 'debt_net_short_ttm', -5746),
        ('MSFT', date '2025-06-30', 'buybacks_ttm', 18420),
        ('MSFT', date '2025-06-30', 'dividends_ttm', 24082),
        ('MSFT', date '2024-09-30', 'ocf', 34180),
        ('MSFT', date '2024-09-30', 'securities_bought', 1620),
        ('AAPL', date '2025-12-27', 'ocf', 53925),
        ('GOOGL', date '2024-12-31', 'cash_ms', 95657),
        ('GOOGL', date '2025-12-31', 'cash_ms', 126843),
        ('GOOGL', date '2025-12-31', 'net_debt_ttm', 32137),
        ('AMZN', date '2025-12-31', 'securities_bought_ttm', 54770)
    ) as facts (ticker, period_end, measure, usd_m)

),

latest as (

    select * from {{ ref('fct_ai_funding_quarterly') }}
    where known_until is null

),

landed as (

    select distinct ticker
    from latest

),

observed as (

    select
        expected.*,
        case expected.measure
            {% for measure in [
                'debt_proceeds_ttm', 'debt_repaid_ttm', 'debt_net_short_ttm', 'buybacks_ttm', 'dividends_ttm', 'ocf',
                'securities_bought', 'securities_bought_ttm', 'cash_ms', 'net_debt_ttm',
            ] -%}
            when '{{ measure }}' then latest.{{ measure }}_usd_bn
            {% endfor %}
        end as usd_bn
    from expected
    inner join landed on expected.ticker = landed.ticker
    left join latest
        on
            expected.ticker = latest.ticker
            and expected.period_end = latest.period_end

)

select *
from observed
where usd_bn is null or abs(usd_bn - usd_m / 1e3) > 1e-6
