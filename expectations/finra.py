"""Are the margin statistics plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, MARGIN_STATISTICS = find("finra", "margin_statistics")

SUITES = [
    suite(
        MARGIN_STATISTICS,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="margin_debt_usd_mn",
            min_value=80_000,
            max_value=5_000_000,
            severity="critical",
            description="Margin debt is millions of dollars, not billions.",
            notes="2026-11-24: 103,337 in January 1997, 1,453,832 in August 2026.",
        ),
        no_rows(
            "no_month_missing",
            "No month is missing between the first and the last.",
            """
            select _fetch_id, month_end, lag(month_end) over months as month_before
            from {batch}
            window months as (partition by _fetch_id order by month_end)
            qualify month_end <> last_day(month_before + interval 1 month)
            """,
            severity="critical",
            because="2026-11-24: the workbook is described as monthly since January 1997.",
        ),
        no_rows(
            "credit_is_split_since_february_2010",
            "Free credit of margin accounts stands apart since February 2010, and not before.",
            """
            select _fetch_id, month_end, free_credit_margin_usd_mn
            from {batch}
            where (free_credit_margin_usd_mn is null) <> (month_end < '2010-02-01')
            """,
            severity="warning",
            because="2026-11-24: FINRA's note on the page; until January 2010 both stand in one column.",
        ),
        no_rows(
            "margin_debt_moves_slowly",
            "Margin debt moves by less than 30 % in a month.",
            """
            select
                _fetch_id,
                month_end,
                margin_debt_usd_mn::double / lag(margin_debt_usd_mn) over months - 1 as change_ratio
            from {batch}
            window months as (partition by _fetch_id order by month_end)
            qualify abs(change_ratio) >= 0.30
            """,
            severity="warning",
            because="2026-11-24: it fell by about a fifth in October 2008 and a tenth in March 2020.",
        ),
        no_rows(
            "no_month_of_the_future",
            "No month ends later than the day it was fetched.",
            "select month_end, fetched_at from {batch} where month_end > fetched_at::date",
            severity="critical",
        ),
    )
]
