"""What tests/fixtures/<code>/plausible.py is made of: a table's rows as its publisher sends them, and how they break."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Feed:
    """Rows of one table as a SELECT, what they are stamped with, and each way to break them that a check must find."""

    rows: str
    stamps: dict[str, str] = field(default_factory=dict)
    broken: tuple[tuple[str, str, str], ...] = ()
    """(the check that must find it, its severity, the statement that breaks `{table}`)."""


def to(assignment: str, where: str = "true") -> str:
    """Return the statement that sets columns of some rows."""
    return f"update {{table}} set {assignment} where {where}"
