"""From what was known each day, as long tables, to the tables of the composites: what dbt's Python models call.

Frames in, frames out. A frame of states has one row per day and thing (`date_day`, a name, `value`, `pit_rank`,
`origin_rank`), as known at that day's cut-off; rows of parameters are those of seed thesis_parameters. Every answer of
a day is made of that day's row and those before it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np

from warehouse.estimators.composite import disagreement, equal_weight, first_component, orient, stressed_together
from warehouse.estimators.dependence import multiplier_beta
from warehouse.estimators.expanding import expanding_quantile_before, expanding_rank, expanding_z
from warehouse.estimators.frames import CUTOFF_HOUR
from warehouse.estimators.regime import RULE_VERSION, Thresholds, joint_rise, liquidity_regime
from warehouse.estimators.scarcity import (
    convexity_ratio,
    kernel_slope,
    quadratic,
    slope_today,
    smooth_transition,
    threshold_regression,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

QUARTER_DAYS = 65
"""Weekdays of 13 weeks."""
CORRELATION_DAYS = 63
STALE_DAYS = 10
COST_LEGS = ("real_yield_10y", "ofr_credit", "gz_spread")
"""Of what the index of the cost of capital is the mean percentile. ICE and Moody's spreads may not be stored."""
MIN_COVERAGE = 0.6


