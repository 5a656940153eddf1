"""Daily Treasury Statement, table I: the operating cash balance since 2005-10-03, in millions of dollars."""

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

ENDPOINT = "v1/accounting/dts/operating_cash_balance"
ORDER = ("record_date", "src_line_nbr", "account_type")
FIRST_YEAR = 2005


def partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of statements."""
    return years(ENDPOINT, "record_date", ORDER, first=FIRST_YEAR, last=now.year)


def _usd_mn(name: str, field: str, description: str) -> Column:
    return Column(name=name, field=field, type="DECIMAL(18, 2)", unit="USD million", description=description)


OPERATING_CASH_BALANCE = Table(
    name="operating_cash_balance",
    description="One line of the Treasury's daily cash statement for a business day, in millions of US dollars. What "
    "a line is called and which column holds its figure changed on 2021-10-01 and on 2022-04-18.",
    grain=("record_date", "account_type"),
    columns=(
        day("record_date", "Business day of the statement.", required=True),
        text(
            "account_type",
            "Line of the statement. The Treasury's account at the Federal Reserve is 'Federal Reserve Account' until "
            "2021-09-30, 'Treasury General Account (TGA)' until 2022-04-15, and since 2022-04-18 four lines: opening "
            "balance, deposits, withdrawals and closing balance.",
            required=True,
        ),
        _usd_mn(
            "close_today_usd_mn",
            "close_today_bal",
            "Balance at the close of the day. Null in every line since 2022-04-18.",
        ),
        _usd_mn(
            "open_today_usd_mn",
            "open_today_bal",
            "Balance at the opening of the day. Since 2022-04-18 the day's figure of whatever the line is, so that "
            "the line 'Treasury General Account (TGA) Closing Balance' holds the closing balance here.",
        ),
        _usd_mn(
            "open_month_usd_mn",
            "open_month_bal",
            "Balance at the opening of the month; of deposits and withdrawals, the month's sum to date.",
        ),
        _usd_mn(
            "open_fiscal_year_usd_mn",
            "open_fiscal_year_bal",
            "Balance at the opening of the fiscal year; of deposits and withdrawals, the year's sum to date.",
        ),
        text("sub_table_name", "Part of the table that the line stands in. Null in the past."),
        text("table_nbr", "Number of the table in the printed statement."),
        text("table_nm", "Name of the table in the printed statement."),
        line_number("Line in the printed table."),
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
    nulls=NULLS,
    ignored=CALENDAR_FIELDS,
    units=(
        UnitCheck(
            column="open_today_usd_mn",
            holds="max(open_today_usd_mn) between 3000 and 30000000",
            because="The statement is in millions: its largest line of a year is tens of billions of dollars or more, "
            "and at most some trillions.",
        ),
    ),
    estimate=Estimate(requests=1, rows=1_100, megabytes=0.7),
    about=("record_date", "record_date"),
)
