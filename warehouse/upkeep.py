"""Upkeep of a home, apart from the nightly run: rebuild it from the archive, roll a release back, tidy up."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from warehouse import backup, clock, landing, retention, runs, sources
from warehouse import release as releases
from warehouse.archive import Archive
from warehouse.errors import (
    ArchiveDamaged,
    ContractViolation,
    DamagedFile,
    EmptyPayload,
    GateClosed,
    NotConfigured,
    NothingNew,
)
from warehouse.locking import (
    BACKUPS,
    RESTORED,
    builder_lock,
    forget_rebuilding,
    logs_of,
    note_rebuilding,
    put_back,
    remove_backups,
)
from warehouse.pipeline import BUILT, PASSED, load, say, settings_of_home, validate
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from warehouse.archive import Fetch
    from warehouse.contract import Source, Table
    from warehouse.pipeline import Progress
    from warehouse.release import Release


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


@runs.step
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
        before = _rows_to_keep(settings, only, progress)
        not_whole = _refused_unread(settings, only)
        with _undone_on_failure(settings, only):
            for batch in _batches(settings, only):
                for _, table, fetch in batch:
                    landed, count = _land_again(settings, table, fetch)
                    files, rows, refused = files + landed, rows + count, refused + (not landed)
                say(progress, f"replayed up to {batch[-1][2].fetched_at:%Y-%m-%d %H:%M}Z, {rows:,} rows")
                with suppress(NothingNew):
                    load(settings, only=frozenset(fetch.fetch_id for _, _, fetch in batch))
                    validate(settings, waiting=False)
            for fetch, reason in not_whole:
                landing.refuse(settings, fetch, ContractViolation(reason))
            for internal in stores.areas(settings):
                with stores.open_warehouse(settings, internal=internal):
                    pass  # its tables exist, also when nothing of the archive lands
            fewer = {n: (count, now) for n, count in before.items() if (now := raw_rows(settings).get(n, 0)) < count}
            if fewer and not allow_fewer:
                raise GateClosed(
                    "The replay was undone: it would lose rows",
                    expected=", ".join(f"{n}: {was:,}" for n, (was, _) in fewer.items()),
                    got=", ".join(f"{n}: {now:,}" for n, (_, now) in fewer.items()),
                    remedy="If the new contract or gate is meant to, give --allow-fewer.",
                )
    return Replayed(files=files, rows=rows, refused=refused, seconds=time.monotonic() - started)


def _chosen(only: frozenset[str] | None) -> list[tuple[Source, Table]]:
    from warehouse import stores

    return [(s, t) for s, t in sources.tables() if only is None or stores.identifier(s, t) in only]


def _refused_unread(settings: Settings, only: frozenset[str] | None) -> list[tuple[Fetch, str]]:
    """Return the refusals that no replay can mend: what came was not whole, so that it has to be fetched again."""
    archive = Archive(settings.archive)
    chosen = {(s.code, t.name) for s, t in _chosen(only)}
    found = []
    for fetch, reason in landing.refusals(settings):
        latest = archive.latest(fetch.source, fetch.table, fetch.partition)
        if (fetch.source, fetch.table) in chosen and (latest is None or latest.fetch_id != fetch.fetch_id):
            found.append((fetch, reason))
    return found


def _rows_to_keep(settings: Settings, only: frozenset[str] | None, progress: Progress | None) -> dict[str, int]:
    """Return what a replay must not fall short of. Of a damaged file nothing is known, and all of it is rebuilt."""
    try:
        return raw_rows(settings)
    except DamagedFile as damage:
        if only is not None:
            raise
        say(progress, f"{damage.what}: how many rows it had is not known, and not compared")
        return {}


def raw_rows(settings: Settings) -> dict[str, int]:
    """Return the rows of every raw table that there is.

    Raises:
        DamagedFile: DuckDB cannot read what is in a file.
    """
    from warehouse import stores

    found = {}
    for internal in (False, True):
        if not stores.file_of(settings, internal=internal).exists():
            continue
        with stores.open_warehouse(settings, read_only=True, internal=internal) as connection:
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'raw'"
            ).fetchall():
                found[name] = (connection.execute(f'select count(*) from raw."{name}"').fetchone() or (0,))[0]
    return found


@contextmanager
def _undone_on_failure(settings: Settings, only: frozenset[str] | None) -> Iterator[None]:
    """Take away what is to be rebuilt, and put it back if that fails, or if whoever rebuilds is killed.

    A note says what stands aside while it does. Who finds it after taking the builder's lock (`locking`) puts all back.
    """
    from warehouse import stores

    files = [settings.warehouse, settings.internal]
    # The logs first: one that is beside a file belongs to it, also when we are killed between two renames.
    files = [*(log for file in files for log in logs_of(file)), *files]
    files += [settings.home / note for note in (stores.DAMAGED, BUILT, PASSED, RESTORED)]
    folders = [settings.landing, settings.refused]
    copied: list[Path] = []
    if only is not None:
        copied = [f for f in files if f.exists()]
        folders = [root / s.code / t.name for root in folders for s, t in _chosen(only)]
        files = []
    remove_backups(settings)
    backups = settings.home / BACKUPS
    backups.mkdir()
    aside = {p: backups / "~".join(p.relative_to(settings.home).parts) for p in (*copied, *files, *folders)}
    for path in copied:
        shutil.copy2(path, aside[path])
    note_rebuilding(settings, aside)
    try:
        for path in (*files, *folders):
            if path.exists():
                path.rename(aside[path])
        for internal in stores.areas(settings) if only is not None else ():
            with stores.open_warehouse(settings, internal=internal, may_differ=True) as connection:
                for source, table in _chosen(only):
                    stores.drop(connection, source, table)  # in both files: its licence may have changed
        yield
    except BaseException:
        put_back(settings)
        raise
    forget_rebuilding(settings)
    remove_backups(settings)


def _batches(settings: Settings, only: frozenset[str] | None = None) -> Iterator[list[tuple[Source, Table, Fetch]]]:
    """Yield the archived fetches in the order of time, cut before any partition would come a second time.

    What gave the same bytes as the fetch before it is left out, as it was the first time.
    """
    archive = Archive(settings.archive)
    last: dict[tuple[str, str, str], str] = {}
    everything = [(s, t, f) for s, t in _chosen(only) for f in archive.fetches(s.code, t.name)]
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
    except EmptyPayload as error:
        closing = {p.key for p in table.partitions(clock.now(settings)) if p.closes_at}
        if table.is_snapshot and fetch.partition not in closing:
            landing.refuse(settings, fetch, error)
            return False, 0
        landing.note_empty(settings, fetch)
        return True, 0
    except ContractViolation as error:
        landing.refuse(settings, fetch, error)
        return False, 0
    return True, landed.rows


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
                for source, table in sources.tables():
                    name = stores.identifier(source, table)
                    lacking, surplus = _changed(settings, connection, source, table, internal=internal)
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


def _changed(
    settings: Settings,
    connection: Any,  # noqa: ANN401
    source: Source,
    table: Table,
    *,
    internal: bool,
) -> tuple[list[str], list[str]]:
    """Return what a table has to gain and to lose in one of the two files to be by its contract of today."""
    from warehouse import loading, stores

    name = stores.identifier(source, table)
    exists = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'raw' and table_name = ?", [name]
    ).fetchone()
    if table.is_internal is not internal:
        # No release may hold what may not be passed on any more, and what may is of no use in the internal file.
        return [], ["the whole table, whose licence puts it into the other file"] if exists else []
    lacking, surplus = stores.differences(connection, table, name)
    if lacking or surplus:
        return lacking, surplus
    waiting = loading.pending(connection, settings, source, table)
    if any(not {c.name for c in table.columns} <= loading.fields_of(connection, w) for w in waiting):
        return ["columns that files landed before have not"], []
    row = connection.execute("select meaning from ops.contracts where table_name = ?", [name]).fetchone()
    if row and row[0] != table.meaning:
        return ["known_at, rules, units, nulls or grain of today"], ["those that its rows were made by"]
    return [], []


@runs.step
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


@runs.step
def rollback(to: str | None = None, settings: Settings | None = None) -> Release:
    """Point `current` back at an earlier release, or at `to`. What was left is not published again as it is."""
    settings = settings_of_home(settings)
    with builder_lock(settings, "rollback"):
        return releases.rollback(settings, to)


_ABANDONED_AFTER_SECONDS = 86_400.0
"""Age at which a partial file is a killed process's: landing holds no lock, and none takes a day for one file."""
_STEPS_SECONDS = 90 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class Maintained:
    """What was tidied."""

    removed: int
    pruned: retention.Pruned
    bytes_before: int
    bytes_after: int
    seconds: float

    @property
    def rows(self) -> int:
        """Number of leftovers removed and releases deleted."""
        return self.removed + self.pruned.rows

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"removed {self.removed} leftover(s); {self.pruned}; "
            f"warehouse.duckdb {self.bytes_before:,} -> {self.bytes_after:,} bytes "
            f"({self.seconds:.1f} s)"
        )


