"""The desk's repo and reverse repo operations: what was offered and taken, one operation a row."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, RowRule, Table, UnitCheck
from warehouse.errors import ContractViolation
from warehouse.sources.nyfed.api import BASE, LICENCE, years

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any

    from warehouse.contract import Get, Partition, Response, Row

URL = f"{BASE}/rp/results/search.json"
TYPES = {"Repo", "Reverse Repo"}
FIRST_REPO_YEAR = 2000
FIRST_REVERSE_REPO_YEAR = 2003

_SMALL_VALUE = re.compile(r"small[- ]value", re.IGNORECASE)
_BREAKDOWNS = ("details", "propositions")


def extract(response: Response, *, operation_type: str) -> Iterator[Row]:
    """Yield the operations of one type; the API does not always keep to the type that it was asked for."""
    found = wire.member(wire.parse_json(response), "repo", "operations", where=response.url)
    if not isinstance(found, list):
        raise ContractViolation(f"{response.url} holds no list", expected="a list", got=repr(found)[:80])
    for number, entry in enumerate(found, 1):
        where = f"{response.url}, row {number}"
        if not isinstance(entry, dict):
            raise ContractViolation(where, expected="an object", got=repr(entry)[:80])
        row: dict[str, str | None] = wire.flat({k: v for k, v in entry.items() if k not in _BREAKDOWNS}, where)
        kind = row.get("operationType")
        if kind not in TYPES:
            raise ContractViolation(
                f"{where}: an operation of another type", expected=f"one of {sorted(TYPES)}", got=repr(kind)
            )
        if kind != operation_type:
            continue
        flag, note = row.pop("isSmallValue", None) or "", row.get("note") or ""
        row["is_small_value"] = "true" if flag.upper() == "Y" or _SMALL_VALUE.search(note) else "false"
        row["details"] = _breakdown(entry.get("details"), f"{where}, details")
        yield row


def _breakdown(details: Any, where: str) -> str | None:  # noqa: ANN401  (JSON)
    """Return an operation's list of kinds of collateral as JSON, or None where there is none."""
    if not details:
        return None
    if not isinstance(details, list):
        raise ContractViolation(where, expected="a list", got=repr(details)[:80])
    return json.dumps([wire.flat(kind, where) for kind in details], separators=(",", ":"))


def _fetch(operation_type: str, _: int, span: dict[str, str], get: Get) -> Iterator[Response]:
    """Ask for a year's operations of one type."""
    yield get(URL, expect="json", params={**span, "operationTypes": operation_type})


def _partitions(operation_type: str, first: int, now: datetime) -> list[Partition]:
    """Name every year."""
    return years(first, now, partial(_fetch, operation_type))


def _text(name: str, field: str, description: str) -> Column:
    return Column(name=name, type="VARCHAR", field=field, absent="add", description=description)


def _columns(taken: str) -> tuple[Column, ...]:
    return (
        Column(
            name="operation_id",
            type="VARCHAR",
            field="operationId",
            required=True,
            description="The publisher's name of the operation, such as 'RP 090326 26'.",
        ),
        Column(
            name="operation_date",
            type="DATE",
            field="operationDate",
            required=True,
            description="Day on which the operation was held.",
        ),
        Column(
            name="operation_type",
            type="VARCHAR",
            field="operationType",
            required=True,
            description="Direction of the operation. 'Repo' lends cash, 'Reverse Repo' takes it.",
        ),
        _text("operation_method", "operationMethod", "How it was allotted. Such as Fixed Rate or Full Allotment."),
        Column(
            name="auction_status",
            type="VARCHAR",
            field="auctionStatus",
            required=True,
            description="Where the operation stands. 'Results' once it is over.",
        ),
        _text("settlement_type", "settlementType", "When it settles, in words. Such as Same Day."),
        _text("term_type", "term", "Kind of term. 'Overnight' also over a weekend, else 'Term'."),
        Column(
            name="settlement_date",
            type="DATE",
            field="settlementDate",
            absent="add",
            description="Day on which the first leg settles.",
        ),
        Column(
            name="maturity_date",
            type="DATE",
            field="maturityDate",
            absent="add",
            description="Day on which the second leg settles.",
        ),
        Column(
            name="term_days",
            type="INTEGER",
            unit="days",
            field="termCalenderDays",  # the publisher's spelling
            absent="add",
            description="Calendar days from the first leg to the second.",
        ),
        Column(
            name="is_small_value",
            type="BOOLEAN",
            required=True,
            description="Whether flag or note says that it is a Small Value Exercise, a test of the machinery. One of "
            "2020-11-18 says nothing: take the largest operation of a day where only one may count.",
        ),
        _text("opens_at_new_york", "releaseTime", "Time of opening in New York, HH:MM. Null where not published."),
        _text("closes_at_new_york", "closeTime", "Time of closing in New York, HH:MM. Null where not published."),
        Column(
            name="total_submitted_usd",
            type="DECIMAL(18, 2)",
            unit="USD",
            field="totalAmtSubmitted",
            absent="add",
            description="Propositions received, in whole US dollars.",
        ),
        Column(
            name="total_accepted_usd",
            type="DECIMAL(18, 2)",
            unit="USD",
            field="totalAmtAccepted",
            description=f"{taken}, in whole US dollars. Null before the results.",
        ),
        Column(
            name="participant_count",
            type="INTEGER",
            unit="counterparties",
            field="participatingCpty",
            absent="add",
            description="Counterparties that made propositions. Null where not published.",
        ),
        Column(
            name="accepted_participant_count",
            type="INTEGER",
            unit="counterparties",
            field="acceptedCpty",
            absent="add",
            description="Counterparties whose propositions were accepted. Null where not published.",
        ),
        _text(
            "collateral_details",
            "details",
            "Amounts and rates by kind of collateral. The publisher's JSON with its numbers as text; null where none.",
        ),
        _text("note", "note", "The publisher's remark. Null where there is none."),
        Column(
            name="last_updated_new_york",
            type="TIMESTAMP",
            field="lastUpdated",
            absent="add",
            is_versioned=False,
            description="When the publisher last changed the entry, on New York's clock. Null where not published.",
        ),
    )


