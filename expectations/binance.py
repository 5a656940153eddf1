"""Are bars, open interest and funding plausible? Shape, nulls, grain, history and rules follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, SPOT_KLINES = find("binance", "spot_klines")
_, SPOT_KLINES_1M = find("binance", "spot_klines_1m")
_, FUTURES_METRICS = find("binance", "futures_metrics")
_, FUNDING_RATES = find("binance", "funding_rates")

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
    ),
    suite(
        SPOT_KLINES_1M,
        SOURCE,
        no_rows(
            "opens_on_the_minute",
            "A bar opens on a full minute UTC.",
            "select opened_at, closed_at from {batch} where opened_at <> date_trunc('minute', opened_at)",
            severity="critical",
            because="2026-11-24: timestamps turned from milli- to microseconds in 2025; a wrong unit cannot pass.",
        ),
        no_rows(
            "lasts_a_minute",
            "A bar lasts a minute.",
            "select opened_at, closed_at from {batch} where closed_at <> opened_at + interval 1 minute",
            severity="warning",
            because="2026-11-24: an outage may cut a bar short; more than a few mean another interval.",
        ),
        no_rows(
            "no_bar_of_the_future",
            "No bar closed after it was fetched.",
            "select opened_at, closed_at, fetched_at from {batch} where closed_at > fetched_at",
            severity="critical",
        ),
        no_rows(
            "no_hour_missing",
            "No hour is missing between the first bar of a fetch and its last.",
            f"""
            select opened_at, lag(opened_at) over bars as bar_before
            from {{batch}}
            {BARS}
            qualify opened_at > bar_before + interval 1 hour
            """,
            severity="warning",
            because="2026-11-24: crypto trades every minute; an hour is a venue's outage or a lost file.",
        ),
        no_rows(
            "same_unit_as_the_minute_before",
            "No close is twice the one before, nor half of it.",
            f"""
            select opened_at, close_price, close_price / lag(close_price) over bars as ratio
            from {{batch}}
            {BARS}
            qualify ratio not between 0.5 and 2
            """,
            severity="critical",
            because="2026-11-24: BTC lost 39 % in the whole of its worst day; half in a minute is another unit.",
        ),
    ),
    suite(
        FUTURES_METRICS,
        SOURCE,
        no_rows(
            "labels_lie_in_their_file",
            "A row's label lies in the day of its file, or on the midnight that ends it.",
            """
            select symbol, file_date, create_time
            from {batch}
            where epoch(create_time) - epoch(file_date::timestamp) not between 0 and 86400 + 60
            """,
            severity="critical",
            because="2026-11-24: until June 2026 a file ended with the next midnight; more is another day's file.",
        ),
        no_rows(
            "no_row_of_the_future",
            "No label is later than the fetch.",
            "select symbol, create_time, fetched_at from {batch} where create_time > fetched_at",
            severity="critical",
        ),
        no_rows(
            "somebody_holds_contracts",
            "Open interest is above zero.",
            "select symbol, create_time, open_interest from {batch} where open_interest = 0 or open_interest_value = 0",
            severity="warning",
            because="2026-11-24: some files are reported to hold noughts where the publisher had nothing.",
        ),
        no_rows(
            "days_are_whole",
            "A day has at least 280 of its 288 rows.",
            """
            select symbol, file_date, _fetch_id, count(*) as row_count
            from {batch}
            group by all
            having row_count < 280
            """,
            severity="warning",
            because="2026-11-24: the file of 2024-02-16 is reported to end at 13:30.",
        ),
        no_rows(
            "ratios_are_no_percentages",
            "Longs and shorts, buyers and sellers stand in a ratio between a fiftieth and fifty.",
            """
            select symbol, create_time, top_trader_account_ratio, top_trader_position_ratio, account_ratio
            from {batch}
            where
                top_trader_account_ratio not between 0.02 and 50
                or top_trader_position_ratio not between 0.02 and 50
                or account_ratio not between 0.02 and 50
            """,
            severity="warning",
            because="2026-11-24: recorded ratios of 2020 lie between 1.07 and 1.43.",
        ),
    ),
    suite(
        FUNDING_RATES,
        SOURCE,
        no_rows(
            "settles_on_the_hour",
            "A contract settles on a full hour UTC.",
            "select symbol, settled_at from {batch} where settled_at <> date_trunc('hour', settled_at)",
            severity="critical",
            because="2026-11-24: 106 recorded settlements lie at most 45 ms after 00:00, 08:00 or 16:00.",
        ),
        no_rows(
            "no_settlement_of_the_future",
            "No settlement is later than its fetch.",
            "select symbol, settled_at, fetched_at from {batch} where settled_at > fetched_at",
            severity="critical",
        ),
        no_rows(
            "no_settlement_missing",
            "No two settlements in a row are more than eight hours apart.",
            """
            select symbol, settled_at, lag(settled_at) over settlements as settlement_before
            from {batch}
            window settlements as (partition by symbol, _fetch_id order by settled_at)
            qualify settled_at > settlement_before + interval 8 hour
            """,
            severity="warning",
            because="2026-11-24: eight hours is the longest interval that the publisher has had.",
        ),
        no_rows(
            "rates_are_small",
            "No settlement costs more than one percent of the position.",
            "select symbol, settled_at, funding_rate from {batch} where abs(funding_rate) > 0.01",
            severity="warning",
            because="2026-11-24: recorded rates lie within 0.03 %; one percent is a market in distress, which is news.",
        ),
    ),
]
