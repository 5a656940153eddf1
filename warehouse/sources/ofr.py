"""Office of Financial Research: the Financial Stress Index, short-term funding markets, and hedge funds' leverage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, Partition, Source, Table, UnitCheck
from warehouse.errors import ContractViolation
from warehouse.wire import csv_records, rows_of_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://www.financialresearch.gov/financial-stress-index/data/fsi.csv"
FUNDING_URL = "https://data.financialresearch.gov/v1/series/timeseries"
HEDGE_FUNDS_URL = "https://data.financialresearch.gov/hf/v1/series/timeseries"

# The letter at the end is part of the name: -P is the preliminary and -F the final series of a thing, two series that
# exist side by side. Neither is a vintage of the other.
FUNDING = (
    "REPO-TRI_AR_OO-P",
    "REPO-DVP_AR_OO-P",
    "REPO-GCF_AR_OO-P",
    "REPO-TRI_TV_OO-P",
    "REPO-DVP_TV_OO-P",
    "REPO-GCF_TV_OO-P",
    "FNYR-SOFR-A",
    "MMF-MMF_TOT-M",
    "MMF-MMF_RP_TOT-M",
    "MMF-MMF_RP_wFR-M",
    "MMF-MMF_RP_wFICC-M",
    "MMF-MMF_T_TOT-M",
)
"""Overnight repo rates (AR) and volumes (TV) of tri-party, DVP and GCF; SOFR; what money funds hold: all, repo, repo
with the Federal Reserve, repo cleared by FICC, Treasuries."""

HEDGE_FUNDS = (
    "FPF-ALLQHF_COUNT",
    "FPF-ALLQHF_GAV_SUM",
    "FPF-ALLQHF_NAV_SUM",
    "FPF-ALLQHF_GNE_SUM",
    "FPF-ALLQHF_GAVN10_LEVERAGERATIO_AVERAGE",
    "FPF-ALLQHF_GAVN11TO50_LEVERAGERATIO_AVERAGE",
    "FPF-ALLQHF_GAVN51_LEVERAGERATIO_AVERAGE",
    "FPF-STRATEGY_RV_LEVERAGERATIO_NAVWMEAN",
    "FPF-STRATEGY_MULTI_LEVERAGERATIO_NAVWMEAN",
    "FPF-STRATEGY_MACRO_LEVERAGERATIO_NAVWMEAN",
    "FPF-BORROW_PRIMEBROKER_SUM",
    "FPF-BORROW_REPO_SUM",
    "FPF-BORROW_OTHERSECURED_SUM",
)
"""Qualifying hedge funds of Form PF: number, gross and net assets, notional exposure; leverage of the 10 largest, the
next 40, the rest, and by strategy; what they borrow from prime brokers, in repo, and otherwise secured."""


def extract_series(response: Response) -> Iterator[Row]:
    """Yield the dates and values of one series; its name stands in the address alone."""
    asked = parse_qs(urlsplit(response.url).query).get("mnemonic", [])
    if len(asked) != 1:
        raise ContractViolation(f"{response.url} names no series", expected="one mnemonic in the address", got=asked)
    for record in rows_of_arrays(response, ("date", "value")):
        yield {"mnemonic": asked[0], **record}


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(URL, expect="text")


def fetch_series(get: Get, *, url: str, mnemonic: str) -> Iterator[Response]:
    """Ask for the whole history of one series."""
    yield get(url, expect="json", params={"mnemonic": mnemonic})


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


def series_partitions(_: datetime, *, url: str, mnemonics: tuple[str, ...]) -> list[Partition]:
    """Name each series: a wrong or withdrawn name costs that series alone."""
    return [Partition(key=name, fetch=partial(fetch_series, url=url, mnemonic=name)) for name in mnemonics]


def _licence(what: str, page: str) -> Licence:
    return Licence(
        name="Work of the US government; cite the OFR",
        url=f"https://www.financialresearch.gov/{page}/",
        redistribution="attribution",
        attribution=f"Source: Office of Financial Research, {what}.",
    )


def _index(name: str, field: str, description: str) -> Column:
    return Column(
        name=name,
        field=field,
        type="DOUBLE",
        unit="index points",
        description=f"{description} Positive adds stress; null where not published.",
    )


FINANCIAL_STRESS = Table(
    name="financial_stress",
    description="OFR Financial Stress Index of one day, with its contributions. Zero is average stress since 2000; "
    "positive is more.",
    grain=("observation_date",),
    columns=(
        Column(
            name="observation_date",
            field="Date",
            type="DATE",
            required=True,
            description="Trading day that the index describes.",
        ),
        Column(
            name="ofr_fsi",
            field="OFR FSI",
            type="DOUBLE",  # 3 decimals until 2021, some 16 since
            unit="index points",
            required=True,
            description="The index. Zero is average, positive is above-average stress; it is the sum of its five "
            "categories and, again, of its three regions.",
        ),
        _index("credit", "Credit", "Contribution of credit spreads."),
        _index("equity_valuation", "Equity valuation", "Contribution of equity valuations."),
        _index("safe_assets", "Safe assets", "Contribution of safe-haven assets."),
        _index("funding", "Funding", "Contribution of funding markets."),
        _index("volatility", "Volatility", "Contribution of implied and realised volatility."),
        _index("united_states", "United States", "Contribution of the United States."),
        _index("other_advanced_economies", "Other advanced economies", "Contribution of other advanced economies."),
        _index("emerging_markets", "Emerging markets", "Contribution of emerging markets."),
    ),
    cadence=Cadence(
        cron="0 18 * * 1-5",
        stale_after_days=7,
        due=Due(
            every="business_day",
            calendar="us_federal",
            lag_business_days=2,
            at="18:00",
            not_due="A business day is published two business days later; weekends and federal holidays have no index.",
        ),
    ),
    licence=_licence("OFR Financial Stress Index", "financial-stress-index"),
    known_at=KnownAt(
        sql="new_york(after_business_days(observation_date, 2), time '18:00')",
        pit_quality="'lagged'",
        description="Two business days after the observed day, 18:00 New York.",
    ),
    partitions=partitions,
    extract=csv_records,
    nulls=frozenset({""}),
    estimate=Estimate(requests=1, rows=6_900, megabytes=0.6),
    about=("observation_date", "observation_date"),
)

MNEMONIC = Column(
    name="mnemonic",
    type="VARCHAR",
    required=True,
    description="The publisher's name of the series, which is also what says its unit.",
)

FUNDING_MONITOR = Table(
    name="funding_monitor",
    description="One value of one series of the OFR Short-term Funding Monitor: repo by day, holdings of money market "
    "funds by month.",
    grain=("mnemonic", "observation_date"),
    columns=(
        MNEMONIC,
        Column(
            name="observation_date",
            field="date",
            type="DATE",
            required=True,
            description="Day of the repo trades, or last day of the month that the funds report.",
        ),
        Column(
            name="value",
            type="DOUBLE",
            unit="percent or US dollars, by mnemonic",
            description="The published value. Percent a year for rates (_AR_, SOFR), US dollars for volumes (_TV_) and "
            "holdings (MMF); null where the publisher masks or lacks it.",
        ),
    ),
    cadence=Cadence(
        cron="0 18 * * 1-5",
        stale_after_days=7,
        due=Due(
            every="business_day",
            calendar="us_federal",
            lag_business_days=2,
            at="18:00",
            grace_hours=48,
            not_due="A business day is published within two business days; the money funds' month some weeks later.",
        ),
    ),
    licence=_licence("OFR Short-term Funding Monitor", "short-term-funding-monitor"),
    known_at=KnownAt(
        sql="least(case when starts_with(mnemonic, 'MMF-') then new_york(observation_date + 45, time '18:00') "
        "else new_york(after_business_days(observation_date, 2), time '18:00') end, fetched_at)",
        pit_quality="case when fetched_at < new_york(observation_date, time '18:00') "
        "+ if(starts_with(mnemonic, 'MMF-'), interval 75 day, interval 7 day) then 'lagged' else 'current_vintage' end",
        description="Daily series two business days after the day, money funds 45 days after the month, 18:00 New "
        "York, or when fetched if that was earlier. Values are revised in place, so older ones are of today's vintage.",
    ),
    partitions=partial(series_partitions, url=FUNDING_URL, mnemonics=FUNDING),
    extract=extract_series,
    units=(
        UnitCheck(
            column="value",
            holds="median(value) filter (contains(mnemonic, '_AR_') or starts_with(mnemonic, 'FNYR-')) "
            "between 0 and 25 and max(value) filter (contains(mnemonic, '_AR_') or starts_with(mnemonic, 'FNYR-')) > 1",
            because="Overnight rates are percent: 5.3 in 2023. As a ratio or in basis points they leave the band.",
        ),
        UnitCheck(
            column="value",
            holds="median(value) filter (contains(mnemonic, '_TV_')) between 5e9 and 1e14",
            because="Daily volumes are dollars, from tens of billions (GCF) to trillions (tri-party).",
        ),
        UnitCheck(
            column="value",
            holds="max(value) filter (starts_with(mnemonic, 'MMF-')) between 1e10 and 1e14",
            because="Holdings of money funds are dollars: some 8 trillion in all, up to 2.4 trillion with the Fed.",
        ),
    ),
    proven="documented",
    estimate=Estimate(requests=1, rows=2_000, megabytes=0.06),
    about=("observation_date", "observation_date"),
)

HEDGE_FUND_STATISTICS = Table(
    name="hedge_funds",
    description="One value of one series of the OFR Hedge Fund Monitor, aggregates of what qualifying hedge funds "
    "report on Form PF, by quarter since 2013.",
    grain=("mnemonic", "quarter_end"),
    columns=(
        MNEMONIC,
        Column(
            name="quarter_end",
            field="date",
            type="DATE",
            required=True,
            description="Last day of the quarter that the funds report.",
        ),
        Column(
            name="value",
            type="DOUBLE",
            unit="US dollars, a ratio or a count, by mnemonic",
            description="The published value. US dollars for sums (_SUM), gross over net assets for leverage "
            "(LEVERAGERATIO), funds for _COUNT; null where the publisher masks it.",
        ),
    ),
    cadence=Cadence(
        cron="0 18 * * 3",
        stale_after_days=290,
        due=Due(
            every="quarter",
            calendar="always",
            lag_days=165,
            at="18:00",
            grace_hours=24 * 30,
            not_due="A quarter is published some five months after its end, on no announced day.",
        ),
    ),
    licence=_licence("OFR Hedge Fund Monitor, from SEC Form PF", "hedge-fund-monitor"),
    known_at=KnownAt(
        sql="least(new_york(quarter_end + 180, time '18:00'), fetched_at)",
        pit_quality="case when fetched_at < new_york(quarter_end + 250, time '18:00') "
        "then 'lagged' else 'current_vintage' end",
        description="Half a year (180 days) after the quarter, 18:00 New York, or when fetched if that was earlier: no "
        "release day is announced. Late filings revise older quarters, which are of today's vintage.",
    ),
    partitions=partial(series_partitions, url=HEDGE_FUNDS_URL, mnemonics=HEDGE_FUNDS),
    extract=extract_series,
    units=(
        UnitCheck(
            column="value",
            holds="max(value) filter (ends_with(mnemonic, '_SUM')) between 1e11 and 1e15",
            because="Assets and borrowing are dollars: net assets 5.5 trillion, prime brokers lend 3.2 trillion.",
        ),
        UnitCheck(
            column="value",
            holds="max(value) filter (contains(mnemonic, 'LEVERAGERATIO')) between 1 and 200",
            because="Leverage is gross over net assets: 24 at the ten largest funds, 8 in relative value.",
        ),
        UnitCheck(
            column="value",
            holds="max(value) filter (ends_with(mnemonic, '_COUNT')) between 100 and 100000",
            because="Qualifying funds are some two thousand.",
        ),
    ),
    proven="documented",
    estimate=Estimate(requests=1, rows=55, megabytes=0.01),
    about=("quarter_end", "quarter_end"),
)

SOURCE = Source(
    code="ofr",
    title="Office of Financial Research",
    homepage="https://www.financialresearch.gov/",
    tables=(FINANCIAL_STRESS, FUNDING_MONITOR, HEDGE_FUND_STATISTICS),
    requests_per_second=1,
)
