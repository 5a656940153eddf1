"""The primary dealers' survey: what they hold, finance, trade and fail to settle, weekly since 2013."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Partition, Table
from warehouse.sources.nyfed.api import BASE, LICENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

KEYS = (
    "PDPOSGST-TOT",
    "PDPOSFGS-TOT",
    "PDPOSMBS-TOT",
    "PDPOSCS-TOT",
    "PDPOSABS-TOT",
    "PDSORA-UTSETTOT",
    "PDSIRRA-UTSETTOT",
    "PDGSWOEXTTOT",
    "PDFTD-USTET",
    "PDFTR-USTET",
    "PDFTD-FGM",
    "PDFTR-FGM",
)
"""Of some 1,500 series the totals: net positions, Treasury financing, trading in Treasuries, fails to settle."""

URL = f"{BASE}/pd/get/{'_'.join(KEYS)}.json"
SUPPRESSED = "*"


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per series and Wednesday."""
    for row in wire.json_records(response, "pd", "timeseries"):
        suppressed = (row.get("value") or "").strip() == SUPPRESSED
        yield {**row, "is_suppressed": "true" if suppressed else "false"}


def _fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole history of our series at once."""
    yield get(URL, expect="json")


def partitions(_: datetime) -> list[Partition]:
    """Name the one answer."""
    return [Partition(key="all", fetch=_fetch)]


PRIMARY_DEALERS = Table(
    name="primary_dealers",
    description="One total of the primary dealers' survey (FR 2004) in one week. The survey changed in 2013, 2015, "
    "2022 and 2024, and a series may mean something else across such a break. The New York Fed does not audit it.",
    grain=("key_id", "as_of_date"),
    columns=(
        Column(
            name="key_id",
            type="VARCHAR",
            field="keyid",
            required=True,
            description="The publisher's key of the series. PDPOS... are net positions, PDSORA and PDSIRRA repo and "
            "reverse repo, PDGSWOEXTTOT trading, PDFTD and PDFTR fails to deliver and to receive.",
        ),
        Column(
            name="as_of_date",
            type="DATE",
            field="asofdate",
            required=True,
            description="Wednesday of the survey.",
        ),
        Column(
            name="series_break",
            type="VARCHAR",
            field="seriesbreak",
            absent="add",
            description="Edition of the survey, such as SBN2024. Null where the answer does not say.",
        ),
        Column(
            name="amount_usd_mn",
            type="DECIMAL(18, 3)",
            unit="USD million",
            field="value",
            description="Amount in millions of US dollars. A position is long less short, so negative is short; null "
            "where suppressed.",
        ),
        Column(
            name="is_suppressed",
            type="BOOLEAN",
            required=True,
            description="Whether the publisher shows a star, so that no single dealer can be read out of the total.",
        ),
    ),
    cadence=Cadence(
        cron="30 16 * * 4,5",
        stale_after_days=17,
        due=Due(
            every="week",
            weekday=2,
            lag_days=7,
            lag_business_days=1,
            at="16:15",
            not_due="A Wednesday is published on the Thursday eight days later at 16:15, or the business day after.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="new_york(after_business_days(as_of_date + 7, 1), time '16:15')",
        pit_quality="'dated'",
        description="Thursday eight days after the Wednesday, or the next business day, 16:15 New York.",
    ),
    partitions=partitions,
    extract=extract,
    about=("as_of_date - 6", "as_of_date"),
    estimate=Estimate(requests=1, rows=8_000, megabytes=0.7),
    proven="documented",
    nulls=frozenset({SUPPRESSED}),
    new_fields="add",
)
