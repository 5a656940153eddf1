"""Binance spot candles: by the day, with Bitstamp to fall back on, and by the minute for Bitcoin."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, Partition, SqlExtract, Table
from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.sources.binance import archive
from warehouse.sources.binance.bars import BAR_RULES, price

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response, Row

URL = "https://data-api.binance.vision/api/v3/klines"
BITSTAMP = "https://www.bitstamp.net/api/v2/ohlc/"
PAIRS = {"BTCUSDT": "btcusd", "ETHUSDT": "ethusd"}
"""Binance's symbol, and Bitstamp's pair that stands in for it: dollars for tether, hence another symbol."""
FIRST_MONTH = date(2017, 8, 1)
DAY = timedelta(days=1)

KLINE = {
    "open_time": frozenset({"open_time", "opentime", "Open time"}),
    "open": frozenset({"open", "Open"}),
    "high": frozenset({"high", "High"}),
    "low": frozenset({"low", "Low"}),
    "close": frozenset({"close", "Close"}),
    "volume": frozenset({"volume", "Volume"}),
    "close_time": frozenset({"close_time", "closetime", "Close time"}),
    "quote_volume": frozenset({"quote_volume", "quote_asset_volume", "Quote asset volume"}),
    "count": frozenset({"count", "number_of_trades", "trades", "Number of trades"}),
    "taker_buy_volume": frozenset(
        {"taker_buy_volume", "taker_buy_base_volume", "taker_buy_base_asset_volume", "Taker buy base asset volume"}
    ),
    "taker_buy_quote_volume": frozenset(
        {"taker_buy_quote_volume", "taker_buy_quote_asset_volume", "Taker buy quote asset volume"}
    ),
    "ignore": frozenset({"ignore", "Ignore"}),
}
"""The places of a kline, in the archive as in the interface, and what the headers of the archive's eras call them."""
CANDLE = {"timestamp", "open", "high", "low", "close", "volume"}

_FILE = re.compile(
    rf"{re.escape(archive.HOST)}data/spot/(?:monthly|daily)/klines/(\w+)/(\w+)/\1-\2-\d{{4}}-\d\d(?:-\d\d)?\.zip"
)


# ------------------------------------------------------------------------------------------------------ daily bars


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per closed bar, whoever's answer it is and in whichever of its shapes."""
    if response.url.startswith(BITSTAMP):
        bars = _candles(response)
    elif response.url.startswith(archive.HOST):
        bars = _archived(response)
    else:
        query = parse_qs(urlsplit(response.url).query)
        symbol, interval = (query.get(name, [None])[0] for name in ("symbol", "interval"))
        bars = _klines(wire.rows_of_arrays(response, tuple(KLINE)), symbol, interval, response.url)
    for row, closed_at in bars:
        if closed_at <= response.fetched_at:
            yield row


def _archived(response: Response) -> Iterator[tuple[Row, datetime]]:
    symbol, interval = _file_is_of(response.url)
    return _klines(archive.records(response, KLINE), symbol, interval, response.url)


def _file_is_of(url: str) -> tuple[str, str]:
    """Return the symbol and the interval that a file of the archive is of, as its address says."""
    found = _FILE.fullmatch(url)
    if not found:
        raise ContractViolation(
            f"{url} is no file of klines", expected="an address such as .../BTCUSDT/1d/BTCUSDT-1d-2024-12.zip", got=url
        )
    return found[1], found[2]


def _klines(
    klines: Iterator[wire.Record], symbol: str | None, interval: str | None, url: str
) -> Iterator[tuple[Row, datetime]]:
    """Yield Binance's bars, whose times are milliseconds, or microseconds since 2025."""
    for number, kline in enumerate(klines):
        where = f"{url}, bar {number}"
        opened_at = wire.instant(kline["open_time"], where, 13, 16)
        # The wire says a bar's last millisecond or microsecond; the next one opens right after it.
        closed_at = wire.instant(kline["close_time"], where, 13, 16) + wire.tick(kline["close_time"])
        yield (
            {
                "venue": "binance",
                "symbol": symbol,
                "bar_interval": interval,
                "opened_at": opened_at.isoformat(),
                "closed_at": closed_at.isoformat(),
                "open_price": kline["open"],
                "high_price": kline["high"],
                "low_price": kline["low"],
                "close_price": kline["close"],
                "base_volume": kline["volume"],
                "quote_volume": kline["quote_volume"],
                "trade_count": kline["count"],
                "taker_buy_base_volume": kline["taker_buy_volume"],
                "taker_buy_quote_volume": kline["taker_buy_quote_volume"],
            },
            closed_at,
        )


