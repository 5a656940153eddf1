"""Are the foreign holdings plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, MAJOR_FOREIGN_HOLDERS = find("tic", "major_foreign_holders")
_, RECENT_FOREIGN_HOLDERS = find("tic", "recent_foreign_holders")
_, FOREIGN_HOLDINGS = find("tic", "foreign_holdings")

NEWEST_MONTH_IS_RECENT = no_rows(
    "newest_month_is_recent",
    "The newest month ended at most 80 days before the file was fetched.",
    """
    select _fetch_id, max(month_end) as newest_month_end, max(fetched_at) as fetched_on
    from {batch}
    group by _fetch_id
    having newest_month_end < fetched_on::date - 80
    """,
    severity="warning",
    because="2026-11-24: the day before a release it is 77 days. mfh.txt still answers 200 with a table of 2023; a "
    "frozen file, or a shutdown of the government, looks like this.",
)
NO_MONTH_OF_THE_FUTURE = no_rows(
    "no_month_of_the_future",
    "No month ends later than the day it was fetched.",
    "select month_end, holder_name, fetched_at from {batch} where month_end > fetched_at::date",
    severity="critical",
)

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
        NO_MONTH_OF_THE_FUTURE,
    ),
    suite(
        RECENT_FOREIGN_HOLDERS,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="holdings_usd_bn",
            min_value=0,
            max_value=12_000,
            severity="critical",
            description="Holdings are billions of dollars, not millions.",
            notes="2026-11-24: as in the file of whole years, whose grand total peaked at 9,359.3.",
        ),
        no_rows(
            "largest_holders_present",
            "Every month names Japan, China, the United Kingdom, all others and a grand total.",
            """
            select month_end, _fetch_id, list(holder_name) as holders
            from {batch}
            group by all
            having count(*) filter (
                holder_name in ('Japan', 'China, Mainland', 'United Kingdom', 'All Other', 'Grand Total')
            ) < 5
            """,
            severity="critical",
            because="2026-11-24: the list changes at its lower end; these five have stood in the history since 2000.",
        ),
        no_rows(
            "holders_sum_to_grand_total",
            "The holders of a month sum to its grand total, the 'Of Which' lines left out.",
            """
            select
                month_end,
                _fetch_id,
                sum(holdings_usd_bn) filter (where holder_name <> 'Grand Total') as holders_usd_bn,
                sum(holdings_usd_bn) filter (where holder_name = 'Grand Total') as grand_total_usd_bn
            from {batch}
            where not is_memo
            group by all
            having not coalesce(abs(holders_usd_bn - grand_total_usd_bn) <= 3, false)
            """,
            severity="critical",
            because="2026-11-24: the bound of the file of whole years, where rounding gives up to 0.5.",
        ),
        no_rows(
            "no_month_missing",
            "No month is missing between the first and the last.",
            """
            select _fetch_id, month_end, lag(month_end) over months as month_before
            from {batch}
            where holder_name = 'Grand Total'
            window months as (partition by _fetch_id order by month_end)
            qualify month_end <> last_day(month_before + interval 1 month)
            """,
            severity="critical",
            because="2026-11-24: thirteen months side by side.",
        ),
        NEWEST_MONTH_IS_RECENT,
        NO_MONTH_OF_THE_FUTURE,
    ),
    suite(
        FOREIGN_HOLDINGS,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="holdings_usd_mn",
            min_value=0,
            max_value=12_000_000,
            severity="critical",
            description="Holdings are millions of dollars, and none is negative.",
            notes="2026-11-24: the grand total was 9,487,100 at its highest, in early 2026; 12 million leaves years.",
        ),
        no_rows(
            "largest_holders_present",
            "Every month has Japan, China, the United Kingdom and a grand total.",
            """
            select month_end, _fetch_id, count(*) as row_count
            from {batch}
            group by all
            having count(*) filter (country_code in ('42609', '41408', '13005', '99996')) < 4
            """,
            severity="critical",
            because="2026-11-24: codes of SOURCES.md 4.1; a month without them is cut.",
        ),
        no_rows(
            "official_and_other_holders_sum_to_total",
            "Foreign official and other holders make up the grand total, but for rounding.",
            """
            select
                month_end,
                _fetch_id,
                sum(holdings_usd_mn) filter (country_code in ('99990', '99991')) as parts_usd_mn,
                sum(holdings_usd_mn) filter (country_code = '99996') as total_usd_mn
            from {batch}
            group by all
            having
                count(holdings_usd_mn) filter (country_code in ('99990', '99991', '99996')) = 3
                and abs(parts_usd_mn - total_usd_mn) > 2
            """,
            severity="warning",
            because="2026-11-24: by their names; no recorded file has shown it yet.",
        ),
        no_rows(
            "flows_from_2023_on",
            "No flow is published for a month before February 2023.",
            """
            select month_end, country_code, net_purchases_usd_mn
            from {batch}
            where month_end < date '2023-02-01'
                and coalesce(
                    net_purchases_usd_mn, long_term_net_purchases_usd_mn, short_term_net_purchases_usd_mn
                ) is not null
            """,
            severity="warning",
            because="2026-11-24: the survey that measures them began then; older ones would be another method's.",
        ),
        no_rows(
            "no_month_missing",
            "No month is missing between the first and the last.",
            """
            select _fetch_id, month_end, lag(month_end) over months as month_before
            from {batch}
            where country_code = '99996'
            window months as (partition by _fetch_id order by month_end)
            qualify month_end <> last_day(month_before + interval 1 month)
            """,
            severity="critical",
            because="2026-11-24: monthly since January 2020.",
        ),
        NEWEST_MONTH_IS_RECENT,
        NO_MONTH_OF_THE_FUTURE,
    ),
]
