"""SEC EDGAR: the filings of each company we follow, its XBRL facts, all filers' statements, and 13F holdings."""

from __future__ import annotations

from warehouse.contract import Source
from warehouse.sources.sec.company_facts import COMPANY_FACTS, SQL, check, partitions, url_of
from warehouse.sources.sec.filers import THIRTEENF_FILERS, UNIVERSE
from warehouse.sources.sec.financial_statements import FINANCIAL_STATEMENTS
from warehouse.sources.sec.submissions import SUBMISSIONS
from warehouse.sources.sec.thirteenf_holdings import THIRTEENF_HOLDINGS

__all__ = [
    "COMPANY_FACTS",
    "FINANCIAL_STATEMENTS",
    "SOURCE",
    "SQL",
    "SUBMISSIONS",
    "THIRTEENF_FILERS",
    "THIRTEENF_HOLDINGS",
    "UNIVERSE",
    "check",
    "partitions",
    "url_of",
]

SOURCE = Source(
    code="sec",
    title="US Securities and Exchange Commission, EDGAR",
    homepage="https://www.sec.gov/search-filings/edgar-application-programming-interfaces",
    # The list of filings comes first: the others look at it to see whether there is anything to ask for.
    tables=(SUBMISSIONS, COMPANY_FACTS, THIRTEENF_HOLDINGS, FINANCIAL_STATEMENTS),
    requests_per_second=5,
)
