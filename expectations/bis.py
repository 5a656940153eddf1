"""Are the credit figures plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, GLOBAL_LIQUIDITY = find("bis", "global_liquidity")

SUITES = [
    suite(
        GLOBAL_LIQUIDITY,
        SOURCE,
        no_rows(
            "the_series_asked_for",
            "A partition holds the one series that it is named after.",
            """
            select
                _partition,
                concat_ws(
                    '.', frequency_code, currency_code, borrower_area_code, borrower_sector_code, lender_sector_code,
                    position_code, instrument_code, measure_code
                ) as series,
                count(*) as row_count
            from {batch}
            group by all
            having series <> _partition
            """,
            severity="critical",
        ),
        no_rows(
            "loans_and_securities_sum_to_total",
            "Bank loans and debt securities make up all credit, where all three came together.",
            """
            select
                time_period,
                sum(obs_value) filter (instrument_code = 'B') as total_usd_mn,
                sum(obs_value) filter (instrument_code in ('D', 'G')) as parts_usd_mn
            from {batch}
            where measure_code = 'USD'
            group by time_period
            having count(obs_value) = 3 and count(distinct instrument_code) = 3
                and abs(total_usd_mn - parts_usd_mn) > 1
            """,
            severity="critical",
            because="2026-11-24: others found them equal to 0.002 million in every quarter.",
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="confidentiality_code",
            value_set=["F"],
            severity="critical",
            description="Every value is free to be published.",
            notes="2026-11-24: the API serves free values alone; another mark must not enter a release.",
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="obs_status_code",
            value_set=["A", "B", "E", "P", "M", "L"],
            severity="warning",
            description="The status of a value is one that we know.",
            notes="2026-11-24: normal, break, estimated, provisional, and two kinds of missing.",
        ),
        no_rows(
            "no_quarter_missing",
            "No quarter is missing between the first and the last, and none is of the future.",
            """
            with quarters as (
                select
                    _fetch_id,
                    _partition,
                    time_period,
                    fetched_at,
                    left(time_period, 4)::integer * 4 + right(time_period, 1)::integer as quarter_number
                from {batch}
            )
            select *, lag(quarter_number) over of_a_series as quarter_before
            from quarters
            window of_a_series as (partition by _fetch_id, _partition order by quarter_number)
            qualify quarter_number <> quarter_before + 1
                or quarter_number >= year(fetched_at) * 4 + quarter(fetched_at)
            """,
            severity="critical",
            because="2026-11-24: quarterly since 2000Q1; a missing value has a row and a status.",
        ),
        no_rows(
            "credit_moves_slowly",
            "Credit moves by less than 15 % in a quarter.",
            """
            select
                _fetch_id,
                _partition,
                time_period,
                obs_value / lag(obs_value) over of_a_series - 1 as change_ratio
            from {batch}
            where measure_code = 'USD'
            window of_a_series as (partition by _fetch_id, _partition order by time_period)
            qualify abs(change_ratio) >= 0.15
            """,
            severity="warning",
            because="2026-11-24: from 2.3 to 14 trillion in 25 years is 1.8 % a quarter.",
        ),
    ),
]
