"""Are the liquidations plausible? Shape, nulls, grain, history and rules already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, LIQUIDATIONS = find("okx", "liquidations")

SUITES = [
    suite(
        LIQUIDATIONS,
        SOURCE,
        no_rows(
            "order_closes_the_position",
            "A long position is closed by selling and a short one by buying.",
            """
            select instrument_name, liquidated_at, position_type, order_side
            from {batch}
            where (position_type = 'long' and order_side = 'buy') or (position_type = 'short' and order_side = 'sell')
            """,
            severity="critical",
            because="2026-11-24: so in every recorded message; the other way round the sign of pressure is wrong.",
        ),
        no_rows(
            "instrument_that_was_asked_for",
            "An event is of the family of instruments that was asked for.",
            "select instrument_name, _partition from {batch} where not starts_with(instrument_name, _partition || '-')",
            severity="critical",
            because="2026-11-24: the interface answers by family; another one is another question's answer.",
        ),
        no_rows(
            "price_of_a_coin",
            "A bankruptcy price is one of a whole coin in dollars.",
            """
            select instrument_name, liquidated_at, bankruptcy_price
            from {batch}
            where
                (instrument_name like 'BTC-%' and bankruptcy_price not between 1000 and 5000000)
                or (instrument_name like 'ETH-%' and bankruptcy_price not between 50 and 500000)
            """,
            severity="critical",
            because="2026-11-24: BTC traded between 3,000 and 126,000 dollars since 2019, ETH between 80 and 5,000.",
        ),
        no_rows(
            "events_of_the_last_days",
            "An answer reaches back a week at most.",
            """
            select instrument_name, liquidated_at, fetched_at
            from {batch}
            where liquidated_at < fetched_at - interval 7 day
            """,
            severity="warning",
            because="2026-11-24: the publisher shows about a day; older events mean that its window changed.",
        ),
    )
]
