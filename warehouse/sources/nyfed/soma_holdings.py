"""The System Open Market Account: the Federal Reserve's Treasury securities by CUSIP, every Wednesday since 2003."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Partition, RowRule, Table, UnitCheck
from warehouse.sources.nyfed.api import BASE, LICENCE, NEW_YORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response, Row

FIRST_WEDNESDAY = date(2003, 7, 9)
PUBLISHED = time(16, 30)
WEEK = timedelta(days=7)


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per security."""
    yield from wire.json_records(response, "soma", "holdings")


def url_of(as_of: date) -> str:
    """Return the address of the Treasury securities held on a Wednesday."""
    return f"{BASE}/soma/tsy/get/all/asof/{as_of.isoformat()}.json"


def _fetch(as_of: date, get: Get) -> Iterator[Response]:
    """Ask for one Wednesday."""
    yield get(url_of(as_of), expect="json")


def partitions(now: datetime) -> list[Partition]:
    """Name every Wednesday whose Thursday afternoon has come. Holidays move the publication, never the Wednesday."""
    here = now.astimezone(NEW_YORK)
    found = []
    as_of = FIRST_WEDNESDAY
    while datetime.combine(as_of + timedelta(days=1), PUBLISHED, NEW_YORK) <= here:
        settled = datetime.combine(as_of + 2 * WEEK, time(), UTC)
        found.append(
            Partition(key=as_of.isoformat(), fetch=partial(_fetch, as_of), period=(as_of, as_of), closes_at=settled)
        )
        as_of += WEEK
    return found


def _money(name: str, field: str, description: str, *, required: bool = False) -> Column:
    return Column(name=name, type="DECIMAL(18, 2)", unit="USD", field=field, required=required, description=description)


SOMA_HOLDINGS = Table(
    name="soma_holdings",
    description="Treasury securities in the System Open Market Account: one CUSIP on one Wednesday. Agency securities "
    "are not part of it.",
    grain=("as_of_date", "cusip"),
    columns=(
        Column(
            name="as_of_date",
            type="DATE",
            field="asOfDate",
            required=True,
            description="Wednesday on which the security was held.",
        ),
        Column(name="cusip", type="VARCHAR", required=True, description="CUSIP of the security."),
        Column(
            name="security_type",
            type="VARCHAR",
            field="securityType",
            required=True,
            description="Kind of security. Bills, NotesBonds, FRNs or TIPS.",
        ),
        Column(
            name="issuer_name",
            type="VARCHAR",
            field="issuer",
            description="Issuer. Null for the Treasury's own securities.",
        ),
        Column(
            name="maturity_date",
            type="DATE",
            field="maturityDate",
            required=True,
            description="Day on which the security matures.",
        ),
        Column(
            name="coupon_pct",
            type="DECIMAL(12, 8)",
            unit="percent",
            field="coupon",
            description="Coupon, in percent a year. Null for bills and floating-rate notes.",
        ),
        Column(
            name="spread_pct",
            type="DECIMAL(12, 8)",
            unit="percent",
            field="spread",
            description="Spread of a floating-rate note. Null for all others.",
        ),
        _money("par_value_usd", "parValue", "Par value held, in whole US dollars.", required=True),
        _money(
            "inflation_compensation_usd",
            "inflationCompensation",
            "Inflation accrued on TIPS, in US dollars. It comes on top of par; null for all others.",
        ),
        Column(
            name="outstanding_ratio",
            type="DOUBLE",
            unit="ratio",
            field="percentOutstanding",
            description="Share of the issue that is held. Between 0 and 1, whatever the publisher's name for it says; "
            "null where not published.",
        ),
        _money("change_week_usd", "changeFromPriorWeek", "Change of par from the Wednesday before. Positive is more."),
        _money("change_year_usd", "changeFromPriorYear", "Change of par from a year before. Positive is more."),
    ),
    cadence=Cadence(
        cron="45 16 * * 4,5",
        stale_after_days=10,
        due=Due(
            every="week",
            weekday=2,
            lag_business_days=1,
            at="16:30",
            not_due="A Wednesday is published on Thursday at 16:30, on Friday where Thursday is a federal holiday.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="new_york(after_business_days(as_of_date, 1), time '16:30')",
        pit_quality="'dated'",
        description="Thursday after the Wednesday, Friday where Thursday is a federal holiday, 16:30 New York.",
    ),
    partitions=partitions,
    extract=extract,
    about=("as_of_date", "as_of_date"),
    estimate=Estimate(requests=1, rows=350, megabytes=0.1),
    proven="documented",
    nulls=frozenset({""}),
    new_fields="add",
    lookback_days=35,
    units=(
        UnitCheck(
            column="par_value_usd",
            holds="sum(par_value_usd) between 4e11 and 1.2e13",
            because="Par is in dollars: the account held between 0.47 and 5.8 trillion of Treasuries since 2003.",
        ),
        UnitCheck(
            column="outstanding_ratio",
            holds="max(outstanding_ratio) <= 1.01",
            because="A share of the issue is a ratio, though the field is called a percentage.",
        ),
    ),
    rules=(
        RowRule(
            name="par_is_not_negative",
            holds="par_value_usd >= 0",
            because="The account holds securities, it owes none.",
        ),
    ),
)
