"""Are the daily candles plausible? Shape, nulls, grain, history and rules already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, CANDLES = find("coinbase", "candles")

BARS = "window bars as (partition by symbol, _fetch_id order by opened_at)"

SUITES = [
    suite(
        CANDLES,
        SOURCE,
        no_rows(
            "opens_at_midnight",
            "A daily candle opens at midnight UTC.",
            """
            select symbol, opened_at
            from {batch}
            where opened_at <> date_trunc('day', opened_at at time zone 'UTC') at time zone 'UTC'
            """,
            severity="critical",
            because="2026-11-24: the publisher buckets by UTC; another hour is another interval.",
        ),
        no_rows(
            "no_candle_of_the_future",
            "No candle closed after it was fetched.",
            "select symbol, closed_at, fetched_at from {batch} where closed_at > fetched_at",
            severity="critical",
            because="2026-11-24: an unclosed candle changes until it closes.",
        ),
        no_rows(
            "no_day_missing",
            "No day is missing between the first and the last of a fetch.",
            f"""
            select symbol, opened_at, lag(opened_at) over bars as candle_before
            from {{batch}}
            {BARS}
            qualify opened_at > candle_before + interval 1 day
            """,
            severity="warning",
            because="2026-11-24: a day without a trade has no candle; since 2016 that is an outage or a lost page.",
        ),
        no_rows(
            "moves_by_less_than_half",
            "No close moves by half or more in a day.",
            f"""
            select symbol, opened_at, close_price, close_price / lag(close_price) over bars - 1 as change_ratio
            from {{batch}}
            {BARS}
            qualify abs(change_ratio) >= 0.5
            """,
            severity="warning",
            because="2026-11-24: BTC lost 39 % on 2020-03-12; a worse day is news, which must not be held back.",
        ),
        no_rows(
            "same_unit_as_the_day_before",
            "No close is five times the one before, nor a fifth of it.",
            f"""
            select symbol, opened_at, close_price, close_price / lag(close_price) over bars as ratio
            from {{batch}}
            {BARS}
            qualify ratio not between 0.2 and 5
            """,
            severity="critical",
            because="2026-11-24: another product or another unit, not a market.",
        ),
    )
]
