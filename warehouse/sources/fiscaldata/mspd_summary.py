"""Monthly Statement of the Public Debt, table I: the debt by kind of security since January 2001."""

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

ENDPOINT = "v1/debt/mspd/mspd_table_1"
ORDER = ("record_date", "src_line_nbr", "security_type_desc", "security_class_desc")
FIRST_YEAR = 2001

CADENCE = Cadence(
    cron="30 16 1-12 * *",
    stale_after_days=45,
    due=Due(
        every="month",
        lag_business_days=4,
        grace_hours=48,
        not_due="A month's statement comes on the fourth business day after its end.",
    ),
)
KNOWN_AT = KnownAt(
    sql="new_york(after_business_days(record_date, 4), time '16:00')",
    pit_quality="'dated'",
    description="The fourth federal business day after the month's end; 16:00 New York, since the hour is not given.",
)


def partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of statements."""
    return years(ENDPOINT, "record_date", ORDER, first=FIRST_YEAR, last=now.year)


def _usd_mn(name: str, field: str, description: str) -> Column:
    # Published with up to fifteen significant digits, as a spreadsheet writes them, and so not exact to the cent.
    return Column(name=name, field=field, type="DOUBLE", unit="USD million", description=description)


MSPD_SUMMARY = Table(
    name="mspd_summary",
    description="Treasury securities of one kind outstanding at a month's end, in millions of US dollars. Totals stand "
    "among the kinds. TIPS are at their value adjusted for inflation.",
    grain=("record_date", "security_type_desc", "security_class_desc"),
    columns=(
        day("record_date", "Last day of the month.", required=True),
        text(
            "security_type_desc",
            "Market: 'Marketable' or 'Nonmarketable'; in totals what is summed, such as 'Total Marketable'.",
            required=True,
        ),
        text(
            "security_class_desc",
            "Class of security, such as 'Bills'. Names change over the years: TIPS were two classes of "
            "'Inflation-Indexed' securities until May 2004. An underline in totals.",
        ),
        _usd_mn("debt_held_public_usd_mn", "debt_held_public_mil_amt", "Held by the public."),
        _usd_mn("intragov_hold_usd_mn", "intragov_hold_mil_amt", "Held by accounts of the government."),
        _usd_mn("total_usd_mn", "total_mil_amt", "Outstanding in all."),
        line_number("Line in the printed table."),
    ),
    cadence=CADENCE,
    licence=LICENCE,
    known_at=KNOWN_AT,
    partitions=partitions,
    extract=extract,
    proven="documented",
    nulls=NULLS,
    ignored=CALENDAR_FIELDS,
    units=(
        UnitCheck(
            column="total_usd_mn",
            holds="max(total_usd_mn) between 1e6 and 1e9",
            because="The statement is in millions, Debt to the Penny in dollars, and some documents say billions: the "
            "whole debt was 5.7 trillion dollars in 2001 and 36 trillion in 2025.",
        ),
    ),
    estimate=Estimate(requests=1, rows=190, megabytes=0.1),
    about=("record_date", "record_date"),
)
