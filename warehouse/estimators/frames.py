"""What dbt's Python models hand back: frames whose columns have their types also when nothing is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_TEXT = ("_id", "_kind", "_set", "_reason", "_version", "_leg", "_quality")
_TEXTS = frozenset({"item", "measure", "regime", "target", "player", "study", "window", "unit", "origin", "source_url"})
_DAYS = ("_day", "_date", "_end", "_start", "_on", "_since")


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with types for the columns in which no value tells one: DuckDB would take them for integers.

    By the names that columns have everywhere here: `_at` is an instant, `_day`, `_end` and the like a day, `_id` and
    the like text, and the rest a number.
    """
    import pandas as pd

    answer = frame.copy()
    for name in map(str, frame.columns):
        if not frame[name].isna().all():
            continue
        if name.endswith("_at"):
            kind = "datetime64[us, UTC]"
        elif name.endswith(_DAYS):
            kind = "datetime64[us]"
        elif name.endswith(_TEXT) or name in _TEXTS:
            kind = "string"
        else:
            kind = "float64"
        answer[name] = pd.Series([None] * len(frame), index=frame.index, dtype=kind)
    return answer
