"""Are the Treasury's auctions, cash, debt and buybacks plausible? Shape, nulls and grain follow from the contracts."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, AUCTIONS = find("fiscaldata", "auctions")
_, UPCOMING_AUCTIONS = find("fiscaldata", "upcoming_auctions")
_, OPERATING_CASH_BALANCE = find("fiscaldata", "operating_cash_balance")
_, DEBT_TO_PENNY = find("fiscaldata", "debt_to_penny")
_, PUBLIC_DEBT_TRANSACTIONS = find("fiscaldata", "public_debt_transactions")
_, MSPD_SUMMARY = find("fiscaldata", "mspd_summary")
_, MSPD_MARKETABLE = find("fiscaldata", "mspd_marketable")
_, BUYBACKS = find("fiscaldata", "buybacks")

RATES = ("high_yield", "avg_med_yield", "low_yield", "high_discnt_rate", "high_investment_rate", "int_rate")

CASH = """
    with balances as (
        select
            _fetch_id,
            record_date,
            max(case
                when account_type = 'Treasury General Account (TGA) Opening Balance'
                    or (
                        record_date < '2022-04-18'
                        and account_type in ('Federal Reserve Account', 'Treasury General Account (TGA)')
                    )
                    then open_today_usd_mn
            end) as opening_usd_mn,
            max(case
                when account_type = 'Treasury General Account (TGA) Closing Balance' then open_today_usd_mn
                when record_date < '2022-04-18'
                    and account_type in ('Federal Reserve Account', 'Treasury General Account (TGA)')
                    then close_today_usd_mn
            end) as closing_usd_mn,
            max(case when account_type like 'Total TGA Deposits%' then open_today_usd_mn end) as deposits_usd_mn,
            max(case when account_type like 'Total TGA Withdrawals%' then open_today_usd_mn end) as withdrawals_usd_mn
        from {batch}
        group by _fetch_id, record_date
    )
"""
"""The Treasury's account of a day, from whichever lines hold it at the time."""


def _no_day_of_the_future(column: str = "record_date") -> gxe.UnexpectedRowsExpectation:
    return no_rows(
        "no_day_of_the_future",
        "No day is later than the day it was fetched.",
        f"select {column}, fetched_at from {{batch}} where {column} > fetched_at::date",
        severity="critical",
    )


def _month_ends() -> gxe.UnexpectedRowsExpectation:
    return no_rows(
        "months_end_on_their_last_day",
        "A statement is of the last day of a month.",
        "select record_date from {batch} where record_date <> last_day(record_date)",
        severity="critical",
        because="2026-11-24: from documentation, and every date of it that is cited anywhere.",
    )


