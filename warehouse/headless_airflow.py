"""Airflow's own scheduler, DAG processor and API server, headless on a free port of this machine.

They run as processes of their own; nothing here imports Airflow. Good for a demonstration and for tests: everybody
on this machine who can reach the port is an administrator, and the database starts anew every time.
"""

from __future__ import annotations

import atexit
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from warehouse.airflow_api import AirflowApi, OrchestrationFailed
from warehouse.airflow_settings import (
    COMPONENTS,
    airflow_environment,
    airflow_version,
    copy_sqlite,
    migrate,
    require_airflow,
    sqlite_for,
)
from warehouse.errors import ConfigurationError
from warehouse.processes import end, end_leftovers, free_port, in_sessions, last_lines, note_sessions, rss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType, TracebackType

    import psutil

START_SECONDS = 300.0

FOR_MINUTES = {
    # The common settings suit a server that runs for months; this one runs for minutes, and somebody is watching.
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
}


@dataclass(kw_only=True)
class _Component:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(kw_only=True)
class HeadlessAirflow:
    """Airflow as a context: running inside it, and nothing left of it afterwards.

    `home` becomes AIRFLOW_HOME. `project` is the checkout that holds dags/. `environment` is what the tasks find in
    theirs. With `hold_builder` the builder's pool has no slot until it is given one. Without `triggerer` nothing may
    defer. `told` hears one line at every stage of the start.
    """

    home: Path
    project: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    parallel_tasks: int = 2
    hold_builder: bool = False
    triggerer: bool = False
    told: Callable[[str], None] = lambda _line: None
    peak_rss_bytes: int = field(default=0, init=False)
    _components: list[_Component] = field(default_factory=list, init=False)
    api: AirflowApi = field(init=False)
    _lock: Any = field(default=None, init=False)
    _handlers: dict[int, Any] = field(default_factory=dict, init=False)
    _sampled_at: float = field(default=0.0, init=False)

    def __enter__(self) -> Self:
        """Start and wait until all is healthy and every DAG is known.

        Raises:
            ConfigurationError: Airflow is not installed, or another process runs in this home.
            OrchestrationFailed: a component did not come up; the message ends with its last log lines.
        """
        require_airflow()
        self._take_home()
        try:
            self._catch_signals()
            atexit.register(self.stop)
            end_leftovers(self._sessions, self.told)
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    @property
    def url(self) -> str:
        """Address of Airflow's web pages and API."""
        return self.api.url

    @property
    def logs(self) -> Path:
        """Folder of every log file: one per component, and below it one per attempt of a task."""
        return self.home / "logs"

    @property
    def _sessions(self) -> Path:
        return self.home / "sessions.json"

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> Path:
        """Return the log file of one attempt of a task."""
        folder = self.logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return folder / f"attempt={attempt}.log"

    # ---------------------------------------------------------------------------------------------------- the start

    def _take_home(self) -> None:
        from filelock import FileLock, Timeout

        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs.mkdir(exist_ok=True)
        self._lock = FileLock(self.home / "runner.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ConfigurationError(
                f"Another process runs Airflow in {self.home}",
                expected="one at a time",
                remedy="Wait for it to end, or choose another WAREHOUSE_HOME.",
            ) from error

    def _start(self) -> None:
        port = free_port()
        self.api = AirflowApi(
            url=f"http://127.0.0.1:{port}", alive=self.check_alive, see=lambda: self._see("api-server")
        )
        environment = {
            **airflow_environment(self.home, self.project, port, self.environment),
            **FOR_MINUTES,
            "AIRFLOW__CORE__PARALLELISM": str(self.parallel_tasks),
        }
        self._fresh_database(environment)
        components = [name for name in COMPONENTS if self.triggerer or name != "triggerer"]
        self.told(f"starting Airflow: {', '.join(components)}")
        for name in components:
            self._spawn(name, COMPONENTS[name], {**environment, **sqlite_for(name, self.home)})
        note_sessions(self._sessions, [c.process.pid for c in self._components])
        deadline = time.monotonic() + START_SECONDS
        while not self.api.log_in_as_anybody():
            self._wait_a_moment(deadline, "the API server to answer", "api-server")
        self.api.set_builder_pool(0 if self.hold_builder else 1)
        wanted = {"metadatabase", *(name.replace("-", "_") for name in components if name != "api-server")}
        while unwell := self.api.unwell(wanted):
            self._wait_a_moment(deadline, f"{', '.join(unwell)} to be healthy", "scheduler")
        self.told(f"Airflow {airflow_version()} is up at {self.url}")

    def _fresh_database(self, environment: Mapping[str, str]) -> None:
        """Put an empty database of the installed version in place; migrating one takes seconds, copying it none.

        Runs of an earlier, perhaps killed, demonstration would else wait in the queue. Their logs stay.
        """
        database = self.home / "airflow.db"
        empty = self.home / f"migrated-{airflow_version()}.db"
        for name in ("airflow.db", "airflow.db-wal", "airflow.db-shm", "airflow.db-journal"):
            (self.home / name).unlink(missing_ok=True)
        if not empty.exists():
            self.told("creating Airflow's database (once)")
            migrate(self.home, environment)
            partial = empty.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            copy_sqlite(database, partial)
            partial.rename(empty)
        copy_sqlite(empty, database)

    def _spawn(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        log = self.logs / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "airflow", *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                start_new_session=True,  # Airflow's tasks leave its process group, never its session
            )
        self._components.append(_Component(name=name, process=process, log=log))

    def wait_for_dags(self, expected: set[str]) -> None:
        """Wait until Airflow knows these DAGs.

        Raises:
            OrchestrationFailed: a DAG file cannot be imported, or a DAG does not turn up.
        """
        deadline = time.monotonic() + START_SECONDS
        while missing := self.api.unknown_dags(expected):
            self._wait_a_moment(deadline, f"the DAGs {', '.join(sorted(missing))}", "dag-processor")

    def _wait_a_moment(self, deadline: float, what: str, component: str) -> None:
        if time.monotonic() > deadline:
            raise OrchestrationFailed(f"Airflow waited {START_SECONDS:.0f} s for {what}", remedy=self._see(component))
        self.check_alive()
        time.sleep(0.5)

    # ---------------------------------------------------------------------------------------------- while it runs

    def check_alive(self) -> None:
        """See that every component still runs, and how much memory they take together.

        Raises:
            OrchestrationFailed: one has ended; the message ends with its last log lines.
        """
        for component in self._components:
            code = component.process.poll()
            if code is not None:
                raise OrchestrationFailed(
                    f"Airflow's {component.name} ended on its own",
                    got=f"exit {code}",
                    remedy=self._see(component.name),
                )
        if time.monotonic() - self._sampled_at > 1:
            self._sampled_at = time.monotonic()
            self.peak_rss_bytes = max(self.peak_rss_bytes, sum(rss(p) for p in self.processes()))

    def processes(self) -> list[psutil.Process]:
        """Return every process of ours that is alive: the components, their children, and what those started."""
        return in_sessions({c.process.pid for c in self._components})

    def _see(self, component: str) -> str:
        return last_lines(self.logs / f"{component}.log")

    # ------------------------------------------------------------------------------------------------------ the end

    def stop(self) -> None:
        """End every process of ours, politely and then not. Calling it twice does no harm."""
        if self._lock is None:
            return
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
        if hasattr(self, "api"):
            self.api.close()
        end(self.processes)
        for component in self._components:
            component.process.wait()
        self._components.clear()
        # Of an earlier run, where we were told to stop before we had ended them all.
        end_leftovers(self._sessions, self.told)
        self._lock.release()
        self._lock = None
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        atexit.unregister(self.stop)

    def _catch_signals(self) -> None:
        """Turn a polite end of this process into an exception, so that the context is left the usual way."""
        if threading.current_thread() is not threading.main_thread():
            return

        def leave(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            sys.exit(128 + number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, leave)
