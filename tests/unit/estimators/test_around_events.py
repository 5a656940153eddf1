"""A planted jump is found in its window and nowhere else; what is not there yet, or not near, is no study."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from warehouse.estimators.around_events import COLUMNS, WINDOWS, studies

START = date(2025, 1, 1)
EVENT = START + timedelta(days=100)


def history(rows, jump=10.0, at=100):
    steps = np.random.default_rng(4).normal(0, 1, rows)
    steps[at] += jump
    return pd.DataFrame(
        {
            "series_id": "x",
            "date_day": [START + timedelta(days=n) for n in range(rows)],
            "value": np.cumsum(steps),
            "unit": "bp",
            "pit_rank": 1,
            "origin_rank": [2] * (rows - 1) + [4],
            "source_url": "u",
            "known_at": [pd.Timestamp(START + timedelta(days=n + 1), tz="UTC") for n in range(rows)],
        }
    )


def studied(series, event=EVENT):
    found = studies(pd.DataFrame({"event_id": ["e"], "event_date": [event]}), series)
    assert list(found.columns) == COLUMNS
    return found.set_index("window_days")


def test_a_jump_is_in_the_change_after_and_not_in_the_one_before():
    series = history(200)
    found = studied(series)
    assert list(found.index) == list(WINDOWS)
    values = series["value"].to_numpy()
    for window in WINDOWS:
        assert found.change_after[window] == pytest.approx(values[99 + window] - values[99])
        assert found.change_before[window] == pytest.approx(values[99] - values[99 - window])
        assert found.window_start[window] == EVENT
        assert found.window_end[window] == EVENT + timedelta(days=window - 1)
    assert found.score[1] > 5
    assert found.null_reason.isna().all()


def test_a_study_is_known_when_its_window_is_over_and_reads_nothing_after_it():
    found = studied(history(200))
    assert [t.date() for t in found.known_at] == [EVENT + timedelta(days=w) for w in WINDOWS]
    poisoned = history(200)
    poisoned.loc[poisoned.index >= 105, ["value", "origin_rank"]] = [1e9, 9]
    again = studied(poisoned)
    columns = ["change_before", "change_after", "sd_before", "score", "origin_rank"]
    assert again.loc[[1, 5], columns].equals(found.loc[[1, 5], columns])
    assert again.change_after[20] != found.change_after[20]


def test_a_window_that_is_not_over_is_null_and_says_so():
    found = studied(history(103))
    assert pd.isna(found.null_reason[1])
    assert found.null_reason[5] == "window_not_over: 3 of 5"
    assert np.isnan(found.change_after[5])
    assert found.window_end[5] is None
    assert np.isfinite(found.change_before[5])


@pytest.mark.parametrize("event", [START - timedelta(days=30), START + timedelta(days=400)])
def test_a_series_that_ends_long_before_or_begins_long_after_says_nothing_of_the_event(event):
    found = studied(history(200), event)
    assert found.change_after.isna().all()
    assert found.change_before.isna().all()
    assert (found.null_reason == "missing_input: x").all()
    assert (found.coverage == 0).all()
    assert found.window_start.isna().all()
