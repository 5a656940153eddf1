"""Binance spot candles, daily, with Bitstamp as the venue to fall back on where Binance does not answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

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
from warehouse.errors import ContractViolation, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response, Row

URL = "https://data-api.binance.vision/api/v3/klines"
BITSTAMP = "https://www.bitstamp.net/api/v2/ohlc/"
PAIRS = {"BTCUSDT": "btcusd", "ETHUSDT": "ethusd"}
"""Binance's symbol, and Bitstamp's pair that stands in for it: dollars for tether, hence another symbol."""
FIRST_YEAR = 2017
DAY = timedelta(days=1)

KLINE_FIELDS = 12
CANDLE = {"timestamp", "open", "high", "low", "close", "volume"}


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per closed bar of either venue's answer."""
    try:
        body = json.loads(response.body, parse_float=str)
    except ValueError as error:
        raise ContractViolation(f"{response.url} is not JSON", expected="JSON", got=str(error)) from error
    rows = _candles if response.url.startswith(BITSTAMP) else _klines
    for row, closed_at in rows(body, response.url):
        if closed_at <= response.fetched_at:
            yield row


def _klines(body: object, url: str) -> Iterator[tuple[Row, datetime]]:
    """Yield Binance's bars: lists whose times are milliseconds, or microseconds since 2025."""
    query = parse_qs(urlsplit(url).query)
    if not isinstance(body, list):
        raise ContractViolation(f"{url} holds no bars", expected="a list of lists", got=repr(body)[:80])
    for number, bar in enumerate(body):
        if not isinstance(bar, list) or len(bar) != KLINE_FIELDS:
            raise ContractViolation(
                f"{url}, bar {number}", expected=f"a list of {KLINE_FIELDS} fields", got=repr(bar)[:80]
            )
        opened_at, closed_at = _instant(bar[0], f"{url}, bar {number}"), _end(bar[6], f"{url}, bar {number}")
        yield (
            {
                "venue": "binance",
                "symbol": query.get("symbol", [None])[0],
                "bar_interval": query.get("interval", [None])[0],
                "opened_at": opened_at.isoformat(),
                "closed_at": closed_at.isoformat(),
                "open_price": bar[1],
                "high_price": bar[2],
                "low_price": bar[3],
                "close_price": bar[4],
                "base_volume": bar[5],
                "quote_volume": bar[7],
                "trade_count": bar[8],
            },
            closed_at,
        )


def _instant(stamp: object, where: str) -> datetime:
    """Read a time by the number of its digits: 13 are milliseconds, 16 microseconds."""
    units = {13: 1_000, 16: 1}
    if type(stamp) is not int or len(str(stamp)) not in units:
        raise ContractViolation(f"{where}: a time", expected="13 or 16 digits", got=repr(stamp))
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=stamp * units[len(str(stamp))])


def _end(stamp: object, where: str) -> datetime:
    """Read a bar's last millisecond or microsecond as the instant at which it closes."""
    end = _instant(stamp, where)
    return end + timedelta(milliseconds=1) if len(str(stamp)) == 13 else end + timedelta(microseconds=1)  # noqa: PLR2004


