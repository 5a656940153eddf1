"""Are the New York Fed's figures plausible? Shape, nulls, grain and history already follow from their contracts."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, REVERSE_REPO = find("nyfed", "reverse_repo")
_, REFERENCE_RATES = find("nyfed", "reference_rates")
_, REPO = find("nyfed", "repo")
_, SOMA_HOLDINGS = find("nyfed", "soma_holdings")
_, PRIMARY_DEALERS = find("nyfed", "primary_dealers")


def _of_its_year() -> gxe.UnexpectedRowsExpectation:
    return no_rows(
        "operation_is_of_its_year",
        "Every operation is of the year that was asked for.",
        "select operation_id, operation_date, _partition from {batch} "
        "where year(operation_date) <> try_cast(_partition as integer)",
        severity="critical",
        because="2026-11-24: a partition is a calendar year of operation dates.",
    )


def _not_of_the_future() -> gxe.UnexpectedRowsExpectation:
    return no_rows(
        "no_operation_of_the_future",
        "No operation is held later than the day it was fetched.",
        "select operation_id, operation_date, fetched_at from {batch} where operation_date > fetched_at::date",
        severity="critical",
    )


SUITES = [
    suite(
        REVERSE_REPO,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="total_accepted_usd",
            min_value=0,
            max_value=4e12,
            severity="critical",
            description="An operation takes in less than four trillion dollars.",
            notes="2026-11-24: 2,553.7 billion on 2022-12-30 is the record; SOURCES.md 3.3 sets the bound.",
        ),
        _of_its_year(),
        no_rows(
            "one_regular_overnight_operation_a_day",
            "No day has two overnight operations, exercises of small value left out.",
            """
            select _fetch_id, operation_date, list(operation_id) as operations
            from {batch}
            where term_type = 'Overnight' and not is_small_value and operation_date >= '2014-01-01'
            group by all
            having count(*) > 1
            """,
            severity="warning",
            because="2026-11-24: others found 16 days with two, each a test beside the regular operation, and one test "
            "without a note (2020-11-18).",
        ),
        _not_of_the_future(),
    ),
    suite(
        REFERENCE_RATES,
        SOURCE,
        gxe.ExpectColumnValuesToBeInSet(
            column="rate_type",
            value_set=["SOFR", "BGCR", "TGCR", "EFFR", "OBFR"],
            severity="critical",
            description="The rate is one of the five that we ask for.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="rate_pct",
            min_value=-1,
            max_value=20,
            severity="critical",
            description="A rate is percent a year, not a ratio and not basis points.",
            notes="2026-11-24: SOFR ran from 0.01 to 5.40, EFFR to 7.03 since 2000.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="volume_usd_bn",
            min_value=1,
            max_value=20_000,
            severity="critical",
            description="The volume is billions of dollars.",
            notes="2026-11-24: SOFR rests on 1,912 to 2,092 billion in days of June 2024, EFFR on some 80.",
        ),
        no_rows(
            "sofr_moves_slowly",
            "SOFR moves by less than half a percentage point in a day.",
            """
            select _fetch_id, effective_date, rate_pct - lag(rate_pct) over days as change_pct
            from {batch}
            where rate_type = 'SOFR'
            window days as (partition by _fetch_id order by effective_date)
            qualify abs(change_pct) >= 0.5
            """,
            severity="warning",
            because="2026-11-24: 2.82 on 2019-09-17 and 0.84 on 2020-03-16 are news that a reader should see.",
        ),
        no_rows(
            "no_day_of_the_future",
            "No day is later than the day it was fetched.",
            "select rate_type, effective_date, fetched_at from {batch} where effective_date > fetched_at::date",
            severity="critical",
        ),
    ),
    suite(
        REPO,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="total_accepted_usd",
            min_value=0,
            max_value=1e12,
            severity="critical",
            description="An operation lends less than a trillion dollars.",
            notes="2026-11-24: 500 billion was offered on single days of March 2020; the facility's record is 74.6 "
            "billion (2025-12-31).",
        ),
        _of_its_year(),
        no_rows(
            "facility_lends_every_day_alike",
            "No business day since the facility lends daily is without an operation for a week.",
            """
            select _fetch_id, operation_date, operation_date - lag(operation_date) over days as gap_days
            from {batch}
            where operation_date >= '2021-07-29'
            window days as (partition by _fetch_id order by operation_date)
            qualify gap_days > 7
            """,
            severity="warning",
            because="2026-11-24: the Standing Repo Facility is open on every business day since 2021-07-29.",
        ),
        _not_of_the_future(),
    ),
    suite(
        SOMA_HOLDINGS,
        SOURCE,
        gxe.ExpectColumnValuesToBeInSet(
            column="security_type",
            value_set=["Bills", "NotesBonds", "FRNs", "TIPS"],
            severity="warning",
            description="A Treasury security is of one of four kinds.",
            notes="2026-11-24: these four as others parse them; one writes FRN.",
        ),
        no_rows(
            "holding_is_of_its_wednesday",
            "Every holding is of the Wednesday that was asked for.",
            "select cusip, as_of_date, _partition from {batch} where as_of_date::varchar <> _partition",
            severity="critical",
            because="2026-11-24: a partition is one Wednesday; an API that answers with another would repeat it.",
        ),
        no_rows(
            "holdings_sum_to_a_possible_size",
            "Treasury securities sum to between 0.4 and 12 trillion dollars.",
            """
            select _fetch_id, as_of_date, sum(par_value_usd) as par_value_usd, count(*) as security_count
            from {batch}
            group by all
            having par_value_usd not between 4e11 and 1.2e13 or security_count < 50
            """,
            severity="critical",
            because="2026-11-24: 4,265,977 million on 2026-01-28 (H.4.1), at most 5.8 trillion (2022); 433 securities.",
        ),
        no_rows(
            "held_securities_have_not_matured",
            "No security that is held has matured.",
            "select cusip, as_of_date, maturity_date from {batch} where maturity_date < as_of_date",
            severity="critical",
            because="2026-11-24: what matures leaves the account on its day.",
        ),
    ),
    suite(
        PRIMARY_DEALERS,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="amount_usd_mn",
            min_value=-2e6,
            max_value=1.5e7,
            severity="critical",
            description="An amount is millions of dollars.",
            notes="2026-11-24: positions are some 0.4 trillion, Treasury repo and a week's trading a few trillion.",
        ),
        no_rows(
            "treasury_position_of_a_possible_size",
            "The newest net position in Treasuries is tens or hundreds of billions.",
            """
            select _fetch_id, as_of_date, amount_usd_mn
            from {batch}
            where key_id = 'PDPOSGST-TOT'
            qualify
                row_number() over (partition by _fetch_id order by as_of_date desc) = 1
                and abs(amount_usd_mn) not between 1e4 and 2e6
            """,
            severity="warning",
            because="2026-11-24: 312,736 million on 2024-07-03, 470,836 on 2026-09-23 as others recorded.",
        ),
        no_rows(
            "series_still_surveyed",
            "Every series that we ask for has a value within the last half year of the answer.",
            """
            with newest as (select _fetch_id, max(as_of_date) as last_date from {batch} group by _fetch_id)
            select one._fetch_id, one.key_id, max(one.as_of_date) as last_of_series
            from {batch} as one
            inner join newest on one._fetch_id = newest._fetch_id
            group by all
            having last_of_series < max(newest.last_date) - 183
            """,
            severity="warning",
            because="2026-11-24: each change of the survey (2013, 2015, 2022, 2024) ended keys and began others.",
        ),
        no_rows(
            "no_week_of_the_future",
            "No week is later than the day it was fetched.",
            "select key_id, as_of_date, fetched_at from {batch} where as_of_date > fetched_at::date",
            severity="critical",
        ),
    ),
]
