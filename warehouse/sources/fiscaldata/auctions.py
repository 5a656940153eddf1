"""Treasury auctions since 1979: Fiscal Data's API, its whole-history download, and TreasuryDirect as fallback."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Partition, Table, year_closes_at
from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.sources.fiscaldata._api import BASE, LICENCE, NULLS, in_year, records, trimmed, whole
from warehouse.sources.fiscaldata._api import query as paged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

ENDPOINT = "v1/accounting/od/auctions_query"
URL = f"{BASE}/{ENDPOINT}"
TREASURYDIRECT = "https://www.treasurydirect.gov/TA_WS/securities/search"
FIRST_YEAR = 1979
PAGE_SIZE = 1_000
ORDER = ("auction_date", "cusip", "issue_date")

CSV_HEADER = {
    "CUSIP": "cusip",
    "Security Type": "security_type",
    "Security Term": "security_term",
    "Auction Date": "auction_date",
    "Issue Date": "issue_date",
    "Maturity Date": "maturity_date",
    "Price per $100": "price_per100",
    "Download PDF - Announcement": "pdf_filenm_announcemt",
    "Download PDF - Competitive Results": "pdf_filenm_comp_results",
    "Download PDF - Noncompetitive Results": None,
    "Download XML - Announcement": None,
    "Download XML - Competitive Results": "xml_filenm_comp_results",
}
"""The download's human headers and the columns they fill; None is read past."""

TREASURYDIRECT_NAMES = {
    "cusip": "cusip",
    "securityType": "security_type",
    "securityTerm": "security_term",
    "originalSecurityTerm": "original_security_term",
    "series": "series",
    "announcementDate": "announcemt_date",
    "auctionDate": "auction_date",
    "issueDate": "issue_date",
    "maturityDate": "maturity_date",
    "datedDate": "dated_date",
    "maturingDate": "mat_date",
    "reopening": "reopening",
    "cashManagementBillCMB": "cash_management_bill_cmb",
    "floatingRate": "floating_rate",
    "tips": "inflation_index_security",
    "auctionFormat": "auction_format",
    "offeringAmount": "offering_amt",
    "totalTendered": "total_tendered",
    "totalAccepted": "total_accepted",
    "competitiveTendered": "comp_tendered",
    "competitiveAccepted": "comp_accepted",
    "noncompetitiveAccepted": "noncomp_accepted",
    "fimaNoncompetitiveTendered": "fima_noncomp_tendered",
    "fimaNoncompetitiveAccepted": "fima_noncomp_accepted",
    "treasuryDirectAccepted": "treas_retail_accepted",
    "somaTendered": "soma_tendered",
    "somaAccepted": "soma_accepted",
    "somaHoldings": "soma_holdings",
    "somaIncluded": "soma_included",
    "currentlyOutstanding": "currently_outstanding",
    "estimatedAmountOfPubliclyHeldMaturingSecuritiesByType": "est_pub_held_mat_by_type_amt",
    "bidToCoverRatio": "bid_to_cover_ratio",
    "primaryDealerTendered": "primary_dealer_tendered",
    "primaryDealerAccepted": "primary_dealer_accepted",
    "directBidderTendered": "direct_bidder_tendered",
    "directBidderAccepted": "direct_bidder_accepted",
    "indirectBidderTendered": "indirect_bidder_tendered",
    "indirectBidderAccepted": "indirect_bidder_accepted",
    "allocationPercentage": "allocation_pctage",
    "highYield": "high_yield",
    "averageMedianYield": "avg_med_yield",
    "lowYield": "low_yield",
    "highDiscountRate": "high_discnt_rate",
    "averageMedianDiscountRate": "avg_med_discnt_rate",
    "lowDiscountRate": "low_discnt_rate",
    "highInvestmentRate": "high_investment_rate",
    "highDiscountMargin": "high_discnt_margin",
    "averageMedianDiscountMargin": "avg_med_discnt_margin",
    "spread": "spread",
    "interestRate": "int_rate",
    "highPrice": "high_price",
    "pricePer100": "price_per100",
    "unadjustedPrice": "unadj_price",
    "adjustedPrice": "adj_price",
    "pdfFilenameAnnouncement": "pdf_filenm_announcemt",
    "pdfFilenameCompetitiveResults": "pdf_filenm_comp_results",
    "xmlFilenameCompetitiveResults": "xml_filenm_comp_results",
    "closingTimeCompetitive": "closing_time_comp",
}
"""TreasuryDirect's field and its twin at Fiscal Data. `record_date` has none and stays null."""

