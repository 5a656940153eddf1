"""What dashboards ask of a release's past, as SQL: which day's knowledge, and which parameters.

Datasets call these from their Jinja. What a filter says comes from a browser, so nothing of it goes into SQL as it is.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def as_of(days: Sequence[str]) -> str:
    """Return the end of a day in New York, as `metrics.instant_of` has it; without a day, now.

    Raises:
        ValueError: it is no day, or there are several.
    """
    if not days:
        return "now()"
    return f"metrics.instant_of(date '{date.fromisoformat(_only(days))}')"


def earlier(days: Sequence[str], later: Sequence[str]) -> str:
    """Return the same of the day to compare with; without one, a year before the other.

    Raises:
        ValueError: it is no day, or there are several.
    """
    return as_of(days) if days else f"{as_of(later)} - interval 1 year"


def parameter_set(names: Sequence[str]) -> str:
    """Return the name of a parameter set, `default` without one; `metrics.known_set` says whether it is there.

    Raises:
        ValueError: it is no name, or there are several.
    """
    name = _only(names) if names else "default"
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(f"expected the name of a parameter set, got {name!r}")
    return f"'{name}'"


def _only(values: Sequence[str]) -> str:
    if len(values) != 1:
        raise ValueError(f"expected one value, got {len(values)}: choose one in the filter")
    return str(values[0])
