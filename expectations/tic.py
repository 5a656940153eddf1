"""Are the foreign holdings plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, MAJOR_FOREIGN_HOLDERS = find("tic", "major_foreign_holders")

SUITES = [
    suite(
        MAJOR_FOREIGN_HOLDERS,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="holdings_usd_bn",
            min_value=0,
            max_value=12_000,
            severity="critical",
            description="Holdings are billions of dollars, not millions.",
            notes="2026-11-22: the grand total peaked at 9,359.3 (November 2025); 12,000 leaves years of growth.",
        ),
        no_rows(
            "largest_holders_present",
            "Every month names Japan, China, the United Kingdom and a grand total.",
            """
            select month_end, survey_basis, _fetch_id, list(holder_name) as holders
            from {batch}
            where holder_name in ('Japan', 'China, Mainland', 'United Kingdom', 'Grand Total')
                or holder_name = 'All Other'
            group by all
            having count(distinct holder_name) < 5
            """,
            severity="critical",
            because="2026-11-22: all five stand in each of 321 columns since March 2000, under these names.",
        ),
        no_rows(
            "holders_sum_to_grand_total",
            "The holders of a month sum to its grand total, the 'Of which' lines left out.",
            """
            select
                month_end,
                survey_basis,
                _fetch_id,
                sum(holdings_usd_bn) filter (where holder_name <> 'Grand Total') as holders_usd_bn,
                sum(holdings_usd_bn) filter (where holder_name = 'Grand Total') as grand_total_usd_bn
            from {batch}
            where not is_memo
            group by all
            having not coalesce(abs(holders_usd_bn - grand_total_usd_bn) <= 3, false)
            """,
            severity="critical",
            because="2026-11-22: rounding gives up to 0.5; one month of 2006 is out by 2.5 as published.",
        ),
        no_rows(
            "no_month_missing",
            "No month is missing between the first and the last.",
            """
            select _fetch_id, month_end, lag(month_end) over months as month_before
            from {batch}
            where holder_name = 'Grand Total' and survey_basis = 'current'
            window months as (partition by _fetch_id order by month_end)
            qualify month_end <> last_day(month_before + interval 1 month)
            """,
            severity="critical",
            because="2026-11-22: 310 months without a gap, March 2000 to December 2025.",
        ),
        no_rows(
            "grand_total_moves_slowly",
            "The grand total moves by less than 10 % in a month.",
            """
            select
                _fetch_id,
                month_end,
                holdings_usd_bn,
                holdings_usd_bn / lag(holdings_usd_bn) over months - 1 as change_ratio
            from {batch}
            where holder_name = 'Grand Total' and survey_basis = 'current'
            window months as (partition by _fetch_id order by month_end)
            qualify abs(change_ratio) >= 0.10
            """,
            severity="warning",
            because="2026-11-22: 6.4 % is the largest move since 2000, across a survey's break.",
        ),
        no_rows(
            "no_month_of_the_future",
            "No month ends later than the day it was fetched.",
            "select month_end, holder_name, fetched_at from {batch} where month_end > fetched_at::date",
            severity="critical",
        ),
    )
]
