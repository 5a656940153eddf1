"""Daily Treasury Statement, table III-A: securities issued and redeemed each business day since 2005-10-03."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Table, UnitCheck
from warehouse.sources.fiscaldata._api import (
    CALENDAR_FIELDS,
    LICENCE,
    NULLS,
    day,
    extract,
    line_number,
    text,
    years,
)

if TYPE_CHECKING:
    from datetime import datetime

    from warehouse.contract import Partition

ENDPOINT = "v1/accounting/dts/public_debt_transactions"
DIMENSIONS = ("transaction_type", "security_market", "security_type", "security_type_desc")
ORDER = ("record_date", "src_line_nbr", *DIMENSIONS)
FIRST_YEAR = 2005


def partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of statements."""
    return years(ENDPOINT, "record_date", ORDER, first=FIRST_YEAR, last=now.year)


def _usd_mn(name: str, field: str, description: str) -> Column:
    return Column(name=name, field=field, type="DECIMAL(18, 2)", unit="USD million", description=description)


PUBLIC_DEBT_TRANSACTIONS = Table(
    name="public_debt_transactions",
    description="One kind of security issued or redeemed on a business day, at face value in millions of US dollars. "
    "Totals may stand among the lines.",
    # The line alone would not do: it moves as lines are added over the years. The names alone might come twice.
    grain=("record_date", *DIMENSIONS, "src_line_nbr"),
    columns=(
        day("record_date", "Business day of the statement.", required=True),
        text("transaction_type", "Direction: 'Issues' or 'Redemptions'.", required=True),
        text("security_market", "Market: 'Marketable' or 'Nonmarketable'. Null in totals."),
        text("security_type", "Type of security, such as 'Bills'; in totals what is summed."),
        text("security_type_desc", "Kind within the type, such as 'Regular Series'. Null where there is but one."),
        _usd_mn("today_usd_mn", "transaction_today_amt", "Amount of the day."),
        _usd_mn(
            "month_to_date_usd_mn",
            "transaction_mtd_amt",
            "Amount of the month so far; corrections of earlier days show here alone.",
        ),
        _usd_mn(
            "fiscal_year_to_date_usd_mn",
            "transaction_fytd_amt",
            "Amount of the fiscal year so far; corrections of earlier days show here alone.",
        ),
        text("table_nbr", "Number of the table in the printed statement."),
        text("table_nm", "Name of the table in the printed statement."),
        line_number("Line in the printed table. It is not the same over the years.", is_key=True),
    ),
    cadence=Cadence(
        cron="30 16 * * 1-5",
        stale_after_days=6,
        due=Due(
            every="business_day",
            lag_business_days=1,
            not_due="A day's statement comes at four in the afternoon of the next business day; weekends and federal "
            "holidays have none.",
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
    proven="documented",
    nulls=NULLS,
    ignored=CALENDAR_FIELDS,
    units=(
        UnitCheck(
            column="fiscal_year_to_date_usd_mn",
            holds="max(abs(fiscal_year_to_date_usd_mn)) between 3000 and 1000000000",
            because="The statement is in millions: a fiscal year's largest line is some trillions of dollars, its "
            "first day's tens of billions.",
        ),
    ),
    estimate=Estimate(requests=2, rows=13_000, megabytes=7),
    about=("record_date", "record_date"),
)
