"""From scores of many columns to one index in 0..100, and two other ways to the same question (docs/method.md A.12).

A score is a share u in (0, 1), oriented so that a higher one means more of what the index measures; rows are days in
the order of time. History never moves: of a row only the rows before it, and itself, are asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.estimate import NAN, floats
from warehouse.estimators.expanding import normal_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import ArrayLike, NDArray

MIN_COVERAGE = 0.6
EWMA_LAMBDA = 0.93
MIN_HISTORY_DAYS = 520
MIN_HISTORY_WEEKS = 52
DISAGREEMENT_POINTS = 25.0
_GRAIN = 2.0**32
"""Contributions are whole multiples of 2^-32 points, so that floats add them up exactly, in any order."""


def orient(x: ArrayLike, polarity: int) -> NDArray[np.float64]:
    """Return the values with the sign that makes higher mean more.

    Raises:
        ValueError: the polarity is neither +1 nor -1.
    """
    if polarity not in {1, -1}:
        raise ValueError(f"a polarity is +1 or -1, not {polarity}")
    return polarity * floats(x)


@dataclass(frozen=True, kw_only=True)
class Composite:
    """An index by row. `contributions` (rows, columns) are points that add up to the headline, bit for bit.

    A column that is unknown in a row contributes NaN, not 0; sum with nansum. `pillars` (rows, pillars) are 0..100.
    `coverage` is the share of the index's weight that is known. `null_reason` is None where there is a headline.
    """

    headline: NDArray[np.float64]
    pillars: NDArray[np.float64]
    contributions: NDArray[np.float64]
    coverage: NDArray[np.float64]
    pillar_coverage: NDArray[np.float64]
    null_reason: list[str | None]
    names: tuple[str, ...]
    pillar_names: tuple[str, ...]

    def top(self, row: int, count: int = 3) -> list[tuple[str, float]]:
        """Return the largest contributions of a row, largest first; ties in the order of the columns."""
        known = [(name, float(c)) for name, c in zip(self.names, self.contributions[row], strict=True) if c == c]  # noqa: PLR0124
        return sorted(known, key=lambda each: -each[1])[:count]


def equal_weight(
    scores: ArrayLike,
    names: Sequence[str],
    pillars: Mapping[str, Sequence[str]],
    *,
    min_coverage: float = MIN_COVERAGE,
    every_pillar: bool = True,
) -> Composite:
    """Return the headline: equal weights inside each pillar, then across the pillars, times 100.

    A pillar of which less than `min_coverage` is known is unknown. With `every_pillar` the index then is, too; without,
    the other pillars share its weight as long as `min_coverage` of the index's whole weight is known.

    Raises:
        ValueError: a score lies outside [0, 1], or names and pillars do not match the columns one to one.
    """
    u = floats(scores)
    if u.ndim != 2 or u.shape[1] != len(names):  # noqa: PLR2004
        raise ValueError(f"scores are (rows, {len(names)}), not {u.shape}")
    if not all(pillars.values()) or sorted(names) != sorted(name for members in pillars.values() for name in members):
        raise ValueError("every column belongs to exactly one pillar, and no pillar is empty")
    if ((u < 0) | (u > 1)).any():
        raise ValueError("a score lies in [0, 1]")
    rows, column = len(u), {name: at for at, name in enumerate(names)}
    known = ~np.isnan(u)

    pillar_coverage = np.zeros((rows, len(pillars)))
    within = np.zeros_like(u)
    owner = np.zeros(len(names), dtype=np.int64)
    for at, members in enumerate(pillars.values()):
        columns = [column[name] for name in members]
        count = known[:, columns].sum(axis=1)
        pillar_coverage[:, at] = count / len(columns)
        owner[columns] = at
        within[:, columns] = known[:, columns] / np.maximum(count, 1)[:, None]
    stands: NDArray[np.bool_] = np.asarray(pillar_coverage >= min_coverage)
    coverage = pillar_coverage.mean(axis=1)
    enough = stands.all(axis=1) if every_pillar else (coverage >= min_coverage) & stands.any(axis=1)
    published: NDArray[np.bool_] = np.asarray(enough)

    across = stands / np.maximum(stands.sum(axis=1), 1)[:, None]
    points = np.rint(100 * across[:, owner] * within * np.where(known, u, 0) * _GRAIN) / _GRAIN
    headline = np.where(published, points.sum(axis=1), np.nan)
    counted = known & stands[:, owner] & published[:, None]
    values = np.full((rows, len(pillars)), np.nan)
    for at in range(len(pillars)):
        mine = owner == at
        total = (np.where(known, u, 0)[:, mine] * within[:, mine]).sum(axis=1)
        values[stands[:, at], at] = 100 * total[stands[:, at]]
    return Composite(
        headline=headline,
        pillars=values,
        contributions=np.where(counted, points, np.nan),
        coverage=coverage,
        pillar_coverage=pillar_coverage,
        null_reason=_why_not(published, stands, list(pillars), coverage, every_pillar=every_pillar),
        names=tuple(names),
        pillar_names=tuple(pillars),
    )


def _why_not(
    published: NDArray[np.bool_],
    stands: NDArray[np.bool_],
    pillars: list[str],
    coverage: NDArray[np.float64],
    *,
    every_pillar: bool,
) -> list[str | None]:
    if every_pillar:
        patterns, found = np.unique(stands, axis=0, return_inverse=True)
        named = [", ".join(p for p, there in zip(pillars, each, strict=True) if not there) for each in patterns]
        said = [f"missing_pillar: {missing}" for missing in named]
    else:
        shares, found = np.unique(coverage, return_inverse=True)
        said = [f"low_coverage: {share:.2f}" for share in shares]
    return [None if good else said[at] for good, at in zip(published.tolist(), found.ravel().tolist(), strict=True)]


# --------------------------------------------------------------------------------------------- robustness A: PCA


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The first component as estimated on what was known by 31 December, used in the year after.

    Loadings are of unit length, 0 for a column that had no history yet; `means` and `sds` standardise the normal
    scores; `explained` is the component's share of the variance.
    """

    weight_version: str
    year: int
    names: tuple[str, ...]
    loadings: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    eigenvalue: float
    explained: float
    n_obs: int
    null_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class FirstComponent:
    """The index (0..100) by row, the share of loadings known in it, and the weights of every year."""

    index: NDArray[np.float64]
    coverage: NDArray[np.float64]
    weights: tuple[Weights, ...]

    def weight_version(self, day: date) -> str | None:
        """Return the version that a day is scored by; None when there were none yet."""
        return next((w.weight_version for w in self.weights if w.year == day.year and not w.null_reason), None)


