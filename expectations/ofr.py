"""Is the stress index plausible? Shape, nulls, grain and history already follow from its contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, FINANCIAL_STRESS = find("ofr", "financial_stress")

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
    )
]
