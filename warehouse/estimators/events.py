"""What a series did around a day: how far it moved, how unusual that was, and whether it went on faster (C12)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.estimate import NAN, Estimate, floats, refused, same_length, too_few
from warehouse.estimators.regression import coefficient, least_squares

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import ArrayLike, NDArray

MIN_COVERAGE = 0.6
MIN_BEFORE = 20


@dataclass(frozen=True, kw_only=True)
class EventStudy:
    """A series (its own unit) around an event. Every number is NaN when `null_reason` says why.

    `level_change` is the mean after minus the mean before; `cumulative_change` the last known level after minus the
    last known before; `abnormal_change` the same less the drift of before; `score` that over the standard deviation of
    as many steps, about a t statistic. `missing` counts unknown rows in the two windows, `last_day` is the last one
    used.
    """

    level_change: float = NAN
    cumulative_change: float = NAN
    drift_before: float = NAN
    sd_before: float = NAN
    abnormal_change: float = NAN
    score: float = NAN
    steps: int = 0
    missing_before: int = 0
    missing_after: int = 0
    last_day: date | None = None
    null_reason: str | None = None


def event_study(
    values: ArrayLike,
    days: Sequence[date],
    event: date,
    *,
    before: int = 60,
    after: int = 20,
    min_before: int = MIN_BEFORE,
) -> EventStudy:
    """Compare the `before` rows before the event with the `after` rows from it on; rows are days known on the day.

    The event's own day, or the first row after it, is the first row of after. Refused, not shortened, while the window
    after it is not over: a study that moves every day is none.
    """
    levels = floats(values)
    first = _first_row(levels, days, event)
    past, future = levels[max(first - before, 0) : first], levels[first : first + after]
    here_before, here_after = int((~np.isnan(past)).sum()), int((~np.isnan(future)).sum())
    counted = EventStudy(missing_before=before - here_before, missing_after=after - here_after)
    if len(future) < after:
        return replace(counted, null_reason=f"window_not_over: {len(future)} of {after}")
    changes = np.diff(past)
    changes = changes[~np.isnan(changes)]
    if here_before < MIN_COVERAGE * before or len(changes) < min_before:
        need = max(int(np.ceil(MIN_COVERAGE * before)), min_before)
        return replace(counted, null_reason=f"before: {too_few(len(changes), need)}")
    if here_after < MIN_COVERAGE * after:
        need = int(np.ceil(MIN_COVERAGE * after))
        return replace(counted, null_reason=f"after: {too_few(here_after, need)}")
    base, end = int(np.flatnonzero(~np.isnan(past))[-1]), int(np.flatnonzero(~np.isnan(future))[-1])
    steps = len(past) - base + end
    moved = float(future[end] - past[base])
    drift, sd = float(changes.mean()), float(changes.std(ddof=1))
    abnormal = moved - drift * steps
    return replace(
        counted,
        level_change=float(np.nanmean(future) - np.nanmean(past)),
        cumulative_change=moved,
        drift_before=drift,
        sd_before=sd,
        abnormal_change=abnormal,
        score=abnormal / (sd * float(np.sqrt(steps))) if sd > 0 else NAN,
        steps=steps,
        last_day=days[first + after - 1],
    )


def slope_steeper(
    values: ArrayLike,
    days: Sequence[date],
    event: date,
    *,
    before: int = 60,
    after: int = 60,
    hac_lags: int = 4,
    min_n: int = MIN_BEFORE,
) -> Estimate:
    """Return the slope after the event minus the one before, per row, with a HAC interval: is the move faster now?

    Slopes are mean changes: a trend fitted to the levels of what wanders finds breaks everywhere. Refused below `min_n`
    known changes on either side.
    """
    levels = floats(values)
    first = _first_row(levels, days, event)
    low = max(first - before, 1)
    changes = np.diff(levels, prepend=np.nan)[low : first + after]
    later = (np.arange(low, low + len(changes)) >= first).astype(np.float64)
    known = ~np.isnan(changes)
    sides = int((known & (later == 0)).sum()), int((known & (later == 1)).sum())
    n = sum(sides)
    if min(sides) < min_n:
        return refused(too_few(min(sides), min_n), n=n)
    fit = least_squares(changes[known], np.column_stack([np.ones(n), later[known]]))
    return refused("no_variation", n=n) if fit is None else coefficient(fit, 1, hac_lags, n=n)


def _first_row(levels: NDArray[np.float64], days: Sequence[date], event: date) -> int:
    same_length(values=levels, days=np.empty(len(days)))
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError("days ascend, each once")
    return next((row for row, day in enumerate(days) if day >= event), len(days))
