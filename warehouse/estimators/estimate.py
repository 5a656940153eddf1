"""What an estimator answers: a value with its uncertainty, or no value and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and how far it can be trusted. Without a value every number but the counts is NaN.

    `low` and `high` bound the interval the estimator names (95 % unless it says otherwise). `effective_n` counts the
    observations by their weights, (Σw)²/Σw².
    """

    value: float
    standard_error: float = NAN
    low: float = NAN
    high: float = NAN
    n: int = 0
    effective_n: float = NAN
    null_reason: str | None = None

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.null_reason is None


def refused(reason: str, *, n: int = 0, effective_n: float = NAN) -> Estimate:
    """Return no value, and why."""
    return Estimate(value=NAN, n=n, effective_n=effective_n, null_reason=reason)


def too_few(have: float, need: float) -> str:
    """Return the null_reason of a sample that is too small."""
    return f"short_history: {int(have)} of {int(need)}"


def floats(values: ArrayLike) -> NDArray[np.float64]:
    """Return a contiguous array of floats; what is infinite counts as unknown."""
    array = np.array(values, dtype=np.float64, order="C")
    array[~np.isfinite(array)] = np.nan
    return array


def same_length(**arrays: NDArray[np.float64]) -> int:
    """Return the common number of rows.

    Raises:
        ValueError: they are not of one length.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the arrays are not of one length: {lengths}")
    return next(iter(lengths.values()))


def known_rows(*arrays: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows have every number."""
    known = np.ones(len(arrays[0]), dtype=np.bool_)
    for array in arrays:
        known &= ~np.isnan(array) if array.ndim == 1 else ~np.isnan(array).any(axis=1)
    return known