@runs.step
def maintain(settings: Settings | None = None, progress: Progress | None = None) -> Maintained:
    """Remove what killed processes left and releases that no rule keeps, and let DuckDB reclaim space."""
    from warehouse import stores

    started = time.monotonic()
    settings = settings_of_home(settings)
    with builder_lock(settings, "maintain"):
        removed = releases.remove_unfinished(settings) + remove_backups(settings)
        for folder in (settings.archive, settings.landing, settings.refused):
            removed += sum(map(_remove_if_abandoned, folder.rglob(".*.partial")))
        # Those of internal tables that never landed here wait for a file that may never be.
        removed += sum(_remove_if_abandoned(step, _STEPS_SECONDS) for step in settings.steps.glob("*"))
        pruned = retention.prune(settings, clock.now(settings))
        before = settings.warehouse.stat().st_size if settings.warehouse.exists() else 0
        with stores.open_warehouse(settings) as connection:
            connection.execute("checkpoint")
        after = settings.warehouse.stat().st_size
    result = Maintained(
        removed=removed,
        pruned=pruned,
        bytes_before=before,
        bytes_after=after,
        seconds=time.monotonic() - started,
    )
    say(progress, str(result))
    return result


SAMPLED = 1_000
"""Archived bodies that are read once a week: of a small archive all, of a large one all in time."""


