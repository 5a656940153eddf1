"""A home again, from a backup: the same releases, the same `current`, the archive that the rest is rebuilt of.

A file gets its name when its content was compared with the backup's digest, and `current` comes last: until then there
is no home. A restore that was killed goes on when it is begun again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import backup, inventory, metadata_database, packing
from warehouse.archive import settle, write_atomically
from warehouse.errors import BackupFailed, ConfigurationError, DiskFailed
from warehouse.locking import RESTORED, RESTORING
from warehouse.object_storage import AT_ONCE
from warehouse.snapshots import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from warehouse.object_storage import Store
    from warehouse.settings import Settings
    from warehouse.snapshots import Entry, Snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was restored."""

    backup: str
    home: Path
    files: int
    bytes: int
    there: int
    """Files that an earlier try had restored."""
    release: str | None
    advice: tuple[str, ...]
    """What is left to do by hand, each as it is typed."""
    lacking: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        """Say it in one line."""
        there = f", {self.there:,} of them there already" if self.there else ""
        lacking = f"; {len(self.lacking)} LACKING" if self.lacking else ""
        return (
            f"restored {self.home} from backup {self.backup}: {self.files:,} files, {self.bytes / 1e6:,.1f} MB{there}, "
            f"current is {self.release or 'none'}{lacking} ({self.seconds:.1f} s)"
        )


def restore(
    target: str | None = None,
    settings: Settings | None = None,
    *,
    backup_id: str | None = None,
    allow_lacking: bool = False,
    moved: Callable[[int, int], None] | None = None,
) -> Restored:
    """Make an empty home what it was when a backup was made (default: the newest in WAREHOUSE_BACKUP).

    What the archive tells is not in a backup: `replay`, or the next `run`, rebuilds it. `allow_lacking` restores what
    can be where content was lost. `moved` is told bytes done and bytes in all.

    Raises:
        ConfigurationError: the home is not empty, or there is no such backup.
        BuilderBusy: another process restores it.
        BackupFailed: content is lost or is not what the backup says; there is no `current` then.
        DiskFailed: there is no space.
    """
    from warehouse.settings import Settings

    settings = settings or Settings.from_environment()
    repository = Repository.of(settings, target)
    begun = _begun(settings, repository.target, backup_id)
    ids = repository.ids()
    if not ids:
        raise ConfigurationError(
            f"{repository.target} has no backup", expected="one", got="none", remedy="Is it mounted, and spelled right?"
        )
    chosen = begun or backup_id or ids[-1]
    snapshot = repository.read(chosen)
    settings.home.mkdir(parents=True, exist_ok=True)
    with backup.held(settings):
        write_atomically(
            settings.home / RESTORING, json.dumps({"target": repository.target, "backup": chosen}).encode()
        )
        try:
            return _restore(settings, repository, snapshot, moved, allow_lacking=allow_lacking)
        except OSError as error:
            raise DiskFailed(
                f"{settings.home} could not be written",
                got=str(error),
                remedy="Free space, or make the disk writable, and run it again: it goes on where it stopped.",
            ) from error


def _begun(settings: Settings, target: str, backup_id: str | None) -> str | None:
    """Return the backup that this home was half restored from, None where the home is empty.

    Raises:
        ConfigurationError: it is not empty, or another backup is wanted now.
    """
    home = settings.home
    note = home / RESTORING
    if note.is_file():
        begun: dict[str, str] = json.loads(note.read_text())
        if begun["target"] != target or backup_id not in {None, begun["backup"]}:
            raise ConfigurationError(
                f"{home} was half restored from another backup",
                expected=f"{begun['backup']} of {begun['target']}, to go on",
                got=f"{backup_id or 'the newest'} of {target}",
                remedy="Restore into another home, or delete this one first.",
            )
        return begun["backup"]
    found = sorted(path.name for path in home.iterdir() if not _may_be_there(home, path)) if home.is_dir() else []
    if found:
        raise ConfigurationError(
            f"{home} is not empty, and nothing is restored over something",
            expected="an empty folder, or none",
            got=f"{', '.join(found[:5])}{' and more' if len(found) > 5 else ''}",  # noqa: PLR2004
            remedy="Restore into another home: drypowder --home FOLDER restore.",
        )
    return None


