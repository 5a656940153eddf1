"""Financial Industry Regulatory Authority: margin debt of brokers' customers, monthly since 1997, as one workbook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://www.finra.org/sites/default/files/2021-03/margin-statistics.xlsx"
"""The address that has been overwritten each month since 2021. The page of the statistics links to the file."""

SHEET = "Customer Margin Balances"
MONTH = "Year-Month"

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per month under the names of the sheet's first row."""
    rows = wire.sheet_rows(response, SHEET)
    names = [name or "" for name in rows[0]] if rows else []
    while names and not names[-1]:
        names.pop()
    if not names or not all(names) or len(set(names)) < len(names) or names[0] != MONTH:
        raise ContractViolation(
            f"{response.url} is not laid out as the margin statistics",
            expected=f"a first row of distinct names that starts with {MONTH!r}",
            got=names[:6],
        )
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        cells = [*row, *[None] * (len(names) - len(row))]
        if any(cells[len(names) :]):
            raise ContractViolation(
                f"{response.url}, row {number}, has figures under no name", expected=f"{len(names)} cells", got=row
            )
        yield dict(zip(names, [_month_end(cells[0]), *cells[1 : len(names)]], strict=True))


def _month_end(text: str | None) -> str | None:
    """Return the last day of a month such as '2026-08'; of anything else nothing, for the contract to judge."""
    found = _MONTH.fullmatch(text or "")
    return (wire.month_end(found[1], found[2]) if found else None) or text


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(URL, expect="zip")


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


_RELEASE = "new_york(after_business_days(month_end + 20, 1), time '18:00')"
_NEXT_RELEASE = "new_york(after_business_days(last_day(month_end + 1) + 20, 1), time '18:00')"

MARGIN_STATISTICS = Table(
    name="margin_statistics",
    description="What customers of US brokers owe on margin, and their free credit, on the last business day of a "
    "month by settlement date. Changes may come from how firms count.",
    grain=("month_end",),
    columns=(
        Column(
            name="month_end",
            field=MONTH,
            type="DATE",
            required=True,
            description="Last day of the month; the balances are those of its last business day.",
        ),
        Column(
            name="margin_debt_usd_mn",
            field="Debit Balances in Customers' Securities Margin Accounts",
            type="DECIMAL(12, 0)",
            unit="USD million",
            required=True,
            description="Debit balances in customers' securities margin accounts, in millions of US dollars.",
        ),
        Column(
            name="free_credit_cash_usd_mn",
            field="Free Credit Balances in Customers' Cash Accounts",
            type="DECIMAL(12, 0)",
            unit="USD million",
            description="Free credit balances in customers' cash accounts, in millions of US dollars. Until January "
            "2010 those in margin accounts are in it.",
        ),
        Column(
            name="free_credit_margin_usd_mn",
            field="Free Credit Balances in Customers' Securities Margin Accounts",
            type="DECIMAL(12, 0)",
            unit="USD million",
            description="Free credit balances in customers' margin accounts, in millions of US dollars. Null until "
            "January 2010: not counted apart.",
        ),
    ),
    cadence=Cadence(
        cron="0 18 14-28 * *",
        stale_after_days=75,
        due=Due(
            every="month",
            lag_days=20,
            lag_business_days=1,
            at="18:00",
            grace_hours=24 * 7,
            not_due="A month is published in the third week of the next; nothing comes between.",
        ),
    ),
    licence=Licence(
        name="Copyright FINRA; its notices allow no storing or passing on without consent, so for use inside only",
        url="https://www.finra.org/legal-notices",
        redistribution="internal",
        attribution="Source: FINRA, Margin Statistics. Copyright FINRA; not to be passed on.",
    ),
    known_at=KnownAt(
        sql=f"least({_RELEASE}, fetched_at)",
        pit_quality=f"case when fetched_at < {_NEXT_RELEASE} then 'lagged' else 'current_vintage' end",
        description="The business day after the twentieth of the next month, 18:00 New York (published in its third "
        "week), or when we fetched it where that was earlier.",
    ),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=1, rows=360, megabytes=0.02),
    about=("month_end", "month_end"),
    proven="documented",
    units=(
        UnitCheck(
            column="margin_debt_usd_mn",
            holds="min(margin_debt_usd_mn) > 50000 and max(margin_debt_usd_mn) < 10000000",
            because="margin debt was 103 billion dollars in 1997 and 1,454 billion in August 2026",
        ),
    ),
    rules=(
        RowRule(
            name="balances_not_negative",
            holds="margin_debt_usd_mn > 0 and coalesce(free_credit_cash_usd_mn, 0) >= 0 "
            "and coalesce(free_credit_margin_usd_mn, 0) >= 0",
            because="A balance is not negative, and there always was margin debt.",
        ),
    ),
)

SOURCE = Source(
    code="finra",
    title="Financial Industry Regulatory Authority",
    homepage="https://www.finra.org/rules-guidance/key-topics/margin-accounts/margin-statistics",
    tables=(MARGIN_STATISTICS,),
    requests_per_second=0.5,
)
