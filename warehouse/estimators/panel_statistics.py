"""From what was known by each Friday to the statistical metrics: tails, betas, ranks, leads and shares of variance.

Frames in, frames out; dbt's Python models call these. `weeks` has one row per asset and week (asset_id, asset_group,
week_end, return_ratio, pit_rank, origin_rank, known_at): the first print of the return from one Thursday to the next,
and when it was known. `fridays` has one row per Friday (date_day, levels as known at its cut-off, pit_rank,
origin_rank). An answer dated T reads the rows of `fridays` up to T and the weeks known at 22:00 UTC of T, and so never
moves: with `since` only the answers of that day and later are returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from warehouse.estimators.attribution import Attribution, shapley_r2
from warehouse.estimators.dependence import (
    below_own_tail,
    cross_asset_tail_dependence,
    elimination,
    rank_ic,
    rolling_beta,
    shrunk_to_group,
    slope_by_tercile,
)
from warehouse.estimators.estimate import Estimate, floats, refused, too_few
from warehouse.estimators.events import slope_steeper
from warehouse.estimators.expanding import expanding_rank
from warehouse.estimators.frames import CUTOFF_HOUR
from warehouse.estimators.lead_lag import canary_hit_rate, lead_lag

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

MARKET = "factor_market"
MIN_COVERAGE = 0.6
MIN_ASSETS = 5
"""Fewer assets have no breadth."""
RECENT_WEEKS = 26
"""An asset without a return in them is no longer of the universe."""
STALE_WEEKS = 13
WINDOW_WEEKS, MIN_WEEKS = 104, 78
FORWARD_WEEKS = 13
FIRST_YEAR = 2010
"""Of the weekly answers. What they are made of goes back as far as there is any."""
CURVE_REPLICATIONS = 199
"""Of the bands that are drawn anew each quarter."""
ALARM = 0.9
HIT_WEEKS = 8
MIN_ALARMS = 5
MIN_HISTORY_WEEKS = 156
EVENT_ROWS = 60
EVENT_ID = "warsh-2026-01-30"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Weekly returns, (weeks, assets), every Friday between the first and the last. Unknown returns are NaN.

    `known_at` is in nanoseconds since 1970 and does not fall over the known weeks of an asset: a week that became known
    after a later one is left out for good, so that what is known of an asset is always a prefix.
    """

    days: pd.DatetimeIndex
    assets: tuple[str, ...]
    groups: tuple[str, ...]
    returns: NDArray[np.float64]
    known_at: NDArray[np.int64]
    pit_rank: NDArray[np.float64]
    origin_rank: NDArray[np.float64]

    def known(self, day: pd.Timestamp) -> NDArray[np.bool_]:
        """Return which returns of weeks up to the day were known at its cut-off: (weeks up to it, assets)."""
        rows = int(self.days.searchsorted(day, side="right"))
        return np.asarray(~np.isnan(self.returns[:rows]) & (self.known_at[:rows] <= cutoff(day)))

    def at(self, asset: str) -> int | None:
        """Return the asset's column, if there is one."""
        return self.assets.index(asset) if asset in self.assets else None


def cutoff(day: pd.Timestamp) -> int:
    """Return 22:00 UTC of a day in nanoseconds since 1970."""
    import pandas as pd

    return int((pd.Timestamp(day).tz_localize("UTC") + pd.Timedelta(hours=CUTOFF_HOUR)).as_unit("ns").value)


