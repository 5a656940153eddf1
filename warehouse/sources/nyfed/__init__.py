"""Federal Reserve Bank of New York: reference rates, repo operations, its securities, the primary dealers."""

from __future__ import annotations

from warehouse.contract import Source
from warehouse.sources.nyfed.operations import REPO, REVERSE_REPO
from warehouse.sources.nyfed.primary_dealers import PRIMARY_DEALERS
from warehouse.sources.nyfed.reference_rates import REFERENCE_RATES
from warehouse.sources.nyfed.soma_holdings import SOMA_HOLDINGS

__all__ = ["PRIMARY_DEALERS", "REFERENCE_RATES", "REPO", "REVERSE_REPO", "SOMA_HOLDINGS", "SOURCE"]

SOURCE = Source(
    code="nyfed",
    title="Federal Reserve Bank of New York, Markets Data",
    homepage="https://markets.newyorkfed.org/static/docs/markets-api.html",
    tables=(REVERSE_REPO, REFERENCE_RATES, REPO, SOMA_HOLDINGS, PRIMARY_DEALERS),
    requests_per_second=1,
)
