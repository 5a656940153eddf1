"""US Treasury: the daily par yield curves, nominal since 1990 and real since 2003, one file a calendar year."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
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
    Source,
    Table,
    year_closes_at,
)
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv"
NOMINAL = "daily_treasury_yield_curve"
REAL = "daily_treasury_real_yield_curve"
FIRST_NOMINAL_YEAR = 1990
FIRST_REAL_YEAR = 2003

_YEAR = re.compile(r"/(\d{4})/all", re.ASCII)


def extract(response: Response) -> Iterator[Row]:
    """Yield one row a day under the header's names, newest first, as it comes.

    Raises:
        ContractViolation: it is no such table, or holds a day of another year than was asked for: a publisher that
            answers every year with the current one would seem to have withdrawn the past.
    """
    asked = _YEAR.search(response.url)
    for number, record in enumerate(wire.csv_records(response, header=lambda names: "Date" in names), 1):
        day = wire.us_date(record["Date"])
        if day != record["Date"] and asked and str(day)[:4] != asked[1]:
            raise ContractViolation(f"{response.url}, row {number}, is of another year", expected=asked[1], got=day)
        yield record | {"Date": day}


def fetch(get: Get, *, curve: str, year: int) -> Iterator[Response]:
    """Ask for a calendar year of a curve."""
    params = {"_format": "csv", "field_tdr_date_value": str(year), "page": "", "type": curve}
    yield get(f"{URL}/{year}/all", expect="text", params=params)


def _partitions(now: datetime, *, curve: str, first: int) -> list[Partition]:
    return [
        Partition(
            key=str(year),
            fetch=partial(fetch, curve=curve, year=year),
            period=(date(year, 1, 1), date(year, 12, 31)),
            closes_at=year_closes_at(year),
        )
        for year in range(first, now.year + 1)
    ]


def par_partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of the nominal curve."""
    return _partitions(now, curve=NOMINAL, first=FIRST_NOMINAL_YEAR)


def real_partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of the real curve."""
    return _partitions(now, curve=REAL, first=FIRST_REAL_YEAR)


DAY = Column(name="quote_date", field="Date", type="DATE", required=True, description="Day of the closing quotes.")


def _par(name: str, field: str, term: str, since: str | None = None) -> Column:
    """Return the column of a term; one that the curve did not have from its first day may be absent."""
    return Column(
        name=f"yield_{name}_pct",
        field=field,
        type="DECIMAL(9, 4)",
        unit="percent",
        absent="add" if since else "freeze",
        description=f"Par yield at {term}, bond-equivalent. "
        + (f"Null {since}, and where not quoted." if since else "Null where not quoted."),
    )


def _real(name: str, field: str, term: str, since: str | None = None) -> Column:
    return Column(
        name=f"real_yield_{name}_pct",
        field=field,
        type="DECIMAL(9, 4)",
        unit="percent",
        absent="add" if since else "freeze",
        description=f"Par real yield of TIPS at {term}, which may be negative. "
        + (f"Null {since}, and where not quoted." if since else "Null where not quoted."),
    )


CADENCE = Cadence(
    cron="30 18 * * 1-5",
    stale_after_days=6,
    due=Due(
        every="business_day",
        calendar="sifma_us",
        at="18:00",
        not_due="A day's curve is posted by six in the evening; days on which the bond market is closed have none.",
    ),
)
LICENCE = Licence(
    name="Work of the US government",
    url="https://home.treasury.gov/policy-issues/financing-the-government/interest-rate-statistics",
    redistribution="free",
    attribution="Source: US Department of the Treasury.",
)
KNOWN_AT = KnownAt(
    sql="new_york(quote_date, time '18:00')",
    pit_quality="'dated'",
    description="The same day, 18:00 New York: quotes are taken about half past three and posted by six.",
)
NULLS = frozenset({"", "N/A", "null"})

PAR_YIELDS = Table(
    name="par_yields",
    description="The Treasury's nominal par yield curve of one day, in percent: a row a day, a column a term. Terms "
    "were added, and one was suspended, over the years.",
    grain=("quote_date",),
    columns=(
        DAY,
        _par("1mo", "1 Mo", "one month", "before 2001-07-31"),
        _par("1_5mo", "1.5 Month", "a month and a half (six weeks)", "before 2025-02-18"),
        _par("2mo", "2 Mo", "two months", "before 2018-10-16"),
        _par("3mo", "3 Mo", "three months"),
        _par("4mo", "4 Mo", "four months", "before 2022-10-19"),
        _par("6mo", "6 Mo", "six months"),
        _par("1yr", "1 Yr", "one year"),
        _par("2yr", "2 Yr", "two years"),
        _par("3yr", "3 Yr", "three years"),
        _par("5yr", "5 Yr", "five years"),
        _par("7yr", "7 Yr", "seven years"),
        _par("10yr", "10 Yr", "ten years"),
        _par("20yr", "20 Yr", "twenty years", "before October 1993"),
        _par("30yr", "30 Yr", "thirty years", "from 2002-02-19 to 2006-02-08"),
    ),
    cadence=CADENCE,
    licence=LICENCE,
    known_at=KNOWN_AT,
    partitions=par_partitions,
    extract=extract,
    proven="documented",
    nulls=NULLS,
    new_fields="add",
    estimate=Estimate(requests=1, rows=250, megabytes=0.02),
    about=("quote_date", "quote_date"),
)

REAL_YIELDS = Table(
    name="real_yields",
    description="The Treasury's par real yield curve of one day, from TIPS, in percent: a row a day, a column a term.",
    grain=("quote_date",),
    columns=(
        DAY,
        _real("5yr", "5 YR", "five years"),
        _real("7yr", "7 YR", "seven years"),
        _real("10yr", "10 YR", "ten years"),
        _real("20yr", "20 YR", "twenty years", "before 2004-07-27"),
        _real("30yr", "30 YR", "thirty years", "before 2010-02-22"),
    ),
    cadence=CADENCE,
    licence=LICENCE,
    known_at=KNOWN_AT,
    partitions=real_partitions,
    extract=extract,
    proven="documented",
    nulls=NULLS,
    new_fields="add",
    estimate=Estimate(requests=1, rows=250, megabytes=0.01),
    about=("quote_date", "quote_date"),
)

SOURCE = Source(
    code="treasury",
    title="US Treasury, interest rate statistics",
    homepage="https://home.treasury.gov/policy-issues/financing-the-government/interest-rate-statistics",
    tables=(PAR_YIELDS, REAL_YIELDS),
    requests_per_second=1,
)
