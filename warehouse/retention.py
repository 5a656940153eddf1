"""Which releases stay on this machine: the current one, the one before it, the newest, the young and the pinned.

Files that stayed the same are shared between releases as hard links, and the operating system keeps a file until its
last name is gone and its last reader has closed it: deleting a release harms neither its successor nor who reads it.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from warehouse import release as releases
from warehouse.archive import write_atomically
from warehouse.errors import NoRelease

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from warehouse.release import Release
    from warehouse.settings import Settings

log = logging.getLogger(__name__)

PINS = "pins.json"
"""Which releases are kept whatever their age, and why."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """That a release is kept until it is unpinned: why, and since when (ISO 8601, by the wall clock)."""

    reason: str
    since: str


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was deleted, or would be: ids, oldest first, and the bytes that nothing else has a name for."""

    releases: tuple[str, ...]
    bytes: int
    kept: int
    seconds: float
    is_plan: bool = False

    @property
    def rows(self) -> int:
        """Number of releases deleted."""
        return len(self.releases)

    def __str__(self) -> str:
        """Say it in one line."""
        verb = "would delete" if self.is_plan else "deleted"
        names = f" ({', '.join(self.releases)})" if self.releases else ""
        return (
            f"{verb} {self.rows} release(s){names}, {self.bytes / 1e6:,.1f} MB; {self.kept} stay ({self.seconds:.1f} s)"
        )


def pins(settings: Settings) -> dict[str, Pin]:
    """Return the pinned releases by id."""
    note = settings.home / PINS
    if not note.is_file():
        return {}
    return {name: Pin(**entry) for name, entry in json.loads(note.read_text()).items()}


def pin(settings: Settings, release_id: str, reason: str = "") -> Pin:
    """Keep a release until it is unpinned; one that is pinned already gets the new reason.

    Raises:
        NoRelease: there is no such release, or not any more.
    """
    with _pins_held(settings):
        _require(release_id, [r.id for r in releases.releases(settings)], "release")
        made = Pin(reason=reason, since=datetime.now(UTC).isoformat(timespec="seconds"))
        _write_pins(settings, {**pins(settings), release_id: made})
    return made


def unpin(settings: Settings, release_id: str) -> None:
    """Let a release go the way of the others.

    Raises:
        NoRelease: it is not pinned.
    """
    with _pins_held(settings):
        found = pins(settings)
        _require(release_id, found, "pinned release")
        _write_pins(settings, {name: each for name, each in found.items() if name != release_id})


def _require(release_id: str, known: Collection[str], what: str) -> None:
    if release_id not in known:
        raise NoRelease(
            f"There is no {what} {release_id}",
            expected=f"one of {', '.join(known)}" if known else "one",
            got=release_id,
            remedy="See `drypowder releases`.",
        )


@contextmanager
def _pins_held(settings: Settings) -> Iterator[None]:
    """Let nobody pin what is being deleted. Not the builder's lock: a pin does not wait for a build."""
    from filelock import FileLock

    settings.home.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.home / "pins.lock"):
        yield


def _write_pins(settings: Settings, found: Mapping[str, Pin]) -> None:
    entries = {name: asdict(found[name]) for name in sorted(found)}
    write_atomically(settings.home / PINS, json.dumps(entries, indent=1).encode())


def superfluous(settings: Settings, now: datetime) -> list[Release]:
    """Return the releases that no rule keeps, oldest first; none while it is not known which is current."""
    if not settings.current.exists():
        return []
    known = releases.releases(settings)
    ids = [r.id for r in known]
    current = releases.current(settings).id
    kept = {current, *pins(settings), *ids[-settings.keep_releases :]}
    if current in ids:
        kept |= set(ids[: ids.index(current)][-1:])  # where `drypowder rollback` goes
    young = now - timedelta(days=settings.keep_days)
    return [r for r in known if r.id not in kept and datetime.fromisoformat(r.manifest["created_at"]) < young]


def prune(settings: Settings, now: datetime, *, is_plan: bool = False) -> Pruned:
    """Delete the releases that no rule keeps, or only say which. The caller holds the builder's lock.

    One rename takes a release out of the list before its files go, so that nobody finds half of one; what a killed
    process leaves, the next one that publishes or maintains removes.
    """
    started = time.monotonic()
    with _pins_held(settings):
        found = superfluous(settings, now)
        freed = bytes_of_their_own(*found)
        gone = []
        for each in found if not is_plan else ():
            gone.append(each.path.with_name(f"{releases.UNFINISHED}{each.id}"))
            each.path.rename(gone[-1])
    for path in gone:
        shutil.rmtree(path)
        log.info("deleted release=%s", path.name.removeprefix(releases.UNFINISHED))
    left = len(releases.releases(settings)) - (len(found) if is_plan else 0)
    return Pruned(
        releases=tuple(r.id for r in found),
        bytes=freed,
        kept=left,
        seconds=time.monotonic() - started,
        is_plan=is_plan,
    )


def bytes_of_their_own(*found: Release) -> int:
    """Return what deleting these releases together would free: files that have no name outside of them.

    Blocks that a file system shares below two files (docs/decisions/0017-taking-over.md) cannot be seen from here and
    count in full.
    """
    files = [path.stat() for each in found for path in each.path.rglob("*") if path.is_file()]
    names = Counter((f.st_dev, f.st_ino) for f in files)
    each_once = {(f.st_dev, f.st_ino): f for f in files}
    return sum(f.st_size for key, f in each_once.items() if names[key] == f.st_nlink)
