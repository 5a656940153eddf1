"""Deribit: liquidations in Bitcoin and Ether futures, picked from the history of all its trades."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
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
    RowRule,
    Source,
    Table,
    UnitCheck,
)
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response, Row

URL = "https://history.deribit.com/api/v2/public/get_last_trades_by_currency_and_time"
CURRENCIES = ("BTC", "ETH")
FIRST_DAY = date(2019, 1, 1)
PAGE = 1000
"""Trades on a page, the most that the publisher gives."""
DAY = timedelta(days=1)
SETTLES = timedelta(hours=3)
"""How long after a day the history may still lack trades of it."""


def extract(response: Response) -> Iterator[Row]:
    """Yield the trades in which somebody was liquidated; the page's other trades are read past."""
    currency = parse_qs(urlsplit(response.url).query).get("currency", [None])[0]
    trades, cut = _page(response)
    for number, trade in enumerate(trades):
        if trade["timestamp"] == cut or trade.get("liquidation") in (None, "none", ""):
            continue
        where = f"{response.url}, trade {number}"
        yield {
            **wire.flat({name: value for name, value in trade.items() if name != "timestamp"}, where),
            "timestamp": wire.instant(trade["timestamp"], where, 13).isoformat(),
            "venue": "deribit",
            "currency": currency,
            "is_lower_bound": "true",
        }


def _page(response: Response) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page's trades in the order of time, and the millisecond at which the next page begins; None: it is last.

    The trades of that millisecond may go on beyond the page, so they belong to the next one, which has them all.
    """
    result = wire.member(wire.parse_json(response), "result", where=response.url)
    trades = wire.member(result, "trades", where=response.url)
    has_more = wire.member(result, "has_more", where=response.url)
    if not isinstance(trades, list) or not isinstance(has_more, bool):
        raise ContractViolation(
            f"{response.url} is no page of trades",
            expected="a list `trades` and a truth value `has_more`",
            got=f"{type(trades).__name__}, {has_more!r}"[:80],
        )
    before = ""
    for number, trade in enumerate(trades):
        where = f"{response.url}, trade {number}"
        stamp = wire.member(trade, "timestamp", where=where)
        wire.instant(stamp, where, 13)
        if stamp < before:
            raise ContractViolation(f"{where} is out of order", expected=f"{before} or later", got=stamp)
        before = stamp
    if has_more and not trades:
        raise ContractViolation(f"{response.url} is empty and says that there is more", expected="trades", got="none")
    return trades, before if has_more else None


def fetch(get: Get, *, currency: str, day: date) -> Iterator[Response]:
    """Ask for a day's trades page by page; each page begins with the millisecond that the one before did not finish.

    Raises:
        ContractViolation: a page lacks a trade that the one before showed, or one millisecond has more than a page.
    """
    first = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    start, last = str(first), str(first + 86_400_000 - 1)
    carried: set[str] = set()
    while True:
        page = get(URL, expect="json", params=query(currency, start, last))
        yield page
        trades, cut = _page(page)
        lost = carried - {_id(trade, page.url) for trade in trades}
        if lost:
            raise ContractViolation(
                f"{page.url} lacks trades that the page before it showed",
                expected=sorted(carried)[:5],
                got=f"no {lost}",
            )
        if cut is None:
            return
        if cut == start:
            raise ContractViolation(
                f"{page.url} does not get past its first millisecond",
                expected=f"fewer than {PAGE} trades in it",
                got=cut,
            )
        carried = {_id(trade, page.url) for trade in trades if trade["timestamp"] == cut}
        start = cut


def _id(trade: dict[str, Any], where: str) -> str:
    return str(wire.member(trade, "trade_id", where=where))


def query(currency: str, start: str, last: str) -> dict[str, str]:
    """Return the query of the trades from one millisecond to another, both included."""
    return {
        "count": str(PAGE),
        "currency": currency,
        "end_timestamp": last,
        "include_old": "true",
        "kind": "future",
        "sorting": "asc",
        "start_timestamp": start,
    }


def partitions(now: datetime) -> list[Partition]:
    """Name every currency's days that are over: a day is up to a hundred pages, which nobody should ask for twice."""
    days = (now.astimezone(UTC).date() - FIRST_DAY).days
    return [
        Partition(
            key=f"{currency}-{day}",
            fetch=partial(fetch, currency=currency, day=day),
            period=(day, day),
            closes_at=datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY + SETTLES,
        )
        for currency in CURRENCIES
        for day in (FIRST_DAY + n * DAY for n in range(days))
    ]