def first_component(
    scores: ArrayLike,
    days: Sequence[date],
    names: Sequence[str],
    *,
    anchor: str,
    min_history: int = MIN_HISTORY_DAYS,
    min_coverage: float = MIN_COVERAGE,
    start: int = 0,
) -> FirstComponent:
    """Return the first principal component of Φ⁻¹(scores), re-estimated each 1 January and frozen for the year.

    Every row must have been known on its day. Its sign makes the anchor's loading positive. A column enters in the
    first year for which it has `min_history` rows; the estimate takes rows in which all that have entered are known.
    The component's value over its own standard deviation goes through Φ to 0..100. `start` scores rows from there on.

    Raises:
        ValueError: the days do not ascend, or the anchor is no column.
    """
    z = normal_score(scores)
    if any(later < earlier for earlier, later in pairwise(days)) or len(days) != len(z):
        raise ValueError("days ascend, one a row")
    at = list(names).index(anchor)
    years = np.array([day.year for day in days], dtype=np.int64)
    index, coverage = np.full(len(z), np.nan), np.zeros(len(z))
    versions = []
    for year in sorted(set(years[start:].tolist())):
        weights = _estimate(z[years < year].copy(), year, tuple(names), at, min_history)
        versions.append(weights)
        mine = years == year
        if weights.null_reason is None:
            index[mine], coverage[mine] = _score(z[mine], weights, min_coverage)
    return FirstComponent(index=index[start:], coverage=coverage[start:], weights=tuple(versions))


