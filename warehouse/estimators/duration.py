"""Implied equity duration (Dechow, Sloan and Soliman): how far away the cash is that a price pays for (A.10, C13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.estimate import floats, same_length

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class Fading:
    """How return on equity and growth fade to their long-run values. Shares of 1; the paper's, unverified."""

    cost_of_equity: float = 0.12
    roe_persistence: float = 0.57
    roe_long_run: float = 0.12
    growth_persistence: float = 0.24
    growth_long_run: float = 0.06
    years: int = 10


def implied_duration(
    market_value: ArrayLike,
    book_equity: ArrayLike,
    return_on_equity: ArrayLike,
    sales_growth: ArrayLike,
    *,
    fading: Fading | None = None,
) -> NDArray[np.float64]:
    """Return years: Σ t PV(CF_t) / P over ten years + (10 + (1+r)/r) (1 - Σ PV(CF_t) / P), by firm.

    Values and book are in one money; return on equity and growth are of the last year, 0.12 is 12 %. Cash flow is what
    the book does not keep, CF_t = B_{t-1} (ROE_t - growth_t), the book growing with sales. NaN where an input is
    unknown, or price or book is not positive: the formula has no meaning there. Money that comes sooner than the price
    says gives a negative tail, which is kept.
    """
    by = fading or Fading()
    price, book, roe, growth = (floats(each) for each in (market_value, book_equity, return_on_equity, sales_growth))
    same_length(market_value=price, book_equity=book, return_on_equity=roe, sales_growth=growth)
    meaningful = (price > 0) & (book > 0)
    price, book = np.where(meaningful, price, np.nan), np.where(meaningful, book, np.nan)
    worth, timed = np.zeros(len(price)), np.zeros(len(price))
    for year in range(1, by.years + 1):
        roe = by.roe_long_run + by.roe_persistence * (roe - by.roe_long_run)
        growth = by.growth_long_run + by.growth_persistence * (growth - by.growth_long_run)
        present = book * (roe - growth) / (1 + by.cost_of_equity) ** year
        worth += present
        timed += year * present
        book = book * (1 + growth)
    perpetuity = by.years + (1 + by.cost_of_equity) / by.cost_of_equity
    return np.asarray(timed / price + perpetuity * (1 - worth / price), dtype=np.float64)
