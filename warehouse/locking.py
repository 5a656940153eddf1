"""One builder at a time, Airflow or command line: a file lock under the home that says who holds it."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import runs, telemetry
from warehouse.archive import write_atomically
from warehouse.errors import BuilderBusy, DiskFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from warehouse.settings import Settings

log = logging.getLogger(__name__)

BACKUPS = "before-replay"
"""Where it stands meanwhile: apart, so that nobody who lists landed or refused files finds them."""

REBUILDING = "rebuilding.json"
"""Note of what a replay or migration has set aside; it is there only while one works, or after one was killed."""

RESTORING = "restoring.json"
"""Note of the backup that a home is being restored from: what else is there is half of one."""

RESTORED = "restored.json"
"""Note that a restored home has its archive, and its builder's files and `landing` have yet to be rebuilt of it."""


# Of the system, of Python, and as DuckDB, dbt and Great Expectations pass it on.
_DISK = re.compile(
    r".*(No space left on device|Read-only file system|Disk quota exceeded|Could not write all bytes).*", re.IGNORECASE
)


@contextmanager
def builder_lock(settings: Settings, verb: str) -> Iterator[None]:
    """Hold the builder's lock, waiting for it as long as the settings allow; a verb inside a verb has it already.

    The operating system frees the lock when its holder dies, however it dies; the note of who holds it is only read
    while the lock is taken.

    Raises:
        BuilderBusy: the wait is over; the message says who holds the lock and since when.
        DiskFailed: the disk was full or could not be written to, whoever met that inside.
    """
    try:
        with _held(settings, verb):
            yield
    except DiskFailed:
        raise
    except Exception as error:
        if said := _DISK.search(str(error)):
            raise DiskFailed(
                f"`{verb}` could not write under {settings.home}: {said.group(1)}",
                got=said.group().strip(),
                remedy="Free space, or make the disk writable, and run it again: what readers see is as it was.",
            ) from error
        raise


@contextmanager
def _held(settings: Settings, verb: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    settings.home.mkdir(parents=True, exist_ok=True)
    path, note = settings.home / "builder.lock", settings.home / "builder.lock.json"
    lock = FileLock(path, is_singleton=True)  # one object a process, which counts how often it is held
    if lock.is_locked:
        with lock:
            yield
        return
    started = time.monotonic()
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("waiting verb=%s holder=%s", verb, _holder(note))
        try:
            lock.acquire(timeout=settings.lock_wait_seconds, poll_interval=0.2)
        except Timeout as error:
            raise BuilderBusy(
                f"`{verb}` waited {time.monotonic() - started:.0f} s for the builder's lock {path}",
                expected="a free lock",
                got=_holder(note),
                remedy="Wait for it to end, or end that process; the lock goes with it.",
            ) from error
        finally:
            waited = time.monotonic() - started
            runs.waited_for_lock(waited)
            telemetry.LOCK_WAIT.send(waited, step=verb)
    try:
        if (settings.home / REBUILDING).exists():
            log.warning("putting back what a killed replay had set aside home=%s", settings.home)
            put_back(settings)
        note.write_text(json.dumps({"pid": os.getpid(), "verb": verb, "since": datetime.now(UTC).isoformat()}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def note_rebuilding(settings: Settings, aside: Mapping[Path, Path]) -> None:
    """Write down what is set aside while the warehouse is rebuilt, so that whoever comes after a kill can undo it."""
    noted = [[str(original), str(backup), original.exists()] for original, backup in aside.items()]
    write_atomically(settings.home / REBUILDING, json.dumps(noted).encode())


def forget_rebuilding(settings: Settings) -> None:
    """Say that what was rebuilt stands; the backups may go."""
    (settings.home / REBUILDING).unlink(missing_ok=True)


def remove_backups(settings: Settings) -> bool:
    """Remove what a rebuilding has set aside, unless it is still needed; return whether there was something."""
    backups = settings.home / BACKUPS
    if not backups.exists() or (settings.home / REBUILDING).exists():
        return False
    remove(backups)
    return True


def put_back(settings: Settings) -> None:
    """Put everything that was set aside back in its place, a file before its logs, and remove what was not there."""
    for original, backup, was_there in reversed(json.loads((settings.home / REBUILDING).read_text())):
        if Path(backup).exists() or not was_there:
            for path in (*logs_of(Path(original)), Path(original)):
                remove(path)
        if Path(backup).exists():
            Path(backup).rename(original)
    forget_rebuilding(settings)


def logs_of(path: Path) -> list[Path]:
    """Return the write-ahead logs that DuckDB has beside a file, also those of a checkpoint."""
    return sorted(path.parent.glob(f"{path.name}.wal*"))


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_text())
    except (OSError, ValueError):
        return "a holder that has not said who it is"
    return f"held by process {holder['pid']} ({holder['verb']}) since {holder['since']}"
