"""DefiLlama: daily prices of crypto coins, closes only, gathered from exchanges and aggregators."""

from __future__ import annotations

import json
from calendar import isleap
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from warehouse.contract import (
    Cadence,
    Column,
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

    from warehouse.contract import Get, Response, Row

URL = "https://coins.llama.fi/chart/"
COINS = ("coingecko:bitcoin", "coingecko:ethereum")
FIRST_YEAR = 2017
NEAR = timedelta(hours=6)
"""How far from midnight a point may lie and still be that day's close."""


def extract(response: Response) -> Iterator[Row]:
    """Yield one close per coin and finished UTC day: the point nearest to the midnight that ends it."""
    for coin_id, coin in _coins(response).items():
        nearest: dict[datetime, tuple[timedelta, int, Row]] = {}
        for point in coin["prices"]:
            at = datetime.fromtimestamp(point["timestamp"], UTC)
            midnight = (at + timedelta(hours=12)).replace(hour=0, minute=0, second=0, microsecond=0)
            distance = abs(at - midnight)
            unfinished = max(at, midnight) > response.fetched_at
            if distance > NEAR or unfinished:
                continue
            row = {
                "coin_id": coin_id,
                "symbol": coin["symbol"],
                "close_date": (midnight - timedelta(days=1)).date().isoformat(),
                "price_at": at.isoformat(),
                "price_usd": _text(point["price"]),
                "confidence": _text(coin["confidence"]),
            }
            rank = (distance, point["timestamp"], row)
            if midnight not in nearest or rank[:2] < nearest[midnight][:2]:
                nearest[midnight] = rank
        for midnight in sorted(nearest):
            yield nearest[midnight][2]


def _coins(response: Response) -> dict[str, dict[str, Any]]:
    """Return the coins of a body of the promised shape."""
    asked = response.url.split("?", maxsplit=1)[0].removeprefix(URL).replace("%3A", ":")
    try:
        body = json.loads(response.body, parse_float=Decimal)
    except ValueError as error:
        raise ContractViolation(f"{response.url} is not JSON", expected="JSON", got=str(error)) from error
    coins = body.get("coins") if isinstance(body, dict) else None
    if not isinstance(coins, dict) or set(coins) != {asked}:
        raise ContractViolation(
            f"{response.url} does not hold the coin that was asked for",
            expected=f"{{'coins': {{{asked!r}: ...}}}}",
            got=repr(sorted(coins) if isinstance(coins, dict) else body)[:80],
        )
    _compare(coins[asked], {"symbol", "confidence", "prices"}, {"decimals"}, f"{response.url}, {asked}")
    prices = coins[asked]["prices"]
    if not isinstance(prices, list):
        raise ContractViolation(f"{response.url}, prices", expected="a list", got=type(prices).__name__)
    for number, point in enumerate(prices):
        where = f"{response.url}, prices[{number}]"
        _compare(point, {"timestamp", "price"}, set(), where)
        if type(point["timestamp"]) is not int:
            raise ContractViolation(
                f"{where}.timestamp", expected="whole seconds since 1970", got=repr(point["timestamp"])
            )
    return coins


def _text(number: object) -> object:
    """Return a fraction as text of at most eight decimals: the wire carries the noise of binary floats."""
    return f"{number:.8f}" if isinstance(number, Decimal) else number


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
            closes_at=year_closes_at(year),
        )
        for coin in COINS
        for year in range(FIRST_YEAR, now.year + 1)
    ]


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
    cadence=Cadence(cron="0 2 * * *", timezone="UTC", stale_after_days=3),
    licence=Licence(
        name="No formal licence; free API, attribution to DefiLlama",
        url="https://defillama.com/terms",
        redistributable=True,
    ),
    known_at=KnownAt(sql="price_at", pit_quality="'exact'", description="The instant of the price itself."),
    partitions=partitions,
    extract=extract,
    about=("close_date", "close_date"),
    proven="documented",
)

SOURCE = Source(
    code="defillama",
    title="DefiLlama coin prices",
    homepage="https://defillama.com/",
    tables=(COIN_PRICES,),
    requests_per_second=1,
)
