"""What of a home goes into a backup, and what does not since it is made anew of the rest."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import metadata_database
from warehouse import release as releases
from warehouse.errors import BackupFailed, ConfigurationError
from warehouse.locking import BACKUPS, REBUILDING, RESTORED, RESTORING, builder_lock
from warehouse.snapshots import Dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from warehouse.settings import Settings

log = logging.getLogger(__name__)

NOTE = "backup.json"
"""What the home remembers of its backups: its own number, and of each target how the last one ended."""

COPIED = ("archive", "releases", "current", "discarded", "quarantine", "incidents")
"""Folders of a home, and the link, that are copied; so are the JSON notes in the home itself that are not derived."""
DERIVED = (
    *("landing", "warehouse.duckdb", "internal.duckdb", "damaged.txt", "built.json", "passed.json"),  # by `replay`
    "new-warnings.json",  # by the next check
    *("quality", "dbt"),  # by the next build; releases have copies of their own
    *(BACKUPS, REBUILDING, RESTORED, RESTORING),  # of work that is under way
    "steps",  # times of steps that no release has yet: the next one carries them
    *("upload.json", NOTE),  # of places that are not the home's
    *("airflow", "superset", "services", "serving.pid"),  # of processes; their databases are copied as such
)
"""What a home has that is made anew of the rest, or is of use only while something runs. Locks are left out as well."""

KEYS = ("airflow/secrets.json", "superset/secrets.json")
"""What encrypts in the metadata databases: never beside their copies."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that a backup is to hold: what it holds, where it was read under a lock, else where it lies."""

    path: str
    file: Path
    size: int
    mode: int
    mtime_ns: int
    inode: tuple[int, int]
    content: bytes | None = None
    promised: str = ""
    """The SHA-256 that a release's manifest says."""

    @property
    def never_changes(self) -> bool:
        """Whether it is of what is written once."""
        return self.content is None and self.path.startswith(("archive/", "releases/"))


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What a home holds."""

    files: tuple[File, ...]
    folders: Mapping[str, int]
    symlinks: Mapping[str, str]
    releases: tuple[str, ...]
    current: str | None
    lacking: tuple[str, ...]
    """Files that a release's manifest names and that were not found."""


def take(settings: Settings) -> Inventory:
    """Return what there is to copy.

    Notes, `current` and which releases there are belong together: they are read under the builder's lock. What has
    landed until afterwards may be more than they know of, as after any landing. A fetch's bodies are there before its
    log entry, so that entries are listed first.
    """
    home = settings.home
    with builder_lock(settings, "backup"):
        files = [note for path in _notes(settings) if (note := _note(home, path))]
        found = releases.releases(settings)
        symlinks = {"current": str(settings.current.readlink())} if settings.current.is_symlink() else {}
        current = releases.current(settings).id if settings.current.exists() else None
    folders: dict[str, int] = {}
    for path in {settings.archive, settings.releases, *(each.file.parent for each in files)}:
        for folder in (path, *path.parents):
            if folder != home and folder.is_relative_to(home) and folder.is_dir():
                folders[folder.relative_to(home).as_posix()] = stat.S_IMODE(folder.stat().st_mode)
    lacking = []
    for each in found:
        promised = each.manifest["files"]
        mine = list(_files(home, each.path, folders))
        prefix = f"{each.path.relative_to(home).as_posix()}/"
        files += [replace(one, promised=promised.get(one.path.removeprefix(prefix), "")) for one in mine]
        there = {one.path for one in mine}
        lacking += [f"{prefix}{name}" for name in promised if f"{prefix}{name}" not in there]
    for part in ("fetches", "refused", "sha256"):
        files += _files(home, settings.archive / part, folders)
    return Inventory(
        files=tuple(files),
        folders=folders,
        symlinks=symlinks,
        releases=tuple(each.id for each in found),
        current=current,
        lacking=tuple(lacking),
    )


def _notes(settings: Settings) -> Iterator[Path]:
    """Yield the small files that are written anew now and then, and so are read under the lock."""
    for path in sorted(settings.home.glob("*.json")):
        if path.name not in DERIVED and not path.name.endswith(".lock.json"):
            yield path
    for folder in ("discarded", "incidents"):
        yield from sorted((settings.home / folder).rglob("[!.]*.json"))
    yield from sorted(settings.refused.glob("*/*/*.json"))  # what a gate holds back (.held) is judged again


def _note(home: Path, path: Path) -> File | None:
    try:
        content, found = path.read_bytes(), path.stat()
    except FileNotFoundError:  # a landing, which takes no lock, has healed it
        return None
    return File(
        path=path.relative_to(home).as_posix(),
        file=path,
        size=len(content),
        mode=stat.S_IMODE(found.st_mode),
        mtime_ns=found.st_mtime_ns,
        inode=(found.st_dev, found.st_ino),
        content=content,
    )


def _files(home: Path, folder: Path, folders: dict[str, int]) -> Iterator[File]:
    """Yield every file below a folder, less what is only being written, and note the folders' modes."""
    try:
        entries = sorted(os.scandir(folder), key=lambda each: each.name)
        folders[folder.relative_to(home).as_posix()] = stat.S_IMODE(folder.stat().st_mode)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _files(home, path, folders)
            continue
        with suppress(FileNotFoundError):
            found = entry.stat()
            yield File(
                path=path.relative_to(home).as_posix(),
                file=path,
                size=found.st_size,
                mode=stat.S_IMODE(found.st_mode),
                mtime_ns=found.st_mtime_ns,
                inode=(found.st_dev, found.st_ino),
            )


def dump(settings: Settings, scratch: Path) -> tuple[list[Dump], list[File], list[str]]:
    """Copy the metadata databases, and return what was copied, where it lies, and what could not be."""
    dumps: list[Dump] = []
    sources: list[File] = []
    try:
        wanted = metadata_database.databases(settings)
    except ConfigurationError as error:
        return [], [], [str(error)]
    problems = []
    for number, each in enumerate(wanted):
        file = scratch / str(number)
        try:
            each.dump(file)
        except BackupFailed as error:  # the archive does not wait for a database that is down
            log.error("no copy of a metadata database: %s", error)  # noqa: TRY400
            problems.append(str(error))
            continue
        file.chmod(0o600)
        path = _place_of(settings, each, [made.path for made in dumps])
        found = file.stat()
        sources.append(
            File(
                path=path,
                file=file,
                size=found.st_size,
                mode=0o600,
                mtime_ns=found.st_mtime_ns,
                inode=(found.st_dev, found.st_ino),
            )
        )
        dumps.append(Dump(path=path, kind=each.kind, address=each.address))
    return dumps, sources, problems


def _place_of(settings: Settings, database: metadata_database.Database, taken: Sequence[str]) -> str:
    """Return where a copy belongs: in its own place, where that is in the home, else apart."""
    home = settings.home.resolve()
    if database.kind == "sqlite" and (own := Path(database.address).resolve()).is_relative_to(home):
        return own.relative_to(home).as_posix()
    ending = "sqlite" if database.kind == "sqlite" else "dump"
    names = (f"metadata/{database.name}{n or ''}.{ending}" for n in range(len(taken) + 1))
    return next(name for name in names if name not in taken)