SUITES = [
    suite(
        AUCTIONS,
        SOURCE,
        gxe.ExpectColumnValuesToBeInSet(
            column="security_type",
            value_set=["Bill", "Note", "Bond"],
            severity="critical",
            description="A security is a bill, a note or a bond.",
            notes="2026-11-22: 10,780 auctions since 1979; TIPS, FRN and CMB are flags, not types.",
        ),
        no_rows(
            "accepted_within_tendered",
            "No more is accepted than was tendered.",
            """
            select cusip, auction_date, total_tendered, total_accepted
            from {batch} where total_accepted > total_tendered
            """,
            severity="critical",
            because="2026-11-22: none of 1,657 auctions, 2008 to 2022.",
        ),
        no_rows(
            "bidders_sum_to_competitive",
            "Primary dealers, direct and indirect bidders take all that competitive bids were given.",
            """
            select
                cusip,
                auction_date,
                comp_accepted,
                primary_dealer_accepted + direct_bidder_accepted + indirect_bidder_accepted as bidders_usd
            from {batch}
            where abs(comp_accepted - bidders_usd) > 1e6
            """,
            severity="critical",
            because="2026-11-22: exact to the dollar in 1,657 auctions, 2008 to 2022.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="bid_to_cover_ratio",
            min_value=1,
            max_value=12,
            severity="critical",
            description="Every auction is covered, and none twelve times.",
            notes="2026-11-22: 1.58 (a bond) to 9.07 (a cash-management bill) from 2008 to 2022.",
        ),
        no_rows(
            "bid_to_cover_recomputed",
            "Bids by awards, without the Federal Reserve's own account, give the published bid-to-cover.",
            """
            select
                cusip,
                auction_date,
                bid_to_cover_ratio,
                coalesce(noncomp_accepted, 0) + coalesce(fima_noncomp_accepted, 0) as noncompetitive_usd,
                (comp_tendered + coalesce(noncomp_accepted, 0) + coalesce(fima_noncomp_tendered, 0))
                    / nullif(comp_accepted + noncompetitive_usd, 0) as recomputed
            from {batch}
            where abs(bid_to_cover_ratio - recomputed) > 0.01
            """,
            severity="warning",
            because="2026-11-22: within 0.005 in 1,682 auctions; one total_tendered of 2026 lacks FIMA's bids.",
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=rate,
                min_value=-3,
                max_value=20,
                severity="critical",
                description=f"{rate} is a percent number, such as 4.25.",
                notes="2026-11-22: -1.631 (TIPS of 2021) to about 16 (1981); a fraction or a basis point shows below.",
            )
            for rate in RATES
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="price_per100",
            min_value=0,
            max_value=200,
            strict_min=True,
            severity="critical",
            description="Prices are per 100 of face value.",
            notes="2026-11-22: 88.6 to 133.0 (a reopened TIPS bond) from 2008 to 2022.",
        ),
        no_rows(
            "bills_priced_from_their_discount",
            "A bill's price is 100 less its discount rate over its days of 360.",
            """
            select cusip, auction_date, price_per100, high_discnt_rate, maturity_date - issue_date as days
            from {batch}
            where
                security_type = 'Bill'
                and auction_date >= '2000-01-01'
                and abs(price_per100 - (100 - high_discnt_rate * (maturity_date - issue_date) / 360)) > 0.01
            """,
            severity="critical",
            because="2026-11-22: exact to 1e-6 in 827 bills, 2008 to 2022; older prices have three decimals.",
        ),
        no_rows(
            "matures_after_issue",
            "A security matures after it is issued.",
            "select cusip, issue_date, maturity_date from {batch} where maturity_date <= issue_date",
            severity="critical",
            because="2026-11-22: none of 10,780 auctions since 1979.",
        ),
        no_rows(
            "announced_auctioned_issued_in_order",
            "A security is announced, then auctioned, then issued, within weeks.",
            """
            select cusip, announcemt_date, auction_date, issue_date
            from {batch}
            where announcemt_date > auction_date or issue_date < auction_date or issue_date > auction_date + 60
            """,
            severity="warning",
            because="2026-11-22: issue follows the auction by 1 to 15 days from 2008 to 2022.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="offering_amt",
            min_value=1e8,
            max_value=2e11,
            severity="critical",
            description="Offerings are whole dollars, from a hundred million to two hundred billion.",
            notes="2026-11-22: 5 to 90 billion from 2008 to 2022, and 86 billion for a bill of January 2026.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="allocation_pctage",
            min_value=0,
            max_value=100,
            severity="critical",
            description="The share allotted at the high rate is a percent.",
            notes="2026-11-22: 0.24 to 99.92 from 2008 to 2022.",
        ),
    ),
    suite(
        UPCOMING_AUCTIONS,
        SOURCE,
        gxe.ExpectColumnValuesToBeInSet(
            column="security_type",
            value_set=["Bill", "CMB", "Note", "Bond", "FRN Note", "TIPS Note", "TIPS Bond"],
            severity="warning",
            description="A security is of a type that is known.",
            notes="2026-11-24: from documentation; here TIPS, FRN and CMB are types.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="offering_usd",
            min_value=1e8,
            max_value=3e11,
            severity="critical",
            description="Offerings are whole dollars, from a hundred million to three hundred billion.",
            notes="2026-11-24: as in the table of auctions, where 90 billion was the most until 2022.",
        ),
        no_rows(
            "auctions_of_the_coming_weeks",
            "A snapshot is about auctions of the weeks around it.",
            """
            select record_date, cusip, auction_date
            from {batch} where auction_date not between record_date - 14 and record_date + 90
            """,
            severity="warning",
            because="2026-11-24: from documentation: what is to be announced or sold in the coming week.",
        ),
        _no_day_of_the_future(),
    ),
    suite(
        OPERATING_CASH_BALANCE,
        SOURCE,
        no_rows(
            "one_closing_balance_a_day",
            "Every day has a closing balance of the Treasury's account where its era keeps it.",
            CASH + "select record_date, closing_usd_mn from balances where closing_usd_mn is null",
            severity="critical",
            because="2026-11-24: the line was renamed twice and moved once; a third time must not look like no cash.",
        ),
        no_rows(
            "opens_as_it_closed",
            "A day opens with what the day before closed with.",
            CASH
            + """
            select record_date, opening_usd_mn, lag(closing_usd_mn) over days as closed_before_usd_mn
            from balances
            window days as (partition by _fetch_id order by record_date)
            qualify abs(opening_usd_mn - closed_before_usd_mn) > 1 and record_date - lag(record_date) over days <= 7
            """,
            severity="warning",
            because="2026-11-24: to the million in five days of July 2025; a correction of the day before shows here.",
        ),
        no_rows(
            "flows_explain_the_balance",
            "What was there, with deposits and less withdrawals, is what is left.",
            CASH
            + """
            select record_date, opening_usd_mn, deposits_usd_mn, withdrawals_usd_mn, closing_usd_mn
            from balances
            where abs(opening_usd_mn + deposits_usd_mn - withdrawals_usd_mn - closing_usd_mn) > 2
            """,
            severity="warning",
            because="2026-11-24: to the million in five days of July 2025; before April 2022 flows are not given here.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="open_today_usd_mn",
            min_value=0,
            max_value=3_000_000,
            severity="warning",
            description="Lines are millions of dollars, and none is negative.",
            notes="2026-11-24: the account held at most 1.8 trillion, in July 2020; 15,386 to 343,047 in July 2025.",
        ),
        _no_day_of_the_future(),
    ),
    suite(
        DEBT_TO_PENNY,
        SOURCE,
        no_rows(
            "parts_sum_to_total",
            "Debt held by the public and by the government's accounts sum to the total, to the cent.",
            """
            select record_date, debt_held_public_usd, intragov_hold_usd, tot_pub_debt_out_usd
            from {batch} where debt_held_public_usd + intragov_hold_usd <> tot_pub_debt_out_usd
            """,
            severity="critical",
            because="2026-11-24: exact in all of 61 days, January to March 2025.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="tot_pub_debt_out_usd",
            min_value=4e12,
            max_value=1e14,
            severity="critical",
            description="The debt is in dollars, not in millions.",
            notes="2026-11-24: 4.2 trillion in April 1993 and 36.2 trillion in March 2025.",
        ),
        no_rows(
            "moves_slowly",
            "The debt moves by less than 3 % from day to day.",
            """
            select
                record_date,
                tot_pub_debt_out_usd,
                tot_pub_debt_out_usd::double / lag(tot_pub_debt_out_usd::double) over days - 1 as change_ratio
            from {batch}
            window days as (partition by _fetch_id order by record_date)
            qualify abs(change_ratio) >= 0.03 and record_date - lag(record_date) over days <= 7
            """,
            severity="warning",
            because="2026-11-24: under 0.1 % in 61 days of 2025; the end of a debt limit moved it by some 2 %.",
        ),
        _no_day_of_the_future(),
    ),
    suite(
        PUBLIC_DEBT_TRANSACTIONS,
        SOURCE,
        gxe.ExpectColumnValuesToBeInSet(
            column="transaction_type",
            value_set=["Issues", "Redemptions"],
            severity="critical",
            description="A transaction is an issue or a redemption.",
            notes="2026-11-24: from documentation.",
        ),
        no_rows(
            "both_directions_every_day",
            "Every day has issues and redemptions.",
            """
            select record_date, _fetch_id, list(distinct transaction_type) as directions
            from {batch} group by record_date, _fetch_id having count(distinct transaction_type) < 2
            """,
            severity="critical",
            because="2026-11-24: from documentation: the table lists both with zeros; one alone is a page cut short.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="today_usd_mn",
            min_value=-100_000,
            max_value=2_000_000,
            severity="warning",
            description="A line of a day is millions of dollars, and below two trillion.",
            notes="2026-11-24: from documentation; bills of a day are hundreds of billions, corrections are small.",
        ),
        _no_day_of_the_future(),
    ),
    suite(
        MSPD_SUMMARY,
        SOURCE,
        _month_ends(),
        no_rows(
            "parts_sum_to_total",
            "What the public and the government's accounts hold sums to what is outstanding.",
            """
            select record_date, security_type_desc, security_class_desc, total_usd_mn
            from {batch} where abs(debt_held_public_usd_mn + intragov_hold_usd_mn - total_usd_mn) > 2
            """,
            severity="warning",
            because="2026-11-24: from documentation: figures may be rounded to the million.",
        ),
        no_rows(
            "classes_sum_to_marketable",
            "The classes of marketable securities sum to their total.",
            """
            select
                record_date,
                _fetch_id,
                sum(total_usd_mn) filter (where security_type_desc = 'Marketable') as classes_usd_mn,
                sum(total_usd_mn) filter (where security_type_desc = 'Total Marketable') as marketable_usd_mn
            from {batch}
            group by record_date, _fetch_id
            having not coalesce(abs(classes_usd_mn - marketable_usd_mn) <= 10, false)
            """,
            severity="warning",
            because="2026-11-24: from documentation: rounding of seven classes.",
        ),
        _no_day_of_the_future(),
    ),
    suite(
        MSPD_MARKETABLE,
        SOURCE,
        _month_ends(),
        no_rows(
            "securities_sum_to_total",
            "The securities of a month sum to its grand total, but for what has matured and is not called for.",
            """
            select
                record_date,
                _fetch_id,
                sum(outstanding_usd_mn) filter (
                    where regexp_full_match(security_class2_desc, '[0-9A-Z]*[0-9][0-9A-Z]*')
                ) as securities_usd_mn,
                max(outstanding_usd_mn) filter (where security_class1_desc = 'Total Marketable') as total_usd_mn
            from {batch}
            group by record_date, _fetch_id
            having not coalesce(abs(securities_usd_mn / total_usd_mn - 1) <= 0.005, false)
            """,
            severity="warning",
            because="2026-11-24: from documentation: a double count of subtotals would double it.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="interest_rate_pct",
            min_value=-1,
            max_value=20,
            severity="critical",
            description="Coupons are percent numbers, such as 4.25.",
            notes="2026-11-24: bonds of the 1980s paid 14 %; a floating-rate note's spread is near zero.",
        ),
        no_rows(
            "accretion_within_outstanding",
            "Accretion with prices is part of what is outstanding.",
            """
            select record_date, security_class2_desc, inflation_adj_usd_mn, outstanding_usd_mn
            from {batch} where inflation_adj_usd_mn > outstanding_usd_mn
            """,
            severity="warning",
            because="2026-11-24: from documentation: it would take a doubling of prices and more.",
        ),
        _no_day_of_the_future(),
    ),
    suite(
        BUYBACKS,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="max_par_redeemed_usd",
            min_value=1e8,
            max_value=1e11,
            severity="critical",
            description="The most to be bought is whole dollars, from a hundred million to a hundred billion.",
            notes="2026-11-24: from documentation: 2 billion at the long end, up to 15 billion for cash management.",
        ),
        no_rows(
            "accepted_within_the_limit",
            "No more is bought than the Treasury was ready to buy.",
            """
            select operation_date, maturity_bucket, max_par_redeemed_usd, total_par_accepted_usd
            from {batch} where total_par_accepted_usd > max_par_redeemed_usd
            """,
            severity="warning",
            because="2026-11-24: from documentation; the limit of the operations of 2000 to 2002 was a rough one.",
        ),
        no_rows(
            "accepted_among_eligible",
            "No more securities are bought than could be offered.",
            """
            select operation_date, maturity_bucket, issues_eligible_count, issues_accepted_count
            from {batch} where issues_accepted_count > issues_eligible_count
            """,
            severity="warning",
            because="2026-11-24: from documentation.",
        ),
        no_rows(
            "results_follow",
            "An operation has its results a week later.",
            """
            select operation_date, maturity_bucket, fetched_at
            from {batch} where total_par_accepted_usd is null and operation_date < fetched_at::date - 7
            """,
            severity="warning",
            because="2026-11-24: from documentation: results come within the hour; a cancelled one shows here.",
        ),
    ),
]
