"""FRED and ALFRED, Federal Reserve Bank of St. Louis: series that no storable source has. Optional, and keyed.

FRED's terms bar storing its content without permission, so rows live in internal.duckdb alone and nothing depends on
them. What the source agencies publish themselves is taken from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, Partition, Source, Table, UnitCheck
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://api.stlouisfed.org/fred/series/observations"
CREDENTIAL = "fred_key"

PAGE_ROWS = 100_000
"""Observations on a page, the most that the API gives."""

ALWAYS = {"realtime_start": "1776-07-04", "realtime_end": "9999-12-31"}
"""All of real time, which gives every vintage: the API allows 2,000 in a request, and a daily series has more."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """What FRED's page of a series says of it."""

    frequency: str
    unit: str
    has_vintages: bool = False
    """Whether every vintage is asked for; else today's view, which for a price that is not revised is the same."""


SERIES = {
    "BAMLC0A0CM": Series(frequency="daily", unit="percent"),
    "BAMLH0A0HYM2": Series(frequency="daily", unit="percent"),
    "BAMLH0A3HYC": Series(frequency="daily", unit="percent"),
    "DAAA": Series(frequency="daily", unit="percent"),
    "DBAA": Series(frequency="daily", unit="percent"),
    "GDP": Series(frequency="quarterly", unit="USD billion a year", has_vintages=True),
    "KCFSI": Series(frequency="monthly", unit="index points", has_vintages=True),
    "STLFSI4": Series(frequency="weekly", unit="index points", has_vintages=True),
    "VIXCLS": Series(frequency="daily", unit="index points"),
}
"""ICE BofA spreads (investment grade, high yield, CCC), Moody's yields, GDP, two stress indices, the VIX."""


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per observation and vintage; of today's view the span of real time is left empty."""
    series_id = (parse_qs(urlsplit(response.url).query).get("series_id") or [""])[0]
    series = SERIES.get(series_id)
    if series is None:
        raise ContractViolation(
            f"{response.url} is of no series that we ask for", expected=sorted(SERIES), got=series_id
        )
    for record in wire.json_records(response, "observations"):
        if not series.has_vintages:
            record = {name: None if name in ALWAYS else value for name, value in record.items()}  # noqa: PLW2901
        yield {"series_id": series_id, "frequency": series.frequency, "unit_name": series.unit, **record}


def fetch(get: Get, *, series_id: str) -> Iterator[Response]:
    """Ask for every page of a series."""
    query = {"file_type": "json", "limit": str(PAGE_ROWS), "series_id": series_id, "sort_order": "asc"}
    if SERIES[series_id].has_vintages:
        query |= ALWAYS
    yield from wire.whole_pages(
        partial(get, credential=CREDENTIAL, throttled=is_throttled),
        URL,
        query=lambda page: {**query, "offset": str((page - 1) * PAGE_ROWS)},
        counts=_counts,
        keys=lambda page: [(r.get("date"), r.get("realtime_start")) for r in wire.json_records(page, "observations")],
    )


def is_throttled(body: bytes) -> bool:
    """Whether the API says that it is asked too often."""
    return b'"error_code":429' in body[:200]


