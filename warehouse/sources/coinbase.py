"""Coinbase: daily candles in US dollars, the venue to compare Binance's tether prices with and to fall back on."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from warehouse import wire
from warehouse.contract import (
    Cadence,
    Column,
    Due,
    Estimate,
    KnownAt,
    Licence,
    Partition,
    Source,
    Table,
    year_closes_at,
)
from warehouse.errors import ContractViolation
from warehouse.sources.binance.bars import BAR_RULES, price

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response, Row

URL = "https://api.exchange.coinbase.com/products/"
FIRST_YEAR = {"BTC-USD": 2015, "ETH-USD": 2016}
DAY = timedelta(days=1)
CANDLE = ("time", "low", "high", "open", "close", "volume")
_ASKED = re.compile(rf"{re.escape(URL)}([A-Z0-9]+-[A-Z]+)/candles\?.*")


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per closed candle of the days that were asked for; the interface may send others besides."""
    product, first, last = _asked(response.url)
    for number, candle in enumerate(wire.rows_of_arrays(response, CANDLE)):
        opened_at = wire.instant(candle["time"], f"{response.url}, candle {number}", 10)
        closed_at = opened_at + DAY
        if not first <= opened_at.date().isoformat() <= last or closed_at > response.fetched_at:
            continue
        yield {
            "venue": "coinbase",
            "symbol": product,
            "bar_interval": "1d",
            "opened_at": opened_at.isoformat(),
            "closed_at": closed_at.isoformat(),
            "low_price": candle["low"],
            "high_price": candle["high"],
            "open_price": candle["open"],
            "close_price": candle["close"],
            "base_volume": candle["volume"],
        }


def _asked(url: str) -> tuple[str, str, str]:
    """Return the product and the first and last day that an address asks for."""
    found = _ASKED.fullmatch(url)
    query = parse_qs(urlsplit(url).query)
    if not found or not {"start", "end"} <= query.keys():
        raise ContractViolation(f"{url} asks for no candles", expected="a product, `start` and `end`", got=url)
    return found[1], query["start"][0][:10], query["end"][0][:10]


def fetch(get: Get, *, product: str, year: int, today: date) -> Iterator[Response]:
    """Ask for a calendar year's candles half a year at a time, since 300 are the most that one answer holds."""
    for first, last in ((date(year, 1, 1), date(year, 6, 30)), (date(year, 7, 1), date(year, 12, 31))):
        if first < today:
            yield get(f"{URL}{product}/candles", expect="json", params=query(first, last))


def query(first: date, last: date) -> dict[str, str]:
    """Return the query of the candles that open on the days from `first` to `last`."""
    return {"end": f"{last}T00:00:00Z", "granularity": "86400", "start": f"{first}T00:00:00Z"}


def partitions(now: datetime) -> list[Partition]:
    """Name every product's calendar years, the running one from the day on which its first candle has closed."""
    return [
        Partition(
            key=f"{product}-{year}",
            fetch=partial(fetch, product=product, year=year, today=now.astimezone(UTC).date()),
            period=(date(year, 1, 1), date(year, 12, 31)),
            closes_at=year_closes_at(year),
        )
        for product, first in FIRST_YEAR.items()
        for year in range(first, (now - DAY).year + 1)
    ]


def _price(name: str, description: str) -> Column:
    return price(name, "DECIMAL(18, 8)", description)


CANDLES = Table(
    name="candles",
    description="One closed daily candle of a spot market in US dollars. Candles still open are never landed, and a "
    "day without a trade has none.",
    grain=("venue", "symbol", "bar_interval", "opened_at"),
    columns=(
        Column(name="venue", type="VARCHAR", required=True, description="Exchange: 'coinbase'."),
        Column(name="symbol", type="VARCHAR", required=True, description="Market, such as 'BTC-USD'."),
        Column(name="bar_interval", type="VARCHAR", required=True, description="Length of the candle, '1d'."),
        Column(name="opened_at", type="TIMESTAMPTZ", required=True, description="Instant the candle opens."),
        Column(
            name="closed_at",
            type="TIMESTAMPTZ",
            required=True,
            description="Instant the candle closes, exclusive: the next one opens then.",
        ),
        _price("low_price", "Lowest price of the candle, in US dollars for one coin."),
        _price("high_price", "Highest price of the candle, in US dollars for one coin."),
        _price("open_price", "First trade's price, in US dollars for one coin."),
        _price("close_price", "Last trade's price, in US dollars for one coin."),
        Column(
            name="base_volume",
            type="DOUBLE",
            unit="coins",
            required=True,
            description="Coins traded during the candle.",
        ),
    ),
    cadence=Cadence(
        cron="40 0 * * *",
        timezone="UTC",
        stale_after_days=3,
        due=Due(
            every="day",
            calendar="always",
            lag_days=1,
            at="00:10",
            not_due="The market never closes: a candle is due ten minutes after it closed, at midnight UTC.",
        ),
    ),
    licence=Licence(
        name="No licence for redistribution found; market data of a public interface",
        url="https://www.coinbase.com/legal/market_data",
        # Nothing forbids it that we found; a prohibition would move it to internal.duckdb.
        redistribution="attribution",
        attribution="Market data: Coinbase Exchange.",
    ),
    known_at=KnownAt(sql="closed_at", pit_quality="'exact'", description="The close of the candle."),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=2, rows=365, megabytes=0.03),
    about=("(opened_at at time zone 'UTC')::date", "(opened_at at time zone 'UTC')::date"),
    proven="documented",
    rules=BAR_RULES,
)

SOURCE = Source(
    code="coinbase",
    title="Coinbase Exchange candles",
    homepage="https://docs.cdp.coinbase.com/exchange/",
    tables=(CANDLES,),
    requests_per_second=3,
)
