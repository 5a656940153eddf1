"""Around every event, what each series did: the frames of the event studies that dbt's Python model calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from warehouse.estimators.events import EventStudy, event_study

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

WINDOWS = (1, 5, 20)
"""Rows from the event on."""
BEFORE = 60
NEAR_DAYS = 7
"""Calendar days within which a series must have rows on both sides of the event: a move from months before is none."""
COLUMNS = ["event_id", "series_id", "window_days", "window_start", "window_end", "unit", "change_before",
           "change_after", "sd_before", "score", "coverage", "null_reason", "pit_rank", "origin_rank", "source_url",
           "known_at"]  # fmt: skip


def studies(events: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return one row per event, series and window: the change over the rows before, and from the last of them on.

    `events` has event_id and event_date; `series` one row per series_id and day it has a value for (`date_day`, `value`
    in the unit, ranks, `known_at`). `change_before` ends where `change_after` begins, on the last row before the event;
    `sd_before` is of one row's change over the sixty before it, `score` the abnormal change after in those. A study is
    known when the newest row it used was.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for name, found in series.groupby("series_id", sort=True):
        own = found.sort_values("date_day", kind="stable").reset_index(drop=True)
        days = list(pd.DatetimeIndex(own["date_day"]).date)
        values = own["value"].to_numpy(dtype=np.float64)
        dates = np.array(days, dtype="datetime64[D]")
        for event in events.to_dict("records"):
            day = pd.Timestamp(event["event_date"]).date()
            first = int(np.searchsorted(dates, np.datetime64(day)))
            for window in WINDOWS:
                near = slice(max(first - max(BEFORE, window + 1), 0), first + window)
                used = own.iloc[near]
                if used.empty:
                    continue
                study = event_study(values[near], days[near], day, before=BEFORE, after=window)
                if not _is_near(days, first, day):
                    study = EventStudy(null_reason=f"missing_input: {name}")
                earlier = first - 1 - window
                is_there = earlier >= 0 and _is_near(days, first, day)
                missing = study.missing_before + study.missing_after
                rows.append(
                    {
                        "event_id": event["event_id"],
                        "series_id": name,
                        "window_days": window,
                        "window_start": days[first] if is_there and first < len(days) else None,
                        "window_end": days[first + window - 1] if is_there and first + window <= len(days) else None,
                        "unit": own["unit"].iloc[0],
                        "change_before": values[first - 1] - values[earlier] if is_there else np.nan,
                        "change_after": study.cumulative_change,
                        "sd_before": study.sd_before,
                        "score": study.score,
                        "coverage": 1 - missing / (BEFORE + window) if is_there else 0.0,
                        "null_reason": study.null_reason,
                        "pit_rank": used["pit_rank"].max(),
                        "origin_rank": used["origin_rank"].max(),
                        "source_url": used["source_url"].iloc[-1],
                        "known_at": used["known_at"].max(),
                    }
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def _is_near(days: list[date], first: int, event: date) -> bool:
    """Whether the row before the event, and the one from it on if there is one yet, are near it."""
    before = first > 0 and (event - days[first - 1]).days <= NEAR_DAYS
    return before and (first == len(days) or (days[first] - event).days <= NEAR_DAYS)
