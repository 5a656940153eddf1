"""The overnight reference rates: SOFR, BGCR and TGCR of the repo market, EFFR and OBFR of unsecured lending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, RowRule, Table
from warehouse.sources.nyfed.api import BASE, TERMS, years

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Partition, Response, Row

FIRST_YEARS = {
    "unsecured/effr": 2000,
    "unsecured/obfr": 2016,
    "secured/sofr": 2018,
    "secured/bgcr": 2018,
    "secured/tgcr": 2018,
}
"""Path of each rate, and the year it starts in."""

GOOD_FRIDAYS = (
    "2018-03-30",
    "2019-04-19",
    "2020-04-10",
    "2021-04-02",
    "2022-04-15",
    "2023-04-07",
    "2024-03-29",
    "2025-04-18",
    "2026-04-03",
    "2027-03-26",
    "2028-04-14",
    "2029-03-30",
    "2030-04-19",
    "2031-04-11",
    "2032-03-26",
    "2033-04-15",
    "2034-04-07",
    "2035-03-23",
)
"""Business days of the government on which the bond market, and with it the publication of repo rates, may rest."""


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per rate and day."""
    yield from wire.json_records(response, "refRates")


def _fetch(year: int, span: dict[str, str], get: Get) -> Iterator[Response]:
    """Ask for a year of each rate that there was in it."""
    for path, first in FIRST_YEARS.items():
        if year >= first:
            yield get(f"{BASE}/rates/{path}/search.json", expect="json", params=span)


def partitions(now: datetime) -> list[Partition]:
    """Name every year."""
    return years(min(FIRST_YEARS.values()), now, _fetch)


def _rate(name: str, field: str, description: str) -> Column:
    return Column(name=name, type="DECIMAL(9, 4)", unit="percent", field=field, absent="add", description=description)


_FRIDAYS = ", ".join(f"date '{day}'" for day in GOOD_FRIDAYS)

REFERENCE_RATES = Table(
    name="reference_rates",
    description="One overnight reference rate on one day: the median (volume-weighted) rate, its percentiles and the "
    "volume behind it.",
    grain=("rate_type", "effective_date"),
    columns=(
        Column(
            name="rate_type",
            type="VARCHAR",
            field="type",
            required=True,
            description="Which rate. SOFR, BGCR and TGCR are repo secured by Treasuries; EFFR and OBFR are unsecured.",
        ),
        Column(
            name="effective_date",
            type="DATE",
            field="effectiveDate",
            required=True,
            description="Day on which the money was lent.",
        ),
        Column(
            name="revision_indicator",
            type="VARCHAR",
            field="revisionIndicator",
            absent="add",
            description="Whether the rate was published again on the same day. 'r' where it was, else null.",
        ),
        Column(
            name="rate_pct",
            type="DECIMAL(9, 4)",
            unit="percent",
            field="percentRate",
            required=True,
            description="The rate, in percent a year: the volume-weighted median (for EFFR before March 2016, the "
            "mean).",
        ),
        _rate("percentile_1_pct", "percentPercentile1", "First percentile by volume. Null where not published."),
        _rate("percentile_25_pct", "percentPercentile25", "Lower quartile by volume. Null where not published."),
        _rate("percentile_75_pct", "percentPercentile75", "Upper quartile by volume. Null where not published."),
        _rate("percentile_99_pct", "percentPercentile99", "The 99th percentile by volume. Null where not published."),
        _rate("target_from_pct", "targetRateFrom", "Lower end of the FOMC's target range. Given with EFFR only."),
        _rate("target_to_pct", "targetRateTo", "Upper end of the FOMC's target range. Given with EFFR only."),
        Column(
            name="volume_usd_bn",
            type="DECIMAL(12, 3)",
            unit="USD billion",
            field="volumeInBillions",
            absent="add",
            description="Lending behind the rate, in billions of US dollars. Null where not published.",
        ),
    ),
    cadence=Cadence(
        cron="45 9,14 * * 1-5",
        stale_after_days=6,
        due=Due(
            every="business_day",
            lag_business_days=1,
            at="09:00",
            not_due="A business day is published on the next one, repo rates at 08:00 and unsecured ones at 09:00.",
        ),
    ),
    licence=Licence(
        name="New York Fed terms of use: attribution and notice",
        url=TERMS,
        redistribution="attribution",
        attribution="Source: Federal Reserve Bank of New York, https://www.newyorkfed.org/markets/reference-rates. The "
        "reference rate data is subject to the Terms of Use posted at newyorkfed.org. The New York Fed is not "
        "responsible for publication of the reference rate data by Dry Powder, does not sanction or endorse any "
        "particular republication, and has no liability for your use.",
    ),
    known_at=KnownAt(
        sql="new_york("
        "case when rate_type in ('EFFR', 'OBFR') then after_business_days(effective_date, 1) "
        f"when after_business_days(effective_date, 1) in ({_FRIDAYS}) then after_business_days(effective_date, 2) "
        "else after_business_days(effective_date, 1) end, "
        "case when revision_indicator is not null then time '14:30' "
        "when rate_type in ('EFFR', 'OBFR') then time '09:00' else time '08:00' end)",
        pit_quality="'dated'",
        description="Next business day in New York, 08:00 for repo rates and 09:00 for unsecured ones, 14:30 where "
        "published again; repo rates never on a Good Friday.",
    ),
    partitions=partitions,
    extract=extract,
    about=("effective_date", "effective_date"),
    estimate=Estimate(requests=5, rows=1_250, megabytes=0.3),
    nulls=frozenset({"", "NA"}),
    new_fields="add",
    rules=(
        RowRule(
            name="percentiles_in_order",
            holds="coalesce(percentile_1_pct <= percentile_25_pct, true) "
            "and coalesce(percentile_25_pct <= percentile_75_pct, true) "
            "and coalesce(percentile_75_pct <= percentile_99_pct, true)",
            because="Percentiles of one distribution rise.",
        ),
    ),
)
