"""Implied duration, against cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from warehouse.estimators.duration import Fading, implied_duration

NAN = float("nan")
PERPETUITY = 1.12 / 0.12


def test_a_firm_that_pays_one_sum_for_ever_has_the_duration_of_a_perpetuity():
    steady = Fading(roe_long_run=0.12, growth_long_run=0.0)
    # 100 of book earns 12 and keeps none of it: at 12 % it is worth 100.
    assert implied_duration([100], [100], [0.12], [0.0], fading=steady) == pytest.approx([PERPETUITY])


def test_a_firm_that_pays_nothing_for_ten_years_has_all_of_its_value_behind_them():
    keeps_all = Fading(roe_long_run=0.06, growth_long_run=0.06)
    assert implied_duration([500], [100], [0.06], [0.06], fading=keeps_all) == pytest.approx([10 + PERPETUITY])


def test_one_year_by_hand():
    by = Fading(years=1)
    roe, growth = 0.12 + 0.57 * (0.30 - 0.12), 0.06 + 0.24 * (0.20 - 0.06)
    present = 50 * (roe - growth) / 1.12
    expected = present / 200 + (1 + PERPETUITY) * (1 - present / 200)
    assert implied_duration([200], [50], [0.30], [0.20], fading=by) == pytest.approx([expected])


def test_the_book_grows_with_sales_before_the_second_year_earns():
    by = Fading(years=2, roe_persistence=1, growth_persistence=1)
    first, second = 50 * 0.2 / 1.12, 50 * 1.1 * 0.2 / 1.12**2
    expected = (first + 2 * second) / 400 + (2 + PERPETUITY) * (1 - (first + second) / 400)
    assert implied_duration([400], [50], [0.3], [0.1], fading=by) == pytest.approx([expected])


def test_dear_and_fast_growing_is_long_and_near_cash_flow_is_short():
    memory, saas = implied_duration([120, 120], [60, 10], [0.40, 0.05], [0.10, 0.40])
    assert memory < 15 < saas


def test_what_is_unknown_or_has_no_meaning_has_no_duration():
    found = implied_duration([100, 0, 100, NAN, 100], [50, 50, -5, 50, 50], [0.1, 0.1, 0.1, 0.1, NAN], [0.1] * 5)
    assert not np.isnan(found[0])
    assert np.isnan(found[1:]).all()


def test_arrays_of_different_length_are_an_error():
    with pytest.raises(ValueError, match="one length"):
        implied_duration([1], [1, 2], [1], [1])
