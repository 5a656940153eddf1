"""Tails, ranks and betas: known values where libraries have them, planted truth where they do not."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from tests.unit.estimators.histories import SERIES, never_looks_ahead, same, walk
from warehouse.estimators.dependence import (
    below_own_tail,
    cross_asset_tail_dependence,
    drawdown,
    elimination,
    forced_sale_breadth,
    liquidity_beta,
    multiplier_beta,
    rank_ic,
    rate_beta,
    rolling_beta,
    shrunk_to_group,
    slope_by_tercile,
)

NAN = float("nan")


def noise(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


# ---------------------------------------------------------------------------------------------------------- tails


def test_breadth_is_the_share_below_their_own_earlier_tail():
    calm = np.tile(np.linspace(-1, 1, 21), 10)[:, None] * [1, 10, 0.1, 1]  # each asset by its own measure
    crash = np.array([[-2, -2, -2, NAN]])
    breadth, coverage = forced_sale_breadth(np.vstack([calm, crash]))
    assert np.isnan(breadth[:156]).all()
    assert breadth[-1] == pytest.approx(2 / 3)  # -2 is nothing to the second, and of the fourth nothing is known
    assert coverage[-1] == pytest.approx(3 / 4)


def test_breadth_is_unknown_when_too_few_assets_can_be_judged():
    panel = noise(0, 200, 5)
    panel[-1, :3] = NAN
    breadth, coverage = forced_sale_breadth(panel)
    assert np.isnan(breadth[-1])
    assert coverage[-1] == pytest.approx(0.4)
    assert not np.isnan(breadth[-2])


@given(seed=st.integers(0, 99), after=st.integers(0, 69))
@settings(max_examples=20, deadline=None)
def test_no_later_week_moves_breadth(seed, after):
    panel = noise(seed, 70, 3)
    panel[::9, 1] = NAN
    never_looks_ahead(lambda x: below_own_tail(x, min_history=10), panel, after)
    never_looks_ahead(lambda x: forced_sale_breadth(x, min_history=10)[0], panel, after)
    same(below_own_tail(panel, min_history=10, start=after), below_own_tail(panel, min_history=10)[after:])


def test_tail_dependence_of_one_asset_with_itself_is_one_and_of_strangers_is_the_tail():
    own = noise(1, 2_000, 1)
    assert cross_asset_tail_dependence(np.repeat(own, 3, axis=1)).value == pytest.approx(1)
    strangers = cross_asset_tail_dependence(noise(2, 3_000, 12), window=2_000)
    assert strangers.value == pytest.approx(0.10, abs=0.02)
    assert strangers.low < 0.10 < strangers.high


def test_tail_dependence_rises_when_assets_fall_together():
    factor, own = noise(3, 600, 1), noise(4, 600, 8)
    loads = np.where(np.arange(600) >= 496, 1.5, 0.2)[:, None]
    panel = factor * loads + own
    after, before = cross_asset_tail_dependence(panel), cross_asset_tail_dependence(panel[:496])
    assert after.low > before.high
    assert after.n == 8 * 7 / 2


def test_tail_dependence_is_the_mean_over_pairs_counted_by_hand():
    panel = noise(5, 300, 4) + noise(6, 300, 1)
    below = below_own_tail(panel)[-104:]
    expected = [
        2 * (below[:, i] * below[:, j]).sum() / (below[:, i].sum() + below[:, j].sum())
        for i in range(4)
        for j in range(i)
    ]
    found = cross_asset_tail_dependence(panel)
    assert found.value == pytest.approx(np.mean(expected))
    assert cross_asset_tail_dependence(panel[:, ::-1]).value == pytest.approx(found.value, rel=1e-12)
    assert cross_asset_tail_dependence(panel[:, ::-1]).low == pytest.approx(found.low, rel=1e-12)
    assert cross_asset_tail_dependence(panel) == found


def test_tail_dependence_is_refused_without_history():
    panel = noise(7, 300, 4)
    assert cross_asset_tail_dependence(panel[:100]).null_reason == "short_history: 100 of 104"
    assert cross_asset_tail_dependence(panel[:150]).null_reason == "no_pair_with_history"
    assert cross_asset_tail_dependence(panel[:, :1]).null_reason == "no_pair_with_history"
    rising = np.arange(300.0)[:, None] * [1, 2]
    assert cross_asset_tail_dependence(rising).null_reason == "no_tail_in_window"


# ---------------------------------------------------------------------------------------------------------- ranks


@given(seed=st.integers(0, 9_999), ties=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_rank_ic_is_spearmans(seed, ties):
    score, after = noise(seed, 2, 30)
    if ties:
        score, after = score.round(), after.round()
    found = rank_ic(score, after, replications=20)
    assert found.value == pytest.approx(spearmanr(score, after).statistic, abs=1e-12)


def test_an_average_over_periods_leaves_out_those_with_few_assets():
    score, after = noise(0, 3, 20), noise(1, 3, 20)
    after[1, 5:] = NAN
    found = rank_ic(score, after)
    assert found.n == 2
    expected = [spearmanr(score[at], after[at]).statistic for at in (0, 2)]
    assert found.value == pytest.approx(np.mean(expected))
    assert found.low < found.value < found.high


def test_assets_that_are_one_cluster_are_one_observation():
    # Five groups of eight assets, each group a copy of one: forty assets know no more than five.
    groups = np.repeat(np.arange(5), 8)
    generator = np.random.default_rng(3)
    score = groups + 0.01 * generator.standard_normal(40)
    after = np.array([1, 0, 3, 2, 4])[groups] + 0.01 * generator.standard_normal(40)
    free = rank_ic(score, after)
    clustered = rank_ic(score, after, [f"g{g}" for g in groups])
    assert clustered.value == free.value
    assert clustered.standard_error > 2 * free.standard_error
    assert clustered.low < free.low


def test_the_bootstrap_of_ranks_ranks_the_resample_anew():
    score, after = noise(5, 2, 12)
    found = rank_ic(score, after, replications=400, seed=1)
    drawn = np.random.default_rng(1).integers(0, 12, size=(400, 12))
    theirs = [spearmanr(score[each], after[each]).statistic for each in drawn]
    assert found.standard_error == pytest.approx(np.std(theirs))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(theirs, [0.025, 0.975])))


def test_elimination_mirrors_when_the_claim_is_true_and_not_when_long_duration_always_loses():
    duration = np.tile(np.linspace(1, 30, 40), (24, 1))
    regimes = ["DRAIN", "INJECTION", "TRANSITION"] * 8
    sign = np.array([{"DRAIN": -1, "INJECTION": 1, "TRANSITION": 0}[r] for r in regimes])[:, None]
    mirrored = elimination(duration, sign * duration + 10 * noise(0, 24, 40), regimes)
    assert mirrored["DRAIN"].high < 0 < mirrored["INJECTION"].low
    assert mirrored["asymmetry"].low < 0 < mirrored["asymmetry"].high
    assert mirrored["DRAIN"].n == 8
    loses = elimination(duration, -duration + 10 * noise(0, 24, 40), regimes)
    assert loses["asymmetry"].high < 0


def test_a_regime_that_never_was_has_no_ic_and_no_asymmetry():
    found = elimination(noise(0, 4, 20), noise(1, 4, 20), ["DRAIN"] * 4)
    assert found["DRAIN"].known
    assert found["INJECTION"].null_reason == "no_period: INJECTION"
    assert found["asymmetry"].null_reason == "no_period: INJECTION"


def test_ranks_of_few_assets_are_refused():
    assert rank_ic(noise(0, 9), noise(1, 9)).null_reason == "short_history: 9 of 10"
    assert rank_ic(np.ones(20), noise(1, 20)).null_reason == "no_variation"
    with pytest.raises(ValueError, match="20 assets have 1 labels"):
        rank_ic(noise(0, 20), noise(1, 20), ["a"])
    with pytest.raises(ValueError, match="1 periods have 2 regimes"):
        elimination(noise(0, 20), noise(1, 20), ["DRAIN", "DRAIN"])


# ---------------------------------------------------------------------------------------------------------- betas


def test_a_multiplier_is_statsmodels_weighted_regression_over_the_window():
    news = np.where(np.arange(300) % 5 == 0, noise(0, 300), 0.0)
    returns = 0.4 * news + noise(1, 300)
    found = multiplier_beta(returns, news)
    weights = 0.5 ** (np.arange(104)[::-1] / 52)
    theirs = sm.WLS(returns[-104:], sm.add_constant(news[-104:]), weights=weights).fit(
        cov_type="HAC", cov_kwds={"maxlags": 4, "use_correction": False}
    )
    assert found.value == pytest.approx(theirs.params[1])
    assert found.standard_error == pytest.approx(theirs.bse[1])
    assert found.n == 104
    assert found.effective_n < 104


def test_a_multiplier_needs_weeks_and_news():
    few = noise(0, 51)
    assert multiplier_beta(few, few).null_reason == "short_history: 51 of 52"
    news = np.zeros(104)
    news[:7] = 1
    assert multiplier_beta(noise(0, 104), news).null_reason == "few_news: 7 of 8"
    unknown = np.where(np.arange(104) < 60, NAN, 1.0)  # unknown news is no week without news
    assert multiplier_beta(noise(0, 104), unknown).null_reason == "short_history: 44 of 52"
    assert multiplier_beta(noise(0, 104), np.ones(104)).null_reason == "no_variation"


def test_slopes_by_tercile_are_found_where_they_differ():
    powder = np.random.default_rng(0).uniform(0, 1, 900)
    x = noise(1, 900)
    found = slope_by_tercile(np.where(powder > 2 / 3, 2.0, 0.0) * x + noise(2, 900), x, powder)
    assert found["high"].low > 1
    assert found["low"].low < 0 < found["low"].high
    assert sum(found[name].n for name in ("low", "middle", "high")) == 900
    assert found["difference"].value == pytest.approx(found["high"].value - found["low"].value)
    assert 1 < found["difference"].low < found["difference"].value < found["difference"].high
    assert found["difference"].high - found["difference"].low > found["high"].high - found["high"].low
    few = slope_by_tercile(x, x, np.full(900, 0.1))
    assert few["low"].known
    assert few["high"].null_reason == few["difference"].null_reason == "short_history: 0 of 30"


def test_a_slope_through_few_announcements_is_refused():
    powder, news = np.full(60, 0.9), np.zeros(60)
    news[:7] = 1
    assert slope_by_tercile(noise(3, 60), news, powder, min_news=8)["high"].null_reason == "few_news: 7 of 8"
    news[7] = 1
    assert slope_by_tercile(noise(3, 60), news, powder, min_news=8)["high"].known


@given(seed=st.integers(0, 999), start=st.integers(0, 89))
@settings(max_examples=20, deadline=None)
def test_a_rolling_beta_is_the_regression_of_its_window(seed, start):
    x, market, own = noise(seed, 3, 90)
    y = 2 * x - market + own
    y[7::13] = NAN
    found = rolling_beta(y, x, market, window=40, min_n=25)
    for day in (30, 45, 89):
        rows = slice(max(day - 39, 0), day + 1)
        known = ~np.isnan(y[rows])
        if known.sum() < 25:
            assert np.isnan(found[day])
            continue
        design = sm.add_constant(np.column_stack([x[rows], market[rows]])[known])
        assert found[day] == pytest.approx(sm.OLS(y[rows][known], design).fit().params[1])
    same(rolling_beta(y, x, market, window=40, min_n=25, start=start), found[start:])


@given(seed=st.integers(0, 999), after=st.integers(0, 599))
@settings(max_examples=15, deadline=None)
def test_no_later_day_moves_a_rolling_beta(seed, after):
    panel = noise(seed, 600, 3)
    never_looks_ahead(lambda x: rolling_beta(x[:, 0], x[:, 1], x[:, 2], window=30, min_n=20), panel, after)


def test_a_rolling_beta_without_variation_or_history_is_unknown():
    y, x = noise(0, 2, 60)
    assert np.isnan(rolling_beta(y, np.ones(60), window=20, min_n=10)).all()
    assert np.isnan(rolling_beta(y, x, x * 3, window=20, min_n=10)).all()  # the control is the regressor
    assert np.isnan(rolling_beta(y, x, window=20, min_n=10)[:9]).all()
    assert not np.isnan(rolling_beta(y, x, window=20, min_n=10)[9:]).any()


def test_a_rate_beta_is_a_duration_in_years():
    yields = 2 + walk(0, 400, scale=0.05)  # per cent
    market = 0.01 * noise(1, 400)
    returns = -8 * np.diff(yields, prepend=yields[0]) / 100 + 1.2 * market
    found = rate_beta(returns, yields, market)
    assert np.isnan(found[:200]).all()
    assert found[200:] == pytest.approx(8)


def test_a_liquidity_beta_controls_for_the_market():
    liquidity, market = noise(2, 2, 150)
    market = market + 0.7 * liquidity
    assert liquidity_beta(0.3 * liquidity + market, liquidity, market)[-1] == pytest.approx(0.3)


def test_betas_shrink_half_way_to_the_mean_of_their_known_group():
    found = shrunk_to_group([1, 3, NAN, 7], ["saas", "saas", "saas", "gold"])
    same(found, [1.5, 2.5, NAN, 7])
    same(shrunk_to_group([[1, 3, NAN, 7], [0, 2, 4, NAN]], ["a", "a", "a", "b"])[1], [1, 2, 3, NAN])
    same(shrunk_to_group([1, 3], ["a", "a"], weight=0), [1, 3])
    with pytest.raises(ValueError, match="2 assets have 1 groups"):
        shrunk_to_group([1, 3], ["a"])


def test_a_drawdown_is_from_the_highest_price_so_far():
    prices = [100, 126, NAN, 63, 80, 130]
    assert drawdown(prices) == pytest.approx([0, 0, NAN, -0.5, 80 / 126 - 1, 0], nan_ok=True)
    assert drawdown(prices, window=3) == pytest.approx([NAN, NAN, NAN, -0.5, 0, 0], nan_ok=True)
    assert np.isnan(drawdown([1, 2], window=3)).all()


@given(values=SERIES, cut=st.floats(0, 1), window=st.sampled_from([None, 5]))
@settings(max_examples=40, deadline=None)
def test_no_later_day_moves_a_drawdown(values, cut, window):
    prices = np.abs(values) + 1
    after = int(cut * (len(prices) - 1))
    never_looks_ahead(lambda x: drawdown(x, window=window), prices, after)
    same(drawdown(prices, window=window, start=after), drawdown(prices, window=window)[after:])
