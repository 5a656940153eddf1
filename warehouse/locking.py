"""One builder at a time, Airflow or command line: a file lock under the home that says who holds it."""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from warehouse.errors import BuilderBusy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from warehouse.settings import Settings

log = logging.getLogger(__name__)


@contextmanager
def builder_lock(settings: Settings, verb: str) -> Iterator[None]:
    """Hold the builder's lock, waiting for it as long as the settings allow; a verb inside a verb has it already.

    The operating system frees the lock when its holder dies, however it dies; the note of who holds it is only read
    while the lock is taken.

    Raises:
        BuilderBusy: the wait is over; the message says who holds the lock and since when.
    """
    from filelock import FileLock, Timeout

    settings.home.mkdir(parents=True, exist_ok=True)
    path, note = settings.home / "builder.lock", settings.home / "builder.lock.json"
    lock = FileLock(path, is_singleton=True)  # one object a process, which counts how often it is held
    if lock.is_locked:
        with lock:
            yield
        return
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("waiting verb=%s holder=%s", verb, _holder(note))
        started = time.monotonic()
        try:
            lock.acquire(timeout=settings.lock_wait_seconds, poll_interval=0.2)
        except Timeout as error:
            raise BuilderBusy(
                f"`{verb}` waited {time.monotonic() - started:.0f} s for the builder's lock {path}",
                expected="a free lock",
                got=_holder(note),
                remedy="Wait for it to end, or end that process; the lock goes with it.",
            ) from error
    try:
        note.write_text(json.dumps({"pid": os.getpid(), "verb": verb, "since": datetime.now(UTC).isoformat()}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_text())
    except (OSError, ValueError):
        return "a holder that has not said who it is"
    return f"held by process {holder['pid']} ({holder['verb']}) since {holder['since']}"
