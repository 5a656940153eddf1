"""Event studies: a jump and a kink are measured, a drift is no event, and a window that is not over is none."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.unit.estimators.histories import walk
from warehouse.estimators.events import event_study, slope_steeper

NAN = float("nan")
DAYS = [date(2025, 10, 1) + timedelta(days=n) for n in range(200)]
EVENT = date(2026, 1, 30)
AT = DAYS.index(EVENT)


def test_a_jump_is_measured_against_what_came_before():
    values = 100 + walk(0, 200, scale=0.1)
    jumped = values + np.where(np.arange(200) >= AT, 5.0, 0)
    found = event_study(jumped, DAYS, EVENT)
    before, after = jumped[AT - 60 : AT], jumped[AT : AT + 20]
    assert found.level_change == pytest.approx(after.mean() - before.mean())
    assert found.cumulative_change == pytest.approx(jumped[AT + 19] - jumped[AT - 1])
    assert found.sd_before == pytest.approx(np.diff(before).std(ddof=1))
    assert found.drift_before == pytest.approx(np.diff(before).mean())
    assert found.abnormal_change == pytest.approx(found.cumulative_change - 20 * found.drift_before)
    assert found.score == pytest.approx(found.abnormal_change / (found.sd_before * np.sqrt(20)))
    assert found.steps == 20
    assert found.score > 5
    assert found.last_day == DAYS[AT + 19]
    assert (found.missing_before, found.missing_after) == (0, 0)


def test_a_steady_drift_is_no_event():
    values = np.arange(200.0) + 0.1 * walk(1, 200)
    found = event_study(values, DAYS, EVENT)
    assert found.cumulative_change > 15
    assert abs(found.score) < 3


def test_scores_of_days_without_an_event_are_about_standard():
    scores = [event_study(walk(seed, 200), DAYS, EVENT).score for seed in range(300)]
    assert 0.8 < np.std(scores) < 1.4
    assert abs(np.mean(scores)) < 0.25


def test_an_event_on_a_day_without_a_row_begins_with_the_next():
    weekdays = [day for day in DAYS if day.weekday() < 5]
    values = walk(2, len(weekdays))
    saturday, monday = date(2026, 1, 31), date(2026, 2, 2)
    assert event_study(values, weekdays, saturday) == event_study(values, weekdays, monday)


def test_what_is_missing_is_counted_and_spanned():
    values = walk(3, 200)
    values[[AT - 1, AT - 7, AT + 19]] = NAN
    found = event_study(values, DAYS, EVENT)
    assert (found.missing_before, found.missing_after) == (2, 1)
    assert found.cumulative_change == pytest.approx(values[AT + 18] - values[AT - 2])
    assert found.steps == 20


def test_a_study_is_refused_until_it_can_be_made():
    values = walk(4, 200)
    assert event_study(values[: AT + 7], DAYS[: AT + 7], EVENT).null_reason == "window_not_over: 7 of 20"
    assert event_study(values[: AT - 9], DAYS[: AT - 9], EVENT).null_reason == "window_not_over: 0 of 20"
    assert event_study(values, DAYS, DAYS[10]).null_reason == "before: short_history: 9 of 36"
    holed = values.copy()
    holed[AT : AT + 10] = NAN
    assert event_study(holed, DAYS, EVENT).null_reason == "after: short_history: 10 of 12"
    holed = values.copy()
    holed[:AT:2] = NAN
    found = event_study(holed, DAYS, EVENT)
    assert found.null_reason.startswith("before: short_history")
    assert np.isnan(found.score)


def test_later_days_move_no_study():
    values = walk(5, 200)
    spoiled = values.copy()
    spoiled[AT + 20 :] *= 1000
    whole = event_study(values, DAYS, EVENT)
    assert event_study(spoiled, DAYS, EVENT) == whole
    assert event_study(values[: AT + 20], DAYS[: AT + 20], EVENT) == whole


def test_a_series_that_stood_still_has_no_score():
    values = np.where(np.arange(200) >= AT, 5.0, 1.0)
    found = event_study(values, DAYS, EVENT)
    assert found.level_change == 4
    assert np.isnan(found.score)


def test_a_kink_is_a_steeper_slope_and_a_straight_line_is_not():
    noise = walk(7, 200, scale=0.2)
    kink = np.where(np.arange(200) >= AT, 0.8 * (np.arange(200) - AT + 1), 0)
    steeper = slope_steeper(noise + kink, DAYS, EVENT)
    assert steeper.value == pytest.approx(0.8, abs=3 * steeper.standard_error)
    assert steeper.low > 0
    assert steeper.n == 120
    straight = slope_steeper(noise + 0.8 * np.arange(200), DAYS, EVENT)
    assert straight.low < 0 < straight.high


def test_walks_seldom_have_steeper_slopes():
    found = [slope_steeper(walk(seed, 200), DAYS, EVENT) for seed in range(200)]
    assert sum(not each.low <= 0 <= each.high for each in found) < 30  # of 200 at 95 %, HAC errors being a bit small


def test_a_slope_of_too_few_days_is_refused():
    assert slope_steeper(walk(0, AT + 5), DAYS[: AT + 5], EVENT).null_reason == "short_history: 5 of 20"
    assert slope_steeper(walk(0, 10), DAYS[:10], EVENT).null_reason == "short_history: 0 of 20"


def test_days_out_of_order_are_an_error():
    with pytest.raises(ValueError, match="ascend"):
        event_study([1, 2], [DAYS[1], DAYS[0]], EVENT)
    with pytest.raises(ValueError, match="one length"):
        event_study([1, 2], DAYS[:1], EVENT)
