"""The main job for real, on the sample, by Airflow's own scheduler, with a person watching."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from warehouse.airflow_api import OrchestrationFailed
from warehouse.headless_airflow import HeadlessAirflow
from warehouse.pipeline import NOT_RECORDED
from warehouse.processes import LAST_LINES
from warehouse.settings import Settings
from warehouse.sources import tables

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table as Grid

BUILD = "build"
STEPS = ("load", "validate", "transform", "check", "approve", "publish")
POLL_SECONDS = 2.0
PATIENCE_SECONDS = 900.0
"""So long may nothing at all change before the demonstration gives up."""

NOT_IN_THE_SAMPLE = "not in the sample"
"""Why most ingests are skipped, said in short; the task's log has the addresses."""

_MARKS = {"success": "green", "skipped": "yellow", "failed": "red", "up_for_retry": "red", "running": "cyan"}


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What the demonstration did."""

    runs: tuple[tuple[str, str, str], ...]
    """Every DAG run as (DAG, run type, state)."""
    tasks: tuple[tuple[str, str, str, float], ...]
    """Every task as (DAG, task, state, seconds), in the order in which they were first seen."""
    published: bool
    release: Path | None
    seconds: float
    peak_rss_bytes: int

    def __str__(self) -> str:
        """Say it in one line."""
        what = f"published {self.release.name}" if self.published and self.release else "nothing changed"
        return (
            f"{what}: {len(self.runs)} DAG runs in {self.seconds:.0f} s, {self.peak_rss_bytes / 2**30:.1f} GB at most"
        )


@dataclass(kw_only=True)
class _Attempt:
    """One task of one run, as last seen."""

    dag: str
    run: str
    task: str
    state: str
    number: int
    started_at: datetime | None
    seconds: float | None
    rows: int | None = None
    note: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("success", "skipped", "failed", "upstream_failed", "removed", "up_for_retry")

    @property
    def has_failed(self) -> bool:
        """Whether it failed; a retry is hours away, and nobody watches that long."""
        return self.state in ("failed", "up_for_retry")

    @property
    def elapsed(self) -> str:
        if self.seconds is not None and self.is_over:
            return f"{self.seconds:.1f} s"
        if self.started_at is None:
            return ""
        return f"{(datetime.now(self.started_at.tzinfo) - self.started_at).total_seconds():.0f} s"


@dataclass(kw_only=True)
class _Watch:
    """Everything Airflow says about its runs, kept up to date and shown."""

    airflow: HeadlessAirflow
    ingests: tuple[str, ...]
    console: Console
    runs: list[dict[str, Any]] = field(default_factory=list)
    attempts: dict[tuple[str, str, str], _Attempt] = field(default_factory=dict)
    changed_at: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Ask Airflow for every run and task.

        Raises:
            OrchestrationFailed: nothing has changed for too long.
        """
        mine = {*self.ingests, BUILD}  # what runs by the clock meanwhile is not the demonstration's
        found = self.airflow.api.get("dags/~/dagRuns", limit=100)["dag_runs"]
        self.runs = [run for run in found if run["dag_id"] in mine]
        seen = self.airflow.api.get("dags/~/dagRuns/~/taskInstances", limit=100)["task_instances"]
        for task in seen:
            if task["dag_id"] in mine:
                self._note(task)
        if time.monotonic() - self.changed_at > PATIENCE_SECONDS:
            raise OrchestrationFailed(
                f"Nothing has happened for {PATIENCE_SECONDS:.0f} s",
                got=", ".join(f"{r['dag_id']} {r['state']}" for r in self.runs),
                remedy=f"See {self.airflow.logs / 'scheduler.log'}.",
            )

    def _note(self, task: dict[str, Any]) -> None:
        key = (task["dag_id"], task["dag_run_id"], task["task_id"])
        started = task["start_date"]
        now = _Attempt(
            dag=key[0],
            run=key[1],
            task=key[2],
            state=task["state"] or "waiting",
            number=max(task["try_number"], 1),
            started_at=datetime.fromisoformat(started) if started else None,
            seconds=task["duration"],
        )
        before = self.attempts.get(key)
        if before and before.state == now.state:
            return
        if now.state == "success":
            path = f"dags/{now.dag}/dagRuns/{now.run}/taskInstances/{now.task}/xcomEntries/return_value"
            now.rows = (self.airflow.api.get(path) or {}).get("value")
        elif now.state == "skipped":
            now.note = _reason(self._log(now))
            if now.note.rstrip(".").endswith(NOT_RECORDED):
                now.note = NOT_IN_THE_SAMPLE
        self.attempts[key] = now
        self.changed_at = time.monotonic()
        if not self.console.is_terminal and (now.is_over or now.state == "running"):
            rows = "" if now.rows is None else f", {now.rows:,} rows"
            took = f", {now.elapsed}" if now.is_over and now.seconds is not None and not now.note else ""
            note = f": {now.note}" if now.note else ""
            line = f"{now.dag}.{now.task} {now.state}{rows}{took}{note}"
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _log(self, attempt: _Attempt) -> Path:
        return self.airflow.task_log(attempt.dag, attempt.run, attempt.task, attempt.number)

    @property
    def ingests_are_over(self) -> bool:
        """Whether every ingest has run and none is running, or waiting for anything but its retry."""
        mine = [r for r in self.runs if r["dag_id"] in self.ingests]
        resting = {(a.dag, a.run) for a in self.attempts.values() if a.state == "up_for_retry"}
        over = [r for r in mine if r["state"] in ("success", "failed") or (r["dag_id"], r["dag_run_id"]) in resting]
        return len(over) == len(mine) and {r["dag_id"] for r in mine} == set(self.ingests)

    @property
    def a_build_is_on(self) -> bool:
        """Whether a build is queued or running; one that waits for its retry counts as ended."""
        resting = {a.run for a in self.attempts.values() if a.dag == BUILD and a.state == "up_for_retry"}
        builds = [r for r in self.runs if r["dag_id"] == BUILD and r["dag_run_id"] not in resting]
        return any(r["state"] in ("queued", "running") for r in builds)

    @property
    def published(self) -> bool:
        """Whether a build of ours has published."""
        return any(a.dag == BUILD and a.task == STEPS[-1] and a.state == "success" for a in self.attempts.values())

    def failures(self) -> list[str]:
        """Return a paragraph for every task that failed: which, its last log lines, and the log's file.

        What a later run of the same task mended has not failed.
        """
        latest = {(a.dag, a.task): a for a in self.attempts.values() if a.is_over and a.state != "skipped"}
        return [
            f"{a.dag}, task {a.task}: {a.state}\n{_last_events(self._log(a))}\nWhole log: {self._log(a)}"
            for a in latest.values()
            if a.has_failed
        ]

    def __rich__(self) -> Grid:
        """Return the table that a terminal shows while it works."""
        from rich import box
        from rich.table import Table as Grid
        from rich.text import Text

        grid = Grid("DAG", "task", "state", "rows", "time", "why", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in grid.columns:
            column.no_wrap = True
        grid.columns[3].justify = grid.columns[4].justify = "right"
        for attempt in sorted(self.attempts.values(), key=self._place):
            rows = "" if attempt.rows is None else f"{attempt.rows:,}"
            state = Text(attempt.state, style=_MARKS.get(attempt.state, "dim"))
            grid.add_row(attempt.dag, attempt.task, state, rows, attempt.elapsed, Text(attempt.note, style="dim"))
        return grid

    def _place(self, attempt: _Attempt) -> tuple[bool, str, int, str]:
        step = STEPS.index(attempt.task) if attempt.task in STEPS else 0
        return attempt.dag not in self.ingests, attempt.run if attempt.dag == BUILD else "", step, attempt.dag


def demo(settings: Settings, console: Console) -> Demo:
    """Run every ingest DAG on the sample, let what landed trigger the build, and show the release.

    The home is `demo` below the default home unless another one is set; the transport is the sample unless
    another recording is set. Everything that was started has ended when this returns or raises.

    Raises:
        OrchestrationFailed: Airflow did not run, or a task failed; the message names it and its log.
    """
    from warehouse import report

    started = time.monotonic()
    settings = _demo_settings(settings)

    def tell(line: str) -> None:
        console.print(f"{time.monotonic() - started:5.1f} s  {line}", highlight=False, soft_wrap=True, markup=False)

    tell(f"Dry Powder's main job on {settings.sources}, home {settings.home}")
    ingests = tuple(f"ingest__{source.code}__{table.name}" for source, table in tables())
    with HeadlessAirflow(
        home=settings.home / "airflow",
        project=settings.project,
        environment=settings.as_environment(),
        parallel_tasks=max(2, settings.threads),
        # With one slot from the start, the first table to land would be built and published alone, and then all of
        # them again. What an asset event has triggered waits here until every table has landed.
        hold_builder=True,
        told=tell,
    ) as airflow:
        watch = _Watch(airflow=airflow, ingests=ingests, console=console)
        _run(watch, {*ingests, BUILD, "maintenance"}, settings)
        peak = airflow.peak_rss_bytes
        tell("stopping Airflow")
    failures = watch.failures()
    result = Demo(
        runs=tuple((r["dag_id"], r["run_type"], r["state"]) for r in watch.runs),
        tasks=tuple((a.dag, a.task, a.state, a.seconds or 0.0) for a in watch.attempts.values()),
        published=watch.published,
        release=settings.current.resolve() if settings.current.exists() else None,
        seconds=time.monotonic() - started,
        peak_rss_bytes=peak,
    )
    absent = sum(attempt.note == NOT_IN_THE_SAMPLE for attempt in watch.attempts.values())
    if absent:
        tell(f"{absent} of {len(ingests)} tables are not in the sample; the logs in {airflow.logs} name the addresses")
    _say_what_came_of_it(result, console, failed=bool(failures))
    if result.release:
        report.print_release(settings, console)
    if failures:
        raise OrchestrationFailed(f"{len(failures)} task(s) failed", remedy="\n\n".join(["", *failures]))
    return result


def _run(watch: _Watch, expected: set[str], settings: Settings) -> None:
    """Trigger every ingest and wait until nothing is left to do.

    What an earlier run landed and did not publish, or code that has changed since, sends no asset event; a build that
    nothing triggers is then triggered here.
    """
    from warehouse import pipeline

    watch.airflow.wait_for_dags(expected)
    for dag in watch.ingests:
        watch.airflow.api.post(f"dags/{dag}/dagRuns", {"dag_run_id": f"demo__{dag}", "logical_date": None})
    is_held = True
    with _shown(watch):
        while True:
            time.sleep(POLL_SECONDS)
            watch.look()
            if not watch.ingests_are_over:
                continue
            if is_held:
                watch.airflow.api.set_builder_pool(1)
                is_held = False
            # In this order: the scheduler creates a build and takes its events off the queue in one transaction.
            waiting = (watch.airflow.api.get(f"dags/{BUILD}/assets/queuedEvents") or {}).get("total_entries", 0)
            watch.look()
            if waiting or watch.a_build_is_on:
                continue
            if any(r["dag_id"] == BUILD for r in watch.runs) or not pipeline.is_waiting(settings):
                return
            watch.airflow.api.post(f"dags/{BUILD}/dagRuns", {"dag_run_id": f"demo__{BUILD}", "logical_date": None})


def _shown(watch: _Watch) -> AbstractContextManager[object]:
    if not watch.console.is_terminal:
        return nullcontext()
    from rich.live import Live

    return Live(watch, console=watch.console, refresh_per_second=4)


def _say_what_came_of_it(result: Demo, console: Console, *, failed: bool) -> None:
    if not result.published and not failed:
        console.print("[bold]Nothing changed[/] since the last run, so nothing was published.", highlight=False)
    memory = f"{result.peak_rss_bytes / 2**30:.1f} GB"
    console.print(f"Took {result.seconds:.0f} s and at most {memory} of memory.", highlight=False)


def _demo_settings(settings: Settings) -> Settings:
    home = settings.home / "demo" if settings.home == Settings().home else settings.home
    recording = settings.recordings or settings.project / "sample"
    return replace(settings, home=home, sources=f"recorded:{recording}").resolved()


def _events(log: Path) -> list[dict[str, Any]]:
    """Return the lines of a task's log, which are JSON objects; a line that is not becomes one."""
    events: list[dict[str, Any]] = []
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return [{"event": f"no log: {error}"}]
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            event = {"event": line}
        events.append(event if isinstance(event, dict) else {"event": line})
    return events


def _reason(log: Path) -> str:
    """Return why a task was skipped, in the verb's words; nothing if it never started."""
    return next((str(e["reason"]) for e in _events(log) if "reason" in e), "") if log.exists() else ""


def _last_events(log: Path) -> str:
    lines = []
    for event in _events(log):
        text = str(event.get("event", ""))
        if text.startswith("::"):
            continue
        lines.append(f"  {event.get('level', ''):<8}{text}")
        causes = event.get("error_detail") or []  # the outermost first; the innermost says what happened
        lines += [f"          {e['exc_type']}: {e['exc_value']}" for e in causes[-1:]]
    return "\n".join(lines[-LAST_LINES:])