@dataclass(frozen=True, kw_only=True)
class ArchiveChecked:
    """What reading archived bodies found."""

    bodies: int
    named: int
    bytes: int
    seconds: float

    @property
    def rows(self) -> int:
        """Number of bodies read."""
        return self.bodies

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"archive: {self.bodies:,} of {self.named:,} bodies read, {self.bytes / 1e6:,.1f} MB, "
            f"all as they were received ({self.seconds:.1f} s)"
        )


def check_archive(
    settings: Settings | None = None, progress: Progress | None = None, *, sample: int | None = None
) -> ArchiveChecked:
    """Compare archived bodies with the digests that the log of fetches names: all, or so many, drawn anew each time.

    Raises:
        ArchiveDamaged: one is lost or has changed; all of them are named.
    """
    started = time.monotonic()
    settings = settings_of_home(settings)
    archive = Archive(settings.archive)
    sizes, unreadable = archive.named()
    drawn = sorted(sizes) if sample is None or sample >= len(sizes) else Random().sample(sorted(sizes), sample)  # noqa: S311
    faults = [f"{path} cannot be read: {why}" for path, why in unreadable.items()]
    with ThreadPoolExecutor(settings.threads) as pool:
        faults += [fault for fault in pool.map(archive.fault_of, drawn, map(sizes.__getitem__, drawn)) if fault]
    if faults:
        raise ArchiveDamaged(
            f"{len(faults)} file(s) of the archive are lost or damaged",
            expected="what was received",
            got="\n".join(faults),
            remedy="Look at the disk. Restore a backup into another home and copy them from there.",
        )
    result = ArchiveChecked(
        bodies=len(drawn),
        named=len(sizes),
        bytes=sum(sizes[each] for each in drawn),
        seconds=time.monotonic() - started,
    )
    say(progress, str(result))
    return result


def back_up(settings: Settings | None = None, progress: Progress | None = None) -> backup.BackedUp:
    """Make the regular backup, to WAREHOUSE_BACKUP.

    Raises:
        NotConfigured: none is wanted.
        BackupFailed: none was made, or it lacks something.
    """
    settings = settings or Settings.from_environment()
    if settings.backup is None:
        raise NotConfigured("No backup is made", expected="WAREHOUSE_BACKUP", got="none is set")
    return backup.backup(settings=settings, told=partial(say, progress))


def prune(
    settings: Settings | None = None, progress: Progress | None = None, *, dry_run: bool = False
) -> retention.Pruned:
    """Delete the releases that no rule keeps, or only say which."""
    settings = settings_of_home(settings)
    with builder_lock(settings, "prune"):
        result = retention.prune(settings, clock.now(settings), is_plan=dry_run)
    say(progress, str(result))
    return result


def _remove_if_abandoned(partial: Path, after: float = _ABANDONED_AFTER_SECONDS) -> bool:
    """Remove a file that nobody has written to for a day or longer, by the clock of the disk; return whether it was."""
    try:
        if time.time() - partial.stat().st_mtime < after:
            return False
        partial.unlink()
    except FileNotFoundError:  # it was finished meanwhile
        return False
    return True
