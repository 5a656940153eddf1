"""What falls together, and with what: tails, ranks, betas of the elimination league (docs/method.md A.10, C2, C5, C11).

Panels are (periods, assets), in the order of time, NaN where an asset has no price. Returns and changes are over one
period; a unit of a beta is a unit of its regressor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.bootstrap import (
    BLOCK_WEEKS,
    REPLICATIONS,
    SEED,
    band,
    cluster_counts,
    moving_block_counts,
)
from warehouse.estimators.estimate import Estimate, floats, known_rows, refused, same_length, too_few
from warehouse.estimators.expanding import expanding_quantile_before, running_max
from warehouse.estimators.regression import coefficient, least_squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

TAIL = 0.10
WINDOW_WEEKS = 104
MIN_HISTORY_WEEKS = 156
HALF_LIFE_WEEKS = 52.0
_DAYS_AT_ONCE = 512
_NO_VARIANCE = 1e-9


# --------------------------------------------------------------------------------------------------------- tails


def below_own_tail(
    returns: ArrayLike, *, q: float = TAIL, min_history: int = MIN_HISTORY_WEEKS, start: int = 0
) -> NDArray[np.float64]:
    """Return 1.0 where an asset's return lies below the q-quantile of its own earlier returns, 0.0 where not.

    NaN where the return is unknown, or fewer than `min_history` returns came before.
    """
    panel = floats(returns)
    answer = np.full((len(panel) - start, panel.shape[1]), np.nan)
    for asset in range(panel.shape[1]):
        limit = expanding_quantile_before(panel[:, asset], q, min_history, start=start)
        judged = ~np.isnan(limit) & ~np.isnan(panel[start:, asset])
        answer[judged, asset] = panel[start:, asset][judged] < limit[judged]
    return answer


def forced_sale_breadth(
    returns: ArrayLike,
    *,
    q: float = TAIL,
    min_history: int = MIN_HISTORY_WEEKS,
    min_coverage: float = 0.6,
    start: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of assets in their own lower tail, and the share of assets that could be judged, by period."""
    below = below_own_tail(returns, q=q, min_history=min_history, start=start)
    known = ~np.isnan(below)
    judged = known.sum(axis=1)
    coverage = judged / max(below.shape[1], 1)
    share = np.where(known, below, 0).sum(axis=1) / np.maximum(judged, 1)
    return np.where((judged > 0) & (coverage >= min_coverage), share, np.nan), coverage


