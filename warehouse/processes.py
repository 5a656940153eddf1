"""Processes of this machine: which belong to a session, how to end them all, what they hold and what they said last."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import psutil

STOP_SECONDS = 10.0
"""How long a process has to end when it is asked to, before it is killed."""

LAST_LINES = 15

SERVICES = ("airflow", "superset", "supervisord")
"""One of these is in the command line of whatever we leave running."""


def free_port() -> int:
    """Return a port of this machine that nothing listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether something on this machine listens on a port."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def in_sessions(sessions: set[int]) -> list[psutil.Process]:
    """Return the processes of these sessions that are alive, with what they started in sessions of their own."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    # A task may start something in a session of its own; it is still a descendant of ours.
    for process in list(found):
        with suppress(psutil.Error):
            found += [child for child in process.children(recursive=True) if child not in found]
    return found


def is_ours(process: psutil.Process) -> bool:
    """Whether a process is this user's and a service by its command line: a number may be another process's by now."""
    import psutil

    with suppress(psutil.Error):
        words = process.cmdline()
        return process.uids().real == os.getuid() and any(name in word for word in words for name in SERVICES)
    return False


def end(find: Callable[[], list[psutil.Process]]) -> None:
    """End what `find` finds until it finds nothing: a scheduler that is told to end may just have forked a worker."""
    import psutil

    deadline = time.monotonic() + 2 * STOP_SECONDS
    while (processes := find()) and time.monotonic() < deadline:
        for process in processes:
            with suppress(psutil.Error):
                process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=STOP_SECONDS)


def note_sessions(path: Path, sessions: Sequence[int]) -> None:
    """Write down what would be left if this process were killed without a chance to stop it."""
    path.write_text(json.dumps({session: time.time() for session in sessions}))


def end_leftovers(path: Path, told: Callable[[str], None]) -> None:
    """End what is left of the sessions noted at `path`, and only processes of ours in them."""
    try:
        noted = {int(session) for session in json.loads(path.read_text())}
    except (OSError, ValueError):
        return

    def left() -> list[psutil.Process]:
        return [p for p in in_sessions(noted) if is_ours(p)]

    if count := len(left()):
        told(f"ending {count} process(es) that a killed run left")
        end(left)
    path.unlink(missing_ok=True)


def rss(process: psutil.Process) -> int:
    """Return the memory that a process holds, in bytes; 0 when it has ended."""
    import psutil

    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def last_lines(log: Path) -> str:
    """Return the end of a log, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"There is no log at {log}."
    return "\n".join([f"Last lines of {log}:", *lines[-LAST_LINES:]])
