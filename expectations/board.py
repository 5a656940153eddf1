"""Are the Board's releases plausible? Shape, nulls, grain and history already follow from their contracts."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, H41 = find("board", "h41")
_, H15 = find("board", "h15")
_, H10 = find("board", "h10")
_, H8 = find("board", "h8")
_, PRATES = find("board", "prates")
_, EXCESS_BOND_PREMIUM = find("board", "excess_bond_premium")


def _series_present(names: tuple[str, ...], because: str) -> gxe.UnexpectedRowsExpectation:
    listed = ", ".join(f"'{name}'" for name in names)
    return no_rows(
        "series_we_rely_on_present",
        "Every series that a metric reads is in the release.",
        f"""
        select _fetch_id, list(distinct series_name) filter (where series_name in ({listed})) as found
        from {{batch}}
        where _origin <> 'reconstructed'  -- what we set ourselves holds the series that we know
        group by _fetch_id
        having count(distinct series_name) filter (where series_name in ({listed})) < {len(names)}
        """,
        severity="critical",
        because=because,
    )


def _no_period_of_the_future(days: int, because: str) -> gxe.UnexpectedRowsExpectation:
    return no_rows(
        "no_period_of_the_future",
        "No observation is of a period that ends long after it was fetched.",
        f"""
        select series_name, period_end, fetched_at
        from {{batch}}
        where value is not null and period_end > fetched_at::date + {days}
        """,
        severity="critical",
        because=because,
    )


SUITES = [
    suite(
        H41,
        SOURCE,
        _series_present(
            (
                "RESPPMA_N.WW",
                "RESPPA_N.WW",
                "RESH4R_N.WW",
                "RESPPLLR_N.WW",
                "RESPPLLN_N.WW",
                "RESPPALGUO_N.WW",
                "RESPPALGASMO_N.WW",
            ),
            "2026-11-24: total assets, reserves, reverse repos, notes, Treasuries and MBS by their names of SOURCES.md "
            "3.4; without one net liquidity has no legs.",
        ),
        no_rows(
            "total_assets_agree",
            "Total assets of the twelve Banks less eliminations are the consolidated total assets.",
            """
            with totals as (
                select
                    _fetch_id,
                    period_end,
                    max(value) filter (where series_name = 'RESPPA_N.WW') as gross_usd_mn,
                    max(value) filter (where series_name = 'RESPPMA_N.WW') as consolidated_usd_mn,
                    max(value) filter (where series_name = 'RESPPMAX_N.WW') as eliminations_usd_mn
                from {batch}
                where series_name in ('RESPPA_N.WW', 'RESPPMA_N.WW', 'RESPPMAX_N.WW')
                group by all
            )
            select *
            from totals
            where abs(gross_usd_mn - consolidated_usd_mn - abs(coalesce(eliminations_usd_mn, 0))) > 2
            """,
            severity="warning",
            because="2026-11-24: equal within 1 million in 1,242 weeks as others found; the eliminations are zero "
            "since 2012-10-31, so the two are equal since.",
        ),
        no_rows(
            "reserves_within_assets",
            "Reserve balances are positive and no more than total assets.",
            """
            select
                _fetch_id,
                period_end,
                max(value) filter (where series_name = 'RESH4R_N.WW') as reserves_usd_mn,
                max(value) filter (where series_name = 'RESPPMA_N.WW') as assets_usd_mn
            from {batch}
            where series_name in ('RESH4R_N.WW', 'RESPPMA_N.WW')
            group by all
            having reserves_usd_mn <= 0 or reserves_usd_mn >= assets_usd_mn
            """,
            severity="critical",
            because="2026-11-24: from 2.8 billion (2006) to 4.28 trillion (2021), at most a half of assets.",
        ),
        no_rows(
            "no_week_missing",
            "No Wednesday is missing from total assets between the first and the last.",
            """
            select _fetch_id, period_end, period_end - lag(period_end) over weeks as gap_days
            from {batch}
            where series_name = 'RESPPMA_N.WW' and value is not null
            window weeks as (partition by _fetch_id order by period_end)
            qualify gap_days <> 7
            """,
            severity="critical",
            because="2026-11-24: 1,223 Wednesdays without a gap in FRED's copy, December 2002 to May 2026.",
        ),
        _no_period_of_the_future(0, "2026-11-24: a Wednesday is published on the Thursday after it."),
    ),
    suite(
        H15,
        SOURCE,
        _series_present(
            ("RIFLGFCY10_N.B", "RIFLGFCY02_N.B", "RIFLGFCM03_N.B", "RIFSPFF_N.B"),
            "2026-11-24: the ten- and two-year, the three-month and federal funds are what the metrics read.",
        ),
        no_rows(
            "ten_year_of_a_possible_size",
            "The ten-year Treasury yields between 0 and 20 percent.",
            """
            select period_end, value
            from {batch}
            where series_name like 'RIFLGFCY10_N.%' and (value not between 0 and 20 or unit_multiplier <> 1)
            """,
            severity="critical",
            because="2026-11-24: 0.52 (2020-08-04) to 15.84 (1981-09-30) since 1962; a ratio or basis points fail.",
        ),
        no_rows(
            "ten_year_moves_slowly",
            "The ten-year Treasury moves by less than one percentage point in a day.",
            """
            select _fetch_id, period_end, value - lag(value) over days as change_pct
            from {batch}
            where series_name = 'RIFLGFCY10_N.B' and value is not null
            window days as (partition by _fetch_id order by period_end)
            qualify abs(change_pct) >= 1
            """,
            severity="warning",
            because="2026-11-24: 0.75 (1987-10-20) is the largest move of 16,083 days.",
        ),
        no_rows(
            "nothing_of_moodys",
            "No series of Moody's is landed.",
            "select distinct series_name from {batch} where series_name like 'RIMLP%' or series_description ilike "
            "'%moody%'",
            severity="critical",
            because="2026-11-24: Moody's forbids to store its yields (SOURCES.md 3.1), a release would pass them on.",
        ),
        _no_period_of_the_future(31, "2026-11-24: a mean of the month we are in is dated by the month's end."),
    ),
    suite(
        H10,
        SOURCE,
        _series_present(
            ("JRXWTFB_N.B", "RXI$US_N.B.EU", "RXI_N.B.JA"),
            "2026-11-24: the broad dollar is what claim C21 reads; euro and yen are never missing.",
        ),
        no_rows(
            "broad_dollar_of_a_possible_size",
            "The nominal broad dollar index lies between 60 and 180.",
            """
            select period_end, value
            from {batch}
            where series_name = 'JRXWTFB_N.B' and value not between 60 and 180
            """,
            severity="critical",
            because="2026-11-24: January 2006 is 100; about 86 (2011) to 130 (2025) since.",
        ),
        no_rows(
            "euro_in_dollars",
            "A euro costs between 0.5 and 2 dollars, its multiplier heeded.",
            """
            select period_end, value, unit_multiplier
            from {batch}
            where series_name = 'RXI$US_N.B.EU' and value * unit_multiplier not between 0.5 and 2
            """,
            severity="critical",
            because="2026-11-24: 0.83 (2000) to 1.60 (2008) since 1999; 1.1 and not 0.9 per euro.",
        ),
        _no_period_of_the_future(366, "2026-11-24: a mean of the year we are in is dated by the year's end."),
    ),
    suite(
        H8,
        SOURCE,
        _series_present(
            ("B1151NCBA",),
            "2026-11-24: assets of all commercial banks, seasonally adjusted, set the floor of reserves.",
        ),
        no_rows(
            "bank_assets_in_millions",
            "Assets of all commercial banks are millions of dollars, and trillions of them.",
            """
            select period_end, value, unit_multiplier
            from {batch}
            where
                series_name = 'B1151NCBA'
                and (unit_multiplier <> 1000000 or value not between 3e5 and 6e7)
            """,
            severity="critical",
            because="2026-11-24: 0.6 trillion (1973) to 25.5 trillion (July 2026).",
        ),
        no_rows(
            "bank_assets_move_slowly",
            "Assets of all commercial banks move by less than 5 % in a week.",
            """
            select _fetch_id, period_end, value / lag(value) over weeks - 1 as change_ratio
            from {batch}
            where series_name = 'B1151NCBA' and value is not null
            window weeks as (partition by _fetch_id order by period_end)
            qualify abs(change_ratio) >= 0.05
            """,
            severity="warning",
            because="2026-11-24: the week of 2020-03-25 added some 4 %; no other is known to come near.",
        ),
        _no_period_of_the_future(366, "2026-11-24: a mean of the year we are in is dated by the year's end."),
    ),
    suite(
        PRATES,
        SOURCE,
        _series_present(("RESBM_N.D",), "2026-11-25: SOFR is measured against the rate on reserve balances."),
        no_rows(
            "policy_rates_of_a_possible_size",
            "A rate paid on reserves lies between 0 and 10 percent.",
            """
            select series_name, period_end, value, unit_multiplier
            from {batch}
            where value not between 0 and 10 or unit_multiplier <> 1
            """,
            severity="critical",
            because="2026-11-25: 0.10 (2020) to 5.40 (2023) since October 2008; basis points or a ratio's factor fail.",
        ),
        no_rows(
            "policy_rate_moves_slowly",
            "A rate paid on reserves moves by less than one and a quarter percentage points in a day.",
            """
            select _fetch_id, series_name, period_end, value - lag(value) over days as change_pct
            from {batch}
            where value is not null
            window days as (partition by _fetch_id, series_name order by period_end)
            qualify abs(change_pct) >= 1.25
            """,
            severity="warning",
            because="2026-11-25: one point on 2020-03-16 is the largest move known.",
        ),
        no_rows(
            "no_day_missing",
            "No day is missing from the rate on reserve balances between the first and the last.",
            """
            select _fetch_id, period_end, period_end - lag(period_end) over days as gap_days
            from {batch}
            where series_name = 'RESBM_N.D'
            window days as (partition by _fetch_id order by period_end)
            qualify gap_days <> 1
            """,
            severity="warning",
            because="2026-11-25: others found one figure for every day of the week.",
        ),
        _no_period_of_the_future(5, "2026-11-25: a Friday before a holiday has the rate of the Tuesday after it."),
    ),
    suite(
        EXCESS_BOND_PREMIUM,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="gz_spread_pct",
            min_value=0,
            max_value=15,
            severity="critical",
            description="The credit spread is percentage points, not basis points.",
            notes="2026-11-24: between 0.5 and 8 since 1973 as documented; 1.0 is usual.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="excess_bond_premium_pct",
            min_value=-3,
            max_value=6,
            severity="critical",
            description="The premium is percentage points, not basis points.",
            notes="2026-11-24: between -1.2 and 3.5 since 1973 as documented; zero is its mean.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="recession_probability_ratio",
            min_value=0,
            max_value=1,
            severity="critical",
            description="The probability is a ratio, not a percentage.",
        ),
        no_rows(
            "no_month_missing",
            "No month is missing between the first and the last.",
            """
            select _fetch_id, month_start, lag(month_start) over months as month_before
            from {batch}
            window months as (partition by _fetch_id order by month_start)
            qualify month_start <> month_before + interval 1 month
            """,
            severity="critical",
            because="2026-11-24: a monthly series since January 1973.",
        ),
        no_rows(
            "no_month_of_the_future",
            "No month starts later than the day it was fetched.",
            "select month_start, fetched_at from {batch} where month_start > fetched_at::date",
            severity="critical",
        ),
    ),
]