def cross_asset_tail_dependence(
    returns: ArrayLike,
    *,
    q: float = TAIL,
    window: int = WINDOW_WEEKS,
    min_history: int = MIN_HISTORY_WEEKS,
    block: int = BLOCK_WEEKS,
    replications: int = REPLICATIONS,
    seed: int = SEED,
) -> Estimate:
    """Return the mean over pairs of P(both in their own lower tail | one of them is), last `window` periods.

    The condition holds for either one of the two, P = 2 n_both / (n_one + n_other); independence gives q, and two
    assets that are one give 1. Tails are judged by earlier periods (`below_own_tail`). `n` counts the pairs; one that
    shares less than half of the window, or of which neither was ever in its tail, is none. The interval is the block
    bootstrap's, 90 %.
    """
    panel = floats(returns)
    below = below_own_tail(panel, q=q, min_history=min_history, start=max(len(panel) - window, 0))
    if len(below) < max(window, block):
        return refused(too_few(len(below), max(window, block)))
    known = (~np.isnan(below)).astype(np.float64)
    tail = np.where(known > 0, below, 0)
    first, second = np.triu_indices(below.shape[1], 1)
    shared = known[:, first] * known[:, second]
    usable = shared.sum(axis=0) >= window / 2
    if not usable.any():
        return refused("no_pair_with_history")
    first, second, shared = first[usable], second[usable], shared[:, usable]
    both = tail[:, first] * tail[:, second]
    either = (tail[:, first] + tail[:, second]) * shared

    def mean_over_pairs(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        condition = counts @ either
        held = condition > 0
        dependence = np.where(held, 2 * (counts @ both) / np.where(held, condition, 1), 0).sum(axis=1)
        pairs = held.sum(axis=1)
        return np.where(pairs > 0, dependence / np.maximum(pairs, 1), np.nan)

    value = float(mean_over_pairs(np.ones((1, len(below))))[0])
    if np.isnan(value):
        return refused("no_tail_in_window")
    drawn = mean_over_pairs(moving_block_counts(len(below), block=block, replications=replications, seed=seed))
    low, high = band(drawn, 0.9)
    pairs = int((either.sum(axis=0) > 0).sum())
    return Estimate(value=value, standard_error=float(np.nanstd(drawn)), low=low, high=high, n=pairs)


# --------------------------------------------------------------------------------------------------------- ranks


def rank_ic(
    scores: ArrayLike,
    forward_returns: ArrayLike,
    clusters: Sequence[str] | None = None,
    *,
    min_assets: int = 10,
    replications: int = REPLICATIONS,
    seed: int = SEED,
) -> Estimate:
    """Return Spearman's correlation over assets of score and the return after it, averaged over periods.

    Both are (assets,) or (periods, assets); periods must not overlap. A period with fewer than `min_assets` known
    assets has none; `n` counts those that have one. The interval (95 %) resamples clusters of assets, which is what
    varies least freely: each asset is its own cluster unless labels are given.
    """
    score, after = np.atleast_2d(floats(scores)), np.atleast_2d(floats(forward_returns))
    labels = _labels(clusters, score.shape[1])
    value, n = _mean_ic(score, after, np.ones((1, score.shape[1])), min_assets)
    if not n:
        return refused(too_few(_most_assets(score, after), min_assets))
    if np.isnan(value[0]):
        return refused("no_variation", n=n)
    drawn, _ = _mean_ic(score, after, _asset_counts(labels, replications, seed), min_assets)
    return _with_replicates(float(value[0]), drawn, n)


def elimination(
    scores: ArrayLike,
    forward_returns: ArrayLike,
    regimes: Sequence[str],
    clusters: Sequence[str] | None = None,
    *,
    min_assets: int = 10,
    replications: int = REPLICATIONS,
    seed: int = SEED,
) -> dict[str, Estimate]:
    """Return `rank_ic` by regime of the period, and under `asymmetry` the sum of DRAIN and INJECTION.

    The claim is that the two mirror each other: DRAIN below zero, INJECTION above, the asymmetry about zero. Its
    interval comes from the same draws for both.
    """
    score, after = np.atleast_2d(floats(scores)), np.atleast_2d(floats(forward_returns))
    names = np.array(regimes)
    if len(names) != len(score):
        raise ValueError(f"{len(score)} periods have {len(names)} regimes")
    counts = _asset_counts(_labels(clusters, score.shape[1]), replications, seed)
    found: dict[str, Estimate] = {}
    draws: dict[str, NDArray[np.float64]] = {}
    for name in sorted({"DRAIN", "INJECTION", *regimes}):
        mine = names == name
        value, n = _mean_ic(score[mine], after[mine], np.ones((1, score.shape[1])), min_assets)
        if not n or np.isnan(value[0]):
            found[name] = refused(f"no_period: {name}")
            continue
        draws[name], _ = _mean_ic(score[mine], after[mine], counts, min_assets)
        found[name] = _with_replicates(float(value[0]), draws[name], n)
    missing = [name for name in ("DRAIN", "INJECTION") if name not in draws]
    if missing:
        found["asymmetry"] = refused("no_period: " + ", ".join(missing))
    else:
        drain, injection = found["DRAIN"], found["INJECTION"]
        both = draws["DRAIN"] + draws["INJECTION"]
        found["asymmetry"] = _with_replicates(drain.value + injection.value, both, min(drain.n, injection.n))
    return found


def _labels(clusters: Sequence[str] | None, assets: int) -> NDArray[np.int64]:
    if clusters is None:
        return np.arange(assets)
    if len(clusters) != assets:
        raise ValueError(f"{assets} assets have {len(clusters)} labels")
    order = {name: at for at, name in enumerate(sorted(set(clusters)))}
    return np.array([order[name] for name in clusters], dtype=np.int64)


def _asset_counts(labels: NDArray[np.int64], replications: int, seed: int) -> NDArray[np.float64]:
    return cluster_counts(int(labels.max()) + 1, replications=replications, seed=seed)[:, labels]


def _mean_ic(
    scores: NDArray[np.float64], after: NDArray[np.float64], counts: NDArray[np.float64], min_assets: int
) -> tuple[NDArray[np.float64], int]:
    """Return the IC of each replication, averaged over the periods that have enough assets, and their number."""
    total, seen, periods = np.zeros(len(counts)), np.zeros(len(counts)), 0
    for score, later in zip(scores, after, strict=True):
        known = ~np.isnan(score) & ~np.isnan(later)
        if known.sum() < min_assets:
            continue
        periods += 1
        ic = _rank_correlation(score[known], later[known], counts[:, known])
        total += np.where(np.isnan(ic), 0, ic)
        seen += ~np.isnan(ic)
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan), periods


