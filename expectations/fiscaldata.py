"""Are the auctions plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, AUCTIONS = find("fiscaldata", "auctions")

RATES = ("high_yield", "avg_med_yield", "low_yield", "high_discnt_rate", "high_investment_rate", "int_rate")

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
    )
]
