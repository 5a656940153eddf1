"""Monthly Statement of the Public Debt, table III: every marketable security outstanding, since January 2001."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.contract import Column, Estimate, RowRule, Table, UnitCheck
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
from warehouse.sources.fiscaldata.mspd_summary import CADENCE, KNOWN_AT

if TYPE_CHECKING:
    from datetime import datetime

    from warehouse.contract import Partition

ENDPOINT = "v1/debt/mspd/mspd_table_3_market"
ORDER = ("record_date", "src_line_nbr", "security_class1_desc", "security_class2_desc", "issue_date")
FIRST_YEAR = 2001


def partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of statements."""
    return years(ENDPOINT, "record_date", ORDER, first=FIRST_YEAR, last=now.year)


def _usd_mn(name: str, field: str, description: str) -> Column:
    # As in the summary: what a spreadsheet wrote, so its digits are open.
    return Column(name=name, field=field, type="DOUBLE", unit="USD million", description=description)


def _pct(name: str, description: str) -> Column:
    return Column(name=name, type="DOUBLE", unit="percent", description=description)


def _pay_day(number: int) -> Column:
    return text(
        f"interest_pay_date_{number}",
        f"Day {number} of the year on which interest is paid, as month/day. Null if none.",
    )


MSPD_MARKETABLE = Table(
    name="mspd_marketable",
    description="One line of the monthly list of marketable Treasury securities, in millions of US dollars: a "
    "security, a further issue of it, or a subtotal. A reopened security has a line an issue, the first of which holds "
    "what is outstanding of them all.",
    # No CUSIP identifies a line: it comes once an issue, and subtotals have none.
    grain=("record_date", "src_line_nbr"),
    series_by=(),  # lines move from month to month
    columns=(
        day("record_date", "Last day of the month.", required=True),
        line_number("Line in the month's table, which is what tells its lines apart.", is_key=True),
        text("security_type_desc", "Market, which is 'Marketable' throughout."),
        text(
            "security_class1_desc",
            "Class: 'Bills Maturity Value', 'Notes', 'Bonds', 'Inflation-Protected Securities', 'Floating Rate Notes', "
            "'Federal Financing Bank', and 'Total Marketable' for the grand total. Other names in early years.",
        ),
        text(
            "security_class2_desc",
            "CUSIP of the security; in a subtotal its name, such as 'Total Unmatured Treasury Notes'. Whoever sums has "
            "to leave the subtotals out: the staging model marks them.",
        ),
        text("series_cd", "Series of a note or bond."),
        _pct("interest_rate_pct", "Coupon rate; of a floating-rate note its spread. Null for bills and subtotals."),
        _pct("yield_pct", "Yield at issue. Null where not given."),
        day("issue_date", "Day of the issue that the line is of. Null in subtotals."),
        day("maturity_date", "Day the principal is repaid. Null in subtotals."),
        *(_pay_day(number) for number in (1, 2, 3, 4)),
        _usd_mn("issued_usd_mn", "issued_amt", "Face value sold in the issue."),
        _usd_mn(
            "inflation_adj_usd_mn",
            "inflation_adj_amt",
            "Part of what is outstanding that is the accretion of a TIPS' principal with prices. It is no borrowing: "
            "whoever reads net issuance from two months' difference subtracts it first. Null for other securities.",
        ),
        _usd_mn("redeemed_usd_mn", "redeemed_amt", "Face value redeemed so far, bought back or stripped included."),
        _usd_mn(
            "outstanding_usd_mn",
            "outstanding_amt",
            "Outstanding at the month's end, a TIPS' accretion included. Null in the further issues of a security, "
            "whose first line holds the sum.",
        ),
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
            column="outstanding_usd_mn",
            holds="max(outstanding_usd_mn) between 1e6 and 1e9",
            because="The statement is in millions and some documents say billions: marketable debt was 3 trillion "
            "dollars in 2001 and 28 trillion in 2025, and its total is a line of the table.",
        ),
    ),
    rules=(
        RowRule(
            name="matures_after_issue",
            holds="maturity_date > issue_date",
            because="A security matures after it is issued.",
        ),
    ),
    estimate=Estimate(requests=1, rows=6_300, megabytes=5),
    about=("record_date", "record_date"),
)
