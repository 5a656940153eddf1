"""Debt to the Penny: the public debt at the close of every business day since 1993-04-01, in dollars and cents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, RowRule, Table, UnitCheck
from warehouse.sources.fiscaldata._api import CALENDAR_FIELDS, LICENCE, NULLS, day, extract, years

if TYPE_CHECKING:
    from datetime import datetime

    from warehouse.contract import Partition

ENDPOINT = "v2/accounting/od/debt_to_penny"
ORDER = ("record_date",)
FIRST_YEAR = 1993


def partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of balances."""
    return years(ENDPOINT, "record_date", ORDER, first=FIRST_YEAR, last=now.year)


def _usd(name: str, field: str, description: str, *, required: bool = False) -> Column:
    return Column(name=name, field=field, type="DECIMAL(18, 2)", unit="USD", required=required, description=description)


DEBT_TO_PENNY = Table(
    name="debt_to_penny",
    description="Public debt outstanding at the close of a business day, in US dollars and cents.",
    grain=("record_date",),
    columns=(
        day("record_date", "Business day at whose close the debt stood so.", required=True),
        _usd(
            "debt_held_public_usd",
            "debt_held_public_amt",
            "Debt held by the public, the Federal Reserve included. Null before it was published daily, 2005-04-04.",
        ),
        _usd(
            "intragov_hold_usd",
            "intragov_hold_amt",
            "Debt held by federal trust funds and other accounts of the government. Null before 2005-04-04.",
        ),
        _usd("tot_pub_debt_out_usd", "tot_pub_debt_out_amt", "Total public debt outstanding.", required=True),
    ),
    cadence=Cadence(
        cron="30 16 * * 1-5",
        stale_after_days=6,
        due=Due(
            every="business_day",
            lag_business_days=1,
            not_due="A day's debt is published on the next business day; weekends and federal holidays have none.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="new_york(after_business_days(record_date, 1), time '16:00')",
        pit_quality="'dated'",
        description="The next federal business day, 16:00 New York.",
    ),
    partitions=partitions,
    extract=extract,
    nulls=NULLS,
    ignored=CALENDAR_FIELDS | {"src_line_nbr"},
    units=(
        UnitCheck(
            column="tot_pub_debt_out_usd",
            holds="max(tot_pub_debt_out_usd) between 1e12 and 1e15",
            because="The debt is in whole dollars here and in millions in the monthly statement: it was 4 trillion "
            "dollars in 1993 and 36 trillion in 2025.",
        ),
    ),
    rules=(
        RowRule(
            name="holders_owe_no_money",
            holds="tot_pub_debt_out_usd > 0 and coalesce(debt_held_public_usd, 0) >= 0 "
            "and coalesce(intragov_hold_usd, 0) >= 0",
            because="Debt outstanding is not negative.",
        ),
    ),
    estimate=Estimate(requests=1, rows=250, megabytes=0.1),
    about=("record_date", "record_date"),
)