def panel_of(weeks: pd.DataFrame, days: pd.DatetimeIndex) -> Panel:
    """Return the weeks on the Fridays given and those before them that have returns."""
    import pandas as pd

    weeks = weeks.sort_values(["asset_id", "week_end"], kind="stable").copy()
    weeks["week_end"] = pd.DatetimeIndex(weeks["week_end"]).as_unit("ns")
    if len(weeks):
        every = pd.date_range(min([weeks["week_end"].min(), *days[:1]]), max([weeks["week_end"].max(), *days[-1:]]),
                              freq="W-FRI")  # fmt: skip
    else:
        every = days
    groups = weeks.groupby("asset_id", sort=True)["asset_group"].first()
    assets = tuple(str(name) for name in groups.index)
    shape = (len(every), len(assets))
    returns, known_at = np.full(shape, np.nan), np.full(shape, np.iinfo(np.int64).max)
    ranks = np.full((2, *shape), np.nan)
    rows = every.get_indexer(pd.DatetimeIndex(weeks["week_end"]))
    columns = np.searchsorted(np.array(assets, dtype=object), weeks["asset_id"].to_numpy(dtype=object))
    returns[rows, columns] = weeks["return_ratio"].to_numpy(dtype=np.float64)
    known_at[rows, columns] = pd.DatetimeIndex(pd.to_datetime(weeks["known_at"], utc=True)).as_unit("ns").asi8
    if len(known_at):
        returns[:-1][known_at[:-1] > np.minimum.accumulate(known_at[::-1], axis=0)[::-1][1:]] = np.nan
    for at, name in enumerate(("pit_rank", "origin_rank")):
        ranks[at, rows, columns] = weeks[name].to_numpy(dtype=np.float64)
    return Panel(
        days=every,
        assets=assets,
        groups=tuple(str(name) for name in groups),
        returns=returns,
        known_at=known_at,
        pit_rank=ranks[0],
        origin_rank=ranks[1],
    )


