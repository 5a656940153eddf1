"""Composites: what the parts add up to, what coverage lets through, and that frozen weights never move the past."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from statsmodels.multivariate.pca import PCA

from tests.unit.estimators.histories import never_looks_ahead, same
from warehouse.estimators.composite import (
    disagreement,
    equal_weight,
    first_component,
    orient,
    stressed_together,
)
from warehouse.estimators.expanding import expanding_rank, normal_score

NAN = float("nan")
NAMES = ["a", "b", "c", "d", "e"]
PILLARS = {"demand": ["a", "b", "c"], "cost": ["d", "e"]}
SHARES = st.one_of(st.floats(0.001, 0.999), st.just(NAN))


def rows(*lists):
    return np.array(lists, dtype=float)


# ------------------------------------------------------------------------------------------------------- headline


def test_the_headline_is_the_mean_of_the_means_of_the_pillars():
    found = equal_weight(rows([0.3, 0.6, 0.9, 0.2, 0.4]), NAMES, PILLARS)
    assert found.headline[0] == pytest.approx(100 * (0.6 + 0.3) / 2)
    assert found.pillars[0] == pytest.approx([60, 30])
    assert found.contributions[0] == pytest.approx([5, 10, 15, 5, 10])
    assert found.coverage[0] == 1
    assert found.null_reason == [None]
    assert [name for name, _ in found.top(0)] == ["c", "b", "e"]


@given(table=st.lists(st.lists(SHARES, min_size=5, max_size=5), min_size=1, max_size=8), every=st.booleans())
@settings(max_examples=100, deadline=None)
def test_contributions_add_up_to_the_headline_exactly_in_any_order(table, every):
    found = equal_weight(np.array(table), NAMES, PILLARS, every_pillar=every)
    for row, headline in enumerate(found.headline):
        parts = [part for part in found.contributions[row].tolist() if not np.isnan(part)]
        if np.isnan(headline):
            assert parts == []
            assert found.null_reason[row]
            continue
        assert sum(parts) == headline == sum(reversed(parts)) == sum(sorted(parts))
        assert 0 <= headline <= 100
        assert found.null_reason[row] is None


@given(table=st.lists(st.lists(SHARES, min_size=5, max_size=5), min_size=2, max_size=8), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_order_of_columns_and_pillars_does_not_matter(table, seed):
    order = np.random.default_rng(seed).permutation(5)
    one = equal_weight(np.array(table), NAMES, PILLARS)
    other = equal_weight(np.array(table)[:, order], [NAMES[at] for at in order], dict(reversed(PILLARS.items())))
    same(one.headline, other.headline)
    same(one.contributions[:, order], other.contributions)


def test_a_contribution_is_not_rounded_to_what_a_reader_would_see():
    found = equal_weight(rows([0.1234567, 0.2, 0.3, 0.4, 0.5]), NAMES, PILLARS)
    assert found.contributions[0, 0] == pytest.approx(100 * 0.1234567 / 6, abs=1e-9)
    assert found.headline[0] == pytest.approx(100 * (0.6234567 / 3 + 0.45) / 2, abs=1e-9)


def test_a_pillar_needs_sixty_per_cent_of_its_weight_and_the_index_every_pillar():
    table = rows([0.3, NAN, 0.9, 0.2, 0.4], [0.3, NAN, NAN, 0.2, 0.4], [0.3, 0.6, 0.9, 0.2, NAN])
    found = equal_weight(table, NAMES, PILLARS)
    assert found.headline[0] == pytest.approx(100 * (0.6 + 0.3) / 2)  # the two that are known share the weight
    assert found.coverage[0] == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(found.contributions[0, 1])  # unknown, not zero
    assert np.isnan(found.headline[1:]).all()
    assert found.null_reason[1:] == ["missing_pillar: demand", "missing_pillar: cost"]
    assert np.isnan(found.contributions[1]).all()
    assert found.pillars[1, 1] == pytest.approx(30)  # the pillar itself is there


def test_an_index_that_may_miss_a_pillar_shares_its_weight_among_the_others():
    names = ["a", "b", "c"]
    pillars = {name: [name] for name in names}
    found = equal_weight(rows([0.2, 0.4, NAN], [0.2, NAN, NAN]), names, pillars, every_pillar=False)
    assert found.headline[0] == pytest.approx(30)
    assert found.coverage[0] == pytest.approx(2 / 3)
    assert np.isnan(found.headline[1])
    assert found.null_reason[1] == "low_coverage: 0.33"


@pytest.mark.parametrize(
    ("scores", "names", "pillars", "says"),
    [
        (rows([1.2]), ["a"], {"p": ["a"]}, "a score lies in"),
        (rows([0.2]), ["a"], {"p": ["a"], "q": ["a"]}, "exactly one pillar"),
        (rows([0.2, 0.3]), ["a", "b"], {"p": ["a"]}, "exactly one pillar"),
        (rows([0.2]), ["a"], {"p": ["a"], "q": []}, "no pillar is empty"),
        (rows([0.2, 0.3]), ["a"], {"p": ["a"]}, "scores are"),
    ],
)
def test_what_does_not_fit_is_an_error(scores, names, pillars, says):
    with pytest.raises(ValueError, match=says):
        equal_weight(scores, names, pillars)


def test_orienting_turns_the_rank_over():
    values = np.random.default_rng(0).standard_normal(50)
    np.testing.assert_allclose(expanding_rank(orient(values, -1), 1), 1 - expanding_rank(values, 1))
    same(orient(values, 1), values)
    with pytest.raises(ValueError, match="polarity"):
        orient(values, 0)


# ------------------------------------------------------------------------------------------------------------ PCA


def panel(seed, n=1_200, columns=4):
    """Return scores that share a factor, in ranks of their own past, and their business days from 2018 on."""
    generator = np.random.default_rng(seed)
    factor = generator.standard_normal(n)
    loads = np.array([1.0, 0.8, -0.6, 0.9])[:columns]
    raw = factor[:, None] * loads + 0.7 * generator.standard_normal((n, columns))
    scores = np.column_stack([expanding_rank(raw[:, at], 1) for at in range(columns)])
    days, day = [], date(2018, 1, 1)
    while len(days) < n:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return scores, days, factor


COLUMNS = ["hy_oas", "ig_oas", "liquidity", "real_yield"]


def component(scores, days, **how):
    return first_component(scores, days, COLUMNS, anchor="hy_oas", **({"min_history": 260} | how))


def test_the_component_finds_the_factor_with_the_sign_of_its_anchor():
    scores, days, factor = panel(0)
    found = component(scores, days)
    known = ~np.isnan(found.index)
    assert known.sum() == sum(day.year >= 2019 for day in days)
    assert np.corrcoef(found.index[known], ndtr(factor[known]))[0, 1] > 0.85
    assert found.weights[-1].loadings[0] > 0 > found.weights[-1].loadings[2]
    # On its own measure: as often near 0 and 100 as a rank would be, not piled up there.
    assert np.std(normal_score(found.index[known] / 100)) == pytest.approx(1, abs=0.1)
    turned = first_component(scores, days, COLUMNS, anchor="liquidity", min_history=260)
    np.testing.assert_allclose(turned.index[known], 100 - found.index[known])


def test_loadings_are_those_of_statsmodels():
    scores, days, _ = panel(1)
    weights = component(scores, days).weights[-1]
    past = normal_score(scores)[np.array([day.year < weights.year for day in days])]
    theirs = PCA(past, ncomp=4, standardize=True)
    vector = theirs.eigenvecs[:, 0] * np.sign(theirs.eigenvecs[0, 0])
    np.testing.assert_allclose(weights.loadings, vector, rtol=1e-8)
    assert weights.explained == pytest.approx(theirs.eigenvals[0] / theirs.eigenvals.sum())
    assert weights.n_obs == len(past)


def test_weights_are_frozen_for_the_year_and_named_after_it():
    scores, days, _ = panel(2)
    found = component(scores, days)
    assert [w.weight_version for w in found.weights] == [f"pca-{year}" for year in range(2018, 2023)]
    assert found.weights[0].null_reason == "missing_anchor: hy_oas"  # nothing was known by 31 December 2017
    assert found.weight_version(date(2018, 6, 1)) is None
    assert found.weight_version(date(2020, 6, 1)) == "pca-2020"
    # What happens in a year changes the weights of the next one only.
    changed = scores.copy()
    in_2020 = np.array([day.year == 2020 for day in days])
    changed[in_2020, 1] = 1 - changed[in_2020, 1]
    other = component(changed, days)
    assert other.weights[:3] == found.weights[:3]
    assert other.weights[3] != found.weights[3]


@given(seed=st.integers(0, 50), after=st.integers(270, 1_199))
@settings(max_examples=12, deadline=None)
def test_no_later_day_moves_the_component(seed, after):
    scores, days, _ = panel(seed)
    found = component(scores, days)
    prefix = component(scores[: after + 1], days[: after + 1])
    same(prefix.index, found.index[: after + 1])
    # repr, for NaN is not equal to itself
    assert repr(prefix.weights) == repr(found.weights[: len(prefix.weights)])
    spoiled = scores.copy()
    spoiled[after + 1 :] = 1 - spoiled[after + 1 :] ** 3
    same(component(spoiled, days).index[: after + 1], found.index[: after + 1])
    same(component(scores, days, start=after).index, found.index[after:])


def test_a_column_without_history_enters_in_a_later_year():
    scores, days, _ = panel(3)
    scores[np.array([day < date(2020, 3, 1) for day in days]), 3] = NAN
    found = component(scores, days, min_history=200)
    loadings = {w.year: w.loadings[3] for w in found.weights if not w.null_reason}
    assert loadings[2019] == loadings[2020] == 0
    assert loadings[2021] > 0
    spring = [at for at, day in enumerate(days) if day.year == 2020]
    assert (found.coverage[spring] == 1).all()  # what has no weight is not missed


def test_a_day_is_scored_when_sixty_per_cent_of_the_loadings_are_known():
    scores, days, _ = panel(4)
    scores[1_000, 3] = NAN
    scores[1_001, 1:] = NAN
    found = component(scores, days)
    assert 0.6 < found.coverage[1_000] < 1
    assert not np.isnan(found.index[1_000])
    assert np.isnan(found.index[1_001])
    assert found.coverage[1_001] < 0.6


def test_no_weights_without_the_anchor_or_with_one_column():
    scores, days, _ = panel(5)
    scores[:, 0] = NAN
    assert {w.null_reason for w in component(scores, days).weights} == {"missing_anchor: hy_oas"}
    scores, days, _ = panel(5)
    scores[:, 1:] = NAN
    assert component(scores, days).weights[-1].null_reason == "short_history: 1 of 2 columns"
    scores, days, _ = panel(5)
    scores[:, 0] = 0.5
    assert component(scores, days).weights[-1].null_reason == "no_variation"
    assert np.isnan(component(scores, days).index).all()


def test_days_out_of_order_are_an_error():
    scores, days, _ = panel(0, n=3)
    with pytest.raises(ValueError, match="ascend"):
        component(scores, days[::-1])


# ----------------------------------------------------------------------------------------------------------- CISS


def test_pillars_that_are_one_give_their_level():
    s = np.random.default_rng(0).uniform(0.05, 0.95, 200)
    found = stressed_together(np.column_stack([s, s, s]), min_history=10)
    np.testing.assert_allclose(found[10:], 100 * s[10:])


def test_stress_of_all_at_once_weighs_more_than_of_each_alone():
    generator = np.random.default_rng(1)
    own = generator.uniform(0.05, 0.95, (300, 4))
    apart = stressed_together(own)
    together = stressed_together(np.repeat(own[:, :1], 4, axis=1))
    last = own.copy()
    assert np.isnan(apart[:51]).all()
    assert not np.isnan(apart[51:]).any()
    assert np.nanmean(apart) < np.nanmean(together)
    assert (apart[51:] <= 100 * last[51:].mean(axis=1) + 1e-9).all()  # at most the mean, which correlations of 1 give


def test_the_index_is_the_quadratic_form_of_ewma_correlations():
    s = np.random.default_rng(2).uniform(0.1, 0.9, (80, 3))
    w = np.array([0.5, 0.3, 0.2])
    ages = 0.93 ** np.arange(80)[::-1]
    moments = (s - 0.5).T @ ((s - 0.5) * ages[:, None])
    sds = np.sqrt(np.diag(moments))
    expected = 100 * np.sqrt((w * s[-1]) @ (moments / np.outer(sds, sds)) @ (w * s[-1]))
    assert stressed_together(s, w)[-1] == pytest.approx(expected)


@given(seed=st.integers(0, 99), after=st.integers(0, 119))
@settings(max_examples=25, deadline=None)
def test_no_later_week_moves_the_ciss(seed, after):
    s = np.random.default_rng(seed).uniform(0, 1, (120, 3))
    s[5::11, 1] = NAN
    never_looks_ahead(lambda values: stressed_together(values, min_history=20), s, after)


def test_a_week_with_an_unknown_pillar_has_no_ciss_and_moves_none():
    s = np.random.default_rng(3).uniform(0, 1, (100, 3))
    holed = np.insert(s, 70, [0.5, NAN, 0.5], axis=0)
    found = stressed_together(holed)
    assert np.isnan(found[70])
    same(np.delete(found, 70), stressed_together(s))


# ------------------------------------------------------------------------------------------------------- agreement


def test_a_warning_is_shown_when_headline_and_component_are_far_apart():
    spread, apart = disagreement([50, 50, NAN, 50, NAN], [70, 80, 60, NAN, NAN], [40, NAN, 65, NAN, 9])
    same(spread, [30, 30, 5, NAN, NAN])
    same(apart, [0, 1, NAN, NAN, NAN])
