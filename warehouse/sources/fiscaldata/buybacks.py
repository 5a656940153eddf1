"""Treasury buybacks: each operation in which the Treasury bought its own securities, 2000 to 2002 and since 2024."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, RowRule, Table, UnitCheck
from warehouse.sources.fiscaldata._api import CALENDAR_FIELDS, LICENCE, NULLS, day, everything, extract, text

if TYPE_CHECKING:
    from datetime import datetime

    from warehouse.contract import Partition

ENDPOINT = "v1/accounting/od/buybacks_operations"
KEY = ("operation_date", "operation_start_time_est", "operation_type", "security_type", "maturity_bucket")


def partitions(_: datetime) -> list[Partition]:
    """Name the whole history: some hundreds of operations."""
    return everything(ENDPOINT, KEY)


def _usd(name: str, field: str, description: str) -> Column:
    return Column(name=name, field=field, type="DECIMAL(18, 2)", unit="USD", description=description)


def _count(name: str, field: str, unit: str, description: str) -> Column:
    return Column(name=name, field=field, type="INTEGER", unit=unit, description=description)


BUYBACKS = Table(
    name="buybacks",
    description="One buyback operation as announced and, later, carried out. Amounts are face value in whole US "
    "dollars.",
    # The stamp in the names of its files would identify it too: it is the start in UTC. It comes only with the files.
    grain=KEY,
    columns=(
        day("operation_date", "Day on which offers are taken.", required=True),
        text(
            "operation_start_time_est",
            "Time in New York, daylight saving time included, from which offers are taken, such as '01:40 PM'.",
        ),
        text("operation_close_time_est", "Time in New York until which offers are taken."),
        day("settlement_date", "Day on which the securities are delivered and paid for."),
        text("operation_type", "Purpose: 'Liquidity Support' or 'Cash Management'. Null in early years."),
        text("security_type", "What is bought, such as 'Nominal Coupons' or 'TIPS'."),
        text("maturity_bucket", "Time to maturity of what is bought, such as '20Y to 30Y'."),
        _usd("max_par_redeemed_usd", "max_par_amt_redeemed", "Most that the Treasury was ready to buy."),
        _usd("total_par_offered_usd", "total_par_amt_offered", "All offers. Null before the results."),
        _usd("total_par_accepted_usd", "total_par_amt_accepted", "What was bought. Null before the results."),
        _usd("par_per_offer_usd", "par_amt_per_offer", "Smallest offer, and the step between offers."),
        _count("max_offers_count", "max_nbr_offers", "offers", "Most offers that one dealer may make for a security."),
        _count("issues_eligible_count", "nbr_issues_eligible", "securities", "Securities that could be offered."),
        _count(
            "issues_accepted_count",
            "nbr_issues_accepted",
            "securities",
            "Securities of which some were bought. Null before the results.",
        ),
        text("preliminary_ann_pdf", "File name of the preliminary announcement. Null where there is none."),
        text("preliminary_ann_xml", "File name of the preliminary announcement as XML. Null where there is none."),
        text("final_ann_pdf", "File name of the final announcement. Null before it and where there is none."),
        text("final_ann_xml", "File name of the final announcement as XML. Null before it and where there is none."),
        text("results_pdf", "File name of the results. Null before them and where there is none."),
        text("results_xml", "File name of the results as XML. Null before them and where there is none."),
        text("special_ann_pdf", "File name of a special announcement. Null where there is none."),
    ),
    cadence=Cadence(
        cron="15 15,17 * * 1-5",
        stale_after_days=45,
        due=Due(
            every="irregular",
            not_due="Operations are announced as they come, several a month; no day has one by right.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="""
            case
                when total_par_accepted_usd is not null then new_york(operation_date, time '15:00')
                else least(fetched_at, new_york(operation_date, time '11:00'))
            end
        """,
        pit_quality="'dated'",
        description="Results: 15:00 New York of the operation's day, offers closing at two. An announcement: when we "
        "saw it, at the latest 11:00 New York of that day, when the final one is made.",
    ),
    partitions=partitions,
    extract=extract,
    proven="documented",
    nulls=NULLS,
    ignored=CALENDAR_FIELDS | {"record_date", "src_line_nbr"},
    units=(
        UnitCheck(
            column="max_par_redeemed_usd",
            holds="max(max_par_redeemed_usd) between 1e8 and 1e12",
            because="Amounts are whole dollars, where the statements are in millions: operations buy at most from one "
            "to some tens of billions of dollars.",
        ),
    ),
    rules=(
        RowRule(
            name="no_more_accepted_than_offered",
            holds="total_par_accepted_usd between 0 and total_par_offered_usd",
            because="The Treasury buys no more than it is offered.",
        ),
        RowRule(
            name="settles_after_the_operation",
            holds="settlement_date >= operation_date",
            because="What was bought is paid for on or after the day it was offered.",
        ),
    ),
    estimate=Estimate(requests=1, rows=400, megabytes=0.3),
    about=("operation_date", "operation_date"),
)
