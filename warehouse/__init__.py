"""Dry Powder: is AI capital expenditure draining the world's idle capital?

For consumers of releases this is all there is: `warehouse.connect()` opens the current one, read-only.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.release import connect

__all__ = ["connect"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    # Only when it is asked for: Superset's Python has the guard's packages alone.
    if name == "connect":
        from warehouse.release import connect

        return connect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
