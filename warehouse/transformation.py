"""Run dbt on the builder's file, in a process of its own: when it ends, nothing of it holds the file open.

That process (this module run as a script) dies with the builder, also when the builder is killed: a dbt left behind
would go on writing to a file whose lock is free.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import clock, lineage_events, stores, telemetry
from warehouse.archive import write_atomically
from warehouse.errors import ConfigurationError, GateClosed
from warehouse.masking import masked

if TYPE_CHECKING:
    from warehouse.settings import Settings

log = logging.getLogger(__name__)

Progress = Callable[[str], None]


RESULTS = "node_results.json"
UNCHANGED = "UNCHANGED"
"""What macro `leave_as_it_is` says of a table that had nothing to do."""
GROWING = ("--exclude", "config.materialized:view", "--no-write-json")


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """What became of one dbt node. `seconds` is its run time, `rows` the rows it failed or wrote, if dbt knows."""

    node: str
    status: str
    seconds: float
    message: str
    started_at: str = ""
    completed_at: str = ""
    failures: int | None = None


def environment(settings: Settings, run_id: str, since: datetime | None = None) -> dict[str, str]:
    """Return what dbt_project/profiles.yml and the models read from the environment."""
    return {
        **os.environ,
        # Relative to the home, where dbt runs: what it parsed of the project is then good for any home.
        "WAREHOUSE_DUCKDB": settings.warehouse.name,
        "WAREHOUSE_THREADS": str(settings.threads),
        "WAREHOUSE_MEMORY_LIMIT": settings.memory_limit,
        "WAREHOUSE_NOW": clock.now(settings).isoformat(),
        "WAREHOUSE_SINCE": since.isoformat() if since else "",
        "DRYPOWDER_RUN_ID": run_id,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def run_dbt(
    settings: Settings,
    run_id: str,
    *command: str,
    since: datetime | None = None,
    progress: Progress | None = None,
) -> list[NodeResult]:
    """Run one dbt command and return what became of each node.

    With `since` the tables grow by what became known since then (warehouse/increments.py), views stay as they are, and
    so does dbt's description of the project. Without it everything is built.

    Raises:
        DamagedFile: DuckDB cannot read the builder's file.
        GateClosed: a model or a test failed; the message names them.
        ConfigurationError: dbt could not start or could not read the project.
    """
    target = settings.home / "dbt"
    (target / RESULTS).unlink(missing_ok=True)
    arguments = [
        sys.executable,
        "-P",  # the home has a folder dbt, which is no package
        "-m",
        "warehouse.transformation",
        # It prints what is worth it itself: dbt's loggers write a line of each event before they look at its level.
        "--log-level",
        "none",
        "--log-level-file",
        "none",
        *command,
        *(GROWING if since else ()),
        "--project-dir",
        str(settings.dbt_project.resolve()),
        "--profiles-dir",
        str(settings.dbt_project.resolve()),
        "--target-path",
        str(target.resolve()),
        "--log-path",  # dbt makes this folder even where it logs nothing, and the project may be read-only
        str((target / "logs").resolve()),
    ]
    process = subprocess.Popen(  # noqa: S603  (our own arguments)
        arguments,
        stdin=subprocess.PIPE,  # never written to: it closes when we die, and dbt dies with us
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=settings.home,
        env=environment(settings, run_id, since),
    )
    said: list[str] = []
    if process.stdout is not None:
        for line in map(masked, map(str.strip, process.stdout)):
            said.append(line)
            if line:
                log.info("%s", line)
            if progress and line:
                progress(line)
    code = process.wait()
    results = _results(settings)
    if command[0] == "build":
        _tell(settings, results)
    for words in (*said, *(r.message for r in results)) if code != 0 else ():
        stores.refuse_damage(settings.warehouse, words)
    failed = [r for r in results if r.status in {"error", "fail", "runtime error"}]
    if failed:
        named = "\n".join(f"  {r.node}: {r.message.strip()}" for r in failed[:10])
        raise GateClosed(
            f"dbt {command[0]}: {len(failed)} of {len(results)} node(s) failed\n{named}",
            remedy=f"See {target / RESULTS}; `dbt` itself runs with `make dbt`.",
        )
    if code != 0:
        raise ConfigurationError(
            f"dbt {command[0]} ended with code {code}",
            expected="a project that dbt can read",
            got="\n".join(said[-15:]),
        )
    return results


def _tell(settings: Settings, results: list[NodeResult]) -> None:
    """Tell those who measure and those who follow lineage what became of each model."""
    for each in results:
        kind, _, name = each.node.partition(".drypowder.")
        if kind == "model":
            telemetry.MODEL.send(each.seconds, model=name, status=each.status)
    if lineage_events.is_on():
        lineage_events.dbt(
            settings,
            [
                {
                    "unique_id": each.node,
                    "status": each.status,
                    "message": each.message,
                    "failures": each.failures,
                    "timing": [{"name": "execute", "started_at": each.started_at, "completed_at": each.completed_at}]
                    if each.started_at
                    else [],
                }
                for each in results
            ],
        )


def _results(settings: Settings) -> list[NodeResult]:
    path = settings.home / "dbt" / RESULTS
    return [NodeResult(**each) for each in json.loads(path.read_text())] if path.is_file() else []


def _run(arguments: list[str]) -> int:
    """Run dbt here, write what became of each node, and return the code that dbt's own command would end with."""
    from dbt.cli.main import dbtRunner

    done = dbtRunner(callbacks=[_print]).invoke(arguments)
    nodes = [_node_result(r) for r in getattr(done.result, "results", ())]
    folder = Path(arguments[arguments.index("--target-path") + 1])
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / RESULTS, json.dumps([asdict(each) for each in nodes], indent=1).encode())
    if done.exception:
        print(done.exception, file=sys.stderr)  # noqa: T201  (what the parent shows)
    return 0 if done.success else 2 if done.exception else 1


def _node_result(result: Any) -> NodeResult:  # noqa: ANN401  (dbt's own)
    ran = next((t for t in result.timing if t.name == "execute" and t.started_at and t.completed_at), None)
    return NodeResult(
        node=result.node.unique_id,
        status=str(result.status),
        seconds=result.execution_time,
        message=result.message or "",
        started_at=_utc(ran.started_at) if ran else "",
        completed_at=_utc(ran.completed_at) if ran else "",
        failures=result.failures,
    )


def _utc(instant: datetime) -> str:
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).isoformat()


def _print(event: Any) -> None:  # noqa: ANN401  (dbt's own message)
    if event.info.level != "debug":
        print(event.info.msg, flush=True)  # noqa: T201  (what the parent reads)


def _die_with_parent() -> None:
    """Kill this process when the pipe from its parent closes."""
    while os.read(0, 1024):  # sys.stdin would hold a lock that the interpreter's end needs: it aborts on it
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    # dbt makes hundreds of thousands of objects that stay: the collector would walk them all, again and again.
    gc.set_threshold(100_000, 20, 100)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    sys.exit(_run(sys.argv[1:]))
