"""Are the currency shares plausible? Shape, nulls, grain and history already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, COFER = find("imf", "cofer")

SUITES = [
    suite(
        COFER,
        SOURCE,
        no_rows(
            "the_series_asked_for",
            "A partition holds the one series that it is named after.",
            """
            select
                _partition,
                concat_ws('.', area_code, indicator_code, currency_code, transformation_code, frequency_code) as series,
                count(*) as row_count
            from {batch}
            group by all
            having series <> _partition
            """,
            severity="critical",
        ),
        no_rows(
            "shares_sum_to_a_hundred",
            "The shares of a quarter sum to 100 percent, where one release brings all nine.",
            """
            select time_period, published_at, sum(obs_value) as share_pct
            from {batch}
            where transformation_code = 'SHRO_PT'
            group by time_period, published_at
            having count(distinct currency_code) filter (obs_value is not null) = 9 and count(*) = 9
                and abs(share_pct - 100) > 0.1
            """,
            severity="critical",
            because="2026-11-24: the shares of 2021Q4 sum to 100.00; nine are apart since 2016Q4.",
        ),
        no_rows(
            "published_before_it_was_fetched",
            "No release is of the future.",
            "select time_period, published_at, fetched_at from {batch} where published_at > fetched_at",
            severity="critical",
            because="2026-11-24: known_at rests on this date.",
        ),
        no_rows(
            "no_quarter_missing",
            "No quarter is missing between the first and the last.",
            """
            with quarters as (
                select
                    _fetch_id,
                    _partition,
                    time_period,
                    left(time_period, 4)::integer * 4 + right(time_period, 1)::integer as quarter_number
                from {batch}
            )
            select *, lag(quarter_number) over of_a_series as quarter_before
            from quarters
            window of_a_series as (partition by _fetch_id, _partition order by quarter_number)
            qualify quarter_number <> quarter_before + 1
            """,
            severity="critical",
            because="2026-11-24: quarterly since 1999Q1 or 2000Q1, some currencies from later on.",
        ),
        no_rows(
            "the_dataflow_we_know",
            "Values come from the version of the dataflow that we know.",
            """
            select structure_id, count(*) as row_count
            from {batch}
            where structure_id <> 'IMF.STA:COFER(7.0.1)'
            group by structure_id
            """,
            severity="warning",
            because="2026-11-24: another version may be another method; read its notes, then change this line.",
        ),
        no_rows(
            "shares_move_slowly",
            "No share moves by five points or more in a quarter.",
            """
            select
                _fetch_id,
                _partition,
                time_period,
                obs_value - lag(obs_value) over of_a_series as change_points
            from {batch}
            where transformation_code = 'SHRO_PT'
            window of_a_series as (partition by _fetch_id, _partition order by time_period)
            qualify abs(change_points) >= 5
            """,
            severity="warning",
            because="2026-11-24: the dollar's rose by 0.7 in 2026Q1; five at once would rather be another method.",
        ),
    ),
]
