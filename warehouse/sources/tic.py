"""Treasury International Capital: who abroad holds US Treasuries, by month since 2000, as one text table."""

from __future__ import annotations

import csv
import re
from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING

from warehouse.contract import Cadence, Column, KnownAt, Licence, Partition, Source, Table
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://ticdata.treasury.gov/resource-center/data-chart-center/tic/Documents/mfhhis01.txt"

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
MEMO_PARENT = "For. Official"
MISSING = {"", "n.a.", "--", "*", "null", "."}
"""A star means less than 50 million dollars, which at one decimal of a billion is not known."""

_FOOTNOTE = re.compile(r"\s+\d+/$")

RELEASES = (
    ("2025-11-30", "2026-01-15"),
    ("2025-12-31", "2026-02-18"),
    ("2026-01-31", "2026-03-18"),
    ("2026-02-28", "2026-04-15"),
    ("2026-03-31", "2026-05-18"),
    ("2026-04-30", "2026-06-18"),
    ("2026-05-31", "2026-07-14"),
    ("2026-06-30", "2026-08-17"),
    ("2026-07-31", "2026-09-16"),
    ("2026-08-31", "2026-10-16"),
    ("2026-09-30", "2026-11-18"),
    ("2026-10-31", "2026-12-15"),
)
"""The publisher's calendar: the month end, and the day it is first published."""


def _released(dates: Sequence[tuple[str, str]]) -> str:
    cases = " ".join(f"when date '{month}' then date '{day}'" for month, day in dates)
    return f"case month_end {cases} end"


_NEXT = tuple((month, RELEASES[n + 1][1]) for n, (month, _) in enumerate(RELEASES[:-1]))


def extract(response: Response) -> Iterator[Row]:
    """Yield every holder, month and survey basis of the yearly blocks; titles and footnotes are passed over."""
    lines = [[f.strip() for f in line] for line in csv.reader(response.text().splitlines(), delimiter="\t")]
    blocks = [n for n, line in enumerate(lines) if line and line[0] == "Country"]
    if not blocks:
        raise ContractViolation(
            f"{response.url} holds no table of holders",
            expected="lines that start with 'Country' and carry years",
            got=repr(response.text()[:60]),
        )
    for start, end in zip(blocks, [*blocks[1:], len(lines)], strict=True):
        yield from _block(lines, start, end, response.url)


def _block(lines: list[list[str]], start: int, end: int, url: str) -> Iterator[Row]:
    """Yield the rows of one year's block, which ends with the memo lines after `Of which:`."""
    where = f"{url}, line {start + 1}"
    columns = _columns(lines[start - 1], lines[start], where)
    memo, totals, memo_lines = False, 0, 0
    for number in range(start + 1, end):
        name, values = lines[number][0] if lines[number] else "", lines[number][1:]
        if not name:
            if memo_lines:
                break
            continue
        if name.lower() == "of which:":
            memo = True
            continue
        holder = _FOOTNOTE.sub("", name)
        if len(values) < len(columns) or any(values[len(columns) :]):
            raise ContractViolation(
                f"{url}, line {number + 1} ({holder}), does not fit the header of its block",
                expected=f"{len(columns)} figures",
                got=f"{sum(map(bool, values))}: {values}",
            )
        totals += holder == "Grand Total"
        memo_lines += memo
        if memo and holder != MEMO_PARENT:
            holder = f"{MEMO_PARENT}: {holder}"
        for (month_end, basis), value in zip(columns, values, strict=False):
            yield {
                "holder_name": holder,
                "month_end": month_end,
                "survey_basis": basis,
                "is_memo": memo,
                "holdings_usd_bn": None if value in MISSING else value,
            }
    if totals != 1 or not memo_lines:
        raise ContractViolation(
            f"{where}, a block of one year, is cut",
            expected="one 'Grand Total' and the 'Of which:' lines",
            got=f"{totals} totals, {memo_lines} lines after 'Of which:'",
        )


def _columns(months: list[str], years: list[str], where: str) -> list[tuple[str, str]]:
    """Return (month end, survey basis) by column; of two columns for a month the left one is the newer survey."""
    columns: list[tuple[str, str]] = []
    for month, year in zip(months[1:], years[1:], strict=False):
        if not month and not year:
            continue
        if month not in MONTHS or not re.fullmatch(r"\d{4}", year):
            raise ContractViolation(
                f"{where}: a column's header is not a month over a year",
                expected="such as 'Dec' over '2025'",
                got=f"{month!r} over {year!r}",
            )
        number = MONTHS.index(month) + 1
        end = date(int(year), number, monthrange(int(year), number)[1]).isoformat()
        seen = [e for e, _ in columns].count(end)
        columns.append((end, "superseded" if seen else "current"))
    return columns


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(URL, expect="text")


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


MAJOR_FOREIGN_HOLDERS = Table(
    name="major_foreign_holders",
    description="Treasury securities held by residents of one foreign country or group at the end of a month. Custody "
    "geography: the custodian's country, which need not be the owner's.",
    grain=("holder_name", "month_end", "survey_basis"),
    columns=(
        Column(
            name="holder_name",
            type="VARCHAR",
            required=True,
            description="Country or group as the publisher writes it, without footnote marks. 'All Other' and "
            "'Grand Total' close the list; memo lines are 'For. Official' and its parts, "
            "'For. Official: Treasury Bills' and 'For. Official: T-Bonds & Notes'.",
        ),
        Column(name="month_end", type="DATE", required=True, description="Last day of the month held at."),
        Column(
            name="survey_basis",
            type="VARCHAR",
            required=True,
            description="Which survey the figure rests on. 'current', or 'superseded' for the older of two columns "
            "that a benchmark survey gives a month.",
        ),
        Column(
            name="is_memo",
            type="BOOLEAN",
            required=True,
            description="Whether the line stands under 'Of which'. Such a line is part of 'Grand Total' and not a "
            "further holder.",
        ),
        Column(
            name="holdings_usd_bn",
            type="DECIMAL(12, 1)",
            unit="USD billion",
            description="Bills, notes and bonds held, in billions of US dollars. Null where the publisher writes n.a., "
            "-- or * (under 50 million).",
        ),
    ),
    cadence=Cadence(cron="30 16 15-20 * *", stale_after_days=460),
    licence=Licence(
        name="Work of the US government",
        url="https://home.treasury.gov/data/treasury-international-capital-tic-system",
        redistributable=True,
    ),
    known_at=KnownAt(
        sql=f"new_york(coalesce({_released(RELEASES)}, month_end + 50), time '16:00')",
        pit_quality=f"case when fetched_at < new_york({_released(_NEXT)}, time '16:00') "
        "then 'dated' else 'current_vintage' end",
        description="The calendar's release of the month, 16:00 New York; else 50 days after month end. Figures are "
        "revised for years, so only those fetched before the next release are 'dated'.",
    ),
    partitions=partitions,
    extract=extract,
    about=("month_end", "month_end"),
)

SOURCE = Source(
    code="tic",
    title="Treasury International Capital system",
    homepage="https://home.treasury.gov/data/treasury-international-capital-tic-system",
    tables=(MAJOR_FOREIGN_HOLDERS,),
    requests_per_second=1,
)