def _candles(response: Response) -> Iterator[tuple[Row, datetime]]:
    """Yield Bitstamp's daily bars, checking that they are of the pair that was asked for."""
    body = wire.parse_json(response)
    asked = urlsplit(response.url).path.strip("/").split("/")[-1].upper()
    pair = str(wire.member(body, "data", "pair", where=response.url)).replace("/", "")
    if pair.upper() != asked:
        raise ContractViolation(f"{response.url} holds another pair", expected=asked, got=pair[:80])
    for number, bar in enumerate(wire.json_records(response, "data", "ohlc")):
        where = f"{response.url}, bar {number}"
        if bar.keys() != CANDLE:
            raise ContractViolation(
                f"{where}, has other fields than promised",
                expected=sorted(CANDLE),
                got=f"missing {sorted(CANDLE - bar.keys())}, new {sorted(bar.keys() - CANDLE)}",
            )
        opened_at = wire.instant(bar["timestamp"], where, 10)
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
                "taker_buy_base_volume": None,
                "taker_buy_quote_volume": None,
            },
            opened_at + DAY,
        )


def fetch(get: Get, *, symbol: str, month: date, is_over: bool) -> Iterator[Response]:
    """Ask for a month's bars: of the archive if it is over, else of the interface; if neither answers, of Bitstamp."""
    first, last = archive.milliseconds(month)
    try:
        yield _of_binance(get, symbol, month, is_over=is_over)
    except SourceUnavailable as error:
        params = {"end": str(last // 1000), "limit": "1000", "start": str(first // 1000), "step": "86400"}
        try:
            yield get(f"{BITSTAMP}{PAIRS[symbol]}/", expect="json", params=params, is_fallback=True)
        except SourceUnavailable:
            raise error from None


def _of_binance(get: Get, symbol: str, month: date, *, is_over: bool) -> Response:
    if is_over:
        try:
            return archive.verified(get, f"data/spot/monthly/klines/{symbol}/1d/{symbol}-1d-{month:%Y-%m}.zip")
        except SourceUnavailable:
            pass  # not made yet, or not to be had: the interface has the same bars
    first, last = archive.milliseconds(month)
    params = {
        "endTime": str(last),
        "interval": "1d",
        "limit": "1000",
        "startTime": str(first),
        "symbol": symbol,
    }
    return get(URL, expect="json", params=params)


def partitions(now: datetime) -> list[Partition]:
    """Name every symbol's calendar months: a bar belongs to the one it opens in, whichever file brings it."""
    return [
        Partition(
            key=f"{symbol}-{month:%Y-%m}",
            fetch=partial(fetch, symbol=symbol, month=month, is_over=archive.month_end(month) < now.date()),
            period=(month, archive.month_end(month)),
            closes_at=archive.closes_at(month),
        )
        for symbol in PAIRS
        for month in archive.months(FIRST_MONTH, now)
    ]


def _columns(venue: str, symbol: str, interval: str, price_type: str) -> tuple[Column, ...]:
    return (
        Column(name="venue", type="VARCHAR", required=True, description=venue),
        Column(name="symbol", type="VARCHAR", required=True, description=symbol),
        Column(name="bar_interval", type="VARCHAR", required=True, description=interval),
        Column(name="opened_at", type="TIMESTAMPTZ", required=True, description="Instant the bar opens."),
        Column(
            name="closed_at",
            type="TIMESTAMPTZ",
            required=True,
            description="Instant the bar closes, exclusive: the next one opens then.",
        ),
        price("open_price", price_type, "First trade's price, in the quote currency for one coin."),
        price("high_price", price_type, "Highest price of the bar, in the quote currency for one coin."),
        price("low_price", price_type, "Lowest price of the bar, in the quote currency for one coin."),
        price("close_price", price_type, "Last trade's price, in the quote currency for one coin."),
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
        Column(
            name="taker_buy_base_volume",
            type="DOUBLE",
            unit="coins",
            description="Coins bought by whoever crossed the spread. The rest of the volume was sold so. Null where "
            "the venue does not publish it (Bitstamp).",
        ),
        Column(
            name="taker_buy_quote_volume",
            type="DOUBLE",
            unit="quote currency",
            description="Turnover of what was bought by whoever crossed the spread. Null where the venue does not "
            "publish it (Bitstamp).",
        ),
    )


LICENCE = Licence(
    name="No licence stated; market data that Binance offers for public download",
    url="https://www.binance.com/en/terms",
    # Nothing forbids it that we found; a prohibition would move it to internal.duckdb.
    redistribution="attribution",
    attribution="Market data: Binance; Bitstamp where the venue column says so.",
)
_KNOWN_AT = KnownAt(sql="closed_at", pit_quality="'exact'", description="The close of the bar.")
_ABOUT = ("(opened_at at time zone 'UTC')::date", "(opened_at at time zone 'UTC')::date")

SPOT_KLINES = Table(
    name="spot_klines",
    description="One closed daily bar of a spot market. Bars still open are never landed.",
    grain=("venue", "symbol", "bar_interval", "opened_at"),
    columns=_columns(
        "Exchange: 'binance' or 'bitstamp'.",
        "Market as its venue names it. BTCUSDT (Binance) is priced in tether, BTCUSD (Bitstamp) in US dollars.",
        "Length of the bar, '1d'.",
        "DECIMAL(18, 8)",
    ),
    cadence=Cadence(
        cron="30 0 * * *",
        timezone="UTC",
        stale_after_days=3,
        due=Due(
            every="day",
            calendar="always",
            lag_days=1,
            at="00:10",
            not_due="The market never closes: a bar is due ten minutes after it closed, at midnight UTC.",
        ),
    ),
    licence=LICENCE,
    known_at=_KNOWN_AT,
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=2, rows=30, megabytes=0.005),
    about=_ABOUT,
    rules=BAR_RULES,
)


# ----------------------------------------------------------------------------------------------------- minute bars

MINUTES_OF = "BTCUSDT"


def check_minutes(response: Response) -> None:
    """Refuse a file that is not of the one symbol and interval, or whose columns are not a kline's."""
    if _file_is_of(response.url) != (MINUTES_OF, "1m"):
        raise ContractViolation(f"{response.url} is of another market", expected=f"{MINUTES_OF}, 1m", got=response.url)
    with wire.unzipped(response, "*.csv") as file:
        line = file.readline(1000).decode("utf-8-sig", "replace")
    if not is_kline(line, response.url):
        raise ContractViolation(
            f"{response.url} holds no klines", expected=f"{len(KLINE)} fields, the first a time", got=repr(line[:80])
        )


def is_kline(line: str, where: str) -> bool:
    """Whether a file's first line is the header of klines or one of them."""
    return archive.is_header(line, KLINE, where) or bool(
        re.match(rf"(\d{{13}}|\d{{16}})(,[^,]*){{{len(KLINE) - 1}}}$", line)
    )


# What is whole is read as DOUBLE too, which holds it exactly: as an integer, DuckDB would round 1.5 while reading.
_COLUMNS = ", ".join(f"'{name}': '{'VARCHAR' if name == 'ignore' else 'DOUBLE'}'" for name in KLINE)


def _whole(column: str) -> str:
    """SQL of a whole number; what is none refuses the file."""
    return f"if({column} = floor({column}), {column}, error('{column} is no whole number'))::bigint"


def _microseconds(column: str) -> str:
    """SQL of a time in microseconds, told by its digits; null, which no row may have, where it has neither number."""
    return (
        f"case when {column} between 1000000000000 and 9999999999999 then {_whole(column)} * 1000 "
        f"when {column} between 1000000000000000 and 9999999999999999 then {_whole(column)} end"
    )


KLINES_SQL_EXTRACT = SqlExtract(
    check=check_minutes,
    members={"klines": "*.csv"},
    # A header, which some eras have, starts with an 'o' and so is read as a comment. DuckDB's guessing is left out:
    # what it reads must not depend on the rows it happens to look at.
    sql=f"""
        select
            'binance' as venue,
            '{MINUTES_OF}' as symbol,
            '1m' as bar_interval,
            make_timestamptz({_microseconds("open_time")}) as opened_at,
            make_timestamptz({_microseconds("close_time")} + if(close_time > 9999999999999, 1, 1000)) as closed_at,
            open as open_price,
            high as high_price,
            low as low_price,
            close as close_price,
            volume as base_volume,
            quote_volume,
            {_whole("count")} as trade_count,
            taker_buy_volume as taker_buy_base_volume,
            taker_buy_quote_volume
        from read_csv(
            $klines, auto_detect = false, header = false, delim = ',', comment = 'o', columns = {{{_COLUMNS}}}
        )
    """,
)


def fetch_minutes(get: Get, *, month: date, is_over: bool) -> Iterator[Response]:
    """Ask for a month's file, or while there is none for those of its days."""
    folder, name = f"klines/{MINUTES_OF}/1m", f"{MINUTES_OF}-1m-{month:%Y-%m}"
    monthly = f"data/spot/monthly/{folder}/{name}" if is_over else None
    yield from archive.files_of_month(get, monthly, f"data/spot/daily/{folder}/{name}")


def minute_partitions(now: datetime) -> list[Partition]:
    """Name the calendar months, each from the morning on which its first day's file is there."""
    return [
        Partition(
            key=f"{MINUTES_OF}-{month:%Y-%m}",
            fetch=partial(fetch_minutes, month=month, is_over=archive.month_end(month) < now.date()),
            period=(month, archive.month_end(month)),
            closes_at=archive.closes_at(month),
        )
        for month in archive.months(FIRST_MONTH, now - archive.FIRST_FILE)
    ]


SPOT_KLINES_1M = Table(
    name="spot_klines_1m",
    description="One minute of Bitcoin's spot market in tether, for realised volatility and for what happened around "
    "an event. From the bulk archive alone, so a day comes on the next morning.",
    grain=("venue", "symbol", "bar_interval", "opened_at"),
    # DOUBLE is exact to 15 digits and a price has at most 14 of them; a DECIMAL would be checked for lost digits by
    # reading everything twice.
    columns=_columns(
        "Exchange: 'binance'.", "Market: 'BTCUSDT', priced in tether.", "Length of the bar, '1m'.", "DOUBLE"
    ),
    cadence=Cadence(
        cron="30 9 * * *",
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
    known_at=_KNOWN_AT,
    partitions=minute_partitions,
    extract=KLINES_SQL_EXTRACT,
    estimate=Estimate(requests=3, rows=43_800, megabytes=2.2),
    about=_ABOUT,
    proven="documented",
    rules=BAR_RULES,
    lookback_days=62,
)
