"""Upkeep of a home, apart from the nightly run: rebuild it from the archive, roll a release back, tidy up."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse import landing, sources
from warehouse import release as releases
from warehouse.archive import Archive
from warehouse.errors import ContractViolation, EmptyPayload, GateClosed, NothingNew
from warehouse.locking import builder_lock
from warehouse.pipeline import load, say, settings_of_home, validate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from warehouse.archive import Fetch
    from warehouse.contract import Source, Table
    from warehouse.pipeline import Progress
    from warehouse.release import Release
    from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What was rebuilt from the archive."""

    files: int
    rows: int
    refused: int
    seconds: float

    def __str__(self) -> str:
        """Say it in one line."""
        return f"replayed {self.files} fetch(es), {self.rows:,} rows, {self.refused} refused ({self.seconds:.1f} s)"


def replay(
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    allow_fewer: bool = False,
    only: frozenset[str] | None = None,
) -> Replayed:
    """Rebuild landing and `raw` from the archive alone, as if every fetch came in again in its order.

    Fetches are judged as they were the first time: against what `raw` held before them. Everything is set aside first
    and put back if the replay fails. Releases are left alone; `build`, `check` and `publish` come after. `only` names
    the raw tables to rebuild; the others stay as they are.

    Raises:
        GateClosed: a table would end with fewer rows than it has now, and `allow_fewer` is not set.
    """
    from warehouse import stores

    started = time.monotonic()
    settings = settings_of_home(settings)
    files = rows = refused = 0
    with builder_lock(settings, "replay"):
        before = _raw_rows(settings)
        with _undone_on_failure(settings, only):
            for batch in _batches(settings, only):
                for _, table, fetch in batch:
                    landed, count = _land_again(settings, table, fetch)
                    files, rows, refused = files + landed, rows + count, refused + (not landed)
                say(progress, f"replayed up to {batch[-1][2].fetched_at:%Y-%m-%d %H:%M}Z, {rows:,} rows")
                with suppress(NothingNew):
                    load(settings)
                    validate(settings)
            for internal in stores.areas(settings):
                with stores.open_warehouse(settings, internal=internal):
                    pass  # its tables exist, also when nothing of the archive lands
            fewer = {n: (count, now) for n, count in before.items() if (now := _raw_rows(settings).get(n, 0)) < count}
            if fewer and not allow_fewer:
                raise GateClosed(
                    "The replay was undone: it would lose rows",
                    expected=", ".join(f"{n}: {was:,}" for n, (was, _) in fewer.items()),
                    got=", ".join(f"{n}: {now:,}" for n, (_, now) in fewer.items()),
                    remedy="If the new contract or gate is meant to, run `drypowder replay --allow-fewer`.",
                )
    return Replayed(files=files, rows=rows, refused=refused, seconds=time.monotonic() - started)


def _raw_rows(settings: Settings) -> dict[str, int]:
    """Return the rows of every raw table that there is."""
    import duckdb

    found = {}
    for path in (settings.warehouse, settings.internal):
        if not path.exists():
            continue
        with duckdb.connect(str(path), read_only=True) as connection:
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'raw'"
            ).fetchall():
                found[name] = (connection.execute(f'select count(*) from raw."{name}"').fetchone() or (0,))[0]
    return found


@contextmanager
def _undone_on_failure(settings: Settings, only: frozenset[str] | None) -> Iterator[None]:
    """Take away what is to be rebuilt, and put it back if that fails."""
    from warehouse import stores

    files = [settings.warehouse, settings.internal]
    files += [f.with_name(f.name + ".wal") for f in files]
    if only is None:
        with _set_aside(*files, settings.landing, settings.refused):
            yield
        return
    chosen = [(s, t) for s, t in sources.tables() if stores.identifier(s, t) in only]
    folders = [root / s.code / t.name for root in (settings.landing, settings.refused) for s, t in chosen]
    with _set_aside(*folders), _copied(*files):
        for internal in stores.areas(settings):
            with stores.open_warehouse(settings, internal=internal, may_differ=True) as connection:
                for source, table in chosen:
                    if table.is_internal is internal:
                        stores.drop(connection, source, table)
        yield


@contextmanager
def _copied(*paths: Path) -> Iterator[None]:
    """Copy files aside; put the copies in their place if what is done meanwhile fails."""
    aside = {path: path.with_name(path.name + ".before-migration") for path in paths if path.exists()}
    for path, backup in aside.items():
        shutil.copy2(path, backup)
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        for path, backup in aside.items():
            backup.rename(path)
        raise
    for backup in aside.values():
        backup.unlink()


def _batches(settings: Settings, only: frozenset[str] | None = None) -> Iterator[list[tuple[Source, Table, Fetch]]]:
    """Yield the archived fetches in the order of time, cut before any partition would come a second time.

    What gave the same bytes as the fetch before it is left out, as it was the first time.
    """
    from warehouse import stores

    archive = Archive(settings.archive)
    last: dict[tuple[str, str, str], str] = {}
    chosen = [(s, t) for s, t in sources.tables() if only is None or stores.identifier(s, t) in only]
    everything = [(s, t, f) for s, t in chosen for f in archive.fetches(s.code, t.name)]
    batch: dict[tuple[str, str, str], tuple[Source, Table, Fetch]] = {}
    for source, table, fetch in sorted(everything, key=lambda each: each[2].fetch_id):
        key = (source.code, table.name, fetch.partition)
        if last.get(key) == fetch.digest:
            continue
        last[key] = fetch.digest
        if key in batch:
            yield list(batch.values())
            batch = {}
        batch[key] = (source, table, fetch)
    if batch:
        yield list(batch.values())


