"""Bureau of Economic Analysis: nominal gross domestic product and private investment, by quarter since 1947.

They stand in one flat file with every other quarterly series of the national accounts, in the newest version only.
"""

from __future__ import annotations

import io
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

URL = "https://apps.bea.gov/national/Release/TXT/NipaDataQ.txt"

SERIES = frozenset({"A191RC", "A006RC", "A007RC"})
"""Gross domestic product, gross private domestic investment, private fixed investment: lines 1, 7, 8 of table 1.1.5."""
QUARTER_END = "last_day(make_date(left(period, 4)::integer, right(period, 1)::integer * 3, 1))"

_CODE, _VALUE = "%SeriesCode", "Value"
_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
"""A number with separators of thousands; any other text is the contract's to judge."""


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per quarter of the series that we use; the file has millions of lines and is read as a stream."""
    with response.open() as body:
        lines = io.TextIOWrapper(body, "utf-8-sig", newline="")
        try:
            for row in wire.delimited(lines, response.url):
                # A row that does not say its series is the contract's to refuse.
                if row.get(_CODE, "A191RC") in SERIES:
                    value = row.get(_VALUE)
                    grouped = value is not None and _GROUPED.fullmatch(value)
                    yield {**row, _VALUE: value.replace(",", "")} if value and grouped else row
        except UnicodeDecodeError as error:
            raise ContractViolation(f"{response.url} cannot be decoded", expected="UTF-8", got=str(error)) from error


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(URL, expect="text")


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


_RELEASE = f"coalesce(scheduled_release('bea_gdp', {QUARTER_END}), last_day({QUARTER_END} + interval 1 month))"

GDP = Table(
    name="gdp",
    description="One series of the national income and product accounts in one quarter, in dollars of that time, "
    "seasonally adjusted, at annual rates: gross domestic product (A191RC), gross private domestic investment (A006RC) "
    "or private fixed investment (A007RC).",
    grain=("series_code", "period"),
    columns=(
        Column(
            name="series_code",
            type="VARCHAR",
            field=_CODE,
            required=True,
            description="The publisher's code of the series. A191RC is gross domestic product, A006RC gross private "
            "domestic investment, A007RC private fixed investment.",
        ),
        Column(
            name="period",
            type="VARCHAR",
            field="Period",
            required=True,
            description="Quarter that the figure is of, such as 2024Q3.",
        ),
        Column(
            name="value_usd_mn",
            type="DECIMAL(18, 3)",
            unit="USD million, annual rate",
            field=_VALUE,
            description="The published figure in millions of US dollars at an annual rate: a quarter's flow times "
            "four. Null where not published.",
        ),
    ),
    cadence=Cadence(
        cron="45 8 * * 3-5",
        stale_after_days=140,
        due=Due(
            every="quarter",
            calendar="always",
            lag_days=31,
            at="08:30",
            grace_hours=72,
            schedule="bea_gdp",
            not_due="A quarter is published about 30 days after its end at 08:30, and revised in each of the two "
            "months after.",
        ),
    ),
    licence=Licence(
        name="Public domain (US government); cite the Bureau",
        url="https://www.bea.gov/help/faq/145",
        redistribution="free",
        attribution="Source: U.S. Bureau of Economic Analysis, National Income and Product Accounts, table 1.1.5.",
    ),
    known_at=KnownAt(
        sql=f"least(new_york({_RELEASE}, time '08:30'), fetched_at)",
        pit_quality=f"case when fetched_at < new_york({_RELEASE} + 21, time '08:30') then 'lagged' "
        "else 'current_vintage' end",
        description="The last day of the month after the quarter, 08:30 New York (the advance estimate comes 25 to 31 "
        "days after the quarter), or the day that the schedule lists where it came later, or when fetched if that was "
        "earlier. The file has the newest estimates only, so what was fetched after the second estimate, 21 days "
        "later at the earliest, is of today's vintage.",
    ),
    partitions=partitions,
    extract=extract,
    about=(f"date_trunc('quarter', {QUARTER_END})::date", QUARTER_END),
    estimate=Estimate(requests=1, rows=950, megabytes=35),
    proven="documented",
    nulls=frozenset({"", "---", "(NA)"}),
    new_fields="add",
    rules=(
        RowRule(
            name="period_is_a_quarter",
            holds="regexp_full_match(period, '[12][0-9]{3}Q[1-4]')",
            because="The file is of quarters.",
        ),
        RowRule(
            name="value_is_positive",
            holds="value_usd_mn > 0",
            because="Output and gross investment have been above zero in every quarter since 1947.",
        ),
    ),
    units=(
        UnitCheck(
            column="value_usd_mn",
            holds="max(value_usd_mn) filter (where series_code = 'A191RC') between 1e7 and 1e8",
            because="Figures are USD million since the update of September 2023, billion before it: 29.3 trillion "
            "dollars a year in the third quarter of 2024.",
        ),
    ),
)

SOURCE = Source(
    code="bea",
    title="Bureau of Economic Analysis",
    homepage="https://www.bea.gov/data/gdp/gross-domestic-product",
    tables=(GDP,),
    requests_per_second=0.5,
)
