"""World Bank: monthly commodity prices since 1960 (the Pink Sheet), as one workbook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import (
    Cadence,
    Column,
    Due,
    Estimate,
    KnownAt,
    Licence,
    Partition,
    RowRule,
    Source,
    Table,
    UnitCheck,
)
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = (
    "https://thedocs.worldbank.org/en/doc/74e8be41ceb20fa0da750cda2f6b9e4e-0050012026/related/"
    "CMO-Historical-Data-Monthly.xlsx"
)
"""The file of 2026, overwritten with each release. Its path changes about once a year, and an old one may go on being
served as it was: when no new month comes, look for the link on https://www.worldbank.org/en/research/commodity-markets."""

SHEET = "Monthly Prices"
NAMES, UNITS, DATA = 4, 5, 6
"""Rows of the sheet, from 0: the commodities' names, their units in brackets, the first month."""

_MONTH = re.compile(r"^(\d{4})M(0[1-9]|1[0-2])$", re.ASCII)
_UNIT = re.compile(r"^\((.+)\)$")
_FOOTNOTE = re.compile(r"\s*\*+$")


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per commodity and month, those without a price included."""
    rows = wire.sheet_rows(response, SHEET)
    columns = _columns(rows, response.url)
    for number, row in enumerate(rows[DATA:], DATA + 1):
        month, prices = row[0] if row else None, row[1:]
        if not any(prices):
            continue  # a blank row, or a footnote under the table
        month_end = _month_end(month, f"{response.url}, row {number}")
        if any(prices[place] for place in range(len(prices)) if place not in columns):
            raise ContractViolation(
                f"{response.url}, row {number}, has a price under no name",
                expected=f"prices in the {len(columns)} named columns",
                got=[price for place, price in enumerate(prices) if price and place not in columns][:5],
            )
        for place, (name, unit) in columns.items():
            price = prices[place] if place < len(prices) else None
            yield {"commodity_name": name, "month_end": month_end, "unit_name": unit, "price": price}


def _columns(rows: list[tuple[str | None, ...]], where: str) -> dict[int, tuple[str, str]]:
    """Return the commodity and unit of each named column, by its place after the month."""
    names, units = (rows[n][1:] if len(rows) > n else () for n in (NAMES, UNITS))
    columns = {}
    for place, name in enumerate(names):
        if not name:
            continue
        unit = _UNIT.match(units[place] or "") if place < len(units) else None
        if not unit:
            raise ContractViolation(
                f"{where}, row {UNITS + 1}, states no unit for {name!r}",
                expected="a unit in brackets, such as '($/bbl)'",
                got=units[place] if place < len(units) else None,
            )
        columns[place] = (_FOOTNOTE.sub("", name), unit.group(1).strip())
    twins = sorted({c for c, _ in columns.values() if [n for n, _ in columns.values()].count(c) > 1})
    if not columns or twins or len(rows) <= DATA:
        raise ContractViolation(
            f"{where} is not laid out as the Pink Sheet",
            expected=f"distinct names in row {NAMES + 1}, units in row {UNITS + 1}, months from row {DATA + 1}",
            got=f"{len(columns)} names, {twins} twice, {len(rows)} rows",
        )
    return columns


def _month_end(text: str | None, where: str) -> str:
    found = _MONTH.match(text or "")
    last_day = wire.month_end(found[1], found[2]) if found else None
    if last_day is None:
        raise ContractViolation(f"{where}, has prices for no month", expected="such as '1960M01'", got=repr(text))
    return last_day


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(URL, expect="zip")


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


_RELEASE = "new_york(after_business_days(month_end, 5), time '18:00')"
_NEXT_RELEASE = "new_york(after_business_days(last_day(month_end + 1), 5), time '18:00')"

COMMODITY_PRICES = Table(
    name="commodity_prices",
    description="Average price of one commodity in one month, in nominal US dollars. An index stands among them: its "
    "unit says so.",
    grain=("commodity_name", "month_end"),
    columns=(
        Column(
            name="commodity_name",
            type="VARCHAR",
            required=True,
            description="Commodity as the publisher writes it, without the asterisks of its footnotes, such as 'Gold' "
            "or 'Crude oil, Brent'.",
        ),
        Column(name="month_end", type="DATE", required=True, description="Last day of the month averaged over."),
        Column(
            name="unit_name",
            type="VARCHAR",
            required=True,
            description="Unit of the price as the publisher writes it, such as '$/troy oz', '$/bbl', '$/mt' (metric "
            "tonne) or '2010=100'.",
        ),
        Column(
            name="price",
            type="DOUBLE",  # published with the noise of binary floats
            unit="as unit_name says",
            description="Average price of the month, in the unit of its row. Null where the publisher gives none.",
        ),
    ),
    cadence=Cadence(
        cron="0 18 1-12 * *",
        stale_after_days=75,
        due=Due(
            every="month",
            lag_business_days=5,
            at="18:00",
            grace_hours=24 * 5,
            not_due="A month is published within five business days of the next; nothing comes between.",
        ),
    ),
    licence=Licence(
        name="CC BY 4.0",
        url="https://datacatalog.worldbank.org/search/dataset/0038238/commodity-prices-history-and-projections",
        redistribution="attribution",
        attribution="Source: World Bank, Commodity Price Data (The Pink Sheet), CC BY 4.0.",
    ),
    known_at=KnownAt(
        sql=f"least({_RELEASE}, fetched_at)",
        pit_quality=f"case when fetched_at < {_NEXT_RELEASE} then 'lagged' else 'current_vintage' end",
        description="Five business days after the month, 18:00 New York, or when we fetched it where that was earlier. "
        "The past is revised with each release, so only figures fetched before the next one are 'lagged'.",
    ),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=1, rows=57_000, megabytes=0.7),
    about=("date_trunc('month', month_end)::date", "month_end"),
    proven="documented",
    nulls=frozenset({"…", "..", "...", "n.a.", "N/A"}),
    units=(
        UnitCheck(
            column="price",
            holds="max(price) filter (where commodity_name = 'Gold' and month_end >= '2010-01-01') "
            "between 1000 and 50000",
            because="gold is quoted in dollars for a troy ounce, and reached 1,000 in 2009",
        ),
        UnitCheck(
            column="price",
            holds="bool_and(unit_name = '$/troy oz') filter (where commodity_name in ('Gold', 'Silver'))",
            because="precious metals are quoted by the troy ounce",
        ),
    ),
    rules=(RowRule(name="price_above_zero", holds="price > 0", because="A month's average price is positive."),),
)

SOURCE = Source(
    code="worldbank",
    title="World Bank commodity prices",
    homepage="https://www.worldbank.org/en/research/commodity-markets",
    tables=(COMMODITY_PRICES,),
    requests_per_second=1,
)
