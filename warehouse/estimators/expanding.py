"""Where a value stands in its own history up to its day, and no further.

`min_history` counts the known values up to and including the day. A NaN is answered by NaN and counted nowhere. `start`
returns the days from that index on alone, at the cost of those days and one sort of what came before: what a day adds
to a history need not be bought with the whole of it.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.estimate import floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_CHUNK = 128
"""Days ranked at once: within a chunk all pairs are compared, before it they are looked up in a sorted array."""
_UP_TO_IT = np.tri(_CHUNK, dtype=np.bool_)
"""One row a day: the days of the chunk up to it."""


def expanding_rank(x: ArrayLike, min_history: int, *, start: int = 0) -> NDArray[np.float64]:
    """Return (#{s<=t: x_s < x_t} + 0.5 #{s<=t: x_s = x_t}) / n_t, which lies in (0, 1)."""
    values = floats(x)
    answer = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    before = int(known[:start].sum())
    positions = np.flatnonzero(known)
    sample = values[positions]
    past = np.sort(sample[:before])
    for first in range(before, len(sample), _CHUNK):
        chunk = sample[first : first + _CHUNK]
        lower = past.searchsorted(chunk, side="left")
        equal = past.searchsorted(chunk, side="right") - lower
        up_to_it = _UP_TO_IT[: len(chunk), : len(chunk)]
        lower += np.count_nonzero((chunk[None, :] < chunk[:, None]) & up_to_it, axis=1)
        equal += np.count_nonzero((chunk[None, :] == chunk[:, None]) & up_to_it, axis=1)
        count = np.arange(first + 1, first + 1 + len(chunk))
        rank = np.where(count >= min_history, (lower + 0.5 * equal) / count, np.nan)
        answer[positions[first : first + _CHUNK]] = rank
        ordered = np.sort(chunk)
        past = np.insert(past, past.searchsorted(ordered), ordered)
    return answer[start:]


def expanding_z(x: ArrayLike, min_history: int, *, winsor: float = 4.0, start: int = 0) -> NDArray[np.float64]:
    """Return (x_t - mean) / sd over s<=t, cut at ±winsor; NaN while all values are the same. sd has n - 1."""
    values = floats(x)
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(values), np.nan)[start:]
    # Sums run from the first known value: it never changes, and being in the sample it bounds what cancels to n ulps.
    moved = np.where(known, values - values[known][0], 0.0)
    count = np.cumsum(known)
    total, squares = np.cumsum(moved), np.cumsum(moved * moved)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (squares - total * total / count) / (count - 1)
        z = (moved - total / count) / np.sqrt(variance)
        # What cancellation alone leaves of a variance is no variance.
        flat = ~(variance > 4 * np.finfo(np.float64).eps * squares)
    z[~known | flat | (count < max(min_history, 2))] = np.nan
    return np.asarray(np.clip(z, -winsor, winsor)[start:], dtype=np.float64)


def expanding_quantile_before(x: ArrayLike, q: float, min_history: int, *, start: int = 0) -> NDArray[np.float64]:
    """Return the q-quantile of s<=t-1, interpolated linearly: the threshold by which day t may be judged.

    It is there for a day whose own value is unknown, too. `min_history` counts what is known before the day.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile lies in [0, 1], not at {q}")
    values = floats(x)
    past: list[float] = np.sort(values[:start][~np.isnan(values[:start])]).tolist()
    answer = np.full(len(values) - start, np.nan)
    for at, value in enumerate(values[start:].tolist()):
        if past and len(past) >= min_history:
            answer[at] = _quantile_of_sorted(past, q)
        if value == value:  # noqa: PLR0124  (not NaN)
            insort(past, value)
    return answer


def _quantile_of_sorted(ordered: list[float], q: float) -> float:
    place = q * (len(ordered) - 1)
    below = int(place)
    if below + 1 == len(ordered):
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (place - below)


def running_max(x: ArrayLike, *, start: int = 0) -> NDArray[np.float64]:
    """Return the largest value known up to each day; NaN before the first."""
    return np.asarray(np.fmax.accumulate(floats(x))[start:], dtype=np.float64)


def normal_score(u: ArrayLike) -> NDArray[np.float64]:
    """Return Φ⁻¹(u); NaN outside (0, 1)."""
    from scipy.special import ndtri

    share = floats(u)
    share[(share <= 0) | (share >= 1)] = np.nan
    return np.asarray(ndtri(share), dtype=np.float64)
