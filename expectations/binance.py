"""Are the daily bars plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, SPOT_KLINES = find("binance", "spot_klines")

BARS = "window bars as (partition by venue, symbol, bar_interval, _fetch_id order by opened_at)"

SUITES = [
    suite(
        SPOT_KLINES,
        SOURCE,
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=price,
                min_value=0,
                strict_min=True,
                severity="critical",
                description=f"{price} is positive.",
            )
            for price in ("open_price", "high_price", "low_price", "close_price")
        ),
        no_rows(
            "high_and_low_enclose",
            "Open and close lie between low and high.",
            """
            select venue, symbol, opened_at, open_price, high_price, low_price, close_price
            from {batch}
            where high_price < greatest(open_price, low_price, close_price)
                or low_price > least(open_price, close_price)
            """,
            severity="critical",
            because="2026-11-22: columns in another order, as some eras of the archive had, cannot pass.",
        ),
        no_rows(
            "bar_closes_after_it_opens",
            "A daily bar opens at midnight UTC and lasts a day.",
            """
            select venue, symbol, opened_at, closed_at
            from {batch}
            where
                bar_interval = '1d'
                and (
                    opened_at <> date_trunc('day', opened_at at time zone 'UTC') at time zone 'UTC'
                    or closed_at not between opened_at + interval 23 hour and opened_at + interval 24 hour
                )
            """,
            severity="critical",
            because="2026-11-22: timestamps turned from milli- to microseconds in 2025; a wrong unit cannot pass.",
        ),
        no_rows(
            "no_bar_of_the_future",
            "No bar closed after it was fetched.",
            "select venue, symbol, closed_at, fetched_at from {batch} where closed_at > fetched_at",
            severity="critical",
            because="2026-11-22: an unclosed bar changes until it closes.",
        ),
        no_rows(
            "no_day_missing",
            "No day is missing between the first and the last of a fetch.",
            f"""
            select venue, symbol, opened_at, lag(opened_at) over bars as bar_before
            from {{batch}}
            where bar_interval = '1d'
            {BARS}
            qualify opened_at > bar_before + interval 1 day
            """,
            severity="warning",
            because="2026-11-22: crypto trades every day; a gap is a venue's outage or a lost page.",
        ),
        no_rows(
            "moves_by_less_than_half",
            "No close moves by half or more in a day.",
            f"""
            select venue, symbol, opened_at, close_price, close_price / lag(close_price) over bars - 1 as change_ratio
            from {{batch}}
            where bar_interval = '1d'
            {BARS}
            qualify abs(change_ratio) >= 0.5
            """,
            severity="warning",
            because="2026-11-22: BTC lost 39 % on 2020-03-12; a worse day is news, which must not be held back.",
        ),
        no_rows(
            "same_unit_as_the_day_before",
            "No close is five times the one before, nor a fifth of it.",
            f"""
            select venue, symbol, opened_at, close_price, close_price / lag(close_price) over bars as ratio
            from {{batch}}
            {BARS}
            qualify ratio not between 0.2 and 5
            """,
            severity="critical",
            because="2026-11-22: another symbol or another unit, not a market.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="base_volume",
            min_value=0,
            severity="critical",
            description="Volume is not negative.",
        ),
    )
]
