"""The convexity of scarcity: found where it was planted, not found where it was not, and never with later data."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.estimators.histories import poisoned, walk
from warehouse.estimators.generator import planted_world, true_slope
from warehouse.estimators.scarcity import (
    SmoothTransition,
    convexity_ratio,
    crowding_out,
    kernel_slope,
    placebo_ratios,
    quadratic,
    slope_today,
    slopes_by_day,
    smooth_transition,
    threshold_regression,
)

SEEDS = range(8)


def of(world):
    return world.dc, world.g, world.p


@pytest.fixture(scope="module")
def convex():
    return [planted_world(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def flat():
    return [planted_world(seed, convex=False) for seed in SEEDS]


# ------------------------------------------------------------------------------------------------- planted truth


def test_the_planted_slope_is_that_of_the_worked_check():
    np.testing.assert_allclose(true_slope(np.array([0, 0.05, 0.25, 0.5, 0.9])), [7, 5.8, 1, 1, 1])


def test_kernel_slopes_are_near_the_worked_check(convex):
    slopes = {p0: [kernel_slope(*of(world), p0) for world in convex] for p0 in (0.05, 0.5, 0.9)}
    assert median(each.value for each in slopes[0.05]) == pytest.approx(4.88, abs=0.6)  # true 5.8, smoothed
    assert median(each.value for each in slopes[0.5]) == pytest.approx(1.03, abs=0.2)
    assert median(each.value for each in slopes[0.9]) == pytest.approx(0.99, abs=0.2)
    assert median(each.standard_error for each in slopes[0.05]) == pytest.approx(0.24, abs=0.08)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_convexity_is_found_and_none_is_not(seed, convex, flat):
    planted, none = convexity_ratio(*of(convex[seed])), convexity_ratio(*of(flat[seed]))
    assert planted.value > 2
    assert none.value < 1.5
    assert planted.low > 1 > none.low
    assert none.low < none.value < none.high


@pytest.mark.parametrize("seed", SEEDS)
def test_the_threshold_is_found_where_it_is_and_not_where_there_is_none(seed, convex, flat):
    planted, none = threshold_regression(*of(convex[seed])), threshold_regression(*of(flat[seed]))
    assert 0.14 < planted.threshold < 0.25  # the grid ends at the 15 % quantile
    assert planted.ratio > 2
    assert planted.p_value == 1 / 1_000  # the sample itself is one of the draws, so a p-value is never 0
    assert none.p_value > 0.05


def test_under_no_threshold_p_values_are_spread_out():
    found = [threshold_regression(*of(planted_world(seed, weeks=300, convex=False))).p_value for seed in range(40)]
    # Uniform: a tenth of forty lies below 0.1; the supF against an F table would put most of them there.
    assert sum(p < 0.1 for p in found) <= 10
    assert 0.3 < np.mean(found) < 0.7


def test_noise_that_grows_as_powder_falls_is_no_threshold():
    found = []
    for seed in range(40):
        world = planted_world(seed, weeks=300, convex=False, noise_bp=0)
        noise = np.where(world.p < 0.2, 8, 1) * np.random.default_rng(seed).standard_normal(300)
        found.append(threshold_regression(world.dc + noise, world.g, world.p).p_value)
    assert sum(p < 0.1 for p in found) <= 8


@pytest.mark.parametrize("seed", SEEDS)
def test_the_other_forms_agree(seed, convex, flat):
    planted, none = smooth_transition(*of(convex[seed])), smooth_transition(*of(flat[seed]))
    assert planted.ratio().value > 2
    assert planted.slope_at(0.02) > planted.slope_at(0.30) > planted.slope_at(0.9) - 1e-9
    assert none.ratio().value < 2
    assert planted.centre < 0.3
    assert planted.residual_variance > 0


def test_a_turned_percentile_finds_less_than_the_true_one(convex):
    world = convex[0]
    chance = placebo_ratios(*of(world), replications=30)
    assert np.nanquantile(chance, 0.9) < convexity_ratio(*of(world)).value


def test_a_convexity_in_the_surprise_itself_is_the_quadratics():
    generator = np.random.default_rng(0)
    g = generator.standard_normal(600)
    dc = 1 + 2 * g + 0.5 * g * np.abs(g) + generator.standard_normal(600)
    slope, bend = quadratic(dc, g)
    assert slope.low < 2 < slope.high
    assert bend.low < 0.5 < bend.high
    assert bend.low > 0


# --------------------------------------------------------------------------------------------------- known values


def test_a_kernel_slope_is_statsmodels_weighted_regression_with_hac_errors(convex):
    dc, g, p = of(convex[0])
    ours = kernel_slope(dc, g, p, 0.3, h=0.2)
    weights = np.exp(-0.5 * ((p - 0.3) / 0.2) ** 2)
    theirs = sm.WLS(dc, sm.add_constant(g), weights=weights).fit(
        cov_type="HAC", cov_kwds={"maxlags": 8, "use_correction": False}
    )
    assert ours.value == pytest.approx(theirs.params[1], rel=1e-10)
    assert ours.standard_error == pytest.approx(theirs.bse[1], rel=1e-10)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.conf_int()[1]), rel=1e-10)
    assert ours.effective_n == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_the_error_of_the_ratio_is_what_ratios_scatter_by():
    found = [convexity_ratio(*of(planted_world(seed, weeks=800))) for seed in range(100)]
    scatter = np.std([each.value for each in found])
    assert 0.6 < median(each.standard_error for each in found) / scatter < 1.4


def test_a_slope_over_itself_is_one_without_error(convex):
    found = convexity_ratio(*of(convex[0]), low=0.4, high=0.4)
    assert found.value == 1
    assert found.standard_error == pytest.approx(0, abs=1e-12)


def test_crowding_out_is_statsmodels_regression_with_hac_errors_and_students_interval():
    generator = np.random.default_rng(2)
    funding, controls = generator.standard_normal(40) * 30, generator.standard_normal((40, 2))
    others = 50 - funding + controls @ [3, -2] + generator.standard_normal(40) * 5
    ours = crowding_out(others, funding, controls)
    theirs = sm.OLS(others, sm.add_constant(np.column_stack([funding, controls]))).fit(
        cov_type="HAC", cov_kwds={"maxlags": 4, "use_correction": False}, use_t=True
    )
    assert ours.value == pytest.approx(theirs.params[1])
    assert ours.standard_error == pytest.approx(theirs.bse[1])
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.conf_int()[1]))
    assert ours.low < -1 < ours.high
    assert ours.n == 40
    assert not (ours.low < 0 < ours.high)


def test_money_in_billions_beside_rates_in_shares_is_not_collinear():
    generator = np.random.default_rng(4)
    funding = 1e12 * generator.standard_normal(60)
    rate = 1e-4 * generator.standard_normal(60)
    assert crowding_out(-0.5 * funding + rate, funding, rate).value == pytest.approx(-0.5)


# --------------------------------------------------------------------------------------------------------- in time


def test_a_thousand_added_to_all_later_data_leaves_week_800_unchanged(convex):
    dc, g, p = of(convex[0])
    later = np.arange(len(dc)) > 800
    before = slope_today(dc, g, p, at=800)
    assert before.known
    assert before == slope_today(dc + 1000 * later, g + 1000 * later, p + 1000 * later, at=800)
    assert before == slope_today(dc[:801], g[:801], p[:801])


def test_the_weeks_own_change_is_not_known_yet(convex):
    dc, g, p = of(convex[1])
    today = np.arange(len(dc)) == 800
    assert slope_today(dc, g, p, at=800) == slope_today(dc + 1e6 * today, g + 1e6 * today, p, at=800)
    assert slope_today(dc, g, p, at=800) != slope_today(dc + 1e6 * (np.arange(len(dc)) == 799), g, p, at=800)


@given(seed=st.integers(0, 1000), at=st.integers(150, 299))
@settings(max_examples=15, deadline=None)
def test_no_later_week_moves_the_slope_of_a_day(seed, at):
    dc, g, p = of(planted_world(seed, weeks=300))
    whole = slope_today(dc, g, p, at=at)
    assert repr(whole) == repr(slope_today(dc[: at + 1], g[: at + 1], p[: at + 1]))
    assert repr(whole) == repr(slope_today(poisoned(dc, at), poisoned(g, at), poisoned(p, at), at=at))


def test_slopes_by_day_are_the_slopes_of_the_days(convex):
    dc, g, p = of(convex[2])
    days = slopes_by_day(dc, g, p, start=1_190)
    assert len(days) == 10
    assert days[3] == slope_today(dc, g, p, at=1_193)


# ------------------------------------------------------------------------------------------------------- refusals


def test_a_slope_from_too_few_weeks_is_refused_with_its_count(convex):
    dc, g, _ = of(convex[0])
    few = kernel_slope(dc[:70], g[:70], np.linspace(0, 1, 70), 0.05)
    assert not few.known
    assert np.isnan(few.value)
    assert few.effective_n < 60
    assert few.null_reason == f"short_history: {int(few.effective_n)} of 60"
    assert kernel_slope(dc[:70], g[:70], np.full(70, 0.05), 0.05).known
    assert kernel_slope([], [], [], 0.5).null_reason == "short_history: 0 of 60"


def test_powder_far_from_every_week_is_refused_not_extrapolated(convex):
    dc, g, _ = of(convex[0])
    assert kernel_slope(dc, g, np.full(len(dc), 0.9), -20).null_reason == "short_history: 0 of 60"


def test_a_slope_of_a_day_without_powder_is_unknown(convex):
    dc, g, p = of(convex[0])
    p = p.copy()
    p[800] = np.nan
    assert slope_today(dc, g, p, at=800).null_reason == "missing_input: dry_powder_pct"
    assert slope_today([], [], []).null_reason == "missing_input: dry_powder_pct"


def test_a_surprise_that_never_varies_is_no_regressor():
    assert kernel_slope(walk(0, 200), np.ones(200), np.full(200, 0.5), 0.5).null_reason == "no_variation"
    assert threshold_regression(walk(0, 200), np.ones(200), np.linspace(0, 1, 200)).null_reason == "no_variation"
    assert threshold_regression(walk(0, 200), np.zeros(200), np.linspace(0, 1, 200)).null_reason == "no_variation"
    assert threshold_regression(walk(0, 200), walk(1, 200), np.full(200, 0.5)).null_reason == "no_variation"


def test_a_ratio_to_a_slope_below_zero_is_refused(convex):
    dc, g, p = of(convex[0])
    assert convexity_ratio(-dc, g, p).null_reason == "slope_at_0.75: not_positive"
    assert convexity_ratio(dc[:50], g[:50], p[:50]).null_reason.startswith("slope_at_0.10: short_history: ")


def test_unknown_rows_are_left_out_not_zero(convex):
    dc, g, p = (array.copy() for array in of(convex[0]))
    keep = np.arange(len(dc)) % 3 > 0
    dc[~keep] = np.nan
    assert kernel_slope(dc, g, p, 0.1) == kernel_slope(dc[keep], g[keep], p[keep], 0.1)
    assert kernel_slope(dc, g, p, 0.1).n == keep.sum()


def test_small_samples_are_refused():
    few = walk(0, 19)
    assert crowding_out(few, few[::-1]).null_reason == "short_history: 19 of 20"
    assert threshold_regression(few, few, few).null_reason == "short_history: 19 of 60"
    assert smooth_transition(few, few, few).ratio().null_reason == "short_history: 19 of 60"
    assert SmoothTransition(slope_ample=-1, slope_scarce=1, centre=0.1, steepness=9).ratio().null_reason == (
        "slope_at_0.75: not_positive"
    )
    assert quadratic(few, few)[1].null_reason == "short_history: 19 of 60"
    assert crowding_out(walk(0, 40), np.ones(40)).null_reason == "collinear"


def test_arrays_of_different_length_are_an_error():
    with pytest.raises(ValueError, match="one length"):
        kernel_slope([1, 2], [1], [1, 2], 0.5)


# -------------------------------------------------------------------------------------------------------- determinism


def test_the_bootstrap_is_its_seeds(convex):
    world = of(convex[0])
    weak = (world[0] + 20 * np.random.default_rng(0).standard_normal(len(world[0])), *world[1:])
    first = threshold_regression(*weak)
    np.random.default_rng(99).standard_normal(5)  # what others draw is theirs
    assert threshold_regression(*weak) == first
    assert threshold_regression(*weak, seed=1).p_value != first.p_value
    assert threshold_regression(*weak, seed=1).sup_f == first.sup_f
