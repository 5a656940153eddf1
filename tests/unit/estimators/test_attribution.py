"""Shapley's shares of R²."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.estimators.histories import walk
from warehouse.estimators.attribution import shapley_r2


def world(seed, n=300, k=4):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n, k)) @ generator.standard_normal((k, k))
    return x @ generator.standard_normal(k) + 2 * generator.standard_normal(n), {f"x{at}": x[:, at] for at in range(k)}


def r2(y, columns):
    return sm.OLS(y, sm.add_constant(np.column_stack(columns))).fit().rsquared if columns else 0.0


@given(seed=st.integers(0, 10_000), k=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_gains_add_up_to_r2_and_shares_to_one(seed, k):
    y, x = world(seed, k=k)
    found = shapley_r2(y, x, replications=0)
    assert sum(found.gains) == pytest.approx(found.r2, abs=1e-12)
    assert sum(found.shares) == pytest.approx(1, abs=1e-12)
    # Through covariances, digits are lost by the square of the condition number.
    lost = 1e-15 * np.linalg.cond(np.column_stack(list(x.values()))) ** 2
    assert found.r2 == pytest.approx(r2(y, list(x.values())), abs=1e-10 + lost)
    assert min(found.gains) > -1e-12


def test_a_gain_is_the_average_over_all_orders():
    y, x = world(7)
    expected = dict.fromkeys(x, 0.0)
    orders = list(permutations(x))
    for order in orders:
        for at, name in enumerate(order):
            before, after = order[:at], order[: at + 1]
            expected[name] += (r2(y, [x[n] for n in after]) - r2(y, [x[n] for n in before])) / len(orders)
    found = shapley_r2(y, x, replications=0)
    assert dict(zip(found.players, found.gains, strict=True)) == pytest.approx(expected, abs=1e-10)


def test_what_has_no_part_gets_none_and_the_cause_gets_all():
    generator = np.random.default_rng(0)
    demand, supply = generator.standard_normal((2, 2_000))
    found = shapley_r2(3 * demand + generator.standard_normal(2_000), {"demand": demand, "supply": supply})
    assert found.shares[0] > 0.97
    assert found.shares_low[0] < found.shares[0] <= found.shares_high[0] + 0.01
    assert found.shares_low[0] > 0.5  # C9: the interval lies above a half


def test_two_that_are_one_share_evenly():
    y, x = world(1, k=1)
    found = shapley_r2(y, {"one": x["x0"], "other": x["x0"] * 1000}, replications=0)
    assert found.shares == pytest.approx((0.5, 0.5), abs=1e-6)
    assert found.r2 == pytest.approx(r2(y, [x["x0"]]))


def test_a_player_may_have_several_columns():
    y, x = world(2)
    found = shapley_r2(y, {"pair": np.column_stack([x["x0"], x["x1"]]), "rest": x["x2"]}, replications=0)
    alone = r2(y, [x["x0"], x["x1"]])
    together = r2(y, [x["x0"], x["x1"], x["x2"]])
    assert found.gains[0] == pytest.approx((alone + together - r2(y, [x["x2"]])) / 2)


def test_the_order_of_players_and_units_do_not_matter_and_the_seed_does():
    y, x = world(3)
    first = shapley_r2(y, x)
    turned = shapley_r2(y, {name: 1e6 * x[name] for name in reversed(x)})
    assert turned.shares == pytest.approx(first.shares[::-1], abs=1e-9)
    assert turned.shares_low == pytest.approx(first.shares_low[::-1], abs=1e-9)
    assert shapley_r2(y, x) == first
    assert shapley_r2(y, x, seed=1).shares == first.shares
    assert shapley_r2(y, x, seed=1).shares_low != first.shares_low


def test_weeks_with_an_unknown_number_are_left_out():
    y, x = world(4)
    holed = y.copy()
    holed[::5] = np.nan
    keep = ~np.isnan(holed)
    assert shapley_r2(holed, x) == shapley_r2(y[keep], {name: values[keep] for name, values in x.items()})


def test_what_cannot_be_shared_out_is_refused():
    y, x = world(5, n=103)
    assert shapley_r2(y, x).null_reason == "short_history: 103 of 104"
    assert shapley_r2(np.ones(200), {"x": walk(0, 200)}).null_reason == "no_variation"
    assert shapley_r2(walk(0, 200), {"x": np.ones(200)}).null_reason == "nothing_explained"
    with pytest.raises(ValueError, match="players"):
        shapley_r2(y, {})
