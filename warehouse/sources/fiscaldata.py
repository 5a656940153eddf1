"""Treasury auctions since 1979: Fiscal Data's API, its whole-history download, and TreasuryDirect as fallback."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from warehouse.contract import (
    Cadence,
    Column,
    KnownAt,
    Licence,
    Partition,
    Source,
    Table,
    year_closes_at,
)
from warehouse.errors import ContractViolation, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/od/auctions_query"
TREASURYDIRECT = "https://www.treasurydirect.gov/TA_WS/securities/search"
FIRST_YEAR = 1979
PAGE_SIZE = 1000
MISSING = {"", "null", "."}

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
    """Yield one row per announced or auctioned security, whichever of the three shapes the body has."""
    text = response.text()
    if text.startswith("CUSIP,"):
        rows = _download(text, response.url)
    elif text.lstrip()[:1] in {"{", "["}:
        rows = _json(text, response.url)
    else:
        raise ContractViolation(
            f"{response.url} holds no auctions",
            expected="Fiscal Data JSON, its CSV download, or TreasuryDirect JSON",
            got=repr(text[:60]),
        )
    names = [c.name for c in AUCTIONS.columns]
    for given in rows:
        yield {name: None if (value := given.get(name)) in MISSING else value for name in names}


def _download(text: str, url: str) -> Iterator[dict[str, str]]:
    """Yield the rows of the CSV download under our names; the columns that it has not are left out."""
    reader = csv.reader(text.splitlines())
    header = next(reader)
    _compare(header, CSV_HEADER, (), url)
    for number, fields in enumerate(reader, start=1):
        if len(fields) != len(header):
            raise ContractViolation(
                f"{url}, row {number}, is cut or torn", expected=f"{len(header)} fields", got=f"{len(fields)}"
            )
        named = zip((CSV_HEADER[h] for h in header), fields, strict=True)
        yield {name: value.strip() for name, value in named if name}


def _json(text: str, url: str) -> Iterator[dict[str, str]]:
    """Yield the objects of either JSON shape under our names."""
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ContractViolation(f"{url} is not JSON", expected="JSON", got=str(error)) from error
    if isinstance(body, list):
        for number, record in enumerate(body, start=1):
            given = _record(record, TREASURYDIRECT_NAMES, TREASURYDIRECT_IGNORED, f"{url}, row {number}")
            # Dates come as midnights of no time zone: 2022-08-15T00:00:00.
            yield {name: given[theirs].removesuffix("T00:00:00") for theirs, name in TREASURYDIRECT_NAMES.items()}
        return
    _check_page(body, url)
    landed = {c.name for c in AUCTIONS.columns}
    for number, record in enumerate(body["data"], start=1):
        given = _record(record, landed, IGNORED, f"{url}, row {number}")
        yield {name: given[name] for name in landed}


def _check_page(body: dict[str, object], url: str) -> None:
    """Refuse a page without rows' list, or whose own count says that rows are missing."""
    rows, meta = body.get("data"), body.get("meta")
    if not isinstance(rows, list):
        raise ContractViolation(
            f"{url} has no list 'data'", expected="{'data': [...], 'meta': ...}", got=repr(sorted(body))[:80]
        )
    if meta is not None and not isinstance(meta, dict):
        raise ContractViolation(f"{url}, meta", expected="an object", got=type(meta).__name__)
    if meta and meta.get("count") != len(rows):
        raise ContractViolation(
            f"{url} is not whole", expected=f"{meta.get('count')} rows, as meta says", got=f"{len(rows)}"
        )


def _record(record: object, required: Collection[str], ignored: Collection[str], where: str) -> dict[str, str]:
    """Return an object whose fields are all known and all text, blanks trimmed."""
    if not isinstance(record, dict):
        raise ContractViolation(where, expected="an object", got=repr(record)[:60])
    _compare(record, required, ignored, where)
    for name, value in record.items():
        if value is not None and not isinstance(value, str):
            raise ContractViolation(f"{where}, {name}", expected="text", got=repr(value)[:60])
    return {name: (value or "").strip() for name, value in record.items()}


def _compare(given: Collection[str], required: Collection[str], ignored: Collection[str], where: str) -> None:
    missing = sorted(set(required) - set(given))
    new = sorted(set(given) - set(required) - set(ignored))
    if missing or new:
        raise ContractViolation(
            f"{where} has other fields than promised",
            expected=f"{len(required)} known fields",
            got=f"missing {missing}, new {new}",
        )


def fetch(get: Get, *, year: int) -> Iterator[Response]:
    """Ask for every page of the auctions of a calendar year; where the API does not answer, TreasuryDirect."""
    try:
        first = get(URL, expect="json", params=query(year, page=1))
    except SourceUnavailable as unavailable:
        try:
            yield get(TREASURYDIRECT, expect="json", params=fallback_query(year), is_fallback=True)
        except SourceUnavailable:
            raise unavailable from None
        return
    yield first
    rows = _count(first, "count")
    for page in range(2, _count(first, "total-pages") + 1):
        answer = get(URL, expect="json", params=query(year, page=page))
        rows += _count(answer, "count")
        yield answer
    if rows != _count(first, "total-count"):  # fewer rows would be taken for withdrawn records
        raise ContractViolation(
            f"The pages of {first.url} are not the whole year",
            expected=f"{_count(first, 'total-count')} rows, as the first page says",
            got=f"{rows}",
        )


def query(year: int, *, page: int) -> dict[str, str]:
    """Return the query of one page of a year; the total order keeps rows from moving between pages."""
    return {
        "filter": f"auction_date:gte:{year}-01-01,auction_date:lte:{year}-12-31",
        "format": "json",
        "page[number]": str(page),
        "page[size]": str(PAGE_SIZE),
        "sort": "auction_date,cusip,issue_date",
    }


def fallback_query(year: int) -> dict[str, str]:
    """Return TreasuryDirect's query of a year's auctions."""
    return {
        "dateFieldName": "auctionDate",
        "endDate": f"12/31/{year}",
        "format": "json",
        "startDate": f"01/01/{year}",
    }


def _count(response: Response, name: str) -> int:
    """Return a number of a page's meta.

    Raises:
        ContractViolation: there is none; without it nobody could tell whether the answer is whole.
    """
    try:
        count = json.loads(response.body)["meta"][name]
    except (ValueError, KeyError, TypeError) as error:
        raise ContractViolation(
            f"{response.url} does not say how much there is", expected=f"meta['{name}']", got=repr(response.body[:60])
        ) from error
    if type(count) is not int:
        raise ContractViolation(f"{response.url}, meta['{name}']", expected="a number", got=repr(count))
    return count


def partitions(now: datetime) -> list[Partition]:
    """Name the calendar years of auction dates, the next one too when its first auctions may be announced."""
    return [
        Partition(key=str(year), fetch=partial(fetch, year=year), closes_at=year_closes_at(year))
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
    cadence=Cadence(cron="30 13,17 * * 1-5", stale_after_days=10),
    licence=Licence(
        name="Free to copy, adapt and redistribute without restriction",
        url="https://fiscaldata.treasury.gov/about-us/#api",
        redistributable=True,
    ),
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
    about=("auction_date", "auction_date"),
)

SOURCE = Source(
    code="fiscaldata",
    title="US Treasury, Fiscal Data",
    homepage="https://fiscaldata.treasury.gov/datasets/treasury-securities-auctions-data/",
    tables=(AUCTIONS,),
    requests_per_second=2,
)
