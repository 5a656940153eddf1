"""Are the par yield curves plausible? Shape, nulls, grain and history already follow from their contracts."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

if TYPE_CHECKING:
    from warehouse.contract import Table

SOURCE, PAR_YIELDS = find("treasury", "par_yields")
_, REAL_YIELDS = find("treasury", "real_yields")


def _terms(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.unit == "percent")


def _of_any_curve(ten_years: str) -> tuple[gxe.UnexpectedRowsExpectation, ...]:
    """Return what holds for either curve, whose term of ten years is given."""
    return (
        no_rows(
            "ten_years_every_day",
            "Every day has a yield at ten years.",
            f"select quote_date from {{batch}} where {ten_years} is null",
            severity="critical",
            because="2026-11-24: from documentation: this term was never suspended; a day without it is no curve.",
        ),
        no_rows(
            "moves_by_less_than_a_point",
            "The yield at ten years moves by less than one percentage point from day to day.",
            f"""
            select quote_date, {ten_years}, {ten_years} - lag({ten_years}) over days as change_pp
            from {{batch}}
            window days as (partition by _fetch_id order by quote_date)
            qualify abs(change_pp) >= 1
            """,
            severity="warning",
            because="2026-11-24: the largest move of the ten-year yield in a day since 1990 is about half a point.",
        ),
        no_rows(
            "no_long_gap",
            "No more than six days lie between a day and the next.",
            """
            select quote_date, lag(quote_date) over days as day_before
            from {batch}
            window days as (partition by _fetch_id order by quote_date)
            qualify quote_date - day_before > 6
            """,
            severity="warning",
            because="2026-11-24: a long weekend is four days, and September 2001 three.",
        ),
        no_rows(
            "no_day_of_the_future",
            "No day is later than the day it was fetched.",
            "select quote_date, fetched_at from {batch} where quote_date > fetched_at::date",
            severity="critical",
        ),
    )


SUITES = [
    suite(
        PAR_YIELDS,
        SOURCE,
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=term,
                min_value=-1,
                max_value=20,
                severity="critical",
                description=f"{term} is a percent number, such as 4.25.",
                notes="2026-11-24: from documentation: -0.05 (bills of 2020) to 9.18 (1990).",
            )
            for term in _terms(PAR_YIELDS)
        ),
        *_of_any_curve("yield_10yr_pct"),
        no_rows(
            "neighbouring_terms_are_close",
            "Two and ten years, and ten and thirty, are less than four points apart.",
            """
            select quote_date, yield_2yr_pct, yield_10yr_pct, yield_30yr_pct
            from {batch}
            where abs(yield_10yr_pct - yield_2yr_pct) >= 4 or abs(yield_30yr_pct - yield_10yr_pct) >= 4
            """,
            severity="warning",
            because="2026-11-24: two and ten years were at most 2.9 points apart since 1990; swapped columns show.",
        ),
    ),
    suite(
        REAL_YIELDS,
        SOURCE,
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=term,
                min_value=-5,
                max_value=10,
                severity="critical",
                description=f"{term} is a percent number, which may be negative.",
                notes="2026-11-24: from documentation: -2 (2021) to 4.2 (five years, November 2008).",
            )
            for term in _terms(REAL_YIELDS)
        ),
        *_of_any_curve("real_yield_10yr_pct"),
    ),
]
