"""DefiLlama: daily closes of crypto coins, and the stablecoins in circulation, gathered from many places."""

from __future__ import annotations

import re
from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

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
    year_closes_at,
)
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response, Row

URL = "https://coins.llama.fi/chart/"
COINS = ("coingecko:bitcoin", "coingecko:ethereum")
FIRST_YEAR = 2017
NEAR = timedelta(hours=6)
"""How far from midnight a point may lie and still be that day's close."""
_FRACTION = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,40}([eE][-+]?[0-9]{1,2})?|[eE]-[0-9]{1,2})")

STABLECOINS_URL = "https://stablecoins.llama.fi/stablecoincharts/all"
STABLE_AFTER = timedelta(days=1, hours=1)
"""How long after a UTC day begins its figures stand still: an hour after it ends."""
TOTALS = {
    "totalCirculating": "circulating",
    "totalCirculatingUSD": "circulating_usd",
    "totalMintedUSD": "minted_usd",
    "totalBridgedToUSD": "bridged_to_usd",
    "totalUnreleased": "unreleased",
}
"""The publisher's totals, each an object by peg, and our columns."""


def extract(response: Response) -> Iterator[Row]:
    """Yield one close per coin and finished UTC day: the point nearest to the midnight that ends it."""
    asked = response.url.split("?", maxsplit=1)[0].removeprefix(URL).replace("%3A", ":")
    coin = _coin(response, asked)
    nearest: dict[datetime, tuple[timedelta, datetime, Row]] = {}
    for number, point in enumerate(coin["prices"]):
        where = f"{response.url}, prices[{number}]"
        _compare(point, {"timestamp", "price"}, set(), where)
        at = wire.instant(point["timestamp"], f"{where}.timestamp", 10)
        midnight = (at + timedelta(hours=12)).replace(hour=0, minute=0, second=0, microsecond=0)
        distance = abs(at - midnight)
        unfinished = max(at, midnight) > response.fetched_at
        if distance > NEAR or unfinished:
            continue
        row = {
            "coin_id": asked,
            "symbol": wire.scalar(coin["symbol"], f"{response.url}, symbol"),
            "close_date": (midnight - timedelta(days=1)).date().isoformat(),
            "price_at": at.isoformat(),
            "price_usd": _rounded(wire.scalar(point["price"], f"{where}.price")),
            "confidence": _rounded(wire.scalar(coin["confidence"], f"{response.url}, confidence")),
        }
        if midnight not in nearest or (distance, at) < nearest[midnight][:2]:
            nearest[midnight] = (distance, at, row)
    for midnight in sorted(nearest):
        yield nearest[midnight][2]


def _coin(response: Response, asked: str) -> dict[str, Any]:
    """Return the one coin of a body of the promised shape."""
    body = wire.parse_json(response)
    coins = body.get("coins") if isinstance(body, dict) else None
    if not isinstance(coins, dict) or set(coins) != {asked}:
        raise ContractViolation(
            f"{response.url} does not hold the coin that was asked for",
            expected=f"{{'coins': {{{asked!r}: ...}}}}",
            got=repr(sorted(coins) if isinstance(coins, dict) else body)[:80],
        )
    coin = coins[asked]
    _compare(coin, {"symbol", "confidence", "prices"}, {"decimals"}, f"{response.url}, {asked}")
    if not isinstance(coin["prices"], list):
        raise ContractViolation(f"{response.url}, prices", expected="a list", got=type(coin["prices"]).__name__)
    return dict(coin)


def _rounded(number: str | None) -> str | None:
    """Return a fraction with at most eight decimals: the wire carries the noise of binary floats."""
    return f"{Decimal(number):.8f}" if number and _FRACTION.fullmatch(number) else number


def _compare(given: object, required: set[str], optional: set[str], where: str) -> None:
    """Refuse an object that lacks a field or has one that we do not know."""
    names = set(given) if isinstance(given, dict) else set()
    if not isinstance(given, dict) or required - names or names - required - optional:
        raise ContractViolation(
            f"{where} has other fields than promised",
            expected=f"{sorted(required)}",
            got=f"missing {sorted(required - names)}, new {sorted(names - required - optional)}",
        )


def fetch(get: Get, *, coin: str, year: int) -> Iterator[Response]:
    """Ask for the midnights that end the days of a calendar year; those to come are not asked for."""
    yield get(URL + coin, expect="json", params=query(year))


def query(year: int) -> dict[str, str]:
    """Return the query of a year's closes: as many daily points as it has days, from the end of the first."""
    first, days = datetime(year, 1, 2, tzinfo=UTC), 365 + isleap(year)
    return {"period": "1d", "span": str(days), "start": str(int(first.timestamp()))}


def partitions(now: datetime) -> list[Partition]:
    """Name every coin's calendar years."""
    return [
        Partition(
            key=f"{coin.partition(':')[2]}-{year}",
            fetch=partial(fetch, coin=coin, year=year),
            period=(date(year, 1, 1), date(year, 12, 31)),
            closes_at=year_closes_at(year),
        )
        for coin in COINS
        for year in range(FIRST_YEAR, now.year + 1)
    ]


LICENCE = Licence(
    name="No formal licence; free API, attribution to DefiLlama",
    url="https://defillama.com/terms",
    redistribution="attribution",
    attribution="Source: DefiLlama, https://defillama.com.",
)

