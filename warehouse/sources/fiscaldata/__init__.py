"""US Treasury, Fiscal Data: auctions past and to come, the daily cash statement, the public debt, and buybacks.

One module a table; `_api` holds what they share.
"""

from __future__ import annotations

from warehouse.contract import Source
from warehouse.sources.fiscaldata.auctions import (
    AUCTIONS,
    CSV_HEADER,
    IGNORED,
    TREASURYDIRECT,
    TREASURYDIRECT_IGNORED,
    TREASURYDIRECT_NAMES,
    URL,
    query,
)
from warehouse.sources.fiscaldata.buybacks import BUYBACKS
from warehouse.sources.fiscaldata.debt_to_penny import DEBT_TO_PENNY
from warehouse.sources.fiscaldata.mspd_marketable import MSPD_MARKETABLE
from warehouse.sources.fiscaldata.mspd_summary import MSPD_SUMMARY
from warehouse.sources.fiscaldata.operating_cash_balance import OPERATING_CASH_BALANCE
from warehouse.sources.fiscaldata.public_debt_transactions import PUBLIC_DEBT_TRANSACTIONS
from warehouse.sources.fiscaldata.upcoming_auctions import UPCOMING_AUCTIONS

__all__ = [
    "AUCTIONS",
    "BUYBACKS",
    "CSV_HEADER",
    "DEBT_TO_PENNY",
    "IGNORED",
    "MSPD_MARKETABLE",
    "MSPD_SUMMARY",
    "OPERATING_CASH_BALANCE",
    "PUBLIC_DEBT_TRANSACTIONS",
    "SOURCE",
    "TREASURYDIRECT",
    "TREASURYDIRECT_IGNORED",
    "TREASURYDIRECT_NAMES",
    "UPCOMING_AUCTIONS",
    "URL",
    "query",
]

SOURCE = Source(
    code="fiscaldata",
    title="US Treasury, Fiscal Data",
    homepage="https://fiscaldata.treasury.gov",
    tables=(
        AUCTIONS,
        UPCOMING_AUCTIONS,
        OPERATING_CASH_BALANCE,
        DEBT_TO_PENNY,
        PUBLIC_DEBT_TRANSACTIONS,
        MSPD_SUMMARY,
        MSPD_MARKETABLE,
        BUYBACKS,
    ),
    requests_per_second=2,
)