LIQUIDATIONS = Table(
    name="liquidations",
    description="One trade at Deribit in which a side was liquidated, in futures settled in coins. A lower bound: "
    "there are other venues.",
    grain=("currency", "trade_id"),
    columns=(
        Column(name="venue", type="VARCHAR", required=True, description="Exchange: 'deribit'."),
        Column(
            name="currency", type="VARCHAR", required=True, description="Coin that the future settles in: BTC, ETH."
        ),
        Column(name="trade_id", type="VARCHAR", required=True, description="The publisher's number of the trade."),
        Column(
            name="instrument_name",
            type="VARCHAR",
            required=True,
            description="Future, such as 'BTC-PERPETUAL' or 'BTC-27MAR20'.",
        ),
        Column(
            name="traded_at", field="timestamp", type="TIMESTAMPTZ", required=True, description="Instant of the trade."
        ),
        Column(
            name="liquidated_side",
            field="liquidation",
            type="VARCHAR",
            required=True,
            description="Which side was liquidated: 'T' the one that crossed the spread, 'M' the one that waited, 'MT' "
            "both.",
        ),
        Column(
            name="taker_direction",
            field="direction",
            type="VARCHAR",
            required=True,
            description="What the side that crossed the spread did: 'buy' or 'sell'.",
        ),
        Column(name="price", type="DECIMAL(18, 8)", unit="USD", required=True, description="US dollars for one coin."),
        Column(
            name="index_price",
            type="DECIMAL(18, 8)",
            unit="USD",
            absent="add",
            description="The publisher's index at the time, in US dollars for one coin. Null in trades without it.",
        ),
        Column(
            name="mark_price",
            type="DECIMAL(18, 8)",
            unit="USD",
            absent="add",
            description="The price that margins were reckoned with, in US dollars for one coin. Null in trades without "
            "it.",
        ),
        Column(
            name="amount_usd",
            field="amount",
            type="DECIMAL(18, 2)",
            unit="USD",
            required=True,
            description="Size of the trade in US dollars.",
        ),
        Column(
            name="is_lower_bound",
            type="BOOLEAN",
            required=True,
            description="Whether there may have been more than the rows say, which is so here.",
        ),
    ),
    cadence=Cadence(
        cron="30 3 * * *",
        timezone="UTC",
        stale_after_days=7,
        due=Due(every="irregular", not_due="Liquidations come when prices move; a day is asked for once it is over."),
    ),
    licence=Licence(
        name="No licence for redistribution found; market data of a public interface",
        url="https://www.deribit.com/kb/terms-of-service",
        # Nothing forbids it that we found; a prohibition would move it to internal.duckdb.
        redistribution="attribution",
        attribution="Market data: Deribit.",
    ),
    known_at=KnownAt(
        sql="traded_at",
        pit_quality="case when fetched_at < traded_at + interval 4 day then 'self_vintage' else 'current_vintage' end",
        description="The trade, which the publisher shows at once. What was fetched four days later or more is what "
        "the history says by now.",
    ),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=80, rows=300, megabytes=20),
    about=("(traded_at at time zone 'UTC')::date", "(traded_at at time zone 'UTC')::date"),
    proven="documented",
    # Trades of other kinds carry other fields, and new ones come often; what a liquidation is does not rest on them.
    new_fields="ignore",
    units=(
        UnitCheck(
            column="amount_usd",
            holds="median(amount_usd) >= 1",
            because="Futures settled in coins count dollars, the others coins; so does the publisher's documentation.",
        ),
    ),
    rules=(
        RowRule(
            name="price_and_amount_are_positive",
            holds="price > 0 and amount_usd > 0",
            because="A trade has a price and a size.",
        ),
        RowRule(
            name="sides_are_known",
            holds="liquidated_side in ('M', 'T', 'MT') and taker_direction in ('buy', 'sell')",
            because="Who was liquidated follows from the two together.",
        ),
    ),
    lookback_days=4,
)

SOURCE = Source(
    code="deribit",
    title="Deribit liquidations",
    homepage="https://docs.deribit.com/",
    tables=(LIQUIDATIONS,),
    requests_per_second=5,
)