COIN_PRICES = Table(
    name="coin_prices",
    description="Price of a coin at the end of a UTC day. Closes only: the source gives no open, high or low.",
    grain=("coin_id", "close_date"),
    columns=(
        Column(
            name="coin_id",
            type="VARCHAR",
            required=True,
            description="The source's name of the coin, such as 'coingecko:bitcoin'.",
        ),
        Column(name="symbol", type="VARCHAR", required=True, description="Ticker of the coin, such as 'BTC'."),
        Column(
            name="close_date",
            type="DATE",
            required=True,
            description="UTC day that the price closes. The price lies within six hours of the midnight that ends it.",
        ),
        Column(name="price_at", type="TIMESTAMPTZ", required=True, description="Instant of the price."),
        Column(
            name="price_usd",
            type="DECIMAL(18, 8)",
            unit="USD",
            required=True,
            description="US dollars for one coin.",
        ),
        Column(
            name="confidence",
            type="DOUBLE",
            unit="ratio",
            description="How sure the source is of its price, 0 to 1. Null where it does not say.",
        ),
    ),
    cadence=Cadence(
        cron="0 2 * * *",
        timezone="UTC",
        stale_after_days=3,
        due=Due(
            every="day",
            calendar="always",
            lag_days=1,
            at="01:00",
            not_due="The market never closes: a day is due an hour after it ended in UTC.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(sql="price_at", pit_quality="'exact'", description="The instant of the price itself."),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=1, rows=366, megabytes=0.02),
    about=("close_date", "close_date"),
    proven="documented",
)


# ----------------------------------------------------------------------------------------------------- stablecoins


def extract_stablecoins(response: Response) -> Iterator[Row]:
    """Yield one row per day that stands still and peg that it names; a peg that it does not name is no nought."""
    days = wire.parse_json(response)
    if not isinstance(days, list):
        raise ContractViolation(f"{response.url} holds no list", expected="a list of days", got=repr(days)[:80])
    for number, entry in enumerate(days):
        where = f"{response.url}, day {number}"
        begins = wire.instant(wire.member(entry, "date", where=where), f"{where}, date", 10)
        _compare(entry, {"date", "totalCirculating", "totalCirculatingUSD"}, set(TOTALS), where)
        if begins + STABLE_AFTER > response.fetched_at:
            continue
        totals = {
            column: wire.flat(entry[field], f"{where}, {field}") if field in entry else {}
            for field, column in TOTALS.items()
        }
        for peg in sorted(set().union(*totals.values())):
            yield {
                "observation_date": begins.date().isoformat(),
                "peg_type": peg,
                **{column: by_peg.get(peg) for column, by_peg in totals.items()},
            }


def fetch_stablecoins(get: Get) -> Iterator[Response]:
    """Ask for the whole history."""
    yield get(STABLECOINS_URL, expect="json")


def stablecoin_partitions(_: datetime) -> list[Partition]:
    """Name the one history."""
    return [Partition(key="all", fetch=fetch_stablecoins)]


STABLECOINS = Table(
    name="stablecoins",
    description="Stablecoins in circulation on all chains at the end of a UTC day, by what they are pegged to. Coins "
    "pegged to dollars are the rows 'peggedUSD'; the other pegs are no part of them.",
    grain=("observation_date", "peg_type"),
    columns=(
        Column(name="observation_date", type="DATE", required=True, description="UTC day. It lands once it is over."),
        Column(
            name="peg_type",
            type="VARCHAR",
            required=True,
            description="What the coins are pegged to, in the publisher's words: 'peggedUSD', 'peggedEUR' and others.",
        ),
        Column(
            name="circulating",
            type="DOUBLE",
            unit="units of the peg",
            description="Coins in circulation, counted in what they are pegged to. Null where the day does not say.",
        ),
        Column(
            name="circulating_usd",
            type="DOUBLE",
            unit="USD",
            description="Coins in circulation at their market price, in US dollars. Null where the day does not say.",
        ),
        Column(
            name="minted_usd",
            type="DOUBLE",
            unit="USD",
            description="Coins in circulation on the chain that they were issued on, in US dollars. Null where the day "
            "does not say.",
        ),
        Column(
            name="bridged_to_usd",
            type="DOUBLE",
            unit="USD",
            description="Coins that a bridge brought to another chain, in US dollars. They are counted where they came "
            "from as well. Null where the day does not say.",
        ),
        Column(
            name="unreleased",
            type="DOUBLE",
            unit="units of the peg",
            description="Coins issued and not released, counted in what they are pegged to. Null where the day does "
            "not say.",
        ),
    ),
    cadence=Cadence(
        cron="0 2 * * *",
        timezone="UTC",
        stale_after_days=3,
        due=Due(
            every="day",
            calendar="always",
            lag_days=1,
            at="01:00",
            not_due="A day's figures move until an hour after it ended in UTC.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="((observation_date + 1)::timestamp + interval 1 hour) at time zone 'UTC'",
        pit_quality="case when fetched_at < ((observation_date + 5)::timestamp at time zone 'UTC') "
        "then 'self_vintage' else 'current_vintage' end",
        description="The end of the day and an hour, when its figures stand still. The publisher rewrites history when "
        "it mends how it counts a coin, so what was fetched four days later or more is what history says by now.",
    ),
    partitions=stablecoin_partitions,
    extract=extract_stablecoins,
    estimate=Estimate(requests=1, rows=25_000, megabytes=3),
    about=("observation_date", "observation_date"),
    proven="documented",
    rules=(
        RowRule(
            name="amounts_are_not_negative",
            holds="circulating >= 0 and circulating_usd >= 0",
            because="Coins circulate or they do not.",
        ),
    ),
)

SOURCE = Source(
    code="defillama",
    title="DefiLlama coin prices and stablecoins",
    homepage="https://defillama.com/",
    tables=(COIN_PRICES, STABLECOINS),
    requests_per_second=1,
)