_WHOLE_DOLLARS = UnitCheck(
    column="total_accepted_usd",
    holds="max(total_accepted_usd) filter (where total_accepted_usd > 0) between 1e6 and 4e12 "
    "and avg((total_accepted_usd % 1000000 = 0)::integer) filter (where total_accepted_usd > 0) > 0.9",
    because="Amounts are whole dollars, and propositions whole millions of them: 2,553,716,000,000 and not 2,553,716.",
)

_RULES = (
    RowRule(
        name="accepted_within_submitted",
        holds="total_accepted_usd between 0 and coalesce(total_submitted_usd, total_accepted_usd)",
        because="What is taken is part of what was offered, and neither is negative.",
    ),
    RowRule(
        name="matures_after_settling",
        holds="maturity_date >= settlement_date and settlement_date >= operation_date",
        because="An operation is held, settles and matures in this order.",
    ),
)

_NULLS = frozenset({""})
_ABOUT = ("operation_date", "operation_date")

REVERSE_REPO = Table(
    name="reverse_repo",
    description="Reverse repo operations of the New York Fed: cash taken in from money funds, banks and others, "
    "overnight or for a term, one operation a row.",
    grain=("operation_id",),
    columns=_columns("Cash taken in"),
    cadence=Cadence(
        cron="30 13 * * 1-5",
        stale_after_days=6,
        due=Due(
            every="business_day",
            at="13:15",
            grace_hours=6,
            not_due="An operation is held on every business day until 13:15; weekends and federal holidays have none.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="new_york(operation_date, time '13:15')",
        pit_quality="'dated'",
        description="The day of the operation, 13:15 New York, when it closes and is posted.",
    ),
    partitions=partial(_partitions, "Reverse Repo", FIRST_REVERSE_REPO_YEAR),
    extract=partial(extract, operation_type="Reverse Repo"),
    about=_ABOUT,
    estimate=Estimate(requests=1, rows=260, megabytes=0.4),
    proven="documented",
    nulls=_NULLS,
    new_fields="add",
    units=(_WHOLE_DOLLARS,),
    rules=_RULES,
)

REPO = Table(
    name="repo",
    description="Repo operations of the New York Fed: cash lent against securities, the Standing Repo Facility and "
    "what came before it, one operation a row. The facility holds one or two a day: sum them.",
    grain=("operation_id",),
    columns=_columns("Cash lent"),
    cadence=Cadence(
        cron="15 14 * * 1-5",
        stale_after_days=6,
        due=Due(
            every="business_day",
            at="14:00",
            grace_hours=6,
            not_due="The last operation of a business day closes before 14:00; weekends and holidays have none.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="coalesce(timezone('America/New_York', last_updated_new_york), new_york(operation_date, time '14:00'))",
        pit_quality="case when last_updated_new_york is null then 'dated' else 'exact' end",
        description="When the publisher last changed the entry; else the day of the operation, 14:00 New York.",
    ),
    partitions=partial(_partitions, "Repo", FIRST_REPO_YEAR),
    extract=partial(extract, operation_type="Repo"),
    about=_ABOUT,
    estimate=Estimate(requests=1, rows=400, megabytes=0.6),
    proven="documented",
    nulls=_NULLS,
    new_fields="add",
    units=(_WHOLE_DOLLARS,),
    rules=_RULES,
)
