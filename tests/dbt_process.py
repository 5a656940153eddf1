"""dbt on small projects of a test's own, each run in a process forked from one that has imported dbt: that takes seconds."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb"])


def run(folder: Path, environment: Mapping[str, str], *arguments: str, seconds: float = 120) -> int:
    """Run dbt in a folder, whose project it need not read anew each time, and return its exit code.

    Raises:
        TimeoutError: it took longer than that.
    """
    given = {**os.environ, **environment, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    given.pop("DBT_PARTIAL_PARSE_FILE_PATH", None)  # what was parsed of the warehouse
    process = _PROCESSES.Process(target=_run, args=(folder, given, arguments))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"dbt {' '.join(arguments)} took more than {seconds} s")
    return process.exitcode


def _run(folder: Path, environment: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    from dbt.cli.main import dbtRunner

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    raise SystemExit(0 if dbtRunner().invoke([*arguments]).success else 1)
