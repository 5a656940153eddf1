"""Are the commodity prices plausible? Shape, nulls, grain and history already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, COMMODITY_PRICES = find("worldbank", "commodity_prices")

SUITES = [
    suite(
        COMMODITY_PRICES,
        SOURCE,
        no_rows(
            "commodities_present",
            "Gold, silver, copper and the average of crude oil are among the commodities of every fetch.",
            """
            select _fetch_id, list(distinct commodity_name) as commodities
            from {batch}
            group by _fetch_id
            having count(distinct commodity_name) filter (
                where commodity_name in ('Gold', 'Silver', 'Copper', 'Crude oil, average')
            ) < 4
            """,
            severity="critical",
            because="2026-11-24: the names by which the sheet is described; proven on documentation only.",
        ),
        no_rows(
            "gold_in_every_month",
            "Gold has a price in every month, and no month is missing.",
            """
            select _fetch_id, month_end, price, lag(month_end) over months as month_before
            from {batch}
            where commodity_name = 'Gold'
            window months as (partition by _fetch_id order by month_end)
            qualify price is null or month_end <> last_day(month_before + interval 1 month)
            """,
            severity="critical",
            because="2026-11-24: the sheet runs from January 1960 without a gap; gold stands in its last columns.",
        ),
        no_rows(
            "gold_per_ounce",
            "Gold since 1980 costs between 200 and 20,000 dollars an ounce.",
            """
            select _fetch_id, month_end, price
            from {batch}
            where commodity_name = 'Gold' and month_end >= '1980-01-01' and price not between 200 and 20000
            """,
            severity="critical",
            because="2026-11-24: from 256 (2001) to 4,411 (August 2026); a kilogram costs 32 times as much.",
        ),
        no_rows(
            "prices_move_by_less_than_double",
            "No price doubles or halves within a month.",
            """
            select
                _fetch_id,
                commodity_name,
                month_end,
                price,
                price / lag(price) over months as ratio
            from {batch}
            window months as (partition by _fetch_id, commodity_name order by month_end)
            qualify ratio not between 0.5 and 2 and month_end >= '1975-01-01'
            """,
            severity="warning",
            because="2026-11-24: crude oil more than doubled in January 1974 alone; gas in Europe fell by half since.",
        ),
        no_rows(
            "no_month_of_the_future",
            "No month ends later than the day it was fetched.",
            "select month_end, commodity_name, fetched_at from {batch} where month_end > fetched_at::date",
            severity="critical",
        ),
    )
]
