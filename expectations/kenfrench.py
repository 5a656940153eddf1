"""Are the factors plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SOURCE, FACTORS = find("kenfrench", "factors")
_, MOMENTUM = find("kenfrench", "momentum")


def _of_every_file(column: str) -> tuple[Expectation, ...]:
    return (
        gxe.ExpectColumnValuesToBeBetween(
            column=column,
            min_value=-30,
            max_value=30,
            severity="critical",
            description="A factor's return of a day is below 30 percent either way.",
            notes="2026-11-24: the market's worst day is -17.4 % (19 October 1987).",
        ),
        no_rows(
            "no_day_of_the_future_or_weekend",
            "A trading day is no Sunday and not later than the fetch.",
            "select trading_date, fetched_at from {batch} "
            "where trading_date > fetched_at::date or isodow(trading_date) = 7",
            severity="critical",
            because="2026-11-24: until 1952 the exchange was open on Saturdays.",
        ),
        no_rows(
            "no_long_gap",
            "No more than fifteen days lie between two trading days.",
            """
            select _fetch_id, trading_date, lag(trading_date) over days as day_before
            from {batch}
            window days as (partition by _fetch_id order by trading_date)
            qualify trading_date > day_before + 15
            """,
            severity="critical",
            because="2026-11-24: the longest closing since 1926 is of March 1933, twelve days.",
        ),
    )


SUITES = [
    suite(
        FACTORS,
        SOURCE,
        *_of_every_file("mkt_rf_pct"),
        gxe.ExpectColumnValuesToBeBetween(
            column="rf_pct",
            min_value=0,
            max_value=0.1,
            severity="critical",
            description="The risk-free rate of a day is a few hundredths of a percent.",
            notes="2026-11-24: 15 % a year, the most of 1981, is 0.06 % a day; a monthly rate is twenty times that.",
        ),
    ),
    suite(MOMENTUM, SOURCE, *_of_every_file("momentum_pct")),
]