def _may_be_there(home: Path, path: Path) -> bool:
    """Whether something belongs into a home that is else empty: keys, which are in no backup and are brought apart."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if not each.is_dir()]
    return {each.relative_to(home).as_posix() for each in files} <= {backup.LOCK, *inventory.KEYS}


def _restore(
    settings: Settings,
    repository: Repository,
    snapshot: Snapshot,
    moved: Callable[[int, int], None] | None,
    *,
    allow_lacking: bool,
) -> Restored:
    started = time.monotonic()
    home = settings.home
    _refuse_outside(snapshot)
    _require_space(home, snapshot)
    for folder in sorted({*snapshot.folders, *(str(Path(each.path).parent) for each in snapshot.entries)}):
        (home / folder).mkdir(parents=True, exist_ok=True)
        (home / folder).chmod(0o700)  # nobody looks in before it is whole
    contents = [each for each in snapshot.entries if not each.link]
    there, lacking = _fetch_all(repository.store, home, contents, moved, allow_lacking=allow_lacking)
    if lacking and not allow_lacking:
        raise BackupFailed(
            f"The backup {snapshot.id} in {repository.target} cannot be restored in full",
            expected=f"{len(contents):,} files as they were",
            got="\n".join(f"{path}: {why}" for path, why in lacking.items()),
            remedy="Another backup may have it (`drypowder backups`; delete this home first); with --allow-lacking the "
            "rest is restored.",
        )
    for each in snapshot.entries:
        if each.link and each.link not in lacking:
            _link(home / each.link, home / each.path)
    lost = {*lacking, *(each.path for each in snapshot.entries if each.link in lacking)}
    for folder in sorted(snapshot.folders, reverse=True):
        (home / folder).chmod(snapshot.folders[folder])
    backup.note(
        settings,
        repository.target,
        home=snapshot.home,
        backup=snapshot.id,
        at=snapshot.made_at.isoformat(),
        problem=None,
    )
    # Until it is rebuilt it looks as if nothing had ever landed: nobody may ask, or build, meanwhile.
    write_atomically(home / RESTORED, json.dumps({"backup": snapshot.id, "target": repository.target}).encode())
    os.sync()
    for name, leads_to in snapshot.symlinks.items():
        fresh = home / f".{name}-restored"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(leads_to)
        settle(fresh, home / name)
    (home / RESTORING).unlink()
    log.info("restored home=%s backup=%s", home, snapshot.id)
    return Restored(
        backup=snapshot.id,
        home=home,
        files=len(snapshot.entries),
        bytes=snapshot.size,
        there=there,
        release=snapshot.release,
        advice=tuple(_advice(home, snapshot, lost)),
        lacking=tuple(sorted(lost)),
        seconds=time.monotonic() - started,
    )


def _refuse_outside(snapshot: Snapshot) -> None:
    """Write nothing outside of the home, whoever wrote the record.

    Raises:
        BackupFailed: a path of it leads there.
    """
    named = [each.path for each in snapshot.entries] + [each.link for each in snapshot.entries if each.link]
    named += [*snapshot.folders, *snapshot.symlinks, *snapshot.symlinks.values()]
    for path in named:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise BackupFailed(
                f"The record of the backup {snapshot.id} is none of ours",
                expected="paths inside the home",
                got=path,
                remedy="Find out who writes there.",
            )


def _require_space(home: Path, snapshot: Snapshot) -> None:
    needed = snapshot.size - sum(
        each.size for each in snapshot.entries if not each.link and (home / each.path).is_file()
    )
    free = shutil.disk_usage(home).free
    if free < needed:
        raise DiskFailed(
            f"{home} has no space for the backup {snapshot.id}",
            expected=f"{needed / 1e9:,.2f} GB, and as much again for what is rebuilt",
            got=f"{free / 1e9:,.2f} GB",
        )


def _fetch_all(
    store: Store,
    home: Path,
    entries: Sequence[Entry],
    moved: Callable[[int, int], None] | None,
    *,
    allow_lacking: bool,
) -> tuple[int, dict[str, str]]:
    """Bring every file into the home; return how many were there already, and which could not be brought and why."""
    total, done, there = sum(each.size for each in entries), 0, 0
    lacking: dict[str, str] = {}
    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        waiting = {pool.submit(_fetch, store, home / each.path, each, allow_lacking): each for each in entries}
        try:
            for future in as_completed(waiting):
                each, outcome = waiting[future], future.result()
                there += outcome == _THERE
                if outcome not in {"", _THERE}:
                    lacking[each.path] = outcome
                done += each.size
                if moved:
                    moved(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return there, dict(sorted(lacking.items()))


_THERE = "there"


def _fetch(store: Store, path: Path, entry: Entry, allow_lacking: bool) -> str:  # noqa: FBT001
    """Bring one file into the home unless it is there; return nothing, that it is, or why it cannot be had."""
    if path.is_file() and path.stat().st_size == entry.size and packing.checksum(path) == entry.sha256:
        outcome = _THERE
    else:
        digest = hashlib.sha256()
        partial = path.with_name(f".{path.name}.restoring")
        try:
            with partial.open("wb") as file:
                for chunk in store.chunks(entry.key):
                    digest.update(chunk)
                    file.write(chunk)
        except FileNotFoundError:
            partial.unlink(missing_ok=True)
            return "its content is lost"
        except BackupFailed as error:
            if not allow_lacking:
                raise
            partial.unlink(missing_ok=True)
            return str(error)
        if digest.hexdigest() != entry.sha256:
            partial.unlink()
            return "its content is not what it was"
        partial.replace(path)  # on the disk with all others, before there is a `current`
        outcome = ""
    path.chmod(entry.mode)
    os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))
    return outcome


def _link(source: Path, path: Path) -> None:
    """Give a file its other name, as it had."""
    if path.is_file() and path.samefile(source):
        return
    path.unlink(missing_ok=True)
    os.link(source, path)


def _advice(home: Path, snapshot: Snapshot, lost: set[str]) -> list[str]:
    """Return what to type for the metadata databases whose place is not in the home."""
    return [
        metadata_database.how_to_restore(each.kind, each.address, home / each.path)
        for each in snapshot.dumps
        if each.path.startswith("metadata/") and each.path not in lost
    ]
