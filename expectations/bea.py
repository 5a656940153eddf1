"""Are the national accounts plausible? Shape, nulls, grain and history already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, GDP = find("bea", "gdp")

SUITES = [
    suite(
        GDP,
        SOURCE,
        no_rows(
            "series_we_rely_on_present",
            "The file has all three series that we read of it.",
            """
            select _fetch_id, list(distinct series_code) as found
            from {batch}
            where _origin <> 'reconstructed'  -- what we set ourselves holds the series that we know
            group by _fetch_id
            having count(distinct series_code) < 3
            """,
            severity="critical",
            because="2026-11-25: the file is sorted by code; one cut between two lines ends before the last series.",
        ),
        no_rows(
            "investment_is_a_part_of_output",
            "Private investment, all or fixed, is between a twentieth and a third of gross domestic product.",
            """
            with quarters as (
                select
                    _fetch_id,
                    period,
                    max(value_usd_mn) filter (where series_code = 'A191RC') as gdp_usd_mn,
                    max(value_usd_mn) filter (where series_code = 'A006RC') as investment_usd_mn,
                    max(value_usd_mn) filter (where series_code = 'A007RC') as fixed_investment_usd_mn
                from {batch}
                group by all
            )
            select *
            from quarters
            where
                investment_usd_mn / gdp_usd_mn not between 0.05 and 0.33
                or fixed_investment_usd_mn / gdp_usd_mn not between 0.05 and 0.33
            """,
            severity="critical",
            because="2026-11-25: from 12 % (2009) to 21 % (1950, 2000) since 1947; a series in other units fails.",
        ),
        no_rows(
            "no_quarter_missing",
            "No quarter of a series is missing between the first and the last, and none is of the future.",
            """
            with quarters as (
                select
                    _fetch_id,
                    series_code,
                    period,
                    fetched_at,
                    left(period, 4)::integer * 4 + right(period, 1)::integer as quarter_number
                from {batch}
            )
            select *, lag(quarter_number) over of_a_series as quarter_before
            from quarters
            window of_a_series as (partition by _fetch_id, series_code order by quarter_number)
            qualify quarter_number <> quarter_before + 1
                or quarter_number >= year(fetched_at) * 4 + quarter(fetched_at)
            """,
            severity="critical",
            because="2026-11-25: 311 quarters without a gap at ALFRED, 1947Q1 to 2024Q3.",
        ),
        no_rows(
            "output_moves_slowly",
            "Gross domestic product moves by less than 12 % in a quarter.",
            """
            select _fetch_id, period, value_usd_mn / lag(value_usd_mn) over quarters - 1 as change_ratio
            from {batch}
            where series_code = 'A191RC'
            window quarters as (partition by _fetch_id order by period)
            qualify abs(change_ratio) >= 0.12
            """,
            severity="warning",
            because="2026-11-25: -8.2 % (2020Q2) and 8.8 % (2020Q3) are the largest moves since 1947.",
        ),
    )
]
