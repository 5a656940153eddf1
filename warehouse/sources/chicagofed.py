"""Federal Reserve Bank of Chicago: the National Financial Conditions Index, weekly since 1971, as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, Partition, RowRule, Source, Table
from warehouse.errors import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://www.chicagofed.org/-/media/publications/nfci/nfci-data-series-csv.csv"
OTHER_URL = "https://api.data.chicagofed.org/NFCI/nfci-data-series-csv.csv"
"""The same file at the publisher's newer address, asked for where the first does not answer."""


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per week; its Friday comes as month/day/year."""
    for row in wire.csv_records(response):
        yield {**row, "Friday_of_Week": wire.us_date(row["Friday_of_Week"])} if "Friday_of_Week" in row else row


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    try:
        yield get(URL, expect="text")
    except SourceUnavailable:
        # No fallback in the contract's sense: it is the publisher's own file, so what it changes is a revision.
        yield get(OTHER_URL, expect="text")


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


def _index(name: str, field: str, description: str, *, required: bool = False) -> Column:
    return Column(
        name=name, type="DOUBLE", unit="standard deviations", field=field, required=required, description=description
    )


NFCI = Table(
    name="nfci",
    description="National Financial Conditions Index of one week, with its parts. Zero is the average since 1971, "
    "positive is tighter. The whole past is estimated anew every week.",
    grain=("week_end",),
    columns=(
        Column(
            name="week_end",
            type="DATE",
            field="Friday_of_Week",
            required=True,
            description="Friday that ends the week.",
        ),
        _index("nfci", "NFCI", "The index. Positive is tighter than average.", required=True),
        _index(
            "anfci",
            "ANFCI",
            "The index adjusted for the economy. Positive is tighter than growth and inflation explain; null where not "
            "published.",
        ),
        _index("risk", "Risk", "Risk subindex: volatility and funding risk. Positive is tighter; null where missing."),
        _index("credit", "Credit", "Credit subindex: spreads and standards. Positive is tighter; null where missing."),
        _index("leverage", "Leverage", "Leverage subindex: debt and equity. Positive is tighter; null where missing."),
        _index(
            "nonfinancial_leverage",
            "Nonfinancial_Leverage",
            "Leverage of households and non-financial firms. Positive is tighter; null where missing.",
        ),
    ),
    cadence=Cadence(
        cron="0 9 * * 3,4",
        stale_after_days=16,
        due=Due(
            every="week",
            weekday=4,
            lag_business_days=3,
            at="08:30",
            not_due="A week is published on the Wednesday after it at 08:30, on Thursday where a federal holiday falls "
            "on Monday to Wednesday.",
        ),
    ),
    licence=Licence(
        # A third party reads the legal notice as asking for permission for commercial republication.
        name="Attribution (terms unverified)",
        url="https://www.chicagofed.org/utilities/legal-notices",
        redistribution="attribution",
        attribution="Source: Federal Reserve Bank of Chicago, National Financial Conditions Index.",
    ),
    known_at=KnownAt(
        sql="least(new_york(after_business_days(week_end, 3), time '08:30'), fetched_at)",
        pit_quality="case when fetched_at < new_york(after_business_days(week_end + 7, 3), "
        "time '08:30') then 'dated' else 'current_vintage' end",
        description="Third business day after the Friday, 08:30 New York: Wednesday, or Thursday after a federal "
        "holiday. Every release estimates the whole past anew, so only the newest week is 'dated'.",
    ),
    partitions=partitions,
    extract=extract,
    about=("week_end - 6", "week_end"),
    estimate=Estimate(requests=1, rows=2_900, megabytes=0.2),
    proven="documented",
    nulls=frozenset({"", "NA", "."}),
    new_fields="add",
    rules=(
        RowRule(
            name="week_ends_on_friday",
            holds="isodow(week_end) = 5",
            because="The publisher dates a week by its Friday.",
        ),
    ),
)

SOURCE = Source(
    code="chicagofed",
    title="Federal Reserve Bank of Chicago",
    homepage="https://www.chicagofed.org/research/data/nfci/current-data",
    tables=(NFCI,),
    requests_per_second=1,
)
