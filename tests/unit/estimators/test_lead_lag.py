"""Who comes first: a planted lead is found, a planted lag too, and noise has neither."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.estimators.histories import same
from warehouse.estimators.lead_lag import canary_hit_rate, lead_lag

NAN = float("nan")


def pair(seed, lead, *, weeks=520, noise=0.5, sign=-1):
    """Return a price and an index of which the index follows `lead` weeks later (before, if negative)."""
    generator = np.random.default_rng(seed)
    shocks = generator.standard_normal(weeks + 80)
    crypto = shocks[40 : 40 + weeks]
    index = sign * shocks[40 - lead : 40 - lead + weeks] + noise * generator.standard_normal(weeks)
    return 100 * np.exp(0.05 * crypto.cumsum()), 50 + index.cumsum()


@pytest.mark.parametrize("lead", [-9, -3, 0, 2, 6, 15])
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_lead_or_lag_is_found_within_a_week(seed, lead):
    found = lead_lag(*pair(seed, lead))
    assert abs(found.peak_lag - lead) <= 1
    assert found.peak_lag_low - 1 <= lead <= found.peak_lag_high + 1
    assert found.peak_correlation < -0.5  # crypto falls, scarcity rises
    at = int(found.peak_lag) + 26
    assert found.low[at] < found.correlation[at] < found.high[at] < 0
    assert found.stability == 1


def test_a_lead_that_turned_over_is_not_stable():
    price, index = pair(3, 4)
    moves = np.diff(index, prepend=index[0])
    moves[312:] *= -1  # for the last two of five parts
    assert lead_lag(price, moves.cumsum(), replications=10).stability == pytest.approx(3 / 5)


def test_two_walks_that_know_nothing_of_each_other_have_no_stable_peak():
    found = [lead_lag(pair(seed, 0)[0], pair(seed + 100, 0)[1]) for seed in range(6)]
    assert np.mean([abs(each.peak_correlation) for each in found]) < 0.35
    assert max(each.peak_lag_high - each.peak_lag_low for each in found) > 5


def test_a_correlation_is_numpys_over_the_weeks_both_are_known():
    price, index = pair(1, 3)
    index[100:110] = NAN
    found = lead_lag(price, index, replications=10)
    r, d = np.full(520, NAN), np.full(520, NAN)
    r[4:] = np.log(price[4:] / price[:-4])
    d[4:] = index[4:] - index[:-4]
    for lag in (-26, -1, 0, 3, 26):
        t = np.arange(max(0, -lag), min(520, 520 - lag))
        x, y = r[t], d[t + lag]
        known = ~np.isnan(x) & ~np.isnan(y)
        assert found.correlation[lag + 26] == pytest.approx(np.corrcoef(x[known], y[known])[0, 1])
        assert found.pairs[lag + 26] == known.sum()


def test_weeks_before_the_asset_existed_change_nothing():
    price, index = pair(2, 4)
    before = np.full(300, NAN)
    late = lead_lag(np.concatenate([before, price]), np.concatenate([before, index]))
    same(late.low, lead_lag(price, index).low)


@given(seed=st.integers(0, 99), at=st.integers(150, 299))
@settings(max_examples=10, deadline=None)
def test_what_was_said_of_a_week_is_its_seeds_and_its_prefixs(seed, at):
    price, index = pair(seed, 2, weeks=300)
    one, other = (lead_lag(price[: at + 1], index[: at + 1], replications=50) for _ in range(2))
    same(one.low, other.low)
    assert one.peak_lag == other.peak_lag


def test_too_short_a_history_is_refused():
    price, index = pair(0, 2, weeks=60)
    found = lead_lag(price, index)
    assert found.null_reason == "short_history: 56 of 104"
    assert np.isnan(found.peak_lag)
    assert np.isnan(found.correlation).all()
    price, index = pair(0, 2, weeks=120)
    found = lead_lag(price, index)
    assert found.null_reason is None
    assert np.isnan(found.correlation[[0, 52]]).all()  # 26 weeks apart there are only 90 pairs
    assert lead_lag([], []).null_reason == "short_history: 0 of 104"


def test_an_index_that_stands_still_has_no_correlation():
    assert lead_lag(pair(0, 0)[0], np.full(520, 7.0)).null_reason == "no_variation"


def test_a_price_of_zero_is_an_error():
    with pytest.raises(ValueError, match="positive"):
        lead_lag([1, 0, 2], [1, 2, 3])


# ------------------------------------------------------------------------------------------------------- hit rate


def spikes(n, *at):
    values = np.zeros(n)
    values[list(at)] = 1
    return values


def test_hits_false_alarms_and_the_unconditional_rate():
    canary = spikes(100, 10, 11, 40, 98) * 0.95
    event = spikes(100, 13, 70)
    found = canary_hit_rate(canary, event, threshold=0.9, horizon=8)
    assert found.steps == 92
    assert found.alarms == 3  # the one of 98 is not judged before its horizon is over
    assert (found.hits, found.false_alarms) == (2, 1)
    assert (found.episodes, found.false_episodes) == (2, 1)
    assert found.hit_rate == pytest.approx(2 / 3)
    assert found.base_rate == pytest.approx(16 / 92)
    assert found.lift == pytest.approx(2 / 3 / (16 / 92))
    assert found.missed_events == 1  # 70 came unannounced


def test_an_episode_is_true_when_any_of_its_days_was():
    found = canary_hit_rate(spikes(100, *range(10, 15)), spikes(100, 20), threshold=0.9, horizon=8)
    assert (found.hits, found.false_alarms) == (3, 2)  # of the first two the event was more than eight days away
    assert (found.episodes, found.false_episodes) == (1, 0)


def test_an_event_on_the_day_of_the_alarm_is_no_prediction():
    both = spikes(100, 50)
    assert canary_hit_rate(both, both, threshold=0.9, horizon=8).hits == 0


def test_a_step_whose_horizon_is_not_known_is_not_counted():
    event = spikes(100, 13)
    event[14] = NAN
    found = canary_hit_rate(spikes(100, 10), event, threshold=0.9, horizon=8)
    assert found.null_reason == "no_alarm: 0 of 1"
    assert np.isnan(found.hit_rate)
    assert found.steps == 92 - 8
    assert found.base_rate == pytest.approx(1 / 84)  # of eight days before 13, seven look at 14, too


def test_a_short_history_or_one_without_alarms_is_refused():
    assert (
        canary_hit_rate(np.zeros(50), np.zeros(50), threshold=0.9, horizon=8).null_reason == "short_history: 42 of 52"
    )
    quiet = canary_hit_rate(np.zeros(100), spikes(100, 50), threshold=0.9, horizon=8)
    assert quiet.null_reason == "no_alarm: 0 of 1"
    assert quiet.base_rate == pytest.approx(8 / 92)
    assert np.isnan(canary_hit_rate(spikes(100, 9), np.zeros(100), threshold=0.9, horizon=8).lift)
