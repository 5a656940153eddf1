"""OKX: liquidations of the last day in Bitcoin and Ether swaps, kept by asking often enough."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, Partition, RowRule, Source, Table
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://www.okx.com/api/v5/public/liquidation-orders"
FAMILIES = ("BTC-USDT", "ETH-USDT")
_TOO_FAST = re.compile(rb'"code"\s*:\s*"50011"')


def is_throttled(body: bytes) -> bool:
    """Whether an answer with status 200 says that we ask too fast."""
    return bool(_TOO_FAST.search(body[:1000]))


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per liquidation. Events that nothing tells apart are counted: the first is 1."""
    body = wire.parse_json(response)
    code = wire.member(body, "code", where=response.url)
    if code != "0":
        message = body.get("msg") if isinstance(body, dict) else None
        raise ContractViolation(
            f"{response.url} answers with an error", expected="code 0", got=f"{code!r}: {message!r}"
        )
    instruments = wire.member(body, "data", where=response.url)
    if not isinstance(instruments, list):
        raise ContractViolation(f"{response.url} holds no list", expected="data: [...]", got=repr(instruments)[:80])
    alike: Counter[tuple[str | None, ...]] = Counter()
    for position, entry in enumerate(instruments):
        where = f"{response.url}, instrument {position}"
        details = wire.member(entry, "details", where=where)
        if not isinstance(details, list):
            raise ContractViolation(f"{where} holds no list", expected="details: [...]", got=repr(details)[:80])
        common = wire.flat({name: value for name, value in entry.items() if name != "details"}, where)
        for number, detail in enumerate(details):
            row = {**common, **wire.flat(detail, f"{where}, event {number}")}
            row["ts"] = wire.instant(row.get("ts"), f"{where}, event {number}", 13).isoformat()
            what = tuple(row.get(name) for name in ("instId", "ts", "posSide", "side", "bkPx", "sz"))
            alike[what] += 1
            yield {
                **row,
                "venue": "okx",
                "occurrence": str(alike[what]),
                "is_lower_bound": "true",
                "snapshot_at": response.fetched_at.isoformat(),
            }


def fetch(get: Get, *, family: str) -> Iterator[Response]:
    """Ask for the newest hundred liquidations of a family of instruments; the publisher shows no page before them."""
    params = {"instFamily": family, "instType": "SWAP", "limit": "100", "state": "filled"}
    yield get(URL, expect="json", params=params, throttled=is_throttled)


def partitions(_: datetime) -> list[Partition]:
    """Name the families of instruments."""
    return [Partition(key=family, fetch=partial(fetch, family=family)) for family in FAMILIES]


LIQUIDATIONS = Table(
    name="liquidations",
    description="One liquidation of a swap at OKX. A lower bound: its publisher shows the last hundred of a day or so, "
    "and there are other venues.",
    grain=(
        "instrument_name",
        "liquidated_at",
        "position_type",
        "order_side",
        "bankruptcy_price",
        "size_contracts",
        "occurrence",
    ),
    columns=(
        Column(name="venue", type="VARCHAR", required=True, description="Exchange: 'okx'."),
        Column(
            name="instrument_family",
            field="instFamily",
            type="VARCHAR",
            absent="add",
            description="Family of instruments, such as 'BTC-USDT'. Null in answers that do not say.",
        ),
        Column(
            name="instrument_name",
            field="instId",
            type="VARCHAR",
            required=True,
            description="Instrument, such as 'BTC-USDT-SWAP'.",
        ),
        Column(
            name="liquidated_at", field="ts", type="TIMESTAMPTZ", required=True, description="Instant of the event."
        ),
        Column(
            name="position_type",
            field="posSide",
            type="VARCHAR",
            required=True,
            description="What was liquidated: 'long' or 'short'; 'net' where the account nets its positions, and then "
            "the order's side tells.",
        ),
        Column(
            name="order_side",
            field="side",
            type="VARCHAR",
            required=True,
            description="Order that closed the position: 'sell' closes a long one, 'buy' a short one.",
        ),
        Column(
            name="bankruptcy_price",
            field="bkPx",
            type="DECIMAL(18, 8)",
            unit="quote currency",
            required=True,
            description="Price at which the position's margin was used up, in the quote currency for one coin. Not the "
            "price of a trade.",
        ),
        Column(
            name="size_contracts",
            field="sz",
            type="DECIMAL(18, 4)",
            unit="contracts",
            required=True,
            description="Contracts liquidated. How many coins one is depends on the instrument.",
        ),
        Column(
            name="bankruptcy_loss",
            field="bkLoss",
            type="DOUBLE",
            unit="settlement currency",
            description="Loss beyond the margin, which others had to bear.",
        ),
        Column(
            name="occurrence",
            type="INTEGER",
            unit="events",
            required=True,
            description="Counts the events that the publisher's fields do not tell apart, from 1.",
        ),
        Column(
            name="is_lower_bound",
            type="BOOLEAN",
            required=True,
            description="Whether there may have been more than the rows say, which is so here.",
        ),
        Column(
            name="snapshot_at",
            type="TIMESTAMPTZ",
            required=True,
            # The same event stands in every answer for a day.
            is_versioned=False,
            description="Instant of the answer that first showed the event.",
        ),
    ),
    cadence=Cadence(
        cron="15 */6 * * *",
        timezone="UTC",
        stale_after_days=2,
        due=Due(every="irregular", not_due="Liquidations come when prices move; an answer reaches back about a day."),
    ),
    licence=Licence(
        name="No licence for redistribution found; market data of a public interface",
        url="https://www.okx.com/help/terms-of-service",
        # Nothing forbids it that we found; a prohibition would move it to internal.duckdb.
        redistribution="attribution",
        attribution="Market data: OKX.",
    ),
    known_at=KnownAt(
        sql="snapshot_at",
        pit_quality="'self_vintage'",
        description="The answer that first showed the event, since nobody can ask for it a day later.",
    ),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=1, rows=100, megabytes=0.02),
    about=("(liquidated_at at time zone 'UTC')::date", "(liquidated_at at time zone 'UTC')::date"),
    proven="documented",
    nulls=frozenset({""}),
    ignored=frozenset({"instType", "uly", "totalLoss", "ccy", "time"}),
    is_snapshot=False,
    rules=(
        RowRule(
            name="price_and_size_are_positive",
            holds="bankruptcy_price > 0 and size_contracts > 0",
            because="A liquidation closes some contracts at some price.",
        ),
        RowRule(
            name="sides_are_known",
            holds="position_type in ('long', 'short', 'net') and order_side in ('buy', 'sell')",
            because="Which way the position went is all that the event says about pressure.",
        ),
        RowRule(
            name="happened_before_it_was_shown",
            holds="liquidated_at <= snapshot_at + interval 1 minute",
            because="Clocks differ by seconds; an event of the future has another unit of time.",
        ),
    ),
)

SOURCE = Source(
    code="okx",
    title="OKX liquidations",
    homepage="https://www.okx.com/docs-v5/en/",
    tables=(LIQUIDATIONS,),
    requests_per_second=2,
)