def _candles(body: object, url: str) -> Iterator[tuple[Row, datetime]]:
    """Yield Bitstamp's daily bars, checking that they are of the pair that was asked for."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or set(data) != {"ohlc", "pair"} or not isinstance(data["ohlc"], list):
        raise ContractViolation(
            f"{url} holds no candles", expected="{'data': {'ohlc': [...], 'pair': ...}}", got=repr(body)[:80]
        )
    asked, pair = urlsplit(url).path.strip("/").split("/")[-1].upper(), str(data["pair"]).replace("/", "")
    if pair.upper() != asked:
        raise ContractViolation(f"{url} holds another pair", expected=asked, got=data["pair"])
    for number, bar in enumerate(data["ohlc"]):
        names = set(bar) if isinstance(bar, dict) else set()
        if names != CANDLE:
            raise ContractViolation(
                f"{url}, bar {number}, has other fields than promised",
                expected=sorted(CANDLE),
                got=f"missing {sorted(CANDLE - names)}, new {sorted(names - CANDLE)}",
            )
        if not str(bar["timestamp"]).isdecimal():
            raise ContractViolation(
                f"{url}, bar {number}: a time", expected="whole seconds since 1970", got=repr(bar["timestamp"])
            )
        opened_at = datetime.fromtimestamp(int(bar["timestamp"]), UTC)
        yield (
            {
                "venue": "bitstamp",
                "symbol": asked,
                "bar_interval": "1d",
                "opened_at": opened_at.isoformat(),
                "closed_at": (opened_at + DAY).isoformat(),
                "open_price": bar["open"],
                "high_price": bar["high"],
                "low_price": bar["low"],
                "close_price": bar["close"],
                "base_volume": bar["volume"],
                "quote_volume": None,
                "trade_count": None,
            },
            opened_at + DAY,
        )


def fetch(get: Get, *, symbol: str, year: int) -> Iterator[Response]:
    """Ask Binance for the bars that open in a calendar year; where it does not answer, Bitstamp."""
    start, end = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (year, year + 1))
    params = {
        "endTime": str(end * 1000 - 1),
        "interval": "1d",
        "limit": "1000",
        "startTime": str(start * 1000),
        "symbol": symbol,
    }
    try:
        yield get(URL, expect="json", params=params)
    except SourceUnavailable as first:
        url = f"{BITSTAMP}{PAIRS[symbol]}/"
        params = {"end": str(end - 1), "limit": "1000", "start": str(start), "step": "86400"}
        try:
            yield get(url, expect="json", params=params, is_fallback=True)
        except SourceUnavailable:
            raise first from None


def partitions(now: datetime) -> list[Partition]:
    """Name every symbol's calendar years."""
    return [
        Partition(
            key=f"{symbol}-{year}",
            fetch=partial(fetch, symbol=symbol, year=year),
            closes_at=year_closes_at(year),
        )
        for symbol in PAIRS
        for year in range(FIRST_YEAR, now.year + 1)
    ]


def _price(name: str, description: str) -> Column:
    return Column(name=name, type="DECIMAL(18, 8)", unit="quote currency", required=True, description=description)


SPOT_KLINES = Table(
    name="spot_klines",
    description="One closed daily bar of a spot market. Bars still open are never landed.",
    grain=("venue", "symbol", "bar_interval", "opened_at"),
    columns=(
        Column(name="venue", type="VARCHAR", required=True, description="Exchange: 'binance' or 'bitstamp'."),
        Column(
            name="symbol",
            type="VARCHAR",
            required=True,
            description="Market as its venue names it. BTCUSDT (Binance) is priced in tether, BTCUSD (Bitstamp) in US "
            "dollars.",
        ),
        Column(name="bar_interval", type="VARCHAR", required=True, description="Length of the bar, '1d'."),
        Column(name="opened_at", type="TIMESTAMPTZ", required=True, description="Instant the bar opens."),
        Column(
            name="closed_at",
            type="TIMESTAMPTZ",
            required=True,
            description="Instant the bar closes, exclusive: the next one opens then.",
        ),
        _price("open_price", "First trade's price, in the quote currency for one coin."),
        _price("high_price", "Highest price of the bar, in the quote currency for one coin."),
        _price("low_price", "Lowest price of the bar, in the quote currency for one coin."),
        _price("close_price", "Last trade's price, in the quote currency for one coin."),
        Column(name="base_volume", type="DOUBLE", unit="coins", description="Coins traded during the bar."),
        Column(
            name="quote_volume",
            type="DOUBLE",
            unit="quote currency",
            description="Turnover in the quote currency. Null where the venue does not publish it (Bitstamp).",
        ),
        Column(
            name="trade_count",
            type="BIGINT",
            unit="trades",
            description="Number of trades. Null where the venue does not publish it (Bitstamp).",
        ),
    ),
    cadence=Cadence(cron="30 0 * * *", timezone="UTC", stale_after_days=3),
    licence=Licence(
        name="No licence stated; market data that Binance offers for public download",
        url="https://www.binance.com/en/terms",
        redistributable=True,  # nothing forbids it that we found; a prohibition would move it to internal.duckdb
    ),
    known_at=KnownAt(sql="closed_at", pit_quality="'exact'", description="The close of the bar."),
    partitions=partitions,
    extract=extract,
    about=("(opened_at at time zone 'UTC')::date", "(opened_at at time zone 'UTC')::date"),
)

SOURCE = Source(
    code="binance",
    title="Binance spot market data (Bitstamp as fallback)",
    homepage="https://data-api.binance.vision/",
    tables=(SPOT_KLINES,),
    requests_per_second=5,
)