def friday_index(fridays: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the days of a frame of Fridays, which ascend without a gap.

    Raises:
        ValueError: they do not.
    """
    import pandas as pd

    days = pd.DatetimeIndex(fridays["date_day"]).as_unit("ns")
    if len(days) and not days.equals(pd.date_range(days[0], days[-1], freq="W-FRI")):
        raise ValueError("one row per Friday, in order, none left out")
    return days


def ends(days: pd.DatetimeIndex, period: str) -> list[int]:
    """Return the rows of the last Fridays of each `quarter` or `month`: those of which the next is in another."""
    import pandas as pd

    after = days + pd.Timedelta(days=7)
    return [int(row) for row in np.flatnonzero(getattr(days, period) != getattr(after, period))]


def _asked(days: pd.DatetimeIndex, since: date | None) -> NDArray[np.bool_]:
    """Return which days are answered for: none before FIRST_YEAR, nor before `since`, which changes no other answer."""
    import pandas as pd

    first = np.asarray(days.year >= FIRST_YEAR)
    return first if since is None else np.asarray(first & (days >= pd.Timestamp(since)))


def level(fridays: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column of levels."""
    return floats(fridays[name].to_numpy(dtype=np.float64))


def step(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the change from the Friday before."""
    return np.diff(levels, prepend=np.nan) if len(levels) else levels


def worst_so_far(fridays: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return the most doubtful rank of the rows up to each."""
    return np.asarray(np.fmax.accumulate(fridays[name].to_numpy(dtype=np.float64)))


# --------------------------------------------------------------------------------------------------------- tails

FORCED_SALES = ["date_day", "measure", "value", "standard_error", "low", "high", "n", "universe", "judged_week",
                "coverage", "null_reason", "pit_rank", "origin_rank"]  # fmt: skip


def forced_sales(weeks: pd.DataFrame, fridays: pd.DataFrame, since: date | None = None) -> pd.DataFrame:
    """Return `forced_sale_breadth` by Friday and `cross_asset_tail_dependence` by last Friday of a month.

    Both are about `judged_week`, the newest of which 60 % of the universe was known at the cut-off: the universe
    is what had a known return in the half year before. `n` counts the assets judged, or the pairs. A tail is an asset's
    own, of the weeks before: see `below_own_tail`.
    """
    days = friday_index(fridays)
    if not _asked(days, since).any():
        return _forced_sales([])
    panel = panel_of(weeks, days)
    below = below_own_tail(panel.returns, min_history=MIN_HISTORY_WEEKS) if panel.assets else panel.returns
    months = {days[row] for row in ends(days, "month")}
    rows: list[dict[str, Any]] = []
    for day in days[_asked(days, since)]:
        known = panel.known(day)
        recent = known[-RECENT_WEEKS:]
        universe = recent.any(axis=0)
        size = int(universe.sum())
        share = recent.sum(axis=1) / max(size, 1)
        enough = np.flatnonzero(share[-STALE_WEEKS:] >= MIN_COVERAGE) if size >= MIN_ASSETS else np.array([], dtype=int)
        stamp: dict[str, Any] = {"date_day": day.date(), "universe": size}
        if not len(enough):
            reason = f"universe_below_{MIN_ASSETS}: {size}" if size < MIN_ASSETS else f"low_coverage: {share.max():.2f}"
            here = {**stamp, "coverage": float(share.max(initial=0)), "null_reason": reason, "n": 0}
            rows += [{**here, "measure": m} for m in ("breadth", "tail_dependence") if m == "breadth" or day in months]
            continue
        week = len(known) - min(STALE_WEEKS, len(known)) + int(enough[-1])
        stamp |= {
            "judged_week": panel.days[week].date(),
            "pit_rank": _worst_known(panel.pit_rank, known[: week + 1]),
            "origin_rank": _worst_known(panel.origin_rank, known[: week + 1]),
        }
        judged = known[week] & ~np.isnan(below[week])
        n = int(judged.sum())
        is_broad = n >= max(MIN_COVERAGE * size, MIN_ASSETS)
        rows.append(
            {
                **stamp,
                "measure": "breadth",
                "value": float(below[week][judged].mean()) if is_broad else np.nan,
                "n": n,
                "coverage": n / size,
                "null_reason": None if is_broad else f"short_history: {n} of {size} assets",
            }
        )
        if day in months:
            past = np.where(known[: week + 1], panel.returns[: week + 1], np.nan)[:, universe]
            found = cross_asset_tail_dependence(past, min_history=MIN_HISTORY_WEEKS, replications=CURVE_REPLICATIONS)
            rows.append({**stamp, "measure": "tail_dependence", "coverage": float(share[-1]), **_numbers(found)})
    return _forced_sales(rows)


def _forced_sales(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=FORCED_SALES)
    return frame.assign(judged_week=pd.to_datetime(frame["judged_week"]))  # a date even where there is none


def _worst_known(ranks: NDArray[np.float64], known: NDArray[np.bool_]) -> float:
    """Return the most doubtful rank of the returns that are known."""
    return float(np.fmax.reduce(ranks[: len(known)][known], initial=np.nan))


def _numbers(found: Estimate) -> dict[str, Any]:
    return {
        "value": found.value,
        "standard_error": found.standard_error,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "null_reason": found.null_reason,
    }


# --------------------------------------------------------------------------------------------------------- betas

BETAS = ["date_day", "asset_id", "asset_group", "measure", "value", "own_value", "estimated_on", "n", "null_reason",
         "pit_rank", "origin_rank"]  # fmt: skip
REGRESSORS = {"liquidity_beta": "net_liquidity", "scarcity_beta": "csi"}


def betas(weeks: pd.DataFrame, fridays: pd.DataFrame, since: date | None = None) -> pd.DataFrame:
    """Return by Friday and asset the coefficients of its weekly return on the change of net liquidity and of CSI.

    Over the 104 weeks up to `estimated_on`, the newest with asset and market known and at most 13 weeks back; at
    least 78 of them, `n`. The market is controlled for, but in its own beta. `value` is shrunk half to the mean of the
    group, `own_value` is not.
    """
    import pandas as pd

    days = friday_index(fridays)
    if not _asked(days, since).any():
        return pd.DataFrame(columns=BETAS)
    panel = panel_of(weeks, days)
    if not len(days) or not panel.assets:
        return pd.DataFrame(columns=BETAS)
    first = int(panel.days.searchsorted(days[0]))
    returns = panel.returns[first : first + len(days)]
    there = ~np.isnan(returns)
    market = panel.at(MARKET)
    is_asked = _asked(days, since)
    asked = np.flatnonzero(is_asked)
    cutoffs = np.array([cutoff(day) for day in days])
    begins = [_first_known(panel, asset, days, cutoffs) for asset in range(len(panel.assets))]
    market_begins = len(days) if market is None else begins[market]
    found = []
    for measure, regressor in REGRESSORS.items():
        moved = step(level(fridays, regressor))
        own = np.full((len(days), len(panel.assets)), np.nan)
        newest, counts = np.full(own.shape, -1), np.zeros(own.shape, dtype=np.int64)
        for asset in range(len(panel.assets)):
            control = None if asset == market or market is None else returns[:, market]
            rows = there[:, asset] & ~np.isnan(moved)
            known_at = panel.known_at[first : first + len(days), asset]
            if control is not None:
                rows &= ~np.isnan(control)
                known_at = np.maximum(known_at, panel.known_at[first : first + len(days), market])
            usable = np.flatnonzero(rows)
            if not len(usable) or market is None:
                continue
            # Known are the weeks up to some: the newest known at each cut-off, and never one after it.
            known = np.minimum(
                np.searchsorted(known_at[usable], cutoffs, side="right"),
                np.searchsorted(usable, np.arange(len(days)), side="right"),
            )
            has = (known > 0) & is_asked
            if not has.any():
                continue
            newest[has, asset] = usable[known[has] - 1]
            oldest = int(newest[has, asset].min())
            slopes = rolling_beta(returns[:, asset], moved, control, window=WINDOW_WEEKS, min_n=MIN_WEEKS, start=oldest)
            total = np.concatenate([[0], np.cumsum(rows)])
            start = np.maximum(newest[has, asset] + 1 - WINDOW_WEEKS, 0)
            counts[has, asset] = total[newest[has, asset] + 1] - total[start]
            own[has, asset] = slopes[newest[has, asset] - oldest]
        age = np.arange(len(days))[:, None] - newest
        is_stale = (newest >= 0) & (age > STALE_WEEKS)
        own[is_stale] = np.nan
        value = shrunk_to_group(own, panel.groups)
        for asset, name in enumerate(panel.assets):
            mine = asked[asked >= begins[asset]]
            known_ranks = {
                rank: np.fmax(
                    worst_so_far(fridays, rank),
                    np.fmax.accumulate(getattr(panel, rank)[: first + len(days), asset])[first:],
                )[mine]
                for rank in ("pit_rank", "origin_rank")
            }
            reasons = [
                f"missing_input: {MARKET}"
                if row < market_begins
                else _beta_reason(own[row, asset], bool(is_stale[row, asset]), int(counts[row, asset]), regressor)
                for row in mine
            ]
            found.append(
                pd.DataFrame(
                    {
                        "date_day": days[mine].date,
                        "asset_id": name,
                        "asset_group": panel.groups[asset],
                        "measure": measure,
                        "value": value[mine, asset],
                        "own_value": own[mine, asset],
                        "estimated_on": days[newest[mine, asset]].where(newest[mine, asset] >= 0),
                        "n": counts[mine, asset],
                        "null_reason": reasons,
                        **known_ranks,
                    }
                )
            )
    answer = [each for each in found if len(each)]
    return pd.concat(answer, ignore_index=True)[BETAS] if answer else pd.DataFrame(columns=BETAS)


def _first_known(panel: Panel, asset: int, days: pd.DatetimeIndex, cutoffs: NDArray[np.int64]) -> int:
    """Return the first Friday at which anything was known of the asset."""
    rows = np.flatnonzero(~np.isnan(panel.returns[:, asset]))
    if not len(rows):
        return len(days)
    return int(
        max(
            np.searchsorted(cutoffs, panel.known_at[rows[0], asset]),
            days.searchsorted(panel.days[rows[0]]),
        )
    )


def _beta_reason(value: float, is_stale: bool, n: int, regressor: str) -> str | None:  # noqa: FBT001
    if not np.isnan(value):
        return None
    if is_stale:
        return "stale"
    if n == 0:
        return f"missing_input: {regressor}"
    return too_few(n, MIN_WEEKS) if n < MIN_WEEKS else "no_variation"


# --------------------------------------------------------------------------------------------------------- ranks

ELIMINATION = ["date_day", "measure", "value", "standard_error", "low", "high", "n", "assets", "null_reason",
               "pit_rank", "origin_rank"]  # fmt: skip


def elimination_by_quarter(
    durations: pd.DataFrame, weeks: pd.DataFrame, fridays: pd.DataFrame, since: date | None = None
) -> pd.DataFrame:
    """Return, by last Friday of a quarter, the rank correlation of duration and the return of the 13 weeks after.

    `durations` has date_day, asset_id, value (years of empirical duration, as known that Friday). A quarter counts once
    its 13 weeks are over and known; `n` counts quarters, `assets` the most that one of them has. Measures: all, drain,
    injection (by the regime of the quarter's beginning) and asymmetry, their sum. Refused below ten assets.
    """
    import pandas as pd

    days = friday_index(fridays)
    if not _asked(days, since).any():
        return pd.DataFrame(columns=ELIMINATION)
    panel = panel_of(weeks, days)
    quarters = ends(days, "quarter")
    scores = pd.DataFrame(index=days[quarters], columns=list(panel.assets), dtype="float64")
    if len(durations):
        table = durations.assign(date_day=pd.DatetimeIndex(durations["date_day"]).as_unit("ns"))
        table = table.set_index(["date_day", "asset_id"])["value"].unstack()  # noqa: PD010  (a key twice is an error)
        scores = table.reindex(index=days[quarters], columns=list(panel.assets)).astype("float64")
    score = scores.to_numpy(dtype=np.float64)
    regimes = fridays["regime"].to_numpy(dtype=object)[quarters] if len(quarters) else np.array([], dtype=object)
    names = [str(each) if isinstance(each, str) else "undetermined" for each in regimes]
    pit, origin = worst_so_far(fridays, "pit_rank"), worst_so_far(fridays, "origin_rank")
    is_asked = _asked(days, since)
    starts = panel.days.get_indexer(days[quarters])
    rows: list[dict[str, Any]] = []
    for at, row in enumerate(quarters):
        day = days[row]
        if not is_asked[row]:
            continue
        known = panel.known(day)
        after = np.full((at, len(panel.assets)), np.nan)
        for period in range(at):
            span = slice(starts[period] + 1, starts[period] + 1 + FORWARD_WEEKS)
            if span.stop <= len(known):
                grown = np.prod(1 + panel.returns[span], axis=0) - 1
                after[period] = np.where(known[span].all(axis=0), grown, np.nan)
        there = known.any(axis=0)  # resampling draws from these: an asset that is to come would change the draws
        before, after = score[:at, there], after[:, there]
        assets = int((~np.isnan(before) & ~np.isnan(after)).sum(axis=1).max(initial=0))
        found = _elimination(before, after, names[:at])
        rows += [
            {
                "date_day": day.date(),
                "measure": measure,
                **_numbers(estimate),
                "assets": assets,
                "pit_rank": np.fmax(pit[row], _worst_known(panel.pit_rank, known)),
                "origin_rank": np.fmax(origin[row], _worst_known(panel.origin_rank, known)),
            }
            for measure, estimate in found.items()
        ]
    return pd.DataFrame(rows, columns=ELIMINATION)


def _elimination(score: NDArray[np.float64], after: NDArray[np.float64], regimes: list[str]) -> dict[str, Estimate]:
    if not len(score):
        return {m: refused("no_period: none") for m in ("all", "drain", "injection", "asymmetry")}
    whole = rank_ic(score, after, replications=CURVE_REPLICATIONS)
    if not whole.known:
        return dict.fromkeys(("all", "drain", "injection", "asymmetry"), whole)
    found = elimination(score, after, regimes, replications=CURVE_REPLICATIONS)
    return {
        "all": whole,
        "drain": found["DRAIN"],
        "injection": found["INJECTION"],
        "asymmetry": found["asymmetry"],
    }


# --------------------------------------------------------------------------------------------------------- leads

CURVES = ["date_day", "target", "lag_weeks", "correlation", "low", "high", "pairs", "peak_lag", "peak_correlation",
          "peak_lag_low", "peak_lag_high", "stability", "null_reason", "pit_rank", "origin_rank"]  # fmt: skip
TARGETS = ("csi", "net_liquidity")


def lead_lag_curves(fridays: pd.DataFrame, since: date | None = None) -> pd.DataFrame:
    """Return, by last Friday of a quarter, bitcoin's lead over CSI and over net liquidity at each lag in weeks.

    Four-week changes of both, as known at the Fridays; + is bitcoin first. The bands hold 90 % of the block bootstrap.
    The peak and the stability of its sign over five parts are repeated on every row of a curve.
    """
    import pandas as pd

    days = friday_index(fridays)
    price = level(fridays, "btc_close")
    pit, origin = worst_so_far(fridays, "pit_rank"), worst_so_far(fridays, "origin_rank")
    is_asked = _asked(days, since)
    found = []
    for target in TARGETS:
        levels = level(fridays, target)
        for row in ends(days, "quarter"):
            past = slice(0, row + 1)
            if not is_asked[row] or np.isnan(price[past]).all():
                continue  # no bitcoin yet, and no question
            curve = lead_lag(price[past], levels[past], replications=CURVE_REPLICATIONS)
            found.append(
                pd.DataFrame(
                    {
                        "date_day": days[row].date(),
                        "target": target,
                        "lag_weeks": curve.lags,
                        "correlation": curve.correlation,
                        "low": curve.low,
                        "high": curve.high,
                        "pairs": curve.pairs,
                        "peak_lag": curve.peak_lag,
                        "peak_correlation": curve.peak_correlation,
                        "peak_lag_low": curve.peak_lag_low,
                        "peak_lag_high": curve.peak_lag_high,
                        "stability": curve.stability,
                        "null_reason": curve.null_reason,
                        "pit_rank": pit[row],
                        "origin_rank": origin[row],
                    }
                )
            )
    return pd.concat(found, ignore_index=True)[CURVES] if found else pd.DataFrame(columns=CURVES)


HITS = ["date_day", "hit_rate", "base_rate", "lift", "steps", "alarms", "hits", "false_alarms", "episodes",
        "false_episodes", "missed_events", "null_reason", "pit_rank", "origin_rank"]  # fmt: skip


def canary_hits(fridays: pd.DataFrame, since: date | None = None) -> pd.DataFrame:
    """Return, by last Friday of a month, how often a joint rise came within 8 weeks after the canary's alarm.

    The alarm is the canary index above the ninth decile of its own past, the event a week with the flag of a joint rise
    (`joint_rise`, 1 or 0).
    """
    import pandas as pd

    days = friday_index(fridays)
    canary = expanding_rank(level(fridays, "cci"), MIN_HISTORY_WEEKS) if len(days) else np.array([])
    event = level(fridays, "joint_rise")
    pit, origin = worst_so_far(fridays, "pit_rank"), worst_so_far(fridays, "origin_rank")
    is_asked = _asked(days, since)
    rows: list[dict[str, Any]] = []
    for row in ends(days, "month"):
        if not is_asked[row] or np.isnan(level(fridays, "cci")[: row + 1]).all():
            continue
        past = slice(0, row + 1)
        found = canary_hit_rate(canary[past], event[past], threshold=ALARM, horizon=HIT_WEEKS, min_alarms=MIN_ALARMS)
        rows.append(
            {
                "date_day": days[row].date(),
                **{name: getattr(found, name) for name in HITS[1:-2]},
                "pit_rank": pit[row],
                "origin_rank": origin[row],
            }
        )
    return pd.DataFrame(rows, columns=HITS)


# -------------------------------------------------------------------------------------------------------- shares

SHARES = ["date_day", "study", "player", "gain", "share", "low", "high", "r2", "n", "null_reason", "pit_rank",
          "origin_rank"]  # fmt: skip


def variance_shares(weeks: pd.DataFrame, fridays: pd.DataFrame, since: date | None = None) -> pd.DataFrame:
    """Return, by last Friday of a quarter, who explains how much, over all weeks known by then (Shapley, weekly).

    Study `cost`: changes of the ten-year real yield by demand and supply of capital. Study `rivals`: bitcoin's returns
    by dollar, two-year yield, market and CSI; its weeks end where the market's returns are known.
    """
    import pandas as pd

    days = friday_index(fridays)
    if not _asked(days, since).any():
        return pd.DataFrame(columns=SHARES)
    panel = panel_of(weeks, days)
    first = int(panel.days.searchsorted(days[0])) if len(days) else 0
    market = panel.at(MARKET)
    real_yield = 100 * step(level(fridays, "real_yield_10y"))
    balance = {name: step(level(fridays, name)) for name in ("demand", "supply")}
    with np.errstate(divide="ignore", invalid="ignore"):
        bitcoin = step(np.log(level(fridays, "btc_close")))
        dollar = step(np.log(level(fridays, "broad_dollar")))
    rivals = {
        "dollar": dollar,
        "two_year_yield": step(level(fridays, "yield_2y")),
        "market": np.full(len(days), np.nan) if market is None else panel.returns[first : first + len(days), market],
        "csi": step(level(fridays, "csi")),
    }
    pit, origin = worst_so_far(fridays, "pit_rank"), worst_so_far(fridays, "origin_rank")
    is_asked = _asked(days, since)
    rows: list[dict[str, Any]] = []
    for row in ends(days, "quarter"):
        if not is_asked[row]:
            continue
        past = slice(0, row + 1)
        known_market = rivals["market"][past].copy()
        if market is not None:
            known_market[~panel.known(days[row])[first:, market]] = np.nan
        studies = {
            "cost": _shares(real_yield[past], {name: x[past] for name, x in balance.items()}),
            "rivals": _shares(
                bitcoin[past], {name: known_market if name == "market" else x[past] for name, x in rivals.items()}
            ),
        }
        for study, found in studies.items():
            for at, player in enumerate(found.players):
                rows.append(
                    {
                        "date_day": days[row].date(),
                        "study": study,
                        "player": player,
                        "gain": found.gains[at] if found.gains else np.nan,
                        "share": found.shares[at] if found.shares else np.nan,
                        "low": found.shares_low[at] if found.shares_low else np.nan,
                        "high": found.shares_high[at] if found.shares_high else np.nan,
                        "r2": found.r2,
                        "n": found.n,
                        "null_reason": found.null_reason,
                        "pit_rank": pit[row],
                        "origin_rank": origin[row],
                    }
                )
    return pd.DataFrame(rows, columns=SHARES)


def _shares(target: NDArray[np.float64], players: dict[str, NDArray[np.float64]]) -> Attribution:
    """Share out, and name what was never known at all instead of a sample of none."""
    missing = [name for name, values in {"explained": target, **players}.items() if np.isnan(values).all()]
    if missing:
        return Attribution(players=tuple(players), null_reason="missing_input: " + ", ".join(missing))
    return shapley_r2(target, players, replications=CURVE_REPLICATIONS)


# ---------------------------------------------------------------------------------------------------- multipliers

MULTIPLIERS = ["date_day", "tercile", "value", "standard_error", "low", "high", "n", "null_reason"]
MIN_TERCILE_WEEKS = 30
MIN_NEWS_WEEKS = 8
"""Weeks with news that a slope wants, as the multiplier over all weeks does."""


def multipliers_by_powder(weeks: pd.DataFrame, powder: pd.DataFrame, since: date | None = None) -> pd.DataFrame:
    """Return, by last Friday of a quarter, the slope of risk returns on AI funding news by tercile of dry powder.

    `weeks` has week_end (every Friday), risk_return, funding_news_usd_bn and known_at (null while the returns are not
    known); `powder` has date_day and value, the percentile as known at that day's cut-off. A week belongs to the
    tercile of the Friday before it, which its news and its returns cannot have moved. Terciles are low, middle and
    high, and `difference`, high less low; low and high of the answer bound 95 %.
    """
    import pandas as pd

    if not len(weeks):
        return pd.DataFrame(columns=MULTIPLIERS)
    weeks = weeks.sort_values("week_end").reset_index(drop=True)
    days = friday_index(weeks.rename(columns={"week_end": "date_day"}))
    known_at = pd.DatetimeIndex(pd.to_datetime(weeks["known_at"], utc=True))
    by_day = pd.Series(powder["value"].to_numpy(dtype=np.float64), index=pd.DatetimeIndex(powder["date_day"]))
    inputs = {
        "risk_return": level(weeks, "risk_return"),
        "funding_news": level(weeks, "funding_news_usd_bn"),
        "dry_powder_pct": by_day.reindex(days - pd.Timedelta(days=7)).to_numpy(dtype=np.float64),
    }
    is_asked = _asked(days, since)
    rows: list[dict[str, Any]] = []
    for row in ends(days, "quarter"):
        if not is_asked[row]:
            continue
        known = np.asarray(known_at[: row + 1] <= days[row].tz_localize("UTC") + pd.Timedelta(hours=CUTOFF_HOUR))
        past = {name: values[: row + 1][known] for name, values in inputs.items()}
        missing = [name for name, values in past.items() if np.isnan(values).all()]
        found = slope_by_tercile(*past.values(), min_n=MIN_TERCILE_WEEKS, min_news=MIN_NEWS_WEEKS)
        for tercile, estimate in found.items():
            numbers = _numbers(estimate)
            if missing:
                numbers["null_reason"] = "missing_input: " + ", ".join(missing)
            rows.append({"date_day": days[row].date(), "tercile": tercile, **numbers})
    return pd.DataFrame(rows, columns=MULTIPLIERS)


# ------------------------------------------------------------------------------------------------------- an event

SLOPES = ["date_day", "event_date", "value", "standard_error", "low", "high", "n", "null_reason", "pit_rank",
          "origin_rank"]  # fmt: skip


def event_slopes(scarcity: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Return whether scarcity rose faster in the 60 weekdays from the nomination on than in the 60 before it.

    `scarcity` has date_day, value (index points) and ranks, one row a weekday; `events` event_id and event_date. Two
    states: of the event's day, when nothing can be said, and of the last day of the window, which stands.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    scarcity = scarcity.sort_values("date_day", kind="stable").reset_index(drop=True)
    days: list[date] = [each.date() for each in pd.DatetimeIndex(scarcity["date_day"])]
    values = floats(scarcity["value"].to_numpy(dtype=np.float64))
    for event in events[events["event_id"] == EVENT_ID].to_dict("records"):
        day = pd.Timestamp(event["event_date"]).date()
        first = next((row for row, each in enumerate(days) if each >= day), None)
        if first is None:
            continue
        stamp = {"event_date": day}
        rows.append(
            {
                **stamp,
                "date_day": days[first],
                "n": 0,
                "null_reason": f"window_not_over: 1 of {EVENT_ROWS}",
                "pit_rank": scarcity["pit_rank"].iloc[first],
                "origin_rank": scarcity["origin_rank"].iloc[first],
            }
        )
        last = first + EVENT_ROWS - 1
        if last < len(days):
            window = slice(max(first - EVENT_ROWS - 1, 0), last + 1)
            found = slope_steeper(values[: last + 1], days[: last + 1], day, before=EVENT_ROWS, after=EVENT_ROWS)
            rows.append(
                {
                    **stamp,
                    "date_day": days[last],
                    **_numbers(found),
                    "pit_rank": scarcity["pit_rank"].iloc[window].max(),
                    "origin_rank": scarcity["origin_rank"].iloc[window].max(),
                }
            )
    return pd.DataFrame(rows, columns=SLOPES)
