"""Backups of a home: the archive, the releases, the notes that nothing else tells, and the metadata databases.

What they consist of is in `snapshots`; what is not in them is rebuilt from the archive (docs/decisions/0021-backup.md).
The builder's lock is held while small notes are read, and not while anything is copied: archived answers and releases
never change. Whatever ends a backup, the next one goes on, and what was there before stays.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from warehouse import inventory, packing
from warehouse import release as releases
from warehouse.archive import write_atomically
from warehouse.errors import BackupFailed, BuilderBusy, ConfigurationError, WarehouseError
from warehouse.inventory import NOTE
from warehouse.object_storage import AT_ONCE, DIGEST, PART_BYTES, digest_of_content, spelled
from warehouse.snapshots import Entry, Repository, Snapshot, made_at, object_key, snapshot_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from warehouse.object_storage import Listed
    from warehouse.settings import Settings

log = logging.getLogger(__name__)

LOCK = "backup.lock"

_LEFTOVER_AFTER = timedelta(days=1)
"""Age from which on content that no backup names is a killed backup's."""
_OVERDUE_AFTER = timedelta(days=8)
"""Age from which on the last backup is too old: they are made once a week at least."""


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """What became of a backup."""

    id: str
    target: str
    files: int
    bytes: int
    new_files: int
    new_bytes: int
    removed: tuple[str, ...]
    """Backups that were deleted there, for they are more than WAREHOUSE_BACKUP_KEEP."""
    freed_bytes: int
    problems: tuple[str, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Number of objects written."""
        return self.new_files

    def __str__(self) -> str:
        """Say it in one line."""
        removed = f"; deleted {len(self.removed)} old one(s), {self.freed_bytes / 1e6:,.1f} MB" if self.removed else ""
        return (
            f"backup {self.id} in {self.target}: {self.files:,} files, {self.bytes / 1e6:,.1f} MB, "
            f"of them new {self.new_files:,} ({self.new_bytes / 1e6:,.1f} MB){removed} ({self.seconds:.1f} s)"
        )


@dataclass(frozen=True, kw_only=True)
class _Content:
    """What was found in a file: an entry's half, and what is wrong with it."""

    sha256: str
    size: int
    is_new: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class _Object:
    """A file on its way into the repository."""

    key: str
    path: Path
    size: int
    digest: str


def backup(
    target: str | None = None,
    settings: Settings | None = None,
    *,
    moved: Callable[[int, int], None] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> BackedUp:
    """Write a backup of the home to a folder or a bucket (default WAREHOUSE_BACKUP); what is there stays there.

    `moved` is told bytes done and bytes in all, `told` the one line of a backup that was made. However it ends, the
    home remembers it: `doctor` and `status` say so.

    Raises:
        ConfigurationError: no target, one that refuses us, one with another home's backups; or there is no home.
        BuilderBusy: another process makes a backup of this home, or builds for too long.
        BackupFailed: the target did not take part, or the backup was made and lacks something, which it says.
    """
    from warehouse.settings import Settings

    settings = settings or Settings.from_environment()
    if not settings.archive.is_dir():
        raise ConfigurationError(
            f"There is nothing to back up in {settings.home}", expected="an archive", got="none", remedy="See --home."
        )
    repository = Repository.of(settings, target)
    with held(settings):
        try:
            made = _backup(settings, repository, moved)
        except (WarehouseError, OSError) as error:
            log.error("backup failed target=%s: %s", repository.target, error)  # noqa: TRY400  (our errors say it all)
            note(settings, repository.target, problem=str(error))
            raise
        note(settings, repository.target, backup=made.id, wrong=[], problem="; ".join(made.problems) or None)
    log.info("backed up id=%s target=%s new_bytes=%d", made.id, made.target, made.new_bytes)
    told(str(made))
    if made.problems:
        raise BackupFailed(
            f"The backup {made.id} was made, and lacks something",
            expected="all of the home, undamaged",
            got="\n".join(made.problems),
            remedy="Mend that and back up again; until then this one has the rest.",
        )
    return made


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Let nobody else back this home up, or restore it, meanwhile.

    Raises:
        BuilderBusy: somebody does.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(settings.home / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BuilderBusy(
            f"Another process backs up or restores {settings.home}", expected="one at a time", got="two"
        ) from error
    with lock:
        lock.release()  # once: it is held twice now
        yield


def _backup(settings: Settings, repository: Repository, moved: Callable[[int, int], None] | None) -> BackedUp:
    started = time.monotonic()
    home = _identify(settings, repository)
    there = repository.objects()
    for digest in remembered(settings, repository.target).get("wrong", ()):
        there.pop(digest, None)  # what was read back wrong is sent anew
    ids = repository.ids()
    previous, problems = _previous(repository, ids)
    scan = inventory.take(settings)
    with TemporaryDirectory(prefix="drypowder-") as scratch:
        dumps, dumped, lacking = inventory.dump(settings, Path(scratch))
        sources = [*scan.files, *dumped]
        keeper = _Keeper(repository, there, {each.path: each for each in previous.entries} if previous else {})
        contents = keeper.keep(sources, moved)
    gone = _gone(settings, scan, contents)
    problems += [*lacking, *(each.problem for each in dict.fromkeys(contents.values()) if each and each.problem)]
    away = [*scan.lacking, *(path for path, content in contents.items() if content is None)]
    problems += [f"{path} is missing" for path in away if not _is_of(path, gone)]
    new = {each.sha256: each.size for each in contents.values() if each and each.is_new}
    now = datetime.now(UTC).replace(microsecond=0)
    if ids:  # a clock that was set back does not make the newest one the oldest
        now = max(now, made_at(ids[-1]) + timedelta(seconds=1))
    snapshot = repository.write(
        Snapshot(
            made_at=now,
            home=home,
            release=scan.current,
            entries=tuple(_entries(sources, contents, gone)),
            folders={path: mode for path, mode in scan.folders.items() if not _is_of(f"{path}/", gone)},
            symlinks=scan.symlinks,
            dumps=tuple(dumps),
            new_files=len(new),
            new_bytes=sum(new.values()),
            problems=tuple(problems),
            made_by=f"drypowder {version('drypowder')}",
        )
    )
    removed, freed = _forget(repository, there, settings.backup_keep, problems)
    return BackedUp(
        id=snapshot.id,
        target=repository.target,
        files=len(snapshot.entries),
        bytes=snapshot.size,
        new_files=snapshot.new_files,
        new_bytes=snapshot.new_bytes,
        removed=removed,
        freed_bytes=freed,
        problems=tuple(problems),
        seconds=time.monotonic() - started,
    )


# --------------------------------------------------------------------------------------------- what the home remembers


def _note_of(settings: Settings) -> dict[str, Any]:
    path = settings.home / NOTE
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def remembered(settings: Settings, target: str) -> dict[str, Any]:
    """Return what the home remembers of its backups in one place."""
    found: dict[str, Any] = _note_of(settings).get("targets", {}).get(target, {})
    return found


def note(settings: Settings, target: str, home: str | None = None, **said: object) -> None:
    """Remember something of the backups in one place, or whose they are."""
    known = _note_of(settings)
    targets = known.get("targets", {})
    at = {"at": datetime.now(UTC).isoformat(timespec="seconds")} if said.get("backup") else {}
    entry = {
        "home": home or known.get("home") or uuid4().hex,
        "targets": {**targets, target: {**targets.get(target, {}), **at, **said}},
    }
    write_atomically(settings.home / NOTE, json.dumps(entry, indent=1).encode())


def _identify(settings: Settings, repository: Repository) -> str:
    """Return the home's number, having seen to it that the target is this home's and no empty mount point.

    Raises:
        ConfigurationError: it has another home's backups.
        BackupFailed: there were backups in it, and now there is nothing.
    """
    if not _note_of(settings):
        note(settings, repository.target)
    home: str = _note_of(settings)["home"]
    owner = repository.owner()
    if owner is None:
        if remembered(settings, repository.target).get("backup"):
            raise BackupFailed(
                f"{repository.target} had backups of this home, and is empty",
                expected="those",
                got="nothing",
                remedy=f"Is it mounted? To begin anew, delete {settings.home / NOTE}.",
            )
        repository.own(home)
    elif owner != home:
        raise ConfigurationError(
            f"{repository.target} has the backups of another home",
            expected=f"those of {home}",
            got=owner,
            remedy=f"Give each home a place of its own. If it is the same home, write that number into "
            f"{settings.home / NOTE}.",
        )
    return home


def trouble(settings: Settings) -> str | None:
    """Return what is wrong with the regular backups; None where nothing is, or none are wanted."""
    place = regular(settings)
    if place is None or not settings.archive.is_dir():
        return None
    try:
        target = spelled(place)
    except ConfigurationError as error:
        return str(error)
    last = remembered(settings, target)
    if last.get("problem"):
        return f"the last backup to {target} failed: {last['problem']}"
    if not last.get("backup"):
        return f"there is no backup in {target} yet"
    age = datetime.now(UTC) - datetime.fromisoformat(last["at"])
    return f"the last backup in {target} is {age.days} days old" if age > _OVERDUE_AFTER else None


def regular(settings: Settings) -> str | None:
    """Return where the regular backups go, whoever makes them."""
    return settings.backup or settings.backup_watched


def trying_now(settings: Settings) -> str:
    """Return what to type for a regular backup at once."""
    return "drypowder backup" if settings.backup else "docker compose restart backup"


def last_made(settings: Settings) -> datetime | None:
    """Return when the last regular backup was made, as the home remembers it."""
    place = regular(settings)
    at = remembered(settings, spelled(place)).get("at") if place else None
    return datetime.fromisoformat(at) if at else None


# --------------------------------------------------------------------------------------------- into the repository


def _previous(repository: Repository, ids: Sequence[str]) -> tuple[Snapshot | None, list[str]]:
    """Return the newest backup: of what it has, unchanged files need not be read. Without it all are read."""
    if not ids:
        return None, []
    try:
        return repository.read(ids[-1]), []
    except BackupFailed as error:
        return None, [str(error)]


class _Keeper:
    """Brings content into the repository that it has not yet."""

    def __init__(self, repository: Repository, there: dict[str, Listed], previous: Mapping[str, Entry]) -> None:
        self._store, self._there, self._previous = repository.store, there, previous
        self._claimed: set[str] = set()
        self._lock = Lock()

    def keep(
        self, sources: Sequence[inventory.File], moved: Callable[[int, int], None] | None
    ) -> dict[str, _Content | None]:
        """See to it that the content of all is there; return it by path, None of what is gone."""
        names: dict[tuple[int, int], list[inventory.File]] = {}
        for each in sources:
            names.setdefault(each.inode, []).append(each)
        total, done = sum(group[0].size for group in names.values()), 0
        found: dict[str, _Content | None] = {}
        unknown = []
        for group in names.values():  # most files are known, and need no thread
            if (known := next(filter(None, map(self._known, group)), None)) is None:
                unknown.append(group)
                continue
            found.update(dict.fromkeys((each.path for each in group), known))
            done += group[0].size
        if moved:
            moved(done, total)
        with ThreadPoolExecutor(2 * AT_ONCE) as pool:
            waiting = {pool.submit(self._keep_any, group): group for group in unknown}
            try:
                for future in as_completed(waiting):
                    group, content = waiting[future], future.result()
                    found.update(dict.fromkeys((each.path for each in group), content))
                    done += group[0].size
                    if moved:
                        moved(done, total)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return found

    def _keep_any(self, group: Sequence[inventory.File]) -> _Content | None:
        """Keep one file by whichever of its names is still there."""
        for each in group:
            if (content := self._keep(each)) is not None:
                return content
        return None

    def _known(self, source: inventory.File) -> _Content | None:
        """Return what a file holds without reading it, where an earlier backup or its release's manifest says so."""
        before = self._previous.get(source.path)
        if before and source.never_changes and (before.size, before.mtime_ns) == (source.size, source.mtime_ns):
            digest = before.sha256
        else:
            digest = source.promised
        is_there = digest in self._there and self._there[digest].size == source.size
        return _Content(sha256=digest, size=source.size) if is_there else None

    def _keep(self, source: inventory.File) -> _Content | None:
        before = self._previous.get(source.path)
        has_before = before is not None and before.sha256 in self._there
        content = source.content
        try:
            if content is None and source.size <= PART_BYTES:
                content = source.file.read_bytes()
            digest = packing.checksum(source.file) if content is None else hashlib.sha256(content).hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"{source.path} cannot be read: {error}"
            if before and has_before:
                return _Content(sha256=before.sha256, size=before.size, problem=f"{problem}; an earlier backup has it")
            return _Content(sha256="", size=0, problem=problem)
        problem = ""
        if source.promised and digest != source.promised:
            problem = f"{source.path} is not as it was published"
        if source.never_changes and before and digest != before.sha256:
            problem = f"{source.path} has changed, which it never does"
            if has_before:
                return _Content(
                    sha256=before.sha256,
                    size=before.size,
                    problem=f"{problem}; the earlier content stays in the backup",
                )
        size = source.size if content is None else len(content)
        is_new = self._bring(source.file, content, digest, size)
        return _Content(sha256=digest, size=size, is_new=is_new, problem=problem)

    def _bring(self, file: Path, content: bytes | None, digest: str, size: int) -> bool:
        """Write content that is not there yet; return whether it was this that wrote it."""
        with self._lock:
            listed = self._there.get(digest)
            if digest in self._claimed or (listed and listed.size == size):
                return False
            self._claimed.add(digest)
        if content is None:
            self._store.send(_Object(key=object_key(digest), path=file, size=size, digest=digest))
        else:
            self._store.write(object_key(digest), content, {DIGEST: digest})
        return True


def _is_of(path: str, gone: Iterable[str]) -> bool:
    """Whether a path is of one of these releases."""
    return any(path.startswith(f"releases/{each}/") for each in gone)


def _gone(settings: Settings, scan: inventory.Inventory, contents: Mapping[str, _Content | None]) -> set[str]:
    """Return the releases that were deleted while they were copied: they are not in the backup.

    Raises:
        BackupFailed: the current one is among them, since another one has become current meanwhile.
    """
    lacking = [*scan.lacking, *(path for path, content in contents.items() if content is None)]
    gone = {
        each
        for each in scan.releases
        if any(_is_of(path, [each]) for path in lacking)
        and not (settings.releases / each / releases.MANIFEST).is_file()
    }
    if scan.current in gone:
        raise BackupFailed(
            f"Release {scan.current} was current, and was deleted while it was copied",
            expected="a current release that stays as long as a backup takes",
            got="another one",
            remedy="Back up again; see WAREHOUSE_KEEP_RELEASES.",
        )
    return gone


def _entries(
    sources: Sequence[inventory.File], contents: Mapping[str, _Content | None], gone: Iterable[str]
) -> Iterator[Entry]:
    """Yield what the record says of every file, by path; of a file with several names the first has the content."""
    first: dict[tuple[int, int], str] = {}
    for each in sorted(sources, key=lambda source: source.path):
        content = contents[each.path]
        if content is None or not content.sha256 or _is_of(each.path, gone):
            continue
        link = first.setdefault(each.inode, each.path)
        yield Entry(
            path=each.path,
            size=content.size,
            sha256=content.sha256,
            mode=each.mode,
            mtime_ns=each.mtime_ns,
            link="" if link == each.path else link,
        )


def _forget(
    repository: Repository, there: Mapping[str, Listed], keep: int, problems: list[str]
) -> tuple[tuple[str, ...], int]:
    """Delete the oldest backups, then what no backup names; return which, and the bytes.

    A record goes before its content: a backup that was half deleted is none. Content that is young may be that of a
    backup which somebody makes just now. While one record cannot be read it is not known what is needed, and all stays.
    """
    ids = repository.ids()
    doomed = tuple(ids[:-keep])
    needed: set[str] = set()
    try:
        for snapshot_id in ids[-keep:]:
            needed |= repository.read(snapshot_id).sizes.keys()
    except BackupFailed as error:
        problems.append(f"nothing old was deleted: {error}")
        return (), 0
    old = datetime.now(UTC) - _LEFTOVER_AFTER
    superfluous = [digest for digest, each in there.items() if digest not in needed and each.modified < old]
    if doomed:
        repository.store.delete([snapshot_key(each) for each in doomed])
    if superfluous:
        repository.store.delete([object_key(digest) for digest in superfluous])
    repository.store.tidy(old)
    return doomed, sum(there[digest].size for digest in superfluous)


# ------------------------------------------------------------------------------------------------- looking at backups


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What reading all backups back found."""

    target: str
    backups: int
    objects: int
    bytes: int
    wrong: Mapping[str, str]
    """What is wrong, by SHA-256 of what ought to be there, or by backup."""
    affected: Mapping[str, tuple[str, ...]]
    """By backup, the files that cannot be restored from it."""
    seconds: float

    def __str__(self) -> str:
        """Say it in one line."""
        found = f"{len(self.wrong)} WRONG" if self.wrong else "all as written"
        return (
            f"{self.target}: {self.backups} backup(s), {self.objects:,} objects, {self.bytes / 1e6:,.1f} MB read back, "
            f"{found} ({self.seconds:.1f} s)"
        )


def verify(
    target: str | None = None,
    settings: Settings | None = None,
    *,
    moved: Callable[[int, int], None] | None = None,
) -> Verified:
    """Read back every object that a backup names and compare it with its name. Nothing is changed there.

    The home remembers what was wrong, and its next backup writes that anew if it still has it.
    """
    from warehouse.settings import Settings

    started = time.monotonic()
    settings = settings or Settings.from_environment()
    repository = Repository.of(settings, target)
    wrong: dict[str, str] = {}
    sizes: dict[str, int] = {}
    snapshots = []
    for snapshot_id in (ids := repository.ids()):
        try:
            snapshots.append(repository.read(snapshot_id))
        except BackupFailed as error:
            wrong[snapshot_id] = str(error)
            continue
        sizes |= snapshots[-1].sizes
    if not ids:
        raise BackupFailed(f"{repository.target} has no backup", expected="one", got="none")
    total = done = 0
    total = sum(sizes.values())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(digest_of_content, repository.store, object_key(digest)): digest for digest in sizes}
        for future in as_completed(waiting):
            digest, found = waiting[future], future.result()
            if found != digest:
                wrong[digest] = "lacks" if found is None else "has other content"
            done += sizes[digest]
            if moved:
                moved(done, total)
    affected = {
        snapshot.id: paths
        for snapshot in snapshots
        if (paths := tuple(each.path for each in snapshot.entries if each.sha256 in wrong))
    }
    if repository.owner() == _note_of(settings).get("home"):
        note(settings, repository.target, wrong=sorted(wrong.keys() & sizes.keys()))
    return Verified(
        target=repository.target,
        backups=len(ids),
        objects=len(sizes),
        bytes=total,
        wrong=wrong,
        affected=affected,
        seconds=time.monotonic() - started,
    )
