"""Ranks, scores and thresholds: what they are, and that no later day moves them."""

from __future__ import annotations

import time
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from tests.unit.estimators.histories import SERIES, never_looks_ahead, same, walk
from warehouse.estimators.expanding import (
    expanding_quantile_before,
    expanding_rank,
    expanding_z,
    normal_score,
    running_max,
)

NAN = float("nan")
EXPANDING = {
    "rank": lambda x, **how: expanding_rank(x, 3, **how),
    "z": lambda x, **how: expanding_z(x, 3, **how),
    "quantile": lambda x, **how: expanding_quantile_before(x, 0.6, 3, **how),
    "max": running_max,
}


@pytest.mark.parametrize("name", EXPANDING)
@given(values=SERIES, cut=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_no_later_day_moves_an_earlier_one(name, values, cut):
    never_looks_ahead(EXPANDING[name], values, int(cut * (len(values) - 1)))


@pytest.mark.parametrize("name", EXPANDING)
def test_no_later_day_moves_an_earlier_one_over_many_chunks(name):
    values = walk(1, 1_500)
    values[::17] = np.nan
    for after in (0, 255, 256, 257, 1_000):
        never_looks_ahead(EXPANDING[name], values, after)


@pytest.mark.parametrize("name", EXPANDING)
@given(values=SERIES, start=st.integers(0, 70))
@settings(max_examples=60, deadline=None)
def test_a_later_start_returns_the_tail_of_the_whole(name, values, start):
    start = min(start, len(values))
    same(EXPANDING[name](values, start=start), EXPANDING[name](values)[start:])


@given(values=SERIES)
@settings(max_examples=60, deadline=None)
def test_a_rank_is_the_share_below_plus_half_the_ties(values):
    ranks = expanding_rank(values, 1)
    for day, value in enumerate(values):
        if np.isnan(value):
            assert np.isnan(ranks[day])
            continue
        past = values[: day + 1][~np.isnan(values[: day + 1])]
        assert ranks[day] == ((past < value).sum() + 0.5 * (past == value).sum()) / len(past)
        assert ranks[day] == pytest.approx(percentileofscore(past, value, kind="mean") / 100)
        assert 0 < ranks[day] < 1


def test_ranks_hold_over_chunks_of_days():
    values = np.round(walk(3, 1_100), 1)  # with ties across the borders of chunks
    ranks = expanding_rank(values, 520)
    assert np.isnan(ranks[:519]).all()
    for day in (519, 520, 767, 768, 1_099):
        assert ranks[day] == pytest.approx(percentileofscore(values[: day + 1], values[day], kind="mean") / 100)


def test_what_is_unknown_is_not_counted():
    same(expanding_rank([5, NAN, 6, NAN, 4], 2), [NAN, NAN, 0.75, NAN, 0.5 / 3])
    same(expanding_rank([NAN, NAN], 1), [NAN, NAN])
    assert len(expanding_rank([], 1)) == 0


def test_a_z_is_the_deviation_over_the_samples_own():
    values = walk(5, 400)
    z = expanding_z(values, 20, winsor=100)
    assert np.isnan(z[:19]).all()
    for day in (19, 200, 399):
        past = values[: day + 1]
        assert z[day] == pytest.approx((values[day] - past.mean()) / past.std(ddof=1), rel=1e-9)


def test_a_z_is_cut_at_the_winsor():
    values = np.append(np.tile([0.0, 1.0], 50), [1e6, -1e9])
    same(expanding_z(values, 10)[-2:], [4, -4])


def test_a_z_of_a_constant_is_unknown_not_zero():
    assert np.isnan(expanding_z(np.full(50, 0.1), 3)).all()
    assert np.isnan(expanding_z([NAN] * 5, 1)).all()


def test_a_z_bears_a_level_a_billion_times_its_deviations():
    small = np.random.default_rng(0).integers(0, 9, 600).astype(float)
    np.testing.assert_allclose(expanding_z(small + 1e12, 20)[20:], expanding_z(small, 20)[20:], rtol=1e-9)
    # The first value is far from all others: the worst that can be for sums that run from it.
    far = np.concatenate([[0.0], 1e9 + np.random.default_rng(1).standard_normal(2_000)])
    past = far[:2_001]
    assert expanding_z(far, 20)[2_000] == pytest.approx((far[2_000] - past.mean()) / past.std(ddof=1), rel=1e-6)


@pytest.mark.parametrize("q", [0.0, 0.1, 0.6, 1.0])
@given(values=SERIES)
@settings(max_examples=40, deadline=None)
def test_a_threshold_is_the_quantile_of_the_days_before(q, values):
    thresholds = expanding_quantile_before(values, q, 2)
    for day in range(len(values)):
        past = values[:day][~np.isnan(values[:day])]
        if len(past) < 2:
            assert np.isnan(thresholds[day])
        else:
            assert thresholds[day] == pytest.approx(np.quantile(past, q), rel=1e-12, abs=1e-12)


def test_a_threshold_does_not_know_the_day_it_judges():
    calm, wild = expanding_quantile_before([1, 2, 3, 4], 0.5, 1), expanding_quantile_before([1, 2, 3, 999], 0.5, 1)
    same(calm, wild)
    same(calm, [NAN, 1, 1.5, 2])
    same(expanding_quantile_before([1, NAN], 0.5, 1), [NAN, 1])


def test_a_quantile_outside_of_the_sample_is_an_error():
    with pytest.raises(ValueError, match="60"):
        expanding_quantile_before([1, 2], 60, 1)


def test_the_running_maximum_skips_what_is_unknown():
    same(running_max([NAN, 2, NAN, 1, 3]), [NAN, 2, 2, 2, 3])


def test_normal_scores_are_the_inverse_of_the_normal_distribution():
    found = normal_score([0, 0.025, 0.5, 0.9, 1, NAN])
    assert np.isnan(found[[0, 4, 5]]).all()
    assert found[1:4] == pytest.approx([NormalDist().inv_cdf(u) for u in (0.025, 0.5, 0.9)])


def test_forty_years_of_days_are_ranked_in_a_moment():
    values = walk(0, 14_600)
    began = time.perf_counter()
    expanding_rank(values, 520)
    whole = time.perf_counter() - began
    assert whole < 2, "forty such series are ranked in every build"  # 0.02 s on the machine it was written on
