"""Upcoming auctions: what the Treasury says it will sell, each of its snapshots a vintage of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, RowRule, Table
from warehouse.sources.fiscaldata._api import CALENDAR_FIELDS, LICENCE, NULLS, day, everything, extract, text

if TYPE_CHECKING:
    from datetime import datetime

    from warehouse.contract import Partition

ENDPOINT = "v1/accounting/od/upcoming_auctions"
ORDER = ("record_date", "auction_date", "issue_date", "cusip", "security_type", "security_term")


def partitions(_: datetime) -> list[Partition]:
    """Name all that the endpoint shows: the newest snapshot and whichever older ones it still has."""
    return everything(ENDPOINT, ORDER)


UPCOMING_AUCTIONS = Table(
    name="upcoming_auctions",
    description="One security in one weekly snapshot of the auctions to come. Snapshots are kept side by side: what "
    "was planned is known only from the snapshot of that week.",
    grain=("record_date", "cusip", "issue_date"),
    columns=(
        day("record_date", "Day of the snapshot.", required=True),
        text("cusip", "Security's CUSIP, shared by reopenings. Null where none was given yet."),
        day("issue_date", "Day the security is to be issued and paid for."),
        text(
            "security_type",
            "Type: 'Bill', 'CMB' (cash management bill), 'Note', 'Bond', 'FRN Note', 'TIPS Note' or 'TIPS Bond'. "
            "Finer than the types of the auctions' table, which has flags instead.",
            required=True,
        ),
        text("security_term", "Term at this sale. A reopening shows what remains, such as '9-Year 11-Month'."),
        Column(name="reopening", type="BOOLEAN", description="Whether more of an outstanding security is to be sold."),
        day("announcemt_date", "Day the auction is, or was, to be announced."),
        day("auction_date", "Day bids are to be taken.", required=True),
        Column(
            name="offering_usd",
            field="offering_amt",
            type="DECIMAL(18, 2)",
            unit="USD",
            description="Amount to be offered to the public, in whole US dollars. Null until it is announced.",
        ),
    ),
    cadence=Cadence(
        cron="30 11,17 * * 1-5",
        stale_after_days=14,
        due=Due(
            every="week",
            weekday=4,
            at="17:00",
            grace_hours=96,
            not_due="The schedule is renewed once a week, at its end; on other days there is nothing new.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="""
            case
                when fetched_at < new_york(record_date + 7, time '11:00')
                    then greatest(fetched_at, new_york(record_date, time '11:00'))
                else new_york(record_date, time '11:00')
            end
        """,
        pit_quality="case when fetched_at < new_york(record_date + 7, time '11:00') then 'dated' else 'lagged' end",
        description="A snapshot seen within its week is known from our fetch, at the earliest from 11:00 New York of "
        "its day. An older one is given 11:00 New York of its day, and marked 'lagged'.",
    ),
    partitions=partitions,
    extract=extract,
    proven="documented",
    nulls=NULLS,
    ignored=CALENDAR_FIELDS | {"src_line_nbr"},
    rules=(
        RowRule(
            name="issued_after_it_is_auctioned",
            holds="issue_date >= auction_date",
            because="A security is paid for on or after the day bids are taken.",
        ),
    ),
    is_snapshot=False,
    estimate=Estimate(requests=1, rows=200, megabytes=0.1),
    about=("record_date", "record_date"),
)
