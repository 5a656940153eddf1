"""Are the liquidations plausible? Shape, nulls, grain, history and rules already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, LIQUIDATIONS = find("deribit", "liquidations")

SUITES = [
    suite(
        LIQUIDATIONS,
        SOURCE,
        no_rows(
            "day_that_was_asked_for",
            "A trade is of the currency and the UTC day that were asked for.",
            """
            select currency, trade_id, traded_at, _partition
            from {batch}
            where _partition <> currency || '-' || (traded_at at time zone 'UTC')::date
            """,
            severity="critical",
            because="2026-11-24: each page asks for one day; another one means that times are read wrongly.",
        ),
        no_rows(
            "settles_in_the_coin",
            "A future is one that settles in the coin, whose amounts are dollars.",
            "select currency, instrument_name from {batch} where not starts_with(instrument_name, currency || '-')",
            severity="critical",
            because="2026-11-24: futures that settle in dollars are named otherwise (BTC_USDC-...) and count coins.",
        ),
        no_rows(
            "price_near_its_index",
            "A trade's price lies within a fifth of the index.",
            """
            select trade_id, instrument_name, price, index_price
            from {batch}
            where abs(price / index_price - 1) > 0.2
            """,
            severity="warning",
            because="2026-11-24: 7 % below in the recorded crash of 2020-03-13; more is news or another unit.",
        ),
        no_rows(
            "no_trade_of_the_future",
            "No trade is later than its fetch.",
            "select trade_id, traded_at, fetched_at from {batch} where traded_at > fetched_at",
            severity="critical",
        ),
    )
]
