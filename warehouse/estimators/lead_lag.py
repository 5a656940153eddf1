"""Is crypto the canary? How far its moves come before those of the index, and what its alarms were worth (A.11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.bootstrap import BLOCK_WEEKS, REPLICATIONS, SEED, band, moving_block_counts
from warehouse.estimators.estimate import NAN, floats, same_length, too_few

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LAGS = 26
CHANGE_WEEKS = 4
PARTS = 5
MIN_PAIRS = 104
"""Two years: fewer weeks hold no more than a handful of independent four-week changes a lag."""


@dataclass(frozen=True, kw_only=True)
class LeadLag:
    """Correlations by lag in weeks, + is crypto first. Bands hold 90 % of the resamples; NaN where there is no value.

    `peak_lag` is where the correlation is largest in size; `stability` the share of the sub-periods in which the
    correlation at that lag has the sign it has overall.
    """

    lags: NDArray[np.int64]
    correlation: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    pairs: NDArray[np.int64]
    peak_lag: float = NAN
    peak_correlation: float = NAN
    peak_lag_low: float = NAN
    peak_lag_high: float = NAN
    stability: float = NAN
    null_reason: str | None = None


def lead_lag(
    price: ArrayLike,
    index: ArrayLike,
    *,
    max_lag: int = LAGS,
    change: int = CHANGE_WEEKS,
    min_pairs: int = MIN_PAIRS,
    block: int = BLOCK_WEEKS,
    replications: int = REPLICATIONS,
    seed: int = SEED,
) -> LeadLag:
    """Return corr(log price[t] - log price[t-k], index[t+l] - index[t+l-k]) for lags l of -26 to 26 weeks, k = 4.

    Row t of both is what was known at the end of week t, in order, no week left out (NaN where unknown). A lag with
    fewer than `min_pairs` pairs has no correlation; if none has, the answer is refused.

    Raises:
        ValueError: a price is not positive.
    """
    prices, levels = floats(price), floats(index)
    same_length(price=prices, index=levels)
    if (prices <= 0).any():
        raise ValueError("a price is positive")
    moves = _change(np.log(prices), change)
    shifts = np.arange(-max_lag, max_lag + 1)
    answers = _shifted(_change(levels, change), shifts)
    pairs = (~np.isnan(moves)[:, None] & ~np.isnan(answers)).sum(axis=0)
    # From the first week that has a pair: weeks before an asset existed are no part of what is resampled.
    used = np.flatnonzero((~np.isnan(moves)[:, None] & ~np.isnan(answers)).any(axis=1))
    nothing = np.full(len(shifts), np.nan)
    if pairs.max(initial=0) < max(min_pairs, block):
        reason = too_few(int(pairs.max(initial=0)), max(min_pairs, block))
        return LeadLag(lags=shifts, correlation=nothing, low=nothing, high=nothing, pairs=pairs, null_reason=reason)
    moves, answers = moves[used[0] : used[-1] + 1], answers[used[0] : used[-1] + 1]
    enough = pairs >= min_pairs
    correlation = np.where(enough, _correlations(moves, answers, np.ones((1, len(moves))))[0], np.nan)
    if np.isnan(correlation).all():
        return LeadLag(
            lags=shifts, correlation=nothing, low=nothing, high=nothing, pairs=pairs, null_reason="no_variation"
        )
    peak = _peak(correlation)

    counts = moving_block_counts(len(moves), block=block, replications=replications, seed=seed)
    drawn = _correlations(moves, answers, counts)
    drawn[:, ~enough] = np.nan
    bands = np.array([band(drawn[:, at], 0.9) for at in range(len(shifts))])
    peaks = np.array([shifts[_peak(each)] for each in drawn if not np.isnan(each).all()], dtype=np.float64)
    peak_low, peak_high = band(peaks, 0.9)
    return LeadLag(
        lags=shifts,
        correlation=correlation,
        low=bands[:, 0],
        high=bands[:, 1],
        pairs=pairs,
        peak_lag=float(shifts[peak]),
        peak_correlation=float(correlation[peak]),
        peak_lag_low=peak_low,
        peak_lag_high=peak_high,
        stability=_stability(moves, answers[:, peak], float(correlation[peak])),
    )


def _change(levels: NDArray[np.float64], over: int) -> NDArray[np.float64]:
    answer = np.full(len(levels), np.nan)
    answer[over:] = levels[over:] - levels[:-over]
    return answer


def _shifted(values: NDArray[np.float64], shifts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (rows, shifts): the value that many rows later."""
    rows = np.arange(len(values))[:, None] + shifts
    inside = (rows >= 0) & (rows < len(values))
    return np.where(inside, values[np.clip(rows, 0, len(values) - 1)], np.nan) if len(values) else np.empty(rows.shape)


