"""Office of Financial Research: the Financial Stress Index, daily since 2000, as one file."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from warehouse.contract import Cadence, Column, KnownAt, Licence, Partition, Source, Table
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://www.financialresearch.gov/financial-stress-index/data/fsi.csv"

HEADER = {
    "Date": "observation_date",
    "OFR FSI": "ofr_fsi",
    "Credit": "credit",
    "Equity valuation": "equity_valuation",
    "Safe assets": "safe_assets",
    "Funding": "funding",
    "Volatility": "volatility",
    "United States": "united_states",
    "Other advanced economies": "other_advanced_economies",
    "Emerging markets": "emerging_markets",
}


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per day; columns are found by name, in any order."""
    reader = csv.reader(response.text().splitlines())
    header = next(reader, [])
    if set(header) != set(HEADER) or len(header) != len(HEADER):
        raise ContractViolation(
            f"{response.url} has another header than the stress index",
            expected=f"the columns {list(HEADER)}",
            got=f"missing {[c for c in HEADER if c not in header]}, new {[c for c in header if c not in HEADER]}",
        )
    names = [HEADER[c] for c in header]
    for number, fields in enumerate(reader, start=1):
        if len(fields) != len(names):
            raise ContractViolation(
                f"{response.url}, row {number}, is cut or torn",
                expected=f"{len(names)} fields",
                got=f"{len(fields)}: {','.join(fields)[:80]!r}",
            )
        yield {name: value.strip() or None for name, value in zip(names, fields, strict=True)}


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(URL, expect="text")


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


def _index(name: str, description: str) -> Column:
    return Column(name=name, type="DOUBLE", unit="index points", description=description)


FINANCIAL_STRESS = Table(
    name="financial_stress",
    description="OFR Financial Stress Index of one day, with its contributions. Zero is average stress since 2000; "
    "positive is more.",
    grain=("observation_date",),
    columns=(
        Column(
            name="observation_date",
            type="DATE",
            required=True,
            description="Trading day that the index describes.",
        ),
        Column(
            name="ofr_fsi",
            type="DOUBLE",  # 3 decimals until 2021, some 16 since
            unit="index points",
            required=True,
            description="The index. Zero is average, positive is above-average stress; it is the sum of its five "
            "categories and, again, of its three regions.",
        ),
        _index("credit", "Contribution of credit spreads. Positive adds stress; null where not published."),
        _index(
            "equity_valuation",
            "Contribution of equity valuations. Positive adds stress; null where not published.",
        ),
        _index(
            "safe_assets",
            "Contribution of safe-haven assets. Positive adds stress; null where not published.",
        ),
        _index("funding", "Contribution of funding markets. Positive adds stress; null where not published."),
        _index(
            "volatility",
            "Contribution of implied and realised volatility. Positive adds stress; null where not published.",
        ),
        _index(
            "united_states",
            "Contribution of the United States. Positive adds stress; null where not published.",
        ),
        _index(
            "other_advanced_economies",
            "Contribution of other advanced economies. Positive adds stress; null where not published.",
        ),
        _index(
            "emerging_markets",
            "Contribution of emerging markets. Positive adds stress; null where not published.",
        ),
    ),
    cadence=Cadence(cron="0 18 * * 1-5", stale_after_days=7),
    licence=Licence(
        name="Work of the US government; cite the OFR",
        url="https://www.financialresearch.gov/financial-stress-index/",
        redistributable=True,
    ),
    known_at=KnownAt(
        sql="new_york(after_business_days(observation_date, 2), time '18:00')",
        pit_quality="'lagged'",
        description="Two business days after the observed day, 18:00 New York.",
    ),
    partitions=partitions,
    extract=extract,
    about=("observation_date", "observation_date"),
)

SOURCE = Source(
    code="ofr",
    title="Office of Financial Research",
    homepage="https://www.financialresearch.gov/financial-stress-index/",
    tables=(FINANCIAL_STRESS,),
    requests_per_second=1,
)
