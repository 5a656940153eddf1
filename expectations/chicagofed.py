"""Is the index of financial conditions plausible? Shape, nulls, grain and history already follow from its contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, NFCI = find("chicagofed", "nfci")

SUITES = [
    suite(
        NFCI,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="nfci",
            min_value=-3,
            max_value=10,
            severity="critical",
            description="The index is of its usual magnitude.",
            notes="2026-11-24: twice the range of 1971-2026, -1.10 to 5.20 in FRED's copy; beyond it units changed.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="credit",
            min_value=-5,
            max_value=10,
            severity="critical",
            description="The credit subindex is of its usual magnitude.",
            notes="2026-11-24: a subindex has the scale of the index, standard deviations from the mean.",
        ),
        no_rows(
            "no_week_missing",
            "No Friday is missing between the first and the last.",
            """
            select _fetch_id, week_end, week_end - lag(week_end) over weeks as gap_days
            from {batch}
            window weeks as (partition by _fetch_id order by week_end)
            qualify gap_days <> 7
            """,
            severity="critical",
            because="2026-11-24: 2,889 Fridays without a gap in FRED's copy, January 1971 to May 2026.",
        ),
        no_rows(
            "mean_is_near_zero",
            "The index since 1971 averages about zero.",
            """
            select _fetch_id, avg(nfci) as mean, count(*) as week_count
            from {batch}
            group by _fetch_id
            having week_count > 1000 and abs(mean) > 0.2
            """,
            severity="warning",
            because="2026-11-24: the index is scaled to mean zero and standard deviation one since 1971.",
        ),
        no_rows(
            "no_week_of_the_future",
            "No week ends later than the day it was fetched.",
            "select week_end, fetched_at from {batch} where week_end > fetched_at::date",
            severity="critical",
        ),
    )
]