IGNORED = frozenset(
    """
    accrued_int_per100 accrued_int_per1000 adj_accrued_int_per1000 allocation_pctage_decimals announcemtd_cusip
    avg_med_investment_rate avg_med_price back_dated back_dated_date call_date callable called_date
    closing_time_noncomp comp_bid_decimals comp_tenders_accepted corpus_cusip cpi_base_reference_period fima_included
    first_int_payment_date first_int_period frn_index_determination_date frn_index_determination_rate
    index_ratio_on_issue_date int_payment_frequency low_discnt_margin low_investment_rate low_price
    max_comp_award max_noncomp_award max_single_bid min_bid_amt min_strip_amt min_to_issue
    multiples_to_bid multiples_to_issue nlp_exclusion_amt
    nlp_reporting_threshold noncomp_tenders_accepted original_cusip original_dated_date original_issue_date
    pdf_filenm_noncomp_results pdf_filenm_spec_announcemt ref_cpi_on_dated_date ref_cpi_on_issue_date
    security_term_day_month security_term_week_year std_int_payment_per1000 strippable tiin_conversion_factor_per1000
    tint_cusip_1 tint_cusip_2 treas_retail_tenders_accepted unadj_accrued_int_per1000 xml_filenm_announcemt
    """.split()  # noqa: SIM905  (a page of quoted names is harder to compare with the publisher's list)
)
"""Fields of Fiscal Data that are known and not landed."""

TREASURYDIRECT_IGNORED = frozenset(
    """
    accruedInterestPer100 accruedInterestPer1000 adjustedAccruedInterestPer1000 allocationPercentageDecimals
    announcedCusip auctionDateYear averageMedianInvestmentRate averageMedianPrice backDated backDatedDate callDate
    callable calledDate closingTimeNoncompetitive competitiveBidDecimals competitiveTendersAccepted corpusCusip
    cpiBaseReferencePeriod fimaIncluded firstInterestPaymentDate firstInterestPeriod frnIndexDeterminationDate
    frnIndexDeterminationRate indexRatioOnIssueDate interestPaymentFrequency lowDiscountMargin lowInvestmentRate
    lowPrice maximumCompetitiveAward maximumNoncompetitiveAward maximumSingleBid minimumBidAmount minimumStripAmount
    minimumToIssue multiplesToBid multiplesToIssue nlpExclusionAmount nlpReportingThreshold
    noncompetitiveTendersAccepted originalCusip originalDatedDate originalIssueDate pdfFilenameNoncompetitiveResults
    pdfFilenameSpecialAnnouncement refCpiOnDatedDate refCpiOnIssueDate securityTermDayMonth securityTermWeekYear
    standardInterestPaymentPer1000 strippable term tiinConversionFactorPer1000 tintCusip1 tintCusip2
    treasuryDirectTendersAccepted type unadjustedAccruedInterestPer1000 updatedTimestamp xmlFilenameAnnouncement
    xmlFilenameSpecialAnnouncement
    """.split()  # noqa: SIM905  (a page of quoted names is harder to compare with the publisher's list)
)
"""Fields of TreasuryDirect that are known and not landed; `type` and `term` repeat others."""


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per announced or auctioned security under Fiscal Data's names, whichever shape the body has.

    The API, TreasuryDirect and the download each have fields that the others lack: what a shape does not have is
    null, what it ought to have and lacks is left for the landing to refuse.
    """
    start = response.text()[:64].lstrip()
    if start.startswith("CUSIP,"):
        return _download(response)
    if start.startswith("{"):
        return iter(records(response))
    if start.startswith("["):
        return _treasurydirect(response)
    raise ContractViolation(
        f"{response.url} holds no auctions",
        expected="Fiscal Data JSON, its CSV download, or TreasuryDirect JSON",
        got=repr(start),
    )


def _download(response: Response) -> Iterator[Row]:
    """Yield the rows of the CSV download."""
    names = {header: name for header, name in CSV_HEADER.items() if name}
    absent = dict.fromkeys(set(LANDED) - set(names.values()))
    for number, record in enumerate(wire.csv_records(response), 1):
        yield absent | _renamed(record, names, f"{response.url}, row {number}")


def _treasurydirect(response: Response) -> Iterator[Row]:
    """Yield TreasuryDirect's rows. Its dates come as midnights of no time zone: 2022-08-15T00:00:00."""
    for number, record in enumerate(wire.json_records(response), 1):
        row = _renamed(trimmed(record), TREASURYDIRECT_NAMES, f"{response.url}, row {number}")
        yield {"record_date": None} | {n: v and v.removesuffix("T00:00:00") for n, v in row.items()}