def _rank_correlation(
    x: NDArray[np.float64], y: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Spearman's correlation of resamples, in which asset i is there counts[i] times, with ties at mid-rank."""

    def centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
        lower = values[None, :] < values[:, None]
        equal = values[None, :] == values[:, None]
        ranks = counts @ (lower + 0.5 * equal).T
        return np.asarray(ranks - (counts * ranks).sum(axis=1, keepdims=True) / size)

    size = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    a, b = centred_ranks(x), centred_ranks(y)
    xx, yy, xy = ((counts * left * right).sum(axis=1) for left, right in ((a, a), (b, b), (a, b)))
    varies = np.minimum(xx, yy) > _NO_VARIANCE
    return np.where(varies, xy / np.sqrt(np.where(varies, xx * yy, 1)), np.nan)


def _most_assets(scores: NDArray[np.float64], after: NDArray[np.float64]) -> int:
    return int((~np.isnan(scores) & ~np.isnan(after)).sum(axis=1).max(initial=0))


def _with_replicates(value: float, drawn: NDArray[np.float64], n: int) -> Estimate:
    low, high = band(drawn, 0.95)
    return Estimate(value=value, standard_error=float(np.nanstd(drawn)), low=low, high=high, n=n)


# --------------------------------------------------------------------------------------------------------- betas


def multiplier_beta(
    risk_return: ArrayLike,
    funding_news: ArrayLike,
    *,
    window: int = WINDOW_WEEKS,
    half_life: float = HALF_LIFE_WEEKS,
    hac_lags: int = 4,
    min_n: int = 52,
    min_news: int = 8,
) -> Estimate:
    """Return the slope of weekly risk returns on AI funding news over the last `window` weeks, newer weeks heavier.

    A week without news is 0, one of which nothing is known NaN. A week's weight halves every `half_life` weeks of age
    (our assumption: it says "weighted" and no more). Refused below `min_n` weeks, or `min_news` weeks with news:
    a slope through two announcements is no multiplier. "Fiscal-like" is above 0.
    """
    returns, news = floats(risk_return), floats(funding_news)
    same_length(risk_return=returns, funding_news=news)
    returns, news = returns[-window:], news[-window:]
    rows = known_rows(returns, news)
    n, told = int(rows.sum()), int((news[rows] != 0).sum())
    if n < min_n:
        return refused(too_few(n, min_n), n=n)
    if told < min_news:
        return refused(f"few_news: {told} of {min_news}", n=n)
    weights = 0.5 ** (np.arange(len(returns))[::-1] / half_life)
    fit = least_squares(returns[rows], np.column_stack([np.ones(n), news[rows]]), weights[rows])
    return refused("no_variation", n=n) if fit is None else coefficient(fit, 1, hac_lags, n=n)


def slope_by_tercile(
    y: ArrayLike, x: ArrayLike, powder_pct: ArrayLike, *, hac_lags: int = 4, min_n: int = 30, min_news: int = 0
) -> dict[str, Estimate]:
    """Return the slope of y on x where the powder percentile is `low`, `middle` and `high` (thirds of 0..1; C2, C20).

    The percentile is each day's own (prank_exp), so that no tercile is drawn with later days. Refused below `min_n`
    rows of a tercile, or `min_news` of them in which x is not 0. `difference` is high less low, which share no row and
    count as independent.
    """
    target, regressor, powder = floats(y), floats(x), floats(powder_pct)
    same_length(y=target, x=regressor, powder_pct=powder)
    rows = known_rows(target, regressor, powder)
    third = np.clip(np.floor(np.where(rows, powder, 0) * 3), 0, 2)
    found = {}
    for at, name in enumerate(("low", "middle", "high")):
        mine = rows & (third == at)
        n = int(mine.sum())
        if n < min_n:
            found[name] = refused(too_few(n, min_n), n=n)
            continue
        told = int((regressor[mine] != 0).sum())
        if told < min_news:
            found[name] = refused(f"few_news: {told} of {min_news}", n=n)
            continue
        fit = least_squares(target[mine], np.column_stack([np.ones(n), regressor[mine]]))
        found[name] = refused("no_variation", n=n) if fit is None else coefficient(fit, 1, hac_lags, n=n)
    found["difference"] = _difference(found["high"], found["low"])
    return found


def _difference(a: Estimate, b: Estimate) -> Estimate:
    """Return a less b of two samples that have nothing in common, with a 95 % interval."""
    n = a.n + b.n
    for each in (a, b):
        if each.null_reason is not None:
            return refused(each.null_reason, n=n)
    value, error = a.value - b.value, float(np.hypot(a.standard_error, b.standard_error))
    half = float(np.hypot(a.high - a.value, b.high - b.value))
    return Estimate(value=value, standard_error=error, low=value - half, high=value + half, n=n)


def rolling_beta(
    y: ArrayLike,
    x: ArrayLike,
    controls: ArrayLike | None = None,
    *,
    window: int,
    min_n: int,
    start: int = 0,
) -> NDArray[np.float64]:
    """Return the coefficient of y on x over the last `window` rows, intercept and controls (n) or (n, k) beside it.

    NaN where fewer than `min_n` of those rows are known or the regressors are collinear in them.
    """
    target, regressor = floats(y), floats(x)
    rows = len(target)
    given = np.empty((rows, 0)) if controls is None else floats(controls).reshape(rows, -1)
    same_length(y=target, x=regressor, controls=given)
    data = np.column_stack([target, regressor, given])
    known = known_rows(data).astype(np.float64)
    data = np.where(known[:, None] > 0, data, 0)
    padding = np.zeros((window - 1, data.shape[1]))
    views = np.lib.stride_tricks.sliding_window_view(np.vstack([padding, data]), window, axis=0)
    there = np.lib.stride_tricks.sliding_window_view(np.concatenate([padding[:, 0], known]), window)
    answer = np.full(rows - start, np.nan)
    for first in range(start, rows, _DAYS_AT_ONCE):
        last = min(first + _DAYS_AT_ONCE, rows)
        answer[first - start : last - start] = _betas(views[first:last], there[first:last], min_n)
    return answer


def _betas(windows: NDArray[np.float64], known: NDArray[np.float64], min_n: int) -> NDArray[np.float64]:
    """Return the first slope of each of many regressions: windows (days, columns, rows), column 0 is explained."""
    count = known.sum(axis=1)
    means = windows.sum(axis=2) / np.maximum(count, 1)[:, None]
    centred = (windows - means[:, :, None]) * known[:, None, :]
    size = np.sqrt((centred**2).sum(axis=2))
    good = (count >= max(min_n, windows.shape[1] + 1)) & (size[:, 1:] > 0).all(axis=1)
    centred /= np.where(size > 0, size, 1)[:, :, None]
    gram = centred @ centred.transpose(0, 2, 1)
    inside = np.where(good[:, None, None], gram[:, 1:, 1:], np.eye(windows.shape[1] - 1))
    good &= np.linalg.cond(inside) < 1e10  # noqa: PLR2004
    inside[~good] = np.eye(windows.shape[1] - 1)
    slopes = np.linalg.solve(inside, gram[:, 1:, :1])[:, 0, 0]
    return np.where(good, slopes * size[:, 0] / np.where(size[:, 1] > 0, size[:, 1], 1), np.nan)


def rate_beta(
    daily_return: ArrayLike,
    real_yield_pct: ArrayLike,
    market_return: ArrayLike,
    *,
    window: int = 252,
    min_n: int = 200,
    start: int = 0,
) -> NDArray[np.float64]:
    """Return the empirical duration in years: minus what a return (0.01 is 1 %) loses per 1 (=100 %) of real yield.

    The yield is a level in per cent; its daily change is taken here. The market is controlled for.
    """
    change = np.diff(floats(real_yield_pct), prepend=np.nan) / 100
    return -rolling_beta(daily_return, change, market_return, window=window, min_n=min_n, start=start)


def liquidity_beta(
    weekly_return: ArrayLike,
    liquidity_change: ArrayLike,
    market_return: ArrayLike,
    *,
    window: int = WINDOW_WEEKS,
    min_n: int = 78,
    start: int = 0,
) -> NDArray[np.float64]:
    """Return the coefficient of weekly returns on the *known* change of net liquidity (or of CSI: `scarcity_beta`)."""
    return rolling_beta(weekly_return, liquidity_change, market_return, window=window, min_n=min_n, start=start)


def shrunk_to_group(betas: ArrayLike, groups: Sequence[str], *, weight: float = 0.5) -> NDArray[np.float64]:
    """Return (1 - weight) beta + weight (mean of the group's known betas), by asset; unknown betas stay unknown.

    `betas` is (assets,) or (periods, assets); the mean is of one period.
    """
    panel = floats(betas)
    wide = np.atleast_2d(panel)
    names = np.array(groups)
    if len(names) != wide.shape[1]:
        raise ValueError(f"{wide.shape[1]} assets have {len(names)} groups")
    shrunk = np.full(wide.shape, np.nan)
    for group in set(groups):
        mine = wide[:, names == group]
        count = (~np.isnan(mine)).sum(axis=1)
        mean = np.nansum(mine, axis=1) / np.maximum(count, 1)
        shrunk[:, names == group] = (1 - weight) * mine + weight * mean[:, None]
    return shrunk.reshape(panel.shape)


def drawdown(price: ArrayLike, *, window: int | None = None, start: int = 0) -> NDArray[np.float64]:
    """Return P_t / max P - 1, over all days so far or the last `window` of them; 0 at a new high, NaN without a price.

    With a window, it is NaN until the window is full.
    """
    prices = floats(price)
    if window is None:
        highest = running_max(prices)
    else:
        highest = np.full(len(prices), np.nan)
        if len(prices) >= window:
            filled = np.where(np.isnan(prices), -np.inf, prices)
            highest[window - 1 :] = np.lib.stride_tricks.sliding_window_view(filled, window).max(axis=1)
    return (prices / highest - 1)[start:]
