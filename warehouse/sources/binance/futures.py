"""Binance futures margined in dollars: open interest and positioning every five minutes, and funding rates."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import (
    Cadence,
    Column,
    Due,
    Estimate,
    KnownAt,
    Partition,
    RowRule,
    Table,
    UnitCheck,
)
from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.sources.binance import archive
from warehouse.sources.binance.spot import LICENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response, Row

FUNDING_URL = "https://fapi.binance.com/fapi/v1/fundingRate"
FIRST_METRICS = {"BTCUSDT": date(2020, 9, 1), "ETHUSDT": date(2021, 12, 1)}
FIRST_FUNDING = date(2020, 1, 1)

METRICS = {
    name: frozenset({name})
    for name in (
        "create_time",
        "symbol",
        "sum_open_interest",
        "sum_open_interest_value",
        "count_toptrader_long_short_ratio",
        "sum_toptrader_long_short_ratio",
        "count_long_short_ratio",
        "sum_taker_long_short_vol_ratio",
    )
}
FUNDING = {name: frozenset({name}) for name in ("calc_time", "funding_interval_hours", "last_funding_rate")}
_OF_INTERFACE = {"fundingTime": "calc_time", "fundingRate": "last_funding_rate"}
"""The interface's names of what the archive calls otherwise."""

_METRICS_FILE = re.compile(
    rf"{re.escape(archive.HOST)}data/futures/um/daily/metrics/(\w+)/\1-metrics-(\d{{4}}-\d\d-\d\d)\.zip"
)
_FUNDING_FILE = re.compile(
    rf"{re.escape(archive.HOST)}data/futures/um/monthly/fundingRate/(\w+)/\1-fundingRate-\d{{4}}-\d\d\.zip"
)
_SOON = "interval 4 day"
"""How long after its instant a figure still counts as our own archive's and not as what history says by now."""


# -------------------------------------------------------------------------------------------------------- metrics


def extract_metrics(response: Response) -> Iterator[Row]:
    """Yield the five-minute rows of a day's file; a line that repeats one before it word for word is one row."""
    found = _METRICS_FILE.fullmatch(response.url)
    if not found:
        raise ContractViolation(
            f"{response.url} is no file of metrics",
            expected="an address such as .../BTCUSDT/BTCUSDT-metrics-2024-01-15.zip",
            got=response.url,
        )
    symbol, day = found[1], found[2]
    seen: set[tuple[str | None, ...]] = set()
    for number, record in enumerate(archive.records(response, METRICS), 1):
        if record["symbol"] != symbol:
            raise ContractViolation(
                f"{response.url}, row {number}, is of another market", expected=symbol, got=record["symbol"]
            )
        line = tuple(record.values())
        if line not in seen:  # the files of 2020 hold every line twice
            seen.add(line)
            yield {**record, "file_date": day, "create_time": f"{record['create_time']}+00"}


def fetch_metrics(get: Get, *, symbol: str, month: date) -> Iterator[Response]:
    """Ask for the files of a month's days, as far as there are any."""
    yield from archive.files_of_month(
        get, None, f"data/futures/um/daily/metrics/{symbol}/{symbol}-metrics-{month:%Y-%m}"
    )


def metrics_partitions(now: datetime) -> list[Partition]:
    """Name every symbol's calendar months, each from the morning on which its first day's file is there."""
    return [
        Partition(
            key=f"{symbol}-{month:%Y-%m}",
            fetch=partial(fetch_metrics, symbol=symbol, month=month),
            period=(month, archive.month_end(month)),
            closes_at=archive.closes_at(month),
        )
        for symbol, first in FIRST_METRICS.items()
        for month in archive.months(first, now - archive.FIRST_FILE)
    ]


def _ratio(name: str, field: str, description: str) -> Column:
    return Column(name=name, field=field, type="DOUBLE", unit="ratio", description=description)


