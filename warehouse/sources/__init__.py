"""The registry: every module of this package that defines SOURCE. Adding a source adds no line here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from warehouse.contract import Source, Table


@cache
def sources() -> dict[str, Source]:
    """Return every source by its code, in alphabetical order."""
    modules = sorted(m.name for m in iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").SOURCE for name in modules}


def tables() -> list[tuple[Source, Table]]:
    """Return every (source, table) pair."""
    return [(source, table) for source in sources().values() for table in source.tables]


def find(source_code: str, table_name: str) -> tuple[Source, Table]:
    """Return one source and table.

    Raises:
        ConfigurationError: there is no such source or table; the message lists those there are.
    """
    for source, table in tables():
        if (source.code, table.name) == (source_code, table_name):
            return source, table
    known = ", ".join(f"{s.code}.{t.name}" for s, t in tables())
    raise ConfigurationError("No such table", expected=f"one of {known}", got=f"{source_code}.{table_name}")
