"""What every table of the Markets API shares: its address, its terms, and its calendar years."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from warehouse.contract import Licence, Partition, year_closes_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from warehouse.contract import Get, Response

BASE = "https://markets.newyorkfed.org/api"
NEW_YORK = ZoneInfo("America/New_York")

TERMS = "https://www.newyorkfed.org/privacy/termsofuse"

LICENCE = Licence(
    name="New York Fed terms of use: attribution",
    url=TERMS,
    redistribution="attribution",
    attribution="Source: Federal Reserve Bank of New York, https://www.newyorkfed.org/markets. Content from the New "
    "York Fed subject to the Terms of Use at newyorkfed.org.",
)


def years(
    first: int, now: datetime, fetch: Callable[[int, dict[str, str], Get], Iterable[Response]]
) -> list[Partition]:
    """Name a partition for every calendar year; `fetch` is given the year and its range as the API wants it.

    The range of the year we are in ends today: what the API does with a day to come is not documented.
    """
    today = now.astimezone(NEW_YORK).date()

    def year(number: int) -> Partition:
        start, end = date(number, 1, 1), min(date(number, 12, 31), today)
        span = {"startDate": start.isoformat(), "endDate": end.isoformat()}
        return Partition(
            key=str(number),
            fetch=lambda get: fetch(number, span, get),
            period=(start, date(number, 12, 31)),
            closes_at=year_closes_at(number),
        )

    return [year(number) for number in range(first, today.year + 1)]