FUTURES_METRICS = Table(
    name="futures_metrics",
    description="Open interest and positioning in one futures market, every five minutes.",
    # The file is part of the key: labels moved from the end of the five minutes to their start with the file of
    # 2026-06-25, so that two files in a row can hold the same label for two instants.
    grain=("symbol", "file_date", "create_time"),
    series_by=("symbol",),
    columns=(
        Column(name="symbol", type="VARCHAR", required=True, description="Perpetual contract, such as 'BTCUSDT'."),
        Column(name="file_date", type="DATE", required=True, description="UTC day whose file the row stands in."),
        Column(
            name="create_time",
            type="TIMESTAMPTZ",
            required=True,
            description="The publisher's label of the five minutes. Their end in the older files, their start in those "
            "from 2026-06-25 on. A second late in some files.",
        ),
        Column(
            name="open_interest",
            field="sum_open_interest",
            type="DOUBLE",
            unit="coins",
            description="Contracts open on either side, in coins.",
        ),
        Column(
            name="open_interest_value",
            field="sum_open_interest_value",
            type="DOUBLE",
            unit="USDT",
            description="Contracts open on either side, valued in tether.",
        ),
        _ratio(
            "top_trader_account_ratio",
            "count_toptrader_long_short_ratio",
            "Accounts that are net long for one that is net short, among the fifth with the largest margin.",
        ),
        _ratio(
            "top_trader_position_ratio",
            "sum_toptrader_long_short_ratio",
            "Long positions for one unit of short ones, among the fifth of accounts with the largest margin.",
        ),
        _ratio(
            "account_ratio",
            "count_long_short_ratio",
            "Accounts that are net long for one that is net short. Null where the file leaves it blank.",
        ),
        _ratio(
            "taker_volume_ratio",
            "sum_taker_long_short_vol_ratio",
            "Volume bought for one unit sold by those who crossed the spread in the five minutes.",
        ),
    ),
    cadence=Cadence(
        cron="0 10 * * *",
        timezone="UTC",
        stale_after_days=4,
        due=Due(
            every="day",
            calendar="always",
            lag_days=1,
            at="09:00",
            not_due="The archive gets a day's file on the morning of the next, about 08:00 UTC.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="create_time + interval 5 minute",
        pit_quality=f"case when fetched_at < create_time + {_SOON} then 'self_vintage' else 'current_vintage' end",
        description="Five minutes after the label, which is right or late by five minutes, whichever end the label "
        "names. What was fetched four days later or more is what the archive says by now.",
    ),
    partitions=metrics_partitions,
    extract=extract_metrics,
    estimate=Estimate(requests=62, rows=8_760, megabytes=0.4),
    about=("file_date", "file_date"),
    proven="documented",
    nulls=frozenset({"", "null"}),
    units=(
        UnitCheck(
            column="open_interest_value",
            holds="median(open_interest_value / nullif(open_interest, 0)) between 10 and 10000000",
            because="Value over coins is a coin's price in dollars; contracts or thousands would not be.",
        ),
    ),
    rules=(
        RowRule(
            name="open_interest_is_not_negative",
            holds="open_interest >= 0 and open_interest_value >= 0",
            because="Contracts are open or they are not.",
        ),
    ),
    lookback_days=35,
)


# -------------------------------------------------------------------------------------------------------- funding


def extract_funding(response: Response) -> Iterator[Row]:
    """Yield the settlements of a month, of the archive's file or the interface's answer."""
    for number, record in enumerate(_settlements(response), 1):
        at = wire.instant(record.get("calc_time"), f"{response.url}, row {number}", 13)
        yield {**record, "calc_time": at.isoformat(), "settled_at": at.replace(second=0, microsecond=0).isoformat()}


def _settlements(response: Response) -> Iterator[wire.Record]:
    if not response.url.startswith(archive.HOST):
        for record in wire.json_records(response):
            yield {"funding_interval_hours": None, **{_OF_INTERFACE.get(name, name): v for name, v in record.items()}}
        return
    found = _FUNDING_FILE.fullmatch(response.url)
    if not found:
        raise ContractViolation(
            f"{response.url} is no file of funding rates",
            expected="an address such as .../BTCUSDT/BTCUSDT-fundingRate-2024-01.zip",
            got=response.url,
        )
    for record in archive.records(response, FUNDING):
        yield {**record, "symbol": found[1]}


def fetch_funding(get: Get, *, symbol: str, month: date, is_over: bool) -> Iterator[Response]:
    """Ask for a month's settlements: of the archive if it is over, else of the interface, which not all may reach."""
    if is_over:
        try:
            yield archive.verified(
                get, f"data/futures/um/monthly/fundingRate/{symbol}/{symbol}-fundingRate-{month:%Y-%m}.zip"
            )
        except SourceUnavailable:
            pass  # not made yet, or not to be had: the interface has the same settlements
        else:
            return
    first, last = archive.milliseconds(month)
    params = {"endTime": str(last), "limit": "1000", "startTime": str(first), "symbol": symbol}
    yield get(FUNDING_URL, expect="json", params=params)


def funding_partitions(now: datetime) -> list[Partition]:
    """Name every symbol's calendar months."""
    return [
        Partition(
            key=f"{symbol}-{month:%Y-%m}",
            fetch=partial(fetch_funding, symbol=symbol, month=month, is_over=archive.month_end(month) < now.date()),
            period=(month, archive.month_end(month)),
            closes_at=archive.closes_at(month),
        )
        for symbol in FIRST_METRICS
        for month in archive.months(FIRST_FUNDING, now)
    ]


FUNDING_RATES = Table(
    name="funding_rates",
    description="One settlement of a perpetual contract's funding. The running month comes from an interface that does "
    "not answer everywhere; without it a month comes when it is over.",
    grain=("symbol", "settled_at"),
    columns=(
        Column(name="symbol", type="VARCHAR", required=True, description="Perpetual contract, such as 'BTCUSDT'."),
        Column(
            name="settled_at",
            type="TIMESTAMPTZ",
            required=True,
            description="Minute of the settlement. The publisher's times lie milliseconds after the full hour.",
        ),
        Column(
            name="calculated_at",
            field="calc_time",
            type="TIMESTAMPTZ",
            required=True,
            # The archive and the interface need not agree on the millisecond.
            is_versioned=False,
            description="The publisher's time of the settlement, to the millisecond.",
        ),
        Column(
            name="funding_rate",
            field="last_funding_rate",
            type="DECIMAL(18, 12)",
            unit="ratio",
            required=True,
            description="Share of the position's value that longs pay to shorts at this settlement. Negative where "
            "shorts pay.",
        ),
        Column(
            name="funding_interval_hours",
            type="INTEGER",
            unit="hours",
            # Its arrival with the archive's file is no news about the rate.
            is_versioned=False,
            description="Hours from one settlement to the next. Null where the row came from the interface, which does "
            "not say.",
        ),
    ),
    cadence=Cadence(
        cron="20 0,8,16 * * *",
        timezone="UTC",
        stale_after_days=45,
        due=Due(
            every="day",
            calendar="always",
            lag_days=1,
            at="00:10",
            grace_hours=24 * 40,
            not_due="Contracts settle every eight hours. Where the interface does not answer, a month comes with the "
            "archive's file in the first week of the next.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="calculated_at",
        pit_quality=f"case when fetched_at < calculated_at + {_SOON} then 'self_vintage' else 'current_vintage' end",
        description="The settlement. What was fetched four days later or more is what the publisher says by now.",
    ),
    partitions=funding_partitions,
    extract=extract_funding,
    estimate=Estimate(requests=2, rows=91, megabytes=0.002),
    about=("(settled_at at time zone 'UTC')::date", "(settled_at at time zone 'UTC')::date"),
    ignored=frozenset({"markPrice"}),
    rules=(
        RowRule(
            name="rate_is_a_share",
            holds="abs(funding_rate) < 0.1",
            because="The publisher caps a settlement at a few percent of the position; more is another unit.",
        ),
    ),
)
