"""Are the user's prices plausible? Shape, nulls, grain and history already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, DAILY_PRICES = find("vendor", "daily_prices")

SUITES = [
    suite(
        DAILY_PRICES,
        SOURCE,
        no_rows(
            "one_currency_a_symbol",
            "A symbol is quoted in one currency throughout a file.",
            """
            select _fetch_id, vendor_name, symbol, count(distinct currency_code) as currencies
            from {batch}
            group by all
            having count(distinct currency_code) > 1
            """,
            severity="critical",
            because="2026-11-24: a change of currency within a series would be read as a return.",
        ),
        no_rows(
            "splits_are_adjusted",
            "No close is a half or less, or double or more, of the one before.",
            """
            select
                _fetch_id,
                vendor_name,
                symbol,
                price_date,
                close_price / lag(close_price) over days as ratio
            from {batch}
            window days as (partition by _fetch_id, vendor_name, symbol order by price_date)
            qualify ratio <= 0.5 or ratio >= 2
            """,
            severity="warning",
            because="2026-11-24: such a day is mostly a split that the vendor did not adjust for.",
        ),
        no_rows(
            "no_day_of_the_future",
            "No trading day is later than the day after the fetch.",
            "select symbol, price_date, fetched_at from {batch} where price_date > fetched_at::date + 1",
            severity="critical",
            because="2026-11-24: Asia's day begins before UTC's.",
        ),
    )
]