def _renamed(record: wire.Record, names: Mapping[str, str], where: str) -> wire.Record:
    """Return the record under Fiscal Data's names; a field that no name is known for keeps its own."""
    renamed = {names.get(name, name): value for name, value in record.items()}
    if len(renamed) < len(record):
        raise ContractViolation(
            f"{where} says one thing twice", expected="one field for each name", got=sorted(set(record) & set(LANDED))
        )
    return renamed


def fetch(get: Get, *, year: int) -> list[Response]:
    """Return every page of the auctions of a calendar year; where the API does not answer, TreasuryDirect's.

    Pages are small here, since a row has 114 fields.
    """
    try:
        return whole(get, ENDPOINT, in_year("auction_date", year), ORDER, size=PAGE_SIZE)
    except SourceUnavailable as unavailable:
        try:
            return [get(TREASURYDIRECT, expect="json", params=fallback_query(year), is_fallback=True)]
        except SourceUnavailable:
            raise unavailable from None


def query(year: int, *, page: int) -> dict[str, str]:
    """Return the query of one page of a year."""
    return paged(in_year("auction_date", year), ORDER, page=page, size=PAGE_SIZE)


def fallback_query(year: int) -> dict[str, str]:
    """Return TreasuryDirect's query of a year's auctions."""
    return {
        "dateFieldName": "auctionDate",
        "endDate": f"12/31/{year}",
        "format": "json",
        "startDate": f"01/01/{year}",
    }


def partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of auction dates, the next one too when its first auctions may be announced.

    A row is filled in place: announced first, its results later. So a year is read anew, whole, on every run until a
    month after its end; that is one request, and covers both the thirty days before and every row still without
    results, since none waits for them longer than some weeks. Then it has settled and is not asked for again.
    """
    return [
        Partition(
            key=str(year),
            fetch=partial(fetch, year=year),
            period=(date(year, 1, 1), date(year, 12, 31)),
            closes_at=year_closes_at(year),
        )
        for year in range(FIRST_YEAR, (now + timedelta(days=14)).year + 1)
    ]


RESULTS_NULL = "Null before the results, and where not published."


def _text(name: str, description: str) -> Column:
    return Column(name=name, type="VARCHAR", description=description)


def _date(name: str, description: str) -> Column:
    return Column(name=name, type="DATE", description=description)


def _flag(name: str, description: str) -> Column:
    return Column(name=name, type="BOOLEAN", description=f"{description} Null where not published.")


def _usd(name: str, description: str) -> Column:
    return Column(name=name, type="DECIMAL(18, 2)", unit="USD", description=f"{description} {RESULTS_NULL}")


def _pct(name: str, description: str) -> Column:
    return Column(name=name, type="DECIMAL(12, 6)", unit="percent", description=f"{description} {RESULTS_NULL}")


def _per100(name: str, description: str) -> Column:
    return Column(
        name=name, type="DECIMAL(12, 6)", unit="USD per 100 face", description=f"{description} {RESULTS_NULL}"
    )


AUCTIONS = Table(
    name="auctions",
    description="One marketable Treasury security as announced and, later, auctioned. A reopening is a row of its own "
    "with the same CUSIP; amounts are whole US dollars, rates are percent.",
    grain=("cusip", "issue_date"),
    columns=(
        Column(name="cusip", type="VARCHAR", required=True, description="Security's CUSIP, shared by reopenings."),
        Column(
            name="issue_date",
            type="DATE",
            required=True,
            description="Day the security is issued and paid for. Cash moves then, not on the auction date.",
        ),
        _date("record_date", "Date of the publisher's record. Null where it came from another of its doors."),
        Column(
            name="security_type",
            type="VARCHAR",
            required=True,
            description="Type: 'Bill', 'Note' or 'Bond'. TIPS, floating-rate notes and cash bills are flags.",
        ),
        _text("security_term", "Term at this sale. A reopening shows what remains, such as '9-Year 11-Month'."),
        _text("original_security_term", "Term when first issued. Null where not published."),
        _text("series", "Series of a note or bond. Null for bills and where not published."),
        _date("announcemt_date", "Day the auction was announced. Null where not published."),
        Column(name="auction_date", type="DATE", required=True, description="Day bids were taken."),
        Column(name="maturity_date", type="DATE", required=True, description="Day the principal is repaid."),
        _date("dated_date", "Day from which interest accrues. Null for bills and where not published."),
        _date("mat_date", "Day on which the securities being refunded mature. Null where not published."),
        _flag("reopening", "Whether more of an outstanding security was sold."),
        _flag("cash_management_bill_cmb", "Whether it is a cash management bill, which may be of any term."),
        _flag("floating_rate", "Whether it is a floating-rate note."),
        _flag("inflation_index_security", "Whether it is a TIPS."),
        _text("auction_format", "How the price is set, such as 'Single-Price' or 'Single Price'. Null in the past."),
        _text("closing_time_comp", "Time at which competitive bidding closes in New York, such as '11:30 AM'."),
        _usd("offering_amt", "Amount offered to the public, before SOMA add-ons."),
        _usd("total_tendered", "All bids, SOMA's included."),
        _usd("total_accepted", "All awards, SOMA's included."),
        _usd("comp_tendered", "Competitive bids."),
        _usd("comp_accepted", "Competitive awards."),
        _usd("noncomp_accepted", "Noncompetitive awards, without FIMA's and SOMA's."),
        _usd("fima_noncomp_tendered", "Noncompetitive bids of foreign official accounts at the New York Fed."),
        _usd("fima_noncomp_accepted", "Noncompetitive awards to foreign official accounts at the New York Fed."),
        _usd("treas_retail_accepted", "Awards to TreasuryDirect accounts."),
        _usd("soma_tendered", "Bids of the Federal Reserve's own account, added on top of the offering."),
        _usd("soma_accepted", "Awards to the Federal Reserve's own account, on top of the offering."),
        _usd("soma_holdings", "What the Federal Reserve's own account held of the maturing securities."),
        _flag("soma_included", "Whether SOMA's award is part of the offering amount."),
        _usd("currently_outstanding", "Amount outstanding of the reopened security before this sale."),
        _usd("est_pub_held_mat_by_type_amt", "Estimate of maturing securities of the type that the public holds."),
        Column(
            name="bid_to_cover_ratio",
            type="DECIMAL(12, 6)",
            unit="ratio",
            description=f"Bids for each dollar awarded, as published to two decimals. {RESULTS_NULL}",
        ),
        _usd("primary_dealer_tendered", "Competitive bids of primary dealers. Published since April 2008."),
        _usd("primary_dealer_accepted", "Competitive awards to primary dealers. Published since April 2008."),
        _usd("direct_bidder_tendered", "Competitive bids of direct bidders. Published since April 2008."),
        _usd("direct_bidder_accepted", "Competitive awards to direct bidders. Published since April 2008."),
        _usd("indirect_bidder_tendered", "Competitive bids of indirect bidders. Published since April 2008."),
        _usd("indirect_bidder_accepted", "Competitive awards to indirect bidders. Published since April 2008."),
        _pct("allocation_pctage", "Share of the bids at the stop-out rate that were filled."),
        _pct("high_yield", "Stop-out yield of a note or bond; real for TIPS."),
        _pct("avg_med_yield", "Median yield of the awarded bids; an average in early years."),
        _pct("low_yield", "Lowest yield bid."),
        _pct("high_discnt_rate", "Stop-out discount rate of a bill."),
        _pct("avg_med_discnt_rate", "Median discount rate of a bill's awarded bids; an average in early years."),
        _pct("low_discnt_rate", "Lowest discount rate bid for a bill."),
        _pct("high_investment_rate", "Coupon-equivalent yield at a bill's stop-out rate."),
        _pct("high_discnt_margin", "Stop-out discount margin of a floating-rate note. May be negative."),
        _pct("avg_med_discnt_margin", "Median discount margin of a floating-rate note. May be negative."),
        _pct("spread", "Spread that a floating-rate note pays over its index. May be negative."),
        _pct("int_rate", "Coupon rate, set by the auction."),
        _per100("high_price", "Price at the stop-out rate."),
        _per100("price_per100", "Price paid, without accrued interest."),
        _per100("unadj_price", "Price of a TIPS before adjustment for inflation."),
        _per100("adj_price", "Price of a TIPS after adjustment for inflation."),
        _text("pdf_filenm_announcemt", "File name of the announcement. Null where there is none."),
        _text("pdf_filenm_comp_results", "File name of the results. Null where there is none."),
        _text("xml_filenm_comp_results", "File name of the results as XML. Null where there is none."),
    ),
    cadence=Cadence(
        cron="30 13,17 * * 1-5",
        stale_after_days=10,
        due=Due(
            every="week",
            weekday=3,
            at="17:00",
            calendar="sifma_us",
            not_due="Bills are sold in every week, so a week without a new auction by Thursday evening is late; single "
            "days have none.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql="""
            case
                when coalesce(price_per100, total_accepted, high_yield, high_discnt_rate, high_discnt_margin,
                              high_price, high_investment_rate) is null
                    then new_york(coalesce(announcemt_date, auction_date), time '11:00')
                when security_type = 'Bill' and closing_time_comp in ('10:00 AM', '11:30 AM')
                    then new_york(auction_date, time '11:35')
                when security_type = 'Bill' and closing_time_comp is null and auction_date >= date '2009-12-01'
                    then new_york(auction_date, time '11:35')
                else new_york(auction_date, time '13:05')
            end
        """,
        pit_quality="'dated'",
        description="Results: 11:35 New York for bills, 13:05 for what closes at one o'clock (coupons, some bills, and "
        "bills before December 2009 whose closing time is not given). Announcements: 11:00 New York.",
    ),
    partitions=partitions,
    extract=extract,
    nulls=NULLS | {"."},
    ignored=IGNORED | TREASURYDIRECT_IGNORED | {header for header, name in CSV_HEADER.items() if name is None},
    estimate=Estimate(requests=1, rows=400, megabytes=1.4),
    about=("auction_date", "auction_date"),
)

LANDED = tuple(column.name for column in AUCTIONS.columns)