def _land_again(settings: Settings, table: Table, fetch: Fetch) -> tuple[bool, int]:
    """Land one archived fetch; return whether it landed, and its rows."""
    try:
        landed = landing.land(settings, table, fetch, Archive(settings.archive).responses(fetch))
    except EmptyPayload:
        return True, 0
    except ContractViolation as error:
        landing.refuse(settings, fetch, error)
        return False, 0
    return True, landed.rows


@contextmanager
def _set_aside(*paths: Path) -> Iterator[None]:
    """Rename paths out of the way; put them back if what is done meanwhile fails, delete them otherwise."""
    aside = {path: path.with_name(path.name + ".before-replay") for path in paths}
    for path, backup in aside.items():
        _remove(backup)
        if path.exists():
            path.rename(backup)
    try:
        yield
    except BaseException:
        for path, backup in aside.items():
            if backup.exists():
                _remove(path)
                backup.rename(path)
        raise
    for backup in aside.values():
        _remove(backup)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Change:
    """How a table's contract differs from what `raw` was built by."""

    table: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    rows: int
    fetches: int
    """Archived fetches that a migration reads again."""

    def __str__(self) -> str:
        """Say it in a few lines."""
        lines = [f"raw.{self.table}: {self.rows:,} rows, to be read again from {self.fetches} archived fetch(es)"]
        lines += [f"  + {column}" for column in self.added]
        lines += [f"  - {column}" for column in self.removed]
        return "\n".join(lines)


def changes(settings: Settings | None = None) -> list[Change]:
    """Return the raw tables whose contract has changed since they were made; nothing is touched."""
    from warehouse import stores

    settings = settings_of_home(settings)
    archive = Archive(settings.archive)
    found = []
    with builder_lock(settings, "migrate"):
        for internal in stores.areas(settings):
            with stores.open_warehouse(settings, internal=internal, may_differ=True) as connection:
                for source, table in stores.tables_of(internal=internal):
                    name = stores.identifier(source, table)
                    lacking, surplus = stores.differences(connection, table, name)
                    if lacking or surplus:
                        count = connection.execute(f'select count(*) from raw."{name}"').fetchone()
                        found.append(
                            Change(
                                table=name,
                                added=tuple(lacking),
                                removed=tuple(surplus),
                                rows=int(count[0]) if count else 0,
                                fetches=len(list(archive.fetches(source.code, table.name))),
                            )
                        )
    return found


def migrate(
    settings: Settings | None = None, progress: Progress | None = None, *, allow_fewer: bool = False
) -> Replayed:
    """Rebuild from the archive the raw tables whose contract has changed, and leave all others alone.

    Raises:
        NothingNew: no contract differs from its table.
        GateClosed: a table would end with fewer rows than it has now, and `allow_fewer` is not set.
    """
    settings = settings_of_home(settings)
    stale = changes(settings)
    if not stale:
        raise NothingNew("Every raw table is as its contract says: nothing to migrate")
    return replay(settings, progress, allow_fewer=allow_fewer, only=frozenset(c.table for c in stale))


def rollback(to: str | None = None, settings: Settings | None = None) -> Release:
    """Point `current` back at an earlier release, or at `to`. What was left is not published again as it is."""
    settings = settings_of_home(settings)
    with builder_lock(settings, "rollback"):
        return releases.rollback(settings, to)


@dataclass(frozen=True, kw_only=True)
class Maintained:
    """What was tidied."""

    removed: int
    bytes_before: int
    bytes_after: int
    seconds: float

    @property
    def rows(self) -> int:
        """Number of leftovers removed."""
        return self.removed

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"removed {self.removed} leftover(s); warehouse.duckdb {self.bytes_before:,} -> {self.bytes_after:,} bytes "
            f"({self.seconds:.1f} s)"
        )


def maintain(settings: Settings | None = None, progress: Progress | None = None) -> Maintained:
    """Remove what killed processes left, and let DuckDB reclaim space."""
    from warehouse import stores

    started = time.monotonic()
    settings = settings_of_home(settings)
    with builder_lock(settings, "maintain"):
        removed = releases.remove_unfinished(settings)
        for folder in (settings.archive, settings.landing, settings.refused):
            for partial in folder.rglob(".*.partial"):
                partial.unlink()
                removed += 1
        before = settings.warehouse.stat().st_size if settings.warehouse.exists() else 0
        with stores.open_warehouse(settings) as connection:
            connection.execute("checkpoint")
        after = settings.warehouse.stat().st_size
    result = Maintained(removed=removed, bytes_before=before, bytes_after=after, seconds=time.monotonic() - started)
    say(progress, str(result))
    return result