def _estimate(z: NDArray[np.float64], year: int, names: tuple[str, ...], anchor: int, min_history: int) -> Weights:
    nothing = (NAN,) * len(names)
    entered = np.flatnonzero((~np.isnan(z)).sum(axis=0) >= min_history)
    complete = z[:, entered][~np.isnan(z[:, entered]).any(axis=1)]
    reason = None
    if anchor not in entered:
        reason = f"missing_anchor: {names[anchor]}"
    elif len(entered) < 2:  # noqa: PLR2004  (a component of one column is the column)
        reason = f"short_history: {len(entered)} of 2 columns"
    elif len(complete) < min_history:
        reason = f"short_history: {len(complete)} of {min_history}"
    elif not (complete.std(axis=0) > 0).all():
        reason = "no_variation"
    if reason is None:
        means, sds = complete.mean(axis=0), complete.std(axis=0, ddof=1)
        correlation = np.corrcoef((complete - means) / sds, rowvar=False)
        values, vectors = np.linalg.eigh(correlation)
        vector, eigenvalue = vectors[:, -1], float(values[-1])
        led = float(vector[entered == anchor][0])
        if abs(led) > 1e-6:  # noqa: PLR2004  (below, its sign is rounding's)
            wide = np.zeros((3, len(names)))
            wide[:, entered] = vector * np.sign(led), means, sds
            return Weights(
                weight_version=f"pca-{year}",
                year=year,
                names=names,
                loadings=tuple(wide[0].tolist()),
                means=tuple(wide[1].tolist()),
                sds=tuple(wide[2].tolist()),
                eigenvalue=eigenvalue,
                explained=eigenvalue / len(entered),
                n_obs=len(complete),
            )
        reason = f"anchor_without_loading: {names[anchor]}"
    return Weights(
        weight_version=f"pca-{year}",
        year=year,
        names=names,
        loadings=nothing,
        means=nothing,
        sds=nothing,
        eigenvalue=NAN,
        explained=NAN,
        n_obs=len(complete) if len(entered) else 0,
        null_reason=reason,
    )


def _score(
    z: NDArray[np.float64], weights: Weights, min_coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return index and coverage. Column by column, so that a row's bits do not depend on how many rows there are."""
    from scipy.special import ndtr

    total, present = np.zeros(len(z)), np.zeros(len(z))
    for column, (loading, mean, sd) in enumerate(zip(weights.loadings, weights.means, weights.sds, strict=True)):
        if sd == 0:
            continue
        known = ~np.isnan(z[:, column])
        total += np.where(known, loading * (z[:, column] - mean) / sd, 0)
        present += known * abs(loading)
    whole = sum(abs(loading) for loading in weights.loadings)
    coverage = present / whole
    with np.errstate(invalid="ignore", divide="ignore"):
        value = total / coverage / np.sqrt(weights.eigenvalue)
    # A hair of tolerance: the same loadings, added in another order, are still all of them.
    return np.where(coverage >= min_coverage - 1e-12, 100 * ndtr(value), np.nan), np.minimum(coverage, 1.0)


# -------------------------------------------------------------------------------------------- robustness B: CISS


def stressed_together(
    pillars: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    decay: float = EWMA_LAMBDA,
    min_history: int = MIN_HISTORY_WEEKS,
    start: int = 0,
) -> NDArray[np.float64]:
    """Return 100 √((w∘s)' C (w∘s)), C the EWMA correlations of s - 0.5: extra weight when pillars move together.

    `pillars` (weeks, pillars) are shares in [0, 1]; weights add up to 1 (equal by default). At correlations of one the
    index is the weighted mean. NaN in a row with an unknown pillar, which the correlations skip, and before
    `min_history` complete rows. `start` answers for the rows from there on.
    """
    s = floats(pillars)
    width = s.shape[1]
    w = np.full(width, 1 / width) if weights is None else floats(weights)
    index = np.full(len(s), np.nan)
    moments = np.zeros((width, width))  # the scale cancels in a correlation, so no first row has to be invented
    moved = s - 0.5
    products = (1 - decay) * (moved[:, :, None] * moved[:, None, :])
    complete = np.flatnonzero(~np.isnan(s).any(axis=1))
    for seen, row in enumerate(complete.tolist(), start=1):
        moments = decay * moments + products[row]
        if row < start or seen < min_history:
            continue
        sds = np.sqrt(np.diag(moments))
        if not (sds > 0).all():
            continue
        correlation = moments / np.outer(sds, sds)
        np.fill_diagonal(correlation, 1)
        weighted = w * s[row]
        index[row] = 100 * np.sqrt(max(float(weighted @ correlation @ weighted), 0.0))
    return index[start:]


def disagreement(headline: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the range of the three, and 1.0 where headline and A are more than 25 points apart, 0.0 where not.

    The range is of those that are known, NaN when fewer than two are; the warning is NaN unless both are known.
    """
    three = np.column_stack([floats(headline), floats(a), floats(b)])
    known = ~np.isnan(three)
    high = np.where(known, three, -np.inf).max(axis=1)
    low = np.where(known, three, np.inf).min(axis=1)
    spread = np.where(known.sum(axis=1) >= 2, high - low, np.nan)  # noqa: PLR2004
    apart = np.abs(three[:, 0] - three[:, 1])
    return spread, np.where(np.isnan(apart), np.nan, (apart > DISAGREEMENT_POINTS).astype(np.float64))
