"""DRAIN, INJECTION or TRANSITION: the state machine of docs/method.md A.8, which says `undetermined` rather than guess.

Three-valued logic throughout: a missing input makes a day undetermined exactly when the state would depend on it. With
powder at 0.60 there is no DRAIN whatever the burden is, so the answer stands without the burden.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.estimate import floats, same_length
from warehouse.estimators.expanding import expanding_quantile_before, expanding_z

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

RULE_VERSION = "A.8/1"
DRAIN, INJECTION, TRANSITION, UNDETERMINED = "DRAIN", "INJECTION", "TRANSITION", "undetermined"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where DRAIN is entered and left, and INJECTION stands. Percentiles are shares of 1; our assumptions."""

    drain_powder: float = 0.25
    drain_burden: float = 0.70
    drain_exit_powder: float = 0.35
    drain_exit_burden: float = 0.55
    drain_days: int = 10
    drain_window_days: int = 15
    injection_powder: float = 0.50


@dataclass(frozen=True, kw_only=True)
class RegimeDays:
    """The state of each day, and what each rule said: 1.0 yes, 0.0 no, NaN not known.

    `drain_met` is the day's condition, `drain_days_met` and `drain_days_unknown` count it over the window, `enter` and
    `leave` are the two edges, `injection` the other rule.
    """

    state: list[str]
    drain_met: NDArray[np.float64]
    drain_days_met: NDArray[np.int64]
    drain_days_unknown: NDArray[np.int64]
    enter: NDArray[np.float64]
    leave: NDArray[np.float64]
    injection: NDArray[np.float64]
    inputs: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    rule_version: str = RULE_VERSION


def liquidity_regime(
    dry_powder_pct: ArrayLike,
    burden_pct: ArrayLike,
    multiplier_beta: ArrayLike,
    joint_rise: ArrayLike,
    external_share_rising: ArrayLike | None = None,
    *,
    thresholds: Thresholds | None = None,
) -> RegimeDays:
    """Return the regime of each day, rows being the days that count, in order, all inputs as known on the day.

    DRAIN is entered when powder < 0.25, burden > 0.70 and (beta < 0 or joint rise), all of it on 10 of the last 15
    days and on the day itself, and left when powder > 0.35 or burden < 0.55. INJECTION is powder > 0.50, beta > 0 and
    no joint rise. Days before the first row are unknown: whether DRAIN held before them is not assumed.
    `external_share_rising` (e) is kept with the inputs and decides nothing.

    Raises:
        ValueError: the arrays are not of one length, or joint rise is neither 0 nor 1.
    """
    rule = thresholds or Thresholds()
    a, b, c, d = floats(dry_powder_pct), floats(burden_pct), floats(multiplier_beta), floats(joint_rise)
    n = same_length(dry_powder_pct=a, burden_pct=b, multiplier_beta=c, joint_rise=d)
    e = np.full(n, np.nan) if external_share_rising is None else floats(external_share_rising)
    same_length(dry_powder_pct=a, external_share_rising=e)
    if not np.isin(d[~np.isnan(d)], (0, 1)).all():
        raise ValueError("joint_rise is 0, 1 or NaN")

    met = _all(_is(a, lambda v: v < rule.drain_powder), _is(b, lambda v: v > rule.drain_burden),
               _any(_is(c, lambda v: v < 0), d))  # fmt: skip
    leave = _any(_is(a, lambda v: v > rule.drain_exit_powder), _is(b, lambda v: v < rule.drain_exit_burden))
    injection = _all(_is(a, lambda v: v > rule.injection_powder), _is(c, lambda v: v > 0), 1 - d)

    days_met = _in_window(met == 1, rule.drain_window_days)
    # days before the first are not known
    days_unknown = _in_window(np.isnan(met), rule.drain_window_days) + np.maximum(
        rule.drain_window_days - np.arange(1, n + 1), 0
    )
    has_lasted = np.where(
        days_met >= rule.drain_days, 1.0, np.where(days_met + days_unknown < rule.drain_days, 0.0, np.nan)
    )
    # Today's condition, too: days from before it was left must not bring DRAIN back on a day that does not meet it.
    enter = _all(has_lasted, met)
    draining = _held(enter, leave)
    state = np.select(
        [draining == 1, np.isnan(draining) | np.isnan(injection), injection == 1],
        [DRAIN, UNDETERMINED, INJECTION],
        TRANSITION,
    ).tolist()
    inputs = {
        "dry_powder_pct": a,
        "burden_pct": b,
        "multiplier_beta": c,
        "joint_rise": d,
        "external_share_rising": e,
    }
    return RegimeDays(
        state=state,
        drain_met=met,
        drain_days_met=days_met,
        drain_days_unknown=days_unknown,
        enter=enter,
        leave=leave,
        injection=injection,
        inputs=inputs,
    )


def joint_rise(
    yield_change: ArrayLike, credit_change: ArrayLike, *, q: float = 0.60, min_history: int = 520, start: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the flag (1.0, 0.0) and the intensity of sovereign yields and credit spreads rising together (C15).

    Both changes are over 21 days. Flagged when each is above 0 and at or above the q-quantile of its own earlier
    changes; the intensity is the smaller of the two z-scores. NaN where either leg is unknown or short of history.
    """
    legs = floats(yield_change), floats(credit_change)
    same_length(yield_change=legs[0], credit_change=legs[1])
    flag = np.ones(len(legs[0]) - start)
    for change in legs:
        limit, today = expanding_quantile_before(change, q, min_history, start=start), change[start:]
        known = ~np.isnan(limit) & ~np.isnan(today)
        flag *= np.where(known, (today >= limit) & (today > 0), np.nan)
    scores = [expanding_z(change, min_history, start=start) for change in legs]
    return flag, np.minimum(scores[0], scores[1])


def _in_window(answers: NDArray[np.bool_], days: int) -> NDArray[np.int64]:
    """Return how many of the last days, the day among them, were so."""
    total = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(answers)])
    return np.asarray(total[1:] - total[np.maximum(np.arange(1, len(total)) - days, 0)], dtype=np.int64)


def _held(enter: NDArray[np.float64], leave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return whether the state holds by day: entered or held the day before, and not left; unknown before the first."""
    answer = np.full(len(enter), np.nan)
    held = np.nan
    for day, (entered, left) in enumerate(zip(enter.tolist(), leave.tolist(), strict=True)):
        if 1.0 in {held, entered}:
            held = 1.0
        elif entered != 0.0:
            held = np.nan
        if left == 1.0:
            held = 0.0
        elif left != 0.0 and held != 0.0:
            held = np.nan
        answer[day] = held
    return answer


def _is(values: NDArray[np.float64], test: Callable[[NDArray[np.float64]], NDArray[np.bool_]]) -> NDArray[np.float64]:
    return np.where(np.isnan(values), np.nan, test(values).astype(np.float64))


def _all(*answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Kleene's and: one no settles it."""
    table = np.vstack(answers)
    return np.where((table == 0).any(axis=0), 0.0, np.where(np.isnan(table).any(axis=0), np.nan, 1.0))


def _any(*answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Kleene's or: one yes settles it."""
    return 1 - _all(*(1 - answer for answer in answers))
