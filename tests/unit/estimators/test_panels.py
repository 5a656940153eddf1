"""From states of each day to composites: what is unknown stays unknown, and no later day moves an earlier one."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from warehouse.estimators import panels
from warehouse.settings import PROJECT_ROOT

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
DAYS = pd.bdate_range("2015-01-01", periods=1200)


@pytest.fixture(scope="module")
def parameters():
    return pd.read_csv(SEEDS / "thesis_parameters.csv")


@pytest.fixture(scope="module")
def components():
    return pd.read_csv(SEEDS / "index_components.csv")


def walk(seed, days=DAYS, start=5.0):
    return start + np.random.default_rng(seed).normal(0, 0.05, len(days)).cumsum()


def long(values, name, days=DAYS):
    """Stack {name: values by day} as the states that dbt's models hold."""
    frames = [
        pd.DataFrame({"date_day": days, name: key, "value": each, "pit_rank": 2, "origin_rank": 4})
        for key, each in values.items()
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def series(components):
    names = {*components.loc[components["kind"] == "series", "reference"], "nominal_gdp"}
    return long({name: walk(n) for n, name in enumerate(sorted(names))}, "series_id")


@pytest.fixture(scope="module")
def metrics(components):
    rows = components[components["kind"] == "metric"].drop_duplicates(["reference", "entity_id"])
    frames = []
    for n, each in enumerate(rows.to_dict("records")):
        values = walk(100 + n)
        frame = long({each["reference"]: (values > 5.0) * 1.0 if "flag" in each["reference"] else values}, "metric_id")
        frame["entity_id"], frame["parameter_set"] = each["entity_id"], "default"
        frames.append(frame)
    low = frames[0].assign(parameter_set="phi_low", metric_id="dry_powder_pct", entity_id="US")
    low["value"] = walk(999)
    return pd.concat([*frames, low], ignore_index=True)


def tidy(frame, until=None):
    frame = frame.copy()
    frame["date_day"] = pd.to_datetime(frame["date_day"])
    if until is not None:
        frame = frame[frame["date_day"] <= until]
    for name in {"null_reason", "weight_version"} & set(frame):
        frame[name] = frame[name].fillna("")  # None or NaN, by what else is in the frame
    keys = [c for c in ("index_id", "date_day", "parameter_set", "item_kind", "item", "measure") if c in frame]
    return frame.sort_values(keys).reset_index(drop=True)


def test_a_price_is_what_its_states_say(parameters):
    states = long({"yield_10y": walk(1), "ofr_credit": walk(2), "real_yield_10y": walk(3)}, "series_id")
    found = panels.price_of_capital(states, parameters)
    mine = found[found["parameter_set"] == "default"].reset_index(drop=True)
    yields = states.loc[states["series_id"] == "yield_10y", "value"].to_numpy()
    assert mine.loc[600, "yield_rise_bp"] == pytest.approx(100 * (yields[600] - yields[579]))
    assert set(mine["joint_rise_flag"].dropna()) == {0.0, 1.0}
    assert mine["joint_rise_flag"].first_valid_index() == 21 + 520
    # Two of three legs are enough for the index, one is not.
    assert mine["cost_of_capital_index"].notna().any()
    alone = panels.price_of_capital(states[states["series_id"] != "ofr_credit"], parameters)
    assert alone["cost_of_capital_index"].isna().all()
    assert alone["joint_rise_flag"].isna().all()


def test_changes_are_paired_by_what_they_are_about_and_not_by_when_they_were_heard_of():
    """Credit comes a day later than yields: states would pair Monday's yield with the credit of last Thursday."""
    noise = np.random.default_rng(5).normal(0, 1, 400).cumsum()
    days = pd.bdate_range("2015-01-01", periods=400)
    midnights = days.tz_localize("UTC")
    prints = pd.concat(
        pd.DataFrame(
            {"series_id": name, "period_end": days, "value": values, "known_at": midnights + pd.Timedelta(hours=lag)}
        )
        for name, values, lag in (("yield_10y", noise, 45), ("ofr_credit", 2 * noise, 69))
    )
    found = panels.correlation_as_known(prints, days)
    assert found[100:] == pytest.approx(1.0)
    then = midnights[300] + pd.Timedelta(hours=22)
    cut = panels.correlation_as_known(prints[prints["known_at"] <= then], days)
    np.testing.assert_array_equal(found[:301], cut[:301])
    assert np.isnan(cut[320:]).all()


def test_only_sets_that_change_the_result_are_computed(parameters, series, metrics, components):
    prices = panels.price_of_capital(long({"yield_10y": walk(1)}, "series_id"), parameters)
    assert set(prices["parameter_set"]) == {"default"}
    found = panels.composites(series, metrics, components, parameters)
    assert set(found.loc[found["index_id"] == "csi", "parameter_set"]) == {"default", "phi_low"}
    assert set(found.loc[found["index_id"] == "cci", "parameter_set"]) == {"default"}


def test_an_index_is_the_sum_of_its_contributions(parameters, series, metrics, components):
    found = panels.composites(series, metrics, components, parameters)
    keys = ["index_id", "parameter_set", "date_day"]
    parts = found[found["item_kind"] == "component"].groupby(keys)["value"].sum()
    whole = found[(found["item_kind"] == "headline") & found["value"].notna()].set_index(keys)["value"]
    assert len(whole) > 500
    pd.testing.assert_series_equal(parts.loc[whole.index], whole, check_exact=True)
    assert (
        found.loc[found["item_kind"].isin(["headline", "pca", "ciss", "pillar"]), "value"]
        .dropna()
        .between(0, 100)
        .all()
    )
    assert set(found.loc[found["item_kind"] == "loading", "weight_version"]) >= {"pca-2019"}


def test_without_a_pillar_there_is_no_index_and_no_second_opinion(parameters, series, metrics, components):
    without = metrics[~metrics["metric_id"].isin(["auction_demand_score_13w", "dealer_share", "coverage_ratio"])]
    found = panels.composites(series, without, components, parameters)
    csi = found[found["index_id"] == "csi"]
    assert csi.loc[csi["item_kind"].isin(["headline", "pca"]), "value"].isna().all()
    last = csi[csi["item_kind"] == "headline"].iloc[-1]
    assert last["null_reason"] == "missing_pillar: absorption"


def with_a_set_that_differs_after(metrics, day):
    """Add a set of parameters whose dry powder is the default's up to the day, and another after it."""
    own = metrics[(metrics["metric_id"] == "dry_powder_pct") & (metrics["parameter_set"] == "default")]
    late = own.assign(parameter_set="phi_high", value=own["value"].where(own["date_day"] <= day, own["value"] + 0.5))
    assert len(late)
    return pd.concat([metrics, late], ignore_index=True)


def test_what_grows_is_what_is_built_at_once(parameters, series, metrics, components):
    """Also where a set of parameters differs from the default only since a day or two."""
    metrics = with_a_set_that_differs_after(metrics, DAYS[1_095])
    since = DAYS[1_090]
    beta = pd.DataFrame({"date_day": DAYS, "value": walk(5, start=0.0), "pit_rank": 5, "origin_rank": 2})
    for whole, grown in (
        (
            panels.composites(series, metrics, components, parameters),
            panels.composites(series, metrics, components, parameters, since=since.date()),
        ),
        (panels.regimes(metrics, beta, parameters), panels.regimes(metrics, beta, parameters, since=since.date())),
    ):
        later = whole[pd.to_datetime(whole["date_day"]) >= since]
        assert set(later["parameter_set"]) >= {"default", "phi_low", "phi_high"}
        assert pd.to_datetime(whole.loc[whole["parameter_set"] == "phi_high", "date_day"]).min() == DAYS[1_096]
        pd.testing.assert_frame_equal(tidy(later), tidy(grown), check_dtype=False)


@pytest.mark.parametrize("factor", [None, 1000.0], ids=["cut", "poisoned"])
def test_no_later_day_moves_an_earlier_one(parameters, series, metrics, components, factor):
    then = DAYS[1_080]
    metrics = with_a_set_that_differs_after(metrics, then)

    def earlier(frame):
        late = frame["date_day"] > then
        if factor is None:
            return frame[~late]
        flags = frame["metric_id"].str.contains("flag") if "metric_id" in frame else False
        return frame.assign(value=frame["value"].where(~late | flags, frame["value"] * factor))

    def same(whole, part):
        pd.testing.assert_frame_equal(tidy(whole, then), tidy(part, then), check_exact=True, check_dtype=False)

    same(panels.composites(series, metrics, components, parameters),
         panels.composites(earlier(series), earlier(metrics), components, parameters))  # fmt: skip
    states = long({"yield_10y": walk(1), "ofr_credit": walk(2), "real_yield_10y": walk(3)}, "series_id")
    same(panels.price_of_capital(states, parameters), panels.price_of_capital(earlier(states), parameters))
    beta = pd.DataFrame({"date_day": DAYS, "value": walk(5, start=0.0), "pit_rank": 5, "origin_rank": 2})
    same(panels.regimes(metrics, beta, parameters), panels.regimes(earlier(metrics), earlier(beta), parameters))


def test_a_regime_is_as_doubtful_as_its_multiplier(parameters, metrics):
    beta = pd.DataFrame({"date_day": DAYS[100:], "value": 1.0, "pit_rank": 5, "origin_rank": 2})
    found = panels.regimes(metrics, beta, parameters)
    mine = found[found["parameter_set"] == "default"].set_index("date_day")
    assert mine.loc[DAYS[99].date(), ["pit_rank", "origin_rank"]].tolist() == [2, 4]
    assert mine.loc[DAYS[100].date(), ["pit_rank", "origin_rank"]].tolist() == [5, 4]


def test_a_regime_keeps_every_input_and_guesses_nothing(parameters, metrics):
    blind = panels.regimes(
        metrics, pd.DataFrame({"date_day": [], "value": [], "pit_rank": [], "origin_rank": []}), parameters
    )
    assert set(blind["regime"]) <= {"DRAIN", "INJECTION", "TRANSITION", "undetermined"}
    assert blind["multiplier_beta"].isna().all()
    assert panels.regimes(
        metrics.iloc[0:0], pd.DataFrame({"date_day": [], "value": [], "pit_rank": [], "origin_rank": []}), parameters
    ).empty


def test_scarcity_is_estimated_from_weeks_that_had_ended(parameters):
    """The planted world of docs/method.md A.7 through the frames: convex where powder is low, and blind to what comes after."""
    from warehouse.estimators.generator import planted_world

    world = planted_world(3)
    fridays = pd.bdate_range("2000-01-07", periods=len(world.dc), freq="W-FRI")
    days = pd.bdate_range(fridays[0], fridays[-1])
    level = pd.Series(np.concatenate([[0.0], world.dc[:-1]]).cumsum() / 100, index=fridays).reindex(
        days, method="ffill"
    )

    def states(values):
        return pd.Series(values, index=fridays).reindex(days, method="ffill").to_numpy()

    frames = []
    for metric, values in (("balance_surprise", -world.g), ("dry_powder_pct", world.p)):
        frame = long({metric: states(values)}, "metric_id", days)
        frame["entity_id"], frame["parameter_set"] = "US", "default"
        frames.append(frame)
    metrics = pd.concat(frames, ignore_index=True)
    prices = pd.DataFrame({"date_day": days, "parameter_set": "default", "real_yield_10y_pct": level.to_numpy()})
    found = panels.scarcity(metrics, prices, parameters)
    assert {m for m, *_ in found.groupby("measure")} >= {"slope_0.10", "slope_today", "convexity_ratio", "threshold_p"}
    last = found[found["measure"] == "convexity_ratio"].iloc[-1]
    assert last["value"] > 2
    assert found[found["measure"] == "threshold_p"].iloc[-1]["value"] < 0.05
    assert found[found["measure"] == "transition_ratio"].iloc[-1]["value"] > 2
    bend = found[found["measure"] == "quadratic"].iloc[-1]
    assert bend["low"] < 0 < bend["high"]  # convex in what is left, not in the surprise itself
    ratio_of_that_day = found[(found["measure"] == "convexity_ratio") & (found["date_day"] == bend["date_day"])].iloc[0]
    assert bend["n"] == ratio_of_that_day["n"]
    then = days[2_500]
    part = panels.scarcity(metrics[metrics["date_day"] <= then], prices[prices["date_day"] <= then], parameters)
    judged = pd.to_datetime(part["date_day"]).max()
    whole = tidy(found[~found["measure"].str.startswith("threshold")], judged)
    pd.testing.assert_frame_equal(
        whole, tidy(part[~part["measure"].str.startswith("threshold")], judged), check_exact=True, check_dtype=False
    )


def test_seeds_of_indices_match_what_is_built():
    with (SEEDS / "index_components.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {r["index_id"] for r in rows} == {*panels.INDICES, "regime", "scarcity"}
    for index_id, how in panels.INDICES.items():
        assert how["anchor"] in {r["component_id"] for r in rows if r["index_id"] == index_id}