def _correlations(
    moves: NDArray[np.float64], answers: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (replications, lags): correlations in which a row counts as often as it was drawn."""
    known = ~np.isnan(moves)[:, None] & ~np.isnan(answers)
    # Centred and scaled first: what is left of a weighted variance is then no difference of large numbers.
    x = np.where(known, _standard(moves)[:, None], 0)
    y = np.where(known, _standard(answers), 0)
    n, sx, sy = counts @ known, counts @ x, counts @ y
    with np.errstate(invalid="ignore", divide="ignore"):
        xy = counts @ (x * y) - sx * sy / n
        xx = counts @ (x * x) - sx * sx / n
        yy = counts @ (y * y) - sy * sy / n
        return np.where((xx > 1e-9 * n) & (yy > 1e-9 * n), xy / np.sqrt(xx * yy), np.nan)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    centred = values - np.where(known, values, 0).sum(axis=0) / count
    size = np.sqrt(np.where(known, centred**2, 0).sum(axis=0) / count)
    return np.asarray(centred / np.where(size > 0, size, 1))


def _peak(correlation: NDArray[np.float64]) -> int:
    return int(np.nanargmax(np.abs(correlation)))


def _stability(moves: NDArray[np.float64], answer: NDArray[np.float64], overall: float) -> float:
    """Return the share of the sub-periods with the overall sign; one without a correlation does not have it."""
    known = ~np.isnan(moves) & ~np.isnan(answer)
    same = 0
    for x, y in zip(np.array_split(moves[known], PARTS), np.array_split(answer[known], PARTS), strict=True):
        part = _correlations(x, y[:, None], np.ones((1, len(x))))[0, 0] if len(x) else NAN
        same += int(np.sign(part) == np.sign(overall))
    return same / PARTS


@dataclass(frozen=True, kw_only=True)
class HitRate:
    """What the alarms of a canary were followed by, counted in steps (days or weeks) and in episodes of alarm.

    `hit_rate` is P(event within the horizon | alarm), `base_rate` the same for any step, `lift` their ratio. A step
    counts once all of its horizon is past and known. An episode is a run of alarms; it is false when none of its steps
    was followed by an event.
    """

    hit_rate: float = NAN
    base_rate: float = NAN
    lift: float = NAN
    steps: int = 0
    alarms: int = 0
    hits: int = 0
    false_alarms: int = 0
    episodes: int = 0
    false_episodes: int = 0
    missed_events: int = 0
    null_reason: str | None = field(default=None)


def canary_hit_rate(
    canary: ArrayLike, event: ArrayLike, *, threshold: float, horizon: int, min_steps: int = 52, min_alarms: int = 1
) -> HitRate:
    """Return how often an event (1) came in the `horizon` steps after a canary above the threshold.

    `missed_events` are steps of event, past the first horizon, before which no alarm stood within the horizon.
    """
    sings, happened = floats(canary), floats(event)
    n = same_length(canary=sings, event=happened)
    steps = max(n - horizon, 0)
    following = np.zeros(steps)
    for ahead in range(1, horizon + 1):
        following += happened[ahead : ahead + steps]  # NaN stays NaN: an unknown day may have had one
    counted = ~np.isnan(following) & ~np.isnan(sings[:steps])
    alarm = counted & (sings[:steps] > threshold)
    hit = following > 0
    total, alarms = int(counted.sum()), int(alarm.sum())
    if total < min_steps:
        return HitRate(steps=total, alarms=alarms, null_reason=too_few(total, min_steps))
    base = float(hit[counted].mean())
    runs = _runs(alarm)
    known = {
        "base_rate": base,
        "steps": total,
        "alarms": alarms,
        "hits": int((alarm & hit).sum()),
        "false_alarms": int((alarm & ~hit).sum()),
        "episodes": len(runs),
        "false_episodes": sum(not hit[first:last].any() for first, last in runs),
        "missed_events": _missed(sings > threshold, np.isnan(sings), happened, horizon),
    }
    if alarms < min_alarms:
        return HitRate(**known, null_reason=f"no_alarm: {alarms} of {min_alarms}")  # type: ignore[arg-type]
    rate = float(hit[alarm].mean())
    return HitRate(**known, hit_rate=rate, lift=rate / base if base > 0 else NAN)  # type: ignore[arg-type]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _missed(alarm: NDArray[np.bool_], unknown: NDArray[np.bool_], happened: NDArray[np.float64], horizon: int) -> int:
    days = [int(day) for day in np.flatnonzero(happened == 1) if day >= horizon]
    return sum(not alarm[day - horizon : day].any() and not unknown[day - horizon : day].any() for day in days)
