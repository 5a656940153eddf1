"""Is scarcity convex? What a unit of absorption costs when powder is low, against when ample (docs/method.md A.7).

Throughout, row t of `dc` is the change of the cost of capital over the week after t (bp), of `g` the surprise of the
balance (standard deviations, + is scarcer), of `p` the dry powder percentile (0 to 1) known at t. A row of which one
of the three is unknown is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.bootstrap import REPLICATIONS, SEED
from warehouse.estimators.estimate import NAN, Estimate, floats, known_rows, refused, same_length, too_few
from warehouse.estimators.regression import coefficient, least_squares, long_run_covariance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from warehouse.estimators.regression import Fit

BANDWIDTH = 0.10
HAC_LAGS = 8
MIN_EFFECTIVE_N = 60.0
LOW_POWDER, HIGH_POWDER = 0.10, 0.75
"""Percentiles whose slopes the convexity ratio compares."""
GRID = (0.15, 0.85)
"""Quantiles between which a threshold is looked for: each side keeps at least this much of the sample."""
MOST_CANDIDATES = 200


def kernel_slope(
    dc: ArrayLike,
    g: ArrayLike,
    p: ArrayLike,
    p0: float,
    *,
    h: float = BANDWIDTH,
    hac_lags: int = HAC_LAGS,
    min_effective_n: float = MIN_EFFECTIVE_N,
) -> Estimate:
    """Return the slope of dc on g near the percentile p0, bp per standard deviation, HAC errors.

    Refused when the kernel leaves fewer than `min_effective_n` observations, or g does not vary.
    """
    fit, rows, reason = _fit_near(_sample(dc, g, p), p0, h, min_effective_n)
    if fit is None:
        return refused(reason, n=rows.n, effective_n=rows.effective_n)
    return coefficient(fit, 1, hac_lags, n=rows.n)


def slope_today(
    dc: ArrayLike,
    g: ArrayLike,
    p: ArrayLike,
    *,
    at: int = -1,
    h: float = BANDWIDTH,
    hac_lags: int = HAC_LAGS,
    min_effective_n: float = MIN_EFFECTIVE_N,
) -> Estimate:
    """Return the slope at the percentile of day `at` (the last, by default), from the rows before it alone."""
    powder = floats(p)
    if not len(powder):
        return refused("missing_input: dry_powder_pct")
    today = range(len(powder))[at]
    if np.isnan(powder[today]):
        return refused("missing_input: dry_powder_pct")
    return kernel_slope(
        floats(dc)[:today],
        floats(g)[:today],
        powder[:today],
        float(powder[today]),
        h=h,
        hac_lags=hac_lags,
        min_effective_n=min_effective_n,
    )


def slopes_by_day(dc: ArrayLike, g: ArrayLike, p: ArrayLike, *, start: int = 0) -> list[Estimate]:
    """Return `slope_today` of each day from `start` on."""
    change, surprise, powder = floats(dc), floats(g), floats(p)
    return [slope_today(change, surprise, powder, at=day) for day in range(start, len(powder))]


def convexity_ratio(
    dc: ArrayLike,
    g: ArrayLike,
    p: ArrayLike,
    *,
    low: float = LOW_POWDER,
    high: float = HIGH_POWDER,
    h: float = BANDWIDTH,
    hac_lags: int = HAC_LAGS,
    min_effective_n: float = MIN_EFFECTIVE_N,
) -> Estimate:
    """Return slope(low) / slope(high) with the error of the delta method, the two slopes' covariance included.

    Refused when either slope is, or the slope below the line is not positive: a ratio to nothing says nothing.
    """
    sample = _sample(dc, g, p)
    scarce, rows, reason = _fit_near(sample, low, h, min_effective_n)
    if scarce is None:
        return refused(f"slope_at_{low:.2f}: {reason}", n=rows.n, effective_n=rows.effective_n)
    ample, other, reason = _fit_near(sample, high, h, min_effective_n)
    effective_n = min(rows.effective_n, other.effective_n)
    if ample is None:
        return refused(f"slope_at_{high:.2f}: {reason}", n=rows.n, effective_n=effective_n)
    numerator, denominator = float(scarce.coefficients[1]), float(ample.coefficients[1])
    if denominator <= 0:
        return refused(f"slope_at_{high:.2f}: not_positive", n=rows.n, effective_n=effective_n)
    ratio = numerator / denominator
    influence = (scarce.influence[:, 1] - ratio * ample.influence[:, 1]) / denominator
    error = float(np.sqrt(long_run_covariance(influence[:, None], hac_lags)[0, 0]))
    return Estimate(
        value=ratio,
        standard_error=error,
        low=ratio - 1.96 * error,
        high=ratio + 1.96 * error,
        n=rows.n,
        effective_n=effective_n,
    )


@dataclass(frozen=True, kw_only=True)
class ThresholdRegression:
    """A slope above and one below the threshold that fits best, and whether there is one: p_value of the supF.

    Slopes in bp per standard deviation; `ratio` is scarce over ample.
    """

    threshold: float = NAN
    slope_scarce: float = NAN
    slope_ample: float = NAN
    ratio: float = NAN
    sup_f: float = NAN
    p_value: float = NAN
    n: int = 0
    null_reason: str | None = None


def threshold_regression(
    dc: ArrayLike,
    g: ArrayLike,
    p: ArrayLike,
    *,
    replications: int = REPLICATIONS,
    seed: int = SEED,
    min_n: int = 60,
) -> ThresholdRegression:
    """Fit Δc = a + b₁ g 1(p > c) + b₂ g 1(p <= c) at the best c (Hansen).

    c is not identified where b₁ = b₂, so the p-value is of the fixed-regressor wild bootstrap: the residuals of the
    straight line times standard normals, refitted over the whole grid.
    """
    sample = _sample(dc, g, p)
    n = len(sample.dc)
    if n < min_n:
        return ThresholdRegression(n=n, null_reason=too_few(n, min_n))
    line = np.column_stack([np.ones(n), sample.g])
    straight = least_squares(sample.dc, line)
    candidates = _candidates(sample.p)
    if straight is None or not len(candidates):
        return ThresholdRegression(n=n, null_reason="no_variation")
    basis = np.linalg.qr(line)[0]
    extra = sample.g[:, None] * (sample.p[:, None] <= candidates[None, :])
    extra -= basis @ (basis.T @ extra)
    size = np.sqrt((extra**2).sum(axis=0))
    told_apart = size > 1e-9 * np.abs(sample.g).max()
    extra, candidates = extra[:, told_apart] / size[told_apart], candidates[told_apart]
    if not len(candidates):
        return ThresholdRegression(n=n, null_reason="no_variation")

    residuals = straight.residuals
    gained = (extra.T @ residuals) ** 2
    left = float(residuals @ residuals) - gained
    best = int(np.argmax(gained))
    if not left[best] > 0:
        return ThresholdRegression(n=n, null_reason="no_variation")
    sup_f = float(n * gained[best] / left[best])

    noise = np.random.default_rng(seed).standard_normal((replications, n)) * residuals
    noise -= (noise @ basis) @ basis.T
    drawn = (noise @ extra) ** 2
    drawn_f = (n * drawn / ((noise**2).sum(axis=1)[:, None] - drawn)).max(axis=1)

    scarce = sample.p <= candidates[best]
    split = least_squares(sample.dc, np.column_stack([np.ones(n), sample.g * ~scarce, sample.g * scarce]))
    if split is None:
        return ThresholdRegression(n=n, null_reason="no_variation")
    ample_slope, scarce_slope = float(split.coefficients[1]), float(split.coefficients[2])
    return ThresholdRegression(
        threshold=float(candidates[best]),
        slope_scarce=scarce_slope,
        slope_ample=ample_slope,
        ratio=scarce_slope / ample_slope if ample_slope > 0 else NAN,
        sup_f=sup_f,
        p_value=float((1 + (drawn_f >= sup_f).sum()) / (1 + replications)),
        n=n,
    )


@dataclass(frozen=True, kw_only=True)
class SmoothTransition:
    """A slope that goes from `slope_scarce` (p far below the centre) to `slope_ample` along a logistic curve."""

    centre: float = NAN
    steepness: float = NAN
    slope_scarce: float = NAN
    slope_ample: float = NAN
    residual_variance: float = NAN
    n: int = 0
    null_reason: str | None = None

    def slope_at(self, p0: float) -> float:
        """Return the fitted slope at a percentile: what to compare, for the two ends may lie outside of the sample."""
        scarce = 1 / (1 + np.exp(self.steepness * (p0 - self.centre)))
        return float(self.slope_ample + (self.slope_scarce - self.slope_ample) * scarce)

    def ratio(self, *, low: float = LOW_POWDER, high: float = HIGH_POWDER) -> Estimate:
        """Return slope(low) / slope(high), without an error: least squares over a grid gives none."""
        if self.null_reason:
            return refused(self.null_reason, n=self.n)
        if self.slope_at(high) <= 0:
            return refused(f"slope_at_{high:.2f}: not_positive", n=self.n)
        return Estimate(value=self.slope_at(low) / self.slope_at(high), n=self.n, effective_n=float(self.n))


def smooth_transition(dc: ArrayLike, g: ArrayLike, p: ArrayLike, *, min_n: int = 60) -> SmoothTransition:
    """Fit Δc = a + g (b_ample + (b_scarce - b_ample) / (1 + exp(k (p - c)))) by least squares over a grid of k and c.

    k goes from 4 to 100 per unit of p: the softest is almost a line over (0, 1), the hardest almost a threshold.
    """
    sample = _sample(dc, g, p)
    n = len(sample.dc)
    if n < min_n:
        return SmoothTransition(n=n, null_reason=too_few(n, min_n))
    best: tuple[float, float, float, Fit] | None = None
    for centre in np.unique(np.quantile(sample.p, np.linspace(*GRID, 29))).tolist():
        for steepness in np.geomspace(4, 100, 12).tolist():
            scarce = 1 / (1 + np.exp(steepness * (sample.p - centre)))
            fit = least_squares(sample.dc, np.column_stack([np.ones(n), sample.g * (1 - scarce), sample.g * scarce]))
            if fit is None:
                continue
            lost = float(fit.residuals @ fit.residuals)
            if best is None or lost < best[0]:
                best = lost, centre, steepness, fit
    if best is None:
        return SmoothTransition(n=n, null_reason="no_variation")
    lost, centre, steepness, fit = best
    return SmoothTransition(
        centre=centre,
        steepness=steepness,
        slope_scarce=float(fit.coefficients[2]),
        slope_ample=float(fit.coefficients[1]),
        residual_variance=lost / n,
        n=n,
    )


def quadratic(dc: ArrayLike, g: ArrayLike, *, hac_lags: int = HAC_LAGS, min_n: int = 60) -> tuple[Estimate, Estimate]:
    """Return b and d of Δc = a + b g + d g² sign(g), the naive check: d > 0 is convex in the surprise itself."""
    change, surprise = floats(dc), floats(g)
    same_length(dc=change, g=surprise)
    rows = known_rows(change, surprise)
    y, x = change[rows], surprise[rows]
    n = len(y)
    if n < min_n:
        return refused(too_few(n, min_n), n=n), refused(too_few(n, min_n), n=n)
    fit = least_squares(y, np.column_stack([np.ones(n), x, x * np.abs(x)]))
    if fit is None:
        return refused("no_variation", n=n), refused("no_variation", n=n)
    return coefficient(fit, 1, hac_lags, n=n), coefficient(fit, 2, hac_lags, n=n)


def crowding_out(
    others: ArrayLike,
    funding: ArrayLike,
    controls: ArrayLike | None = None,
    *,
    hac_lags: int = 4,
    min_n: int = 20,
) -> Estimate:
    """Return the coefficient of other borrowers' net issuance on AI funding: -1 is one-for-one displacement.

    Both in the same money, four-quarter flows by quarter (they overlap, hence the lags); `controls` is (n, k): policy
    rate, growth. The sample is small: the answer is the interval (95 %, Student's t), not the point.
    """
    y, x = floats(others), floats(funding)
    given = np.empty((len(y), 0)) if controls is None else floats(controls).reshape(len(y), -1)
    same_length(others=y, funding=x, controls=given)
    rows = known_rows(y, x, given)
    n = int(rows.sum())
    if n < max(min_n, 3 + given.shape[1]):
        return refused(too_few(n, max(min_n, 3 + given.shape[1])), n=n)
    regressors = np.column_stack([np.ones(n), x[rows], given[rows]])
    fit = least_squares(y[rows], regressors)
    if fit is None:
        return refused("collinear", n=n)
    return coefficient(fit, 1, hac_lags, n=n, degrees=n - regressors.shape[1])


def placebo_ratios(
    dc: ArrayLike, g: ArrayLike, p: ArrayLike, *, replications: int = 99, seed: int = SEED
) -> NDArray[np.float64]:
    """Return the convexity ratio with p turned by a random number of weeks: what chance alone finds.

    Turning the whole series keeps its persistence, which a shuffle would destroy. NaN where a ratio is refused.
    """
    sample = _sample(dc, g, p)
    n = len(sample.p)
    if n < 3:  # noqa: PLR2004  (there is nothing to turn)
        return np.full(replications, np.nan)
    turns = np.random.default_rng(seed).integers(1, n, size=replications)
    return np.array([convexity_ratio(sample.dc, sample.g, np.roll(sample.p, int(by))).value for by in turns])


@dataclass(frozen=True, kw_only=True)
class _Sample:
    dc: NDArray[np.float64]
    g: NDArray[np.float64]
    p: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Rows:
    n: int
    effective_n: float


def _sample(dc: ArrayLike, g: ArrayLike, p: ArrayLike) -> _Sample:
    change, surprise, powder = floats(dc), floats(g), floats(p)
    same_length(dc=change, g=surprise, p=powder)
    rows = known_rows(change, surprise, powder)
    return _Sample(dc=change[rows], g=surprise[rows], p=powder[rows])


def _fit_near(sample: _Sample, p0: float, h: float, min_effective_n: float) -> tuple[Fit | None, _Rows, str]:
    n = len(sample.dc)
    if not n:
        return None, _Rows(n=0, effective_n=0.0), too_few(0, min_effective_n)
    weights = np.exp(-0.5 * ((sample.p - p0) / h) ** 2)
    squares = float((weights**2).sum())
    effective_n = float(weights.sum() ** 2 / squares) if squares > 0 else 0.0
    rows = _Rows(n=n, effective_n=effective_n)
    if effective_n < min_effective_n:
        return None, rows, too_few(effective_n, min_effective_n)
    fit = least_squares(sample.dc, np.column_stack([np.ones(n), sample.g]), weights)
    return fit, rows, "no_variation"


def _candidates(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the thresholds to try: observed percentiles between the quantiles of the grid."""
    low, high = np.quantile(p, GRID, method="inverted_cdf")
    inside: NDArray[np.float64] = np.unique(p[(p >= low) & (p <= high)])
    inside = inside[inside < p.max()]  # nothing would lie above it
    if len(inside) <= MOST_CANDIDATES:
        return inside
    spread = np.linspace(0, len(inside) - 1, MOST_CANDIDATES).round().astype(np.int64)
    return np.asarray(inside[spread])