def sets_that_differ(parameters: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the default set of parameters, and each other that differs from it in one of these.

    A set holds the metrics that its parameters change, and no copies of the rest.
    """
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in parameters.to_dict("records")
    ]
    (default,) = [row for row in rows if row["parameter_set"] == "default"]
    others = [row for row in rows if row is not default and any(row[n] != default[n] for n in names)]
    return [default, *others]


def wide(states: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the values by day (rows, every weekday between the first and the last) and name (columns)."""
    import pandas as pd

    if states.empty:
        return pd.DataFrame(index=pd.DatetimeIndex([], name="date_day"))
    table = states.set_index(["date_day", name])["value"].unstack()  # noqa: PD010  (a key twice is an error)
    table.index = pd.DatetimeIndex(table.index, name="date_day")
    return table.reindex(pd.bdate_range(table.index.min(), table.index.max(), name="date_day")).astype("float64")


def worst(states: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return, by day, the most doubtful of the ranks of what has a value."""
    known = states[states["value"].notna()]
    ranks = known.groupby("date_day")[column].max()
    import pandas as pd

    ranks.index = pd.DatetimeIndex(ranks.index)
    return ranks


def is_friday(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows are of a Friday."""
    import pandas as pd

    return np.asarray(pd.DatetimeIndex(table.index).day_of_week == 4, dtype=np.bool_)  # noqa: PLR2004


def days_of(table: pd.DataFrame) -> list[date]:
    """Return the rows' days."""
    import pandas as pd

    return list(pd.DatetimeIndex(table.index).date)


def own_or_default(metrics: pd.DataFrame, parameter_set: str) -> pd.DataFrame:
    """Return the metrics of a set, and the default's where it has none of its own: it changes only some."""
    mine = _keyed(metrics[metrics["parameter_set"].isin(["default", parameter_set])])
    is_own = mine["parameter_set"] == parameter_set
    if is_own.any() and not is_own.all():
        mine = (
            mine.assign(is_own=is_own)
            .sort_values("is_own", kind="stable")
            .drop_duplicates(["date_day", "key"], keep="last")
        )
    return mine


def _keyed(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics with `key`, metric_id@entity_id, in the place of both."""
    if "key" in metrics:
        return metrics
    keys = metrics["metric_id"] + "@" + metrics["entity_id"]
    return metrics.drop(columns=["metric_id", "entity_id"]).assign(key=keys)


def first_difference(table: pd.DataFrame, usual: pd.DataFrame) -> date | None:
    """Return the first day on which they differ; None where they do not."""
    import pandas as pd

    mine, others = table.align(usual)
    differs = ~((mine == others) | (mine.isna() & others.isna())).all(axis=1).to_numpy()
    return pd.DatetimeIndex(mine.index)[int(differs.argmax())].date() if differs.any() else None


def later(first: date | None, second: date | None) -> date | None:
    """Return the later of two days; None stands for the first of all."""
    return max((day for day in (first, second) if day is not None), default=None)


def column(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column, all unknown where there is none."""
    if name not in table:
        return np.full(len(table), np.nan)
    return np.asarray(table[name].to_numpy(dtype=np.float64), dtype=np.float64)


def change(values: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Return the change over so many rows, unknown where an end of it is."""
    answer = np.full(len(values), np.nan)
    if len(values) > rows:
        answer[rows:] = values[rows:] - values[:-rows]
    return answer


def rolling_correlation(x: NDArray[np.float64], y: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Return the correlation over the last `rows` pairs; unknown unless all are known and both vary."""
    answer = np.full(len(x), np.nan)
    if len(x) < rows:
        return answer
    windows = np.lib.stride_tricks.sliding_window_view(np.column_stack([x, y]), rows, axis=0)
    moved = windows - windows.mean(axis=2, keepdims=True)
    spread = np.sqrt((moved**2).sum(axis=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        answer[rows - 1 :] = (moved[:, 0] * moved[:, 1]).sum(axis=1) / (spread[:, 0] * spread[:, 1])
    answer[~np.isfinite(answer)] = np.nan
    return answer


def correlation_as_known(first_prints: pd.DataFrame, days: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Return, by day, the correlation of the two legs' changes over the last pairs of days known at its cut-off.

    `first_prints` has series_id, period_end, value and known_at (with a time zone), one row a series and period. The
    legs are published at different speed: changes are paired by what they are about, not by when they were heard of.
    """
    import pandas as pd

    legs = first_prints[first_prints["series_id"].isin(["yield_10y", "ofr_credit"])]
    values = legs.set_index(["period_end", "series_id"])["value"].unstack()  # noqa: PD010
    known = legs.set_index(["period_end", "series_id"])["known_at"].unstack()  # noqa: PD010
    if values.shape[1] < 2:  # noqa: PLR2004
        return np.full(len(days), np.nan)
    both = values.notna().all(axis=1)
    values, known = values[both], known[both]
    pairs = rolling_correlation(
        change(column(values, "yield_10y"), 1), change(column(values, "ofr_credit"), 1), CORRELATION_DAYS
    )
    # A day's figure needs all pairs before it, so it is known when the last of them was.
    instants = pd.DatetimeIndex(pd.to_datetime(known.max(axis=1), utc=True)).as_unit("us").asi8
    since = np.maximum.accumulate(instants)
    cutoffs = (days.tz_localize("UTC") + pd.Timedelta(hours=CUTOFF_HOUR)).as_unit("us").asi8
    at = np.searchsorted(since, cutoffs, side="right") - 1
    # What was last known months ago is no correlation of today.
    about = pd.DatetimeIndex(values.index)
    fresh = (at >= 0) & (np.asarray((days - about[np.maximum(at, 0)]).days) <= STALE_DAYS)
    return np.where(fresh, pairs[np.maximum(at, 0)], np.nan)


def price_of_capital(
    states: pd.DataFrame,
    parameters: pd.DataFrame,
    first_prints: pd.DataFrame | None = None,
    since: date | None = None,
) -> pd.DataFrame:
    """Return, by weekday and set of parameters, the legs of the price of capital and whether they rise together.

    `states` names its things in `series_id`, and so do `first_prints`, which the correlation needs. Yields in percent,
    changes of yields in basis points, of credit in the OFR index's points; the thresholds are the expanding quantiles
    of the days before; the index is 0 to 100. With `since` only the rows of that day and later are returned.
    """
    import pandas as pd

    table = wide(states, "series_id")
    pit, origin = worst(states, "pit_rank"), worst(states, "origin_rank")
    together = np.full(len(table), np.nan)
    if first_prints is not None and len(table):
        together = correlation_as_known(first_prints, pd.DatetimeIndex(table.index))
    answers = []
    for chosen in sets_that_differ(parameters, ["joint_rise_quantile", "joint_rise_window_days", "min_history_days"]):
        window, least = int(chosen["joint_rise_window_days"]), int(chosen["min_history_days"])
        yields, credit = column(table, "yield_10y"), column(table, "ofr_credit")
        rise, stress = 100 * change(yields, window), change(credit, window)
        limits = [expanding_quantile_before(x, chosen["joint_rise_quantile"], least) for x in (rise, stress)]
        flag, intensity = joint_rise(rise, stress, q=chosen["joint_rise_quantile"], min_history=least)
        ranks = np.column_stack([expanding_rank(column(table, leg), least) for leg in COST_LEGS])
        known = (~np.isnan(ranks)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = 100 * np.nansum(ranks, axis=1) / known
        answers.append(
            pd.DataFrame(
                {
                    "date_day": days_of(table),
                    "parameter_set": chosen["parameter_set"],
                    "yield_10y_pct": yields,
                    "yield_30y_pct": column(table, "yield_30y"),
                    "real_yield_10y_pct": column(table, "real_yield_10y"),
                    "credit_stress_points": credit,
                    "gz_spread_pct": column(table, "gz_spread"),
                    "excess_bond_premium_pct": column(table, "excess_bond_premium"),
                    "yield_rise_bp": rise,
                    "credit_rise_points": stress,
                    "yield_threshold_bp": limits[0],
                    "credit_threshold_points": limits[1],
                    "joint_rise_flag": flag,
                    "joint_rise_intensity": intensity,
                    "sov_credit_corr": together,
                    "cost_of_capital_index": np.where(known / len(COST_LEGS) >= MIN_COVERAGE, mean, np.nan),
                    "cost_coverage": known / len(COST_LEGS),
                    "credit_leg": "ofr_credit",
                    "pit_rank": pit.reindex(table.index).to_numpy(),
                    "origin_rank": origin.reindex(table.index).to_numpy(),
                }
            )
        )
    every = pd.concat(answers, ignore_index=True)
    return every if since is None else every[every["date_day"] >= since]


INDICES = {
    "csi": {"every_pillar": True, "weekly": False, "anchor": "credit_stress"},
    "bti": {"every_pillar": False, "weekly": True, "anchor": "net_liquidity_impulse"},
    "cci": {"every_pillar": False, "weekly": False, "anchor": "volatility"},
}
"""The composite indices: whether every pillar must stand, whether they are of Fridays, whose loading is positive."""


COMPOSITES = ["index_id", "date_day", "parameter_set", "item_kind", "item", "value", "coverage", "n_obs",
              "weight_version", "null_reason", "pit_rank", "origin_rank"]  # fmt: skip


def composites(
    series: pd.DataFrame,
    metrics: pd.DataFrame,
    components: pd.DataFrame,
    parameters: pd.DataFrame,
    since: date | None = None,
) -> pd.DataFrame:
    """Return the three indices and all that they are made of, long: one row per index, day, set, item_kind and item.

    item_kind is headline, pca, ciss (0 to 100), range, warning, pillar (0 to 100), component (its points of the
    headline; they add up to it), score (its percentile, oriented), input (its value) or loading (of the year's first
    component, weight_version names it). Headlines that are null carry a reason.
    """
    import pandas as pd

    answers = [pd.DataFrame(columns=COMPOSITES)]
    default, *others = sets_that_differ(
        parameters, [n for n in parameters.columns if n not in {"parameter_set", "description"}]
    )
    # Names as codes: the frames are cut by them again and again.
    metrics = _keyed(metrics).astype({"key": "category", "parameter_set": "category"})
    series = series.astype({"series_id": "category"})
    ranks: dict[tuple[bytes, int], NDArray[np.float64]] = {}
    own = ("min_history_days", "min_history_weeks", "ewma_lambda")
    for index_id, how in INDICES.items():
        members = components[components["index_id"] == index_id]
        # As doubtful as its own inputs, not as everybody's.
        own_series = series[series["series_id"].isin({*members["reference"], *members["scale_by"].dropna()})]
        own_metrics = metrics[metrics["key"].isin(members["reference"] + "@" + members["entity_id"])]
        by_series = wide(own_series, "series_id")
        usual: pd.DataFrame | None = None
        for chosen in (default, *others):
            is_read_otherwise = any(chosen[name] != default[name] for name in own)
            has_own = (own_metrics["parameter_set"] == chosen["parameter_set"]).any()
            if usual is not None and not is_read_otherwise and not has_own:
                continue
            mine = own_or_default(own_metrics, chosen["parameter_set"])
            table = _inputs(by_series, wide(mine, "key"), members, weekly=bool(how["weekly"]))
            # From the first day on that differs: what came later must not add rows before it.
            begins: date | None = None
            if usual is not None and not is_read_otherwise:
                begins = first_difference(table, usual)
                if begins is None:
                    continue
            start = later(since, begins)
            usual = table if usual is None else usual
            if not len(table) or (start and days_of(table)[-1] < start):
                continue
            doubt = _worst_of(own_series, mine, start)
            least = _least(index_id, chosen)
            scores = np.column_stack([_ranked(column(table, n), least, ranks) for n in table.columns])
            answers.append(_composite(index_id, table, scores, members, chosen, doubt, start, begins))
    return pd.concat([a for a in answers if len(a)] or answers, ignore_index=True)


def _worst_of(series: pd.DataFrame, metrics: pd.DataFrame, since: date | None) -> dict[str, pd.Series[Any]]:
    """Return the worst pit_rank and origin_rank by day, from a day on."""
    import pandas as pd

    both = pd.concat([each[["date_day", "value", "pit_rank", "origin_rank"]] for each in (series, metrics)])
    asked = both if since is None else both[both["date_day"] >= pd.Timestamp(since)]
    return {rank: worst(asked, rank) for rank in ("pit_rank", "origin_rank")}


def _inputs(by_series: pd.DataFrame, by_metric: pd.DataFrame, members: pd.DataFrame, *, weekly: bool) -> pd.DataFrame:
    """Return each component's value by day, transformed and scaled; of a weekly index the Fridays alone."""
    import pandas as pd

    days = by_series.index.union(by_metric.index)
    if len(days):
        days = pd.bdate_range(days.min(), days.max(), name="date_day")
    by_series, by_metric = by_series.reindex(days), by_metric.reindex(days)
    values = {}
    for each in members.to_dict("records"):
        if each["kind"] == "series":
            x = column(by_series, each["reference"])
        else:
            x = column(by_metric, f"{each['reference']}@{each['entity_id']}")
        if each["transform"] == "change_13w":
            x = change(x, QUARTER_DAYS)
        if isinstance(each["scale_by"], str) and each["scale_by"]:
            x = x / column(by_series, each["scale_by"])
        values[each["component_id"]] = orient(x, int(each["orientation"]))
    table = pd.DataFrame(values, index=days)
    if weekly and len(table):
        table = table[is_friday(table)]
    there = np.flatnonzero(table.notna().any(axis=1).to_numpy())
    return table.iloc[int(there[0]) :] if len(there) else table.iloc[0:0]


def _least(index_id: str, chosen: Mapping[str, Any]) -> int:
    """Return how many rows of its history an index wants."""
    return int(chosen["min_history_weeks" if INDICES[index_id]["weekly"] else "min_history_days"])


def _ranked(
    values: NDArray[np.float64], least: int, ranks: dict[tuple[bytes, int], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the expanding ranks, which sets of parameters with the same input share."""
    key = (values.tobytes(), least)
    if key not in ranks:
        ranks[key] = expanding_rank(values, least)
    return ranks[key]


def _composite(
    index_id: str,
    table: pd.DataFrame,
    scores: NDArray[np.float64],
    members: pd.DataFrame,
    chosen: Mapping[str, Any],
    doubt: Mapping[str, pd.Series[Any]],
    since: date | None,
    begins: date | None,
) -> pd.DataFrame:
    import pandas as pd

    how, names, parameter_set = INDICES[index_id], list(table.columns), chosen["parameter_set"]
    least = _least(index_id, chosen)
    pillars: dict[str, list[str]] = {}
    for each in members.to_dict("records"):
        pillars.setdefault(each["pillar"], []).append(each["component_id"])
    days = days_of(table)
    start = bisect_left(days, since) if since else 0
    every_pillar = bool(how["every_pillar"])
    made = equal_weight(scores[start:], names, pillars, every_pillar=every_pillar)
    component = first_component(scores, days, names, anchor=str(how["anchor"]), min_history=least, start=start)
    fridays = is_friday(table)
    weekly = equal_weight(scores[fridays], names, pillars, every_pillar=every_pillar).pillars / 100
    ciss = np.full(len(table) - start, np.nan)
    ciss[fridays[start:]] = stressed_together(
        weekly, decay=float(chosen["ewma_lambda"]), start=int(fridays[:start].sum())
    )
    n_obs = (~np.isnan(scores)).any(axis=1).cumsum()[start:]
    headline, days = made.headline, days[start:]
    # of half an index there is no second opinion either
    first = np.where(np.isnan(headline), np.nan, component.index)
    ciss[np.isnan(headline)] = np.nan
    spread, apart = disagreement(headline, first, ciss)
    versions = {w.year: w for w in component.weights}
    by_day = [versions[d.year] for d in days]
    items = [
        ("headline", index_id, headline),
        ("pca", index_id, first),
        ("ciss", index_id, ciss),
        ("range", index_id, spread),
        ("warning", index_id, apart),
        *(("pillar", name, made.pillars[:, at]) for at, name in enumerate(made.pillar_names)),
        *(("component", name, made.contributions[:, at]) for at, name in enumerate(made.names)),
        *(("score", name, scores[start:, at]) for at, name in enumerate(made.names)),
        *(("input", name, column(table, name)[start:]) for name in made.names),
    ]
    reasons, used = np.full((2, len(items), len(days)), None, dtype=object)
    reasons[0] = made.null_reason
    reasons[1] = [w.null_reason or ("no_headline" if np.isnan(v) else None) for w, v in zip(by_day, first, strict=True)]
    reasons[2] = ["missing_pillar" if np.isnan(v) else None for v in ciss]
    used[1] = [w.weight_version for w in by_day]
    values = np.array([each for _, _, each in items])
    told = ~np.isnan(values)
    told[:2] = True

    def of_day(each: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.broadcast_to(each, values.shape)[told])

    def of_item(each: list[str]) -> NDArray[Any]:
        return np.asarray(np.broadcast_to(np.array(each, dtype=object)[:, None], values.shape)[told])

    long = pd.DataFrame(
        {
            "index_id": index_id,
            "date_day": of_day(np.array(days, dtype=object)),
            "parameter_set": parameter_set,
            "item_kind": of_item([kind for kind, _, _ in items]),
            "item": of_item([name for _, name, _ in items]),
            "value": values[told],
            "coverage": of_day(made.coverage),
            "n_obs": of_day(n_obs),
            "weight_version": used[told],
            "null_reason": reasons[told],
            **{rank: of_day(each.reindex(table.index[start:]).to_numpy()) for rank, each in doubt.items()},
        }
    )
    first_day = {day.year: day for day in reversed(days_of(table)) if begins is None or day >= begins}
    loadings = [
        {
            "index_id": index_id,
            "date_day": first_day[w.year],
            "parameter_set": parameter_set,
            "item_kind": "loading",
            "item": name,
            "value": loading,
            "n_obs": w.n_obs,
            "weight_version": w.weight_version,
            "null_reason": w.null_reason,
        }
        for w in component.weights
        if w.null_reason is None and w.year in first_day and (since is None or first_day[w.year] >= since)
        for name, loading in zip(w.names, w.loadings, strict=True)
    ]
    return pd.concat([long, pd.DataFrame(loadings)], ignore_index=True) if loadings else long


REGIME_INPUTS = {
    "dry_powder_pct": "dry_powder_pct@US",
    "absorption_burden_pct": "absorption_burden_pct@US",
    "joint_rise_flag": "joint_rise_flag@US",
    "external_share": "ai_external_funding_share@ai_core",
}


def regimes(
    metrics: pd.DataFrame, multiplier: pd.DataFrame, parameters: pd.DataFrame, since: date | None = None
) -> pd.DataFrame:
    """Return the regime of each weekday and set of parameters, with every input and what each rule said.

    With `since` only the rows of that day and later are returned.

    `multiplier` has date_day, value and its ranks: what AI funding news did to risk assets, as known that day.
    """
    import pandas as pd

    names = ["drain_powder_pct", "drain_exit_powder_pct", "drain_burden_pct", "drain_exit_burden_pct", "drain_days",
             "drain_window_days", "injection_powder_pct"]  # fmt: skip
    default, *_ = sets_that_differ(parameters, [])
    usual = wide(own_or_default(metrics, "default"), "key")
    answers = []
    for chosen in sets_that_differ(
        parameters, [c for c in parameters.columns if c not in {"parameter_set", "description"}]
    ):
        name = chosen["parameter_set"]
        mine = own_or_default(metrics, name)
        table = wide(mine, "key")
        if not len(table):
            continue
        begins = None
        if name != "default" and all(chosen[n] == default[n] for n in names):
            begins = first_difference(table, usual)
            if begins is None:
                continue
        start = later(since, begins)
        told = multiplier.set_index(pd.DatetimeIndex(multiplier["date_day"]))
        told = (
            told[["value", "pit_rank", "origin_rank"]].astype("float64").reindex(table.index, method="ffill", limit=10)
        )
        beta = told["value"].to_numpy()
        share = column(table, REGIME_INPUTS["external_share"])
        rising = change(share, QUARTER_DAYS)
        found = liquidity_regime(
            column(table, REGIME_INPUTS["dry_powder_pct"]),
            column(table, REGIME_INPUTS["absorption_burden_pct"]),
            beta,
            column(table, REGIME_INPUTS["joint_rise_flag"]),
            np.where(np.isnan(rising), np.nan, (rising > 0).astype(np.float64)),
            thresholds=Thresholds(
                drain_powder=chosen["drain_powder_pct"],
                drain_burden=chosen["drain_burden_pct"],
                drain_exit_powder=chosen["drain_exit_powder_pct"],
                drain_exit_burden=chosen["drain_exit_burden_pct"],
                drain_days=int(chosen["drain_days"]),
                drain_window_days=int(chosen["drain_window_days"]),
                injection_powder=chosen["injection_powder_pct"],
            ),
        )
        every = pd.DataFrame(
            {
                "date_day": days_of(table),
                "parameter_set": name,
                "regime": found.state,
                **{f"{k}": v for k, v in found.inputs.items()},
                "is_drain_met": found.drain_met,
                "drain_days_met": found.drain_days_met,
                "drain_days_unknown": found.drain_days_unknown,
                "is_injection_met": found.injection,
                "rule_version": RULE_VERSION,
                "pit_rank": _with_beta(worst(mine, "pit_rank"), told, "pit_rank"),
                "origin_rank": _with_beta(worst(mine, "origin_rank"), told, "origin_rank"),
            }
        )
        answers.append(every if start is None else every[every["date_day"] >= start])
    columns = ["date_day", "parameter_set", "regime", "dry_powder_pct", "burden_pct", "multiplier_beta", "joint_rise",
               "external_share_rising", "is_drain_met", "drain_days_met", "drain_days_unknown", "is_injection_met",
               "rule_version", "pit_rank", "origin_rank"]  # fmt: skip
    if not answers:
        return pd.DataFrame(columns=columns)
    return pd.concat(answers, ignore_index=True)[columns]


def _with_beta(ranks: pd.Series[Any], told: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return the worse of the other inputs' rank and the multiplier's, where there is one."""
    others = ranks.reindex(told.index).to_numpy(dtype=np.float64)
    return np.asarray(np.fmax(others, np.where(told["value"].notna(), told[name], np.nan)), dtype=np.float64)


def multiplier(weeks: pd.DataFrame, since: date | None = None) -> pd.DataFrame:
    """Return, by Friday, the slope of risk returns on AI funding news, from the weeks that were known by its cut-off.

    `weeks` has week_end, risk_return, funding_news_usd_bn, pit_rank, origin_rank and known_at (with a time zone; null
    while the week's returns are not known), one row a week. There is no row for a Friday by which no week's returns
    were known, and with `since` none for one before it.
    """
    import pandas as pd

    rows = []
    ranks = ["pit_rank", "origin_rank"]
    weeks = weeks.sort_values("week_end")
    known_at = pd.DatetimeIndex(pd.to_datetime(weeks["known_at"], utc=True))
    returns = weeks["risk_return"].to_numpy(dtype=np.float64)
    news = weeks["funding_news_usd_bn"].to_numpy(dtype=np.float64)
    for day in pd.DatetimeIndex(weeks["week_end"]):
        if since is not None and day.date() < since:
            continue
        known = np.asarray(known_at <= day.tz_localize("UTC") + pd.Timedelta(hours=CUTOFF_HOUR))
        if not known.any():
            continue
        found = multiplier_beta(returns[known], news[known])
        rows.append(
            {
                "date_day": day.date(),
                "value": found.value,
                "standard_error": found.standard_error,
                "low": found.low,
                "high": found.high,
                "n": found.n,
                "null_reason": found.null_reason,
                **weeks.loc[known, ranks].max().to_dict(),
            }
        )
    return pd.DataFrame(
        rows, columns=["date_day", "value", "standard_error", "low", "high", "n", "null_reason", *ranks]
    )


SLOPES_AT = (0.10, 0.50, 0.75, 0.90)


def scarcity(
    metrics: pd.DataFrame, prices: pd.DataFrame, parameters: pd.DataFrame, since: date | None = None
) -> pd.DataFrame:
    """Return, by the last Friday of each month, what a unit of absorption cost at each level of dry powder.

    Weeks run from Friday to Friday. The change of the cost of capital over the week after t is known a week later, so a
    Friday's estimate reads the weeks whose change has ended by it. One row per day, set, measure: slope_<percentile>,
    slope_today, convexity_ratio; by year also threshold, threshold_ratio, threshold_p, and the two checks of the
    kernel's answer: transition_ratio (the same ratio along a logistic curve) and quadratic (d of b g + d g² sign(g)).
    Estimate, error, band, n, effective n, and a reason where there is none. With `since` no row is of a day before it.
    """
    import pandas as pd

    columns = ["date_day", "parameter_set", "measure", "value", "standard_error", "low", "high", "n", "effective_n",
               "null_reason", "pit_rank", "origin_rank"]  # fmt: skip
    rows: list[dict[str, Any]] = []
    for chosen in sets_that_differ(parameters, ["kernel_bandwidth", "min_history_weeks"]):
        mine = own_or_default(metrics, "default")
        table = wide(mine, "key")
        if not len(table):
            continue
        pit, origin = worst(mine, "pit_rank"), worst(mine, "origin_rank")
        cost = prices[prices["parameter_set"] == "default"].set_index(pd.DatetimeIndex(
            prices.loc[prices["parameter_set"] == "default", "date_day"]))  # fmt: skip
        table = table.join(cost[["real_yield_10y_pct"]])
        fridays = table[is_friday(table)]
        after = np.roll(column(fridays, "real_yield_10y_pct"), -1)
        dc = 100 * (after - column(fridays, "real_yield_10y_pct"))
        dc[-1:] = np.nan
        g = expanding_z(-column(fridays, "balance_surprise@US"), int(chosen["min_history_weeks"]))
        p = column(fridays, "dry_powder_pct@US")
        days = days_of(fridays)
        # A month is judged once it has ended.
        ends = [at for at in range(len(days) - 1) if days[at].month != days[at + 1].month]
        h = float(chosen["kernel_bandwidth"])
        for end in ends:
            if since is not None and days[end] < since:
                continue
            past = slice(0, end)  # the week that begins at `end` has not ended
            if not np.isfinite(g[past] + p[past] + dc[past]).any():
                continue
            found: dict[str, Any] = {
                f"slope_{at:.2f}": kernel_slope(dc[past], g[past], p[past], at, h=h) for at in SLOPES_AT
            }
            today = p[: end + 1]
            found["slope_today"] = slope_today(np.append(dc[past], np.nan), np.append(g[past], np.nan), today, h=h)
            found["convexity_ratio"] = convexity_ratio(dc[past], g[past], p[past], h=h)
            day = days[end]
            is_year_end = day.month == 12  # noqa: PLR2004
            if is_year_end:
                found["transition_ratio"] = smooth_transition(dc[past], g[past], p[past]).ratio()
                found["quadratic"] = quadratic(dc[past], g[past])[1]
            stamp = {
                "date_day": day,
                "parameter_set": chosen["parameter_set"],
                "pit_rank": pit.get(pd.Timestamp(day)),
                "origin_rank": origin.get(pd.Timestamp(day)),
            }
            rows += [
                {
                    **stamp,
                    "measure": name,
                    "value": e.value,
                    "standard_error": e.standard_error,
                    "low": e.low,
                    "high": e.high,
                    "n": e.n,
                    "effective_n": e.effective_n,
                    "null_reason": e.null_reason,
                }
                for name, e in found.items()
            ]
            if is_year_end:
                split = threshold_regression(dc[past], g[past], p[past])
                rows += [
                    {**stamp, "measure": name, "value": value, "n": split.n, "null_reason": split.null_reason}
                    for name, value in (
                        ("threshold", split.threshold),
                        ("threshold_ratio", split.ratio),
                        ("threshold_p", split.p_value),
                    )
                ]
    return pd.DataFrame(rows, columns=columns)