def _counts(response: Response) -> tuple[int, int, int]:
    """Return the rows on a page, the number of pages, and the rows in all."""
    body = wire.parse_json(response)
    count = str(wire.member(body, "count", where=response.url))
    if not count.isdecimal() or not count.isascii():
        raise ContractViolation(f"{response.url} does not count its rows", expected="a whole number", got=count[:40])
    rows = len(list(wire.json_records(response, "observations")))
    return rows, max(1, -(-int(count[:12]) // PAGE_ROWS)), int(count[:12])


def partitions(_: datetime) -> list[Partition]:
    """Name every series."""
    return [Partition(key=series_id, fetch=partial(fetch, series_id=series_id)) for series_id in SERIES]


_NEXT_DAY = "new_york(after_business_days(observation_date, 1), time '16:15')"
_PERIOD_END = (
    "case frequency when 'quarterly' then last_day((observation_date + interval 2 month)::date) "
    "when 'monthly' then last_day(observation_date) else observation_date end"
)

OBSERVATIONS = Table(
    name="observations",
    description="One observation of a FRED series as it stood in one vintage. For this installation alone: rows never "
    "enter a release.",
    grain=("series_id", "observation_date", "realtime_start"),
    series_by=("series_id",),
    columns=(
        Column(
            name="series_id", type="VARCHAR", required=True, description="FRED's name of the series, such as 'GDP'."
        ),
        Column(
            name="observation_date",
            field="date",
            type="DATE",
            required=True,
            description="Day observed; of a month or a quarter its first day, of a week its Friday.",
        ),
        Column(
            name="realtime_start",
            type="DATE",
            description="First day on which FRED showed this value. Null where today's view was asked for, as of daily "
            "prices: their vintages are the versions we keep.",
        ),
        Column(
            name="realtime_end",
            type="DATE",
            is_versioned=False,
            description="Last day on which FRED showed this value; 9999-12-31 while it does. Null with realtime_start.",
        ),
        Column(
            name="frequency",
            type="VARCHAR",
            required=True,
            description="How often the series is observed: daily, weekly, monthly or quarterly.",
        ),
        Column(
            name="unit_name",
            type="VARCHAR",
            required=True,
            description="Unit of the series: percent, index points, or USD billion a year (seasonally adjusted rate).",
        ),
        Column(
            name="value",
            type="DOUBLE",
            unit="as unit_name says",
            description="The observation, in the unit of its row. Null where FRED writes a full stop: no value, or "
            "none in that vintage.",
        ),
    ),
    cadence=Cadence(
        cron="30 9 * * 1-5",
        stale_after_days=10,
        due=Due(
            every="business_day",
            calendar="sifma_us",
            lag_business_days=1,
            at="09:30",
            grace_hours=48,
            not_due="Daily series come the next business day; weekends and holidays have none.",
        ),
    ),
    licence=Licence(
        name="FRED API terms: no storing without permission; ICE and Moody's series are copyrighted. Inside use only",
        url="https://fred.stlouisfed.org/legal/",
        redistribution="internal",
        attribution="This product uses the FRED® API but is not endorsed or certified by the Federal Reserve Bank of "
        "St. Louis.",
    ),
    known_at=KnownAt(
        sql=f"case when realtime_start is null then least({_NEXT_DAY}, fetched_at) "
        "else new_york(realtime_start, time '23:59:59') end",
        pit_quality="case when realtime_start is not null then 'dated' "
        f"when fetched_at < {_NEXT_DAY} + interval 10 days then 'self_vintage' else 'current_vintage' end",
        description="The end of the vintage's day in New York. Without a vintage the next business day, 16:15 New "
        "York, or when we fetched it where that was earlier.",
    ),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=1.5, rows=60_000, megabytes=6),
    about=("observation_date", _PERIOD_END),
    nulls=frozenset({".", ""}),
    units=(
        UnitCheck(
            column="value",
            holds="max(value) filter (where series_id = 'GDP') between 1000 and 200000",
            because="GDP is in billions of dollars a year: 29,350 in the third quarter of 2024",
        ),
        UnitCheck(
            column="value",
            holds="median(value) filter (where unit_name = 'percent') between 0.3 and 25",
            because="spreads and yields are in percent: high yield's lowest spread was 2.41, its highest 21.82",
        ),
    ),
    is_snapshot=False,
    credential=CREDENTIAL,
)

SOURCE = Source(
    code="fred",
    title="FRED and ALFRED, Federal Reserve Bank of St. Louis",
    homepage="https://fred.stlouisfed.org/",
    tables=(OBSERVATIONS,),
    requests_per_second=1,
)
