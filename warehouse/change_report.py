"""What a person reads in a terminal of what changed between two releases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from warehouse import changes, release
from warehouse.errors import NoRelease, QueryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from warehouse.changes import Changes
    from warehouse.release import Release
    from warehouse.settings import Settings

CURRENT, PREVIOUS = "current", "previous"


def compare(settings: Settings, before: str, after: str, *, table: str = "", limit: int = changes.LARGEST) -> Changes:
    """Compare two releases by id, or by the words `current` and `previous`. A first release has no previous one.

    Raises:
        NoRelease: there is no such release.
        ConfigurationError: neither has such a table.
        QueryFailed: DuckDB cannot compare them, as where a file is damaged.
    """
    import duckdb

    later = find(settings, after)
    if before == PREVIOUS and _previous(settings, release.current(settings)) is None:
        return changes.Changes(before=None, after=later.id)
    earlier = find(settings, before)
    try:
        return changes.compare(earlier, later, settings, table=table, largest=limit)
    except duckdb.Error as error:
        raise QueryFailed(
            f"{earlier.id} and {later.id} could not be compared",
            got=error,
            remedy="`drypowder verify` with either says whether its files are as published.",
        ) from error


def find(settings: Settings, name: str) -> Release:
    """Return a release by its id; `previous` is the one that was current when the current one was published.

    Raises:
        NoRelease: there is no such release.
    """
    now = release.current(settings)
    known = {each.id: each for each in release.releases(settings)}
    wanted = {CURRENT: now.id, PREVIOUS: _previous(settings, now)}.get(name, name)
    if wanted not in known:
        raise NoRelease(
            f"There is no release {name}",
            expected=f"{CURRENT}, {PREVIOUS} or one of {', '.join(known)}",
            got=wanted or "the first release of its home",
            remedy="`drypowder releases` lists them.",
        )
    return known[wanted]


def _previous(settings: Settings, now: Release) -> str | None:
    """Return what a release says that it was compared with; of one too old to say so, the newest before it."""
    noted = now.path / changes.JSON
    if noted.is_file():
        before = json.loads(noted.read_text())["before"]
        return None if before is None else str(before)
    earlier = [each for each in release.releases(settings) if each.manifest["sequence"] < now.manifest["sequence"]]
    return earlier[-1].id if earlier else None


def print_changes(found: Changes, console: Console, *, as_json: bool = False) -> None:
    """Print what changed as tables of all that is known, or as the document that `changes.json` holds."""
    if as_json:
        console.file.write(changes.document(found).decode() + "\n")
        return
    if found.before is not None:
        console.print(f"[bold]{found.before} -> {found.after}[/]", highlight=False)
    console.print(changes.summary(found), markup=False, highlight=False, soft_wrap=True)
    _print(
        console,
        "Schema",
        ("table", "column", "what", "before", "after"),
        ((c.table, c.column, c.kind.replace("_", " "), c.before, c.after) for c in found.schema),
    )
    _print(
        console,
        "Rows",
        ("table", "before", "after", "added", "removed", "changed", "values moved"),
        (
            (t.name, *(f"{n:,}" for n in (t.rows_before, t.rows_after, t.added, t.removed, t.changed, t.moved)))
            for t in found.tables
        ),
    )
    _print(
        console,
        "Past values that moved",
        ("table", "metric", "column", "reason", "values", "NULL before", "NULL now", "first period", "last period"),
        (
            (t.name, m.metric, m.column, m.reason, *(f"{n:,}" for n in (m.values, m.filled, m.emptied)), *_periods(m))
            for t in found.tables
            for m in t.movements
        ),
    )
    _print(
        console,
        "The largest of them",
        ("table", "column", "row", "before", "after", "reason", "known since"),
        (
            (
                t.name,
                m.column,
                changes.plain(m.key),
                changes.shown(m.before),
                changes.shown(m.after),
                m.reason,
                f"{m.known_at_after:%Y-%m-%d %H:%M}" if m.known_at_after else "",
            )
            for t in found.tables
            for m in t.largest
        ),
    )
    more = sum(t.more for t in found.tables)
    if more:
        console.print(f"And {more:,} more: --table and --limit show them, {changes.PARQUET} has all.", style="dim")


def _periods(movement: changes.Movement) -> tuple[str, str]:
    return str(movement.first_period or ""), str(movement.last_period or "")


def _print(console: Console, title: str, head: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]) -> None:
    """Print a table, nothing cut off; nothing of one without rows."""
    grid = Grid(*head, box=None, pad_edge=False)
    for row in rows:
        grid.add_row(*(Text(cell or "") for cell in row))
    if grid.row_count:
        console.print(f"\n[bold]{title}[/]")
        needed = console.measure(grid, options=console.options.update(max_width=100_000)).maximum
        Console(width=max(needed, console.width), file=console.file).print(grid)
