"""The regime: entered late, left at once, and undetermined exactly where an unknown input would decide."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.estimators.histories import never_looks_ahead, same
from warehouse.estimators.regime import RULE_VERSION, Thresholds, joint_rise, liquidity_regime

NAN = float("nan")
DRAINING, NEITHER, INJECTING = (0.1, 0.9, -1.0, 1.0), (0.4, 0.6, 1.0, 0.0), (0.8, 0.2, 1.0, 0.0)
BETWEEN = (0.30, 0.60, 1.0, 0.0)  # no day of DRAIN, and none that ends it


def states(*days):
    """Return the states of days given as (times, (powder, burden, beta, joint rise))."""
    table = np.array([day for times, day in days for _ in range(times)])
    return liquidity_regime(*table.T).state


def test_drain_is_entered_on_the_tenth_day():
    found = states((20, NEITHER), (12, DRAINING))
    assert found == ["TRANSITION"] * 29 + ["DRAIN"] * 3


def test_ten_days_need_not_be_in_a_row():
    found = states((20, NEITHER), (5, DRAINING), (5, BETWEEN), (5, DRAINING))
    assert found[-2:] == ["TRANSITION", "DRAIN"]
    assert "DRAIN" not in states((20, NEITHER), (5, DRAINING), (6, BETWEEN), (5, DRAINING))


def test_drain_is_kept_between_the_thresholds_and_left_beyond():
    start = ((20, NEITHER), (10, DRAINING))
    assert states(*start, (50, BETWEEN))[-1] == "DRAIN"  # long after the ten days have left the window
    assert states(*start, (1, (0.36, 0.9, -1, 1)))[-1] == "TRANSITION"
    assert states(*start, (1, (0.1, 0.54, -1, 1)))[-1] == "TRANSITION"
    assert states(*start, (1, (0.35, 0.55, -1, 1)))[-1] == "DRAIN"  # at the threshold is not beyond it


def test_what_was_left_is_not_entered_by_days_of_before_alone():
    blip = (1, (0.36, 0.9, -1, 1))  # ten of the last fifteen days still meet the condition after it
    assert states((20, NEITHER), (12, DRAINING), blip, (3, BETWEEN))[-4:] == ["TRANSITION"] * 4
    assert states((20, NEITHER), (12, DRAINING), blip, (1, DRAINING))[-2:] == ["TRANSITION", "DRAIN"]


def test_one_of_beta_and_joint_rise_is_enough():
    for beta, rise in ((-1, 0), (1, 1)):
        assert states((20, NEITHER), (10, (0.1, 0.9, beta, rise)))[-1] == "DRAIN"
    assert states((20, NEITHER), (10, (0.1, 0.9, 1, 0)))[-1] == "TRANSITION"


@pytest.mark.parametrize("edge", [(0.25, 0.9, -1, 1), (0.1, 0.70, -1, 1), (0.1, 0.9, 0, 0)])
def test_thresholds_are_strict(edge):
    assert "DRAIN" not in states((20, NEITHER), (20, edge))


def test_injection_needs_powder_a_positive_beta_and_no_joint_rise():
    assert states((1, INJECTING)) == ["INJECTION"]
    assert states((1, (0.5, 0.2, 1, 0))) == ["TRANSITION"]
    assert states((1, (0.8, 0.2, 0, 0))) == ["TRANSITION"]
    assert states((1, (0.8, 0.2, 1, 1))) == ["TRANSITION"]


# -------------------------------------------------------------------------------------------------------- unknown


def test_nothing_known_is_undetermined():
    assert states((3, (NAN, NAN, NAN, NAN))) == ["undetermined"] * 3


def test_an_unknown_that_would_decide_leaves_the_day_undetermined():
    assert states((1, (0.8, 0.2, NAN, 0))) == ["undetermined"]
    assert states((1, (0.8, 0.2, 1, NAN))) == ["undetermined"]
    # Left because of the burden or not left: only the burden could say.
    assert states((20, NEITHER), (10, DRAINING), (1, (0.30, NAN, -1, 1)))[-1] == "undetermined"


def test_an_unknown_that_decides_nothing_does_not():
    assert states((1, (0.8, NAN, 1, 0))) == ["INJECTION"]
    assert states((1, (0.8, NAN, NAN, 1))) == ["TRANSITION"]
    assert states((20, NEITHER), (10, (0.1, 0.9, NAN, 1)))[-1] == "DRAIN"


def test_days_before_the_first_are_not_taken_for_calm():
    found = states((40, BETWEEN))
    assert set(found) == {"undetermined"}  # DRAIN may have been entered before, and nothing has ended it
    assert states((40, BETWEEN), (1, NEITHER), (1, BETWEEN))[-2:] == ["TRANSITION", "TRANSITION"]


def test_whether_ten_days_were_met_is_unknown_while_fifteen_are_not_seen():
    found = liquidity_regime(*np.array([DRAINING] * 10).T)
    assert np.isnan(found.enter[:9]).all()
    assert found.enter[9] == 1
    assert found.state == ["undetermined"] * 9 + ["DRAIN"]


def test_what_was_unknown_does_not_count_as_met():
    met = states((20, NEITHER), (9, DRAINING), (1, (NAN, 0.9, -1, 1)))
    assert met[-1] == "undetermined"
    known = liquidity_regime(*np.array([NEITHER] * 20 + [DRAINING] * 9 + [(NAN, 0.9, -1, 1)]).T)
    assert (known.drain_days_met[-1], known.drain_days_unknown[-1]) == (9, 1)
    assert np.isnan(known.enter[-1])


INPUT = st.tuples(
    st.sampled_from([NAN, 0.1, 0.3, 0.4, 0.8]),
    st.sampled_from([NAN, 0.2, 0.6, 0.9]),
    st.sampled_from([NAN, -1.0, 1.0]),
    st.sampled_from([NAN, 0.0, 1.0]),
)
SHORT = Thresholds(drain_days=2, drain_window_days=3)


@given(days=st.lists(INPUT, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_a_state_holds_whatever_the_unknown_would_have_been(days):
    """Fill each unknown with anything, one at a time: a determined state must not change."""
    found = liquidity_regime(*np.array(days).T, thresholds=SHORT).state
    choices = ([0.1, 0.3, 0.4, 0.8], [0.2, 0.6, 0.9], [-1.0, 1.0], [0.0, 1.0])
    for day, column in product(range(len(days)), range(4)):
        if not np.isnan(days[day][column]):
            continue
        for value in choices[column]:
            filled = np.array(days)
            filled[day, column] = value
            other = liquidity_regime(*filled.T, thresholds=SHORT).state
            assert all(one in {"undetermined", two} for one, two in zip(found, other, strict=True))


@given(days=st.lists(INPUT, min_size=2, max_size=40), cut=st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_no_later_day_moves_a_state(days, cut):
    table = np.array(days)
    after = int(cut * (len(table) - 1))
    whole, prefix = liquidity_regime(*table.T), liquidity_regime(*table[: after + 1].T)
    assert prefix.state == whole.state[: after + 1]
    same(prefix.enter, whole.enter[: after + 1])
    poison = table.copy()
    poison[after + 1 :, :3] *= 1000
    assert liquidity_regime(*poison.T).state[: after + 1] == prefix.state


# ---------------------------------------------------------------------------------------------------- explanation


def test_a_state_can_be_explained_by_what_is_kept_with_it():
    table = np.array([NEITHER] * 20 + [DRAINING] * 10)
    found = liquidity_regime(*table.T, external_share_rising=np.ones(30))
    assert found.rule_version == RULE_VERSION
    assert list(found.inputs) == [
        "dry_powder_pct",
        "burden_pct",
        "multiplier_beta",
        "joint_rise",
        "external_share_rising",
    ]
    assert (found.drain_met[-1], found.drain_days_met[-1], found.enter[-1], found.leave[-1]) == (1, 10, 1, 0)
    assert found.injection[-1] == 0
    same(found.inputs["burden_pct"], table[:, 1])


def test_inputs_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="0, 1 or NaN"):
        liquidity_regime([0.1], [0.1], [1], [2])
    with pytest.raises(ValueError, match="one length"):
        liquidity_regime([0.1, 0.1], [0.1], [1], [1])


# ----------------------------------------------------------------------------------------------------- joint rise


def test_a_joint_rise_is_both_above_zero_and_their_own_earlier_quantile():
    past = [-2.0, -1.0, 0.0, 1.0, 2.0]  # its 60th percentile is 0.4
    flag = [joint_rise([*past, a], [*past, b], min_history=5)[0][-1] for a, b in ((1, 1), (0.4, 9), (0.3, 9), (9, -1))]
    assert flag == [1, 1, 0, 0]
    falling = [-5.0, -4.0, -3.0, -2.0, -1.0]  # above the quantile is not yet a rise
    assert joint_rise([*falling, -0.5], [*past, 9], min_history=5)[0][-1] == 0
    assert joint_rise([*falling, 0.0], [*past, 9], min_history=5)[0][-1] == 0


def test_a_joint_rise_with_an_unknown_leg_is_unknown():
    past = np.arange(6.0)
    flag, intensity = joint_rise(past, [*past[:5], NAN], min_history=3)
    assert np.isnan(flag[[0, 1, 2, 5]]).all()
    assert (flag[3:5] == 1).all()
    assert np.isnan(intensity[5])
    assert intensity[4] > 0


@given(seed=st.integers(0, 99), after=st.integers(0, 79))
@settings(max_examples=20, deadline=None)
def test_no_later_day_moves_a_joint_rise(seed, after):
    panel = np.random.default_rng(seed).standard_normal((80, 2))
    for answer in (0, 1):
        never_looks_ahead(lambda x, at=answer: joint_rise(x[:, 0], x[:, 1], min_history=10)[at], panel, after)
        same(
            joint_rise(*panel.T, min_history=10, start=after)[answer],
            joint_rise(*panel.T, min_history=10)[answer][after:],
        )
