"""Are stress, funding markets and hedge funds plausible? Shape, nulls, grain and history follow from contracts."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, FINANCIAL_STRESS = find("ofr", "financial_stress")
_, FUNDING_MONITOR = find("ofr", "funding_monitor")
_, HEDGE_FUNDS = find("ofr", "hedge_funds")


def _the_series_asked_for() -> gxe.UnexpectedRowsExpectation:
    return no_rows(
        "the_series_asked_for",
        "A partition holds the one series that it is named after.",
        "select _partition, mnemonic, count(*) as row_count from {batch} where mnemonic <> _partition group by all",
        severity="critical",
    )


SUITES = [
    suite(
        FINANCIAL_STRESS,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="ofr_fsi",
            min_value=-10,
            max_value=60,
            severity="critical",
            description="The index is of its usual magnitude.",
            notes="2026-11-22: twice the range of 2000-2024, -5.3 to 29.3; beyond it the units changed.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="ofr_fsi",
            min_value=-6,
            max_value=30,
            severity="warning",
            description="The index stays within what it has been.",
            notes="2026-11-22: -5.334 (2014) to 29.32 (October 2008) in 6,292 days; a worse day is news, no error.",
        ),
        no_rows(
            "categories_sum_to_index",
            "Credit, equity valuation, safe assets, funding and volatility sum to the index.",
            """
            select observation_date, ofr_fsi, credit + equity_valuation + safe_assets + funding + volatility as sum
            from {batch}
            where abs(ofr_fsi - (credit + equity_valuation + safe_assets + funding + volatility)) > 0.01
            """,
            severity="critical",
            because="2026-11-22: the largest difference in 6,292 days is 0.002, by rounding.",
        ),
        no_rows(
            "regions_sum_to_index",
            "The United States, other advanced economies and emerging markets sum to the index.",
            """
            select observation_date, ofr_fsi, united_states + other_advanced_economies + emerging_markets as sum
            from {batch}
            where abs(ofr_fsi - (united_states + other_advanced_economies + emerging_markets)) > 0.15
            """,
            severity="warning",
            because="2026-11-22: the largest difference in 6,292 days is 0.108.",
        ),
        no_rows(
            "no_day_of_the_future",
            "No day is later than the day it was fetched.",
            "select observation_date, fetched_at from {batch} where observation_date > fetched_at::date",
            severity="critical",
        ),
        no_rows(
            "full_years",
            "Every year between the first and the last has about 250 days.",
            """
            with years as (
                select _fetch_id, year(observation_date) as calendar_year, count(*) as day_count
                from {batch}
                group by 1, 2
            )
            select *
            from years
            window of_a_fetch as (partition by _fetch_id)
            qualify
                day_count not between 240 and 262
                and calendar_year > min(calendar_year) over of_a_fetch
                and calendar_year < max(calendar_year) over of_a_fetch
            """,
            severity="critical",
            because="2026-11-22: 248 (2001) to 260 (2023) days a year since 2000.",
        ),
        no_rows(
            "no_long_gap",
            "No two neighbouring days are more than ten days apart.",
            """
            select _fetch_id, observation_date, observation_date - lag(observation_date) over days as gap_days
            from {batch}
            window days as (partition by _fetch_id order by observation_date)
            qualify gap_days > 10
            """,
            severity="warning",
            because="2026-11-22: the longest gap is 7 days, in September 2001.",
        ),
    ),
    suite(
        FUNDING_MONITOR,
        SOURCE,
        _the_series_asked_for(),
        no_rows(
            "rates_of_a_possible_size",
            "Every rate is a percentage between -1 and 15.",
            """
            select mnemonic, observation_date, value
            from {batch}
            where (contains(mnemonic, '_AR_') or starts_with(mnemonic, 'FNYR-')) and value not between -1 and 15
            """,
            severity="critical",
            because="2026-11-24: SOFR was 5.25 on 17 September 2019 and 5.4 in 2023; 15 leaves room for worse days.",
        ),
        no_rows(
            "amounts_are_not_negative",
            "No volume and no holding is negative.",
            """
            select mnemonic, observation_date, value
            from {batch}
            where (contains(mnemonic, '_TV_') or starts_with(mnemonic, 'MMF-')) and value < 0
            """,
            severity="critical",
        ),
        no_rows(
            "newest_value_is_recent",
            "The newest value is at most ten days old, of the monthly series a hundred.",
            """
            select _fetch_id, mnemonic, max(observation_date) as newest, max(fetched_at) as fetched_on
            from {batch}
            group by all
            having newest < fetched_on::date - if(starts_with(mnemonic, 'MMF-'), 100, 10)
            """,
            severity="warning",
            because="2026-11-24: a series that is discontinued goes on answering 200 with what it had.",
        ),
        no_rows(
            "no_day_of_the_future",
            "No day is later than the day it was fetched.",
            "select mnemonic, observation_date, fetched_at from {batch} where observation_date > fetched_at::date",
            severity="critical",
        ),
    ),
    suite(
        HEDGE_FUNDS,
        SOURCE,
        _the_series_asked_for(),
        no_rows(
            "quarters_end_on_their_last_day",
            "Every value stands on the last day of a quarter that has ended.",
            """
            select mnemonic, quarter_end
            from {batch}
            where quarter_end <> last_day(quarter_end) or month(quarter_end) % 3 <> 0
                or quarter_end > fetched_at::date
            """,
            severity="critical",
            because="2026-11-24: quarterly since 2013-03-31.",
        ),
        no_rows(
            "leverage_is_above_one",
            "Gross assets are at least net assets, and no group of funds is levered a hundred times.",
            """
            select mnemonic, quarter_end, value
            from {batch}
            where contains(mnemonic, 'LEVERAGERATIO') and value not between 0.9 and 100
            """,
            severity="critical",
            because="2026-11-24: 23.7 at the ten largest funds in 2026Q1, the highest there is.",
        ),
        no_rows(
            "amounts_are_not_negative",
            "No sum and no count is negative.",
            """
            select mnemonic, quarter_end, value
            from {batch}
            where (ends_with(mnemonic, '_SUM') or ends_with(mnemonic, '_COUNT')) and value < 0
            """,
            severity="critical",
        ),
        no_rows(
            "newest_quarter_is_recent",
            "The newest quarter ended at most 300 days before it was fetched.",
            """
            select _fetch_id, mnemonic, max(quarter_end) as newest, max(fetched_at) as fetched_on
            from {batch}
            group by all
            having newest < fetched_on::date - 300
            """,
            severity="warning",
            because="2026-11-24: five months of lag and a quarter are 250 days.",
        ),
    ),
]
