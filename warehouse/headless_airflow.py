"""Airflow's own scheduler, DAG processor and API server, headless on a free port of this machine.

They run as processes of their own; nothing here imports Airflow. Good for a demonstration and for tests: everybody
on this machine who can reach the port is an administrator, and the database starts anew every time.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from warehouse.errors import ConfigurationError, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType, TracebackType

    import httpx
    import psutil

COMPONENTS = {
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
}
"""What runs, and its command line. No triggerer: nothing here defers."""

START_SECONDS = 120.0
STOP_SECONDS = 10.0
LOCK_SECONDS = 30.0
"""How long a component waits for SQLite, which takes one writer."""

API_LOCK_SECONDS = 3.0
"""The same for the API server, which can wait for itself.

Its audit log writes from the event loop, and so may wait for a request of another thread that can commit only when
the event loop goes on. That ends when the wait ends, as a 500 that our `_call` tries again. Tasks give up after about
35 s without an answer, and are then taken for failed: the wait is far below that.
"""

LAST_LINES = 15
BUILDER_POOL = "duckdb_writer"


class OrchestrationFailed(WarehouseError):
    """Airflow did not start, stopped on its own, or ran something that failed; the message names the log."""


class _ServerError(Exception):  # never leaves this module
    """An answer of 500 and above, or none in time."""

    def __init__(self, answer: httpx.Response | None) -> None:
        super().__init__(answer.status_code if answer is not None else "no answer")
        self.answer = answer


def _log_retries() -> None:
    """Let tries again stand in the log, which a terminal shows with --verbose: structlog, where it is, prints them."""
    from stamina import instrumentation

    instrumentation.set_on_retry_hooks([instrumentation.LoggingOnRetryHook])


@dataclass(kw_only=True)
class _Component:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(kw_only=True)
class HeadlessAirflow:
    """Airflow as a context: running inside it, and nothing left of it afterwards.

    `home` becomes AIRFLOW_HOME. `project` is the checkout that holds dags/. `environment` is what the tasks find in
    theirs. With `hold_builder` the builder's pool has no slot until `open_builder_pool`. `told` hears one line at every
    stage of the start.
    """

    home: Path
    project: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    parallel_tasks: int = 2
    hold_builder: bool = False
    told: Callable[[str], None] = lambda _line: None
    peak_rss_bytes: int = field(default=0, init=False)
    _components: list[_Component] = field(default_factory=list, init=False)
    _port: int = field(default=0, init=False)
    _client: httpx.Client | None = field(default=None, init=False)
    _lock: Any = field(default=None, init=False)
    _handlers: dict[int, Any] = field(default_factory=dict, init=False)
    _sampled_at: float = field(default=0.0, init=False)

    def __enter__(self) -> Self:
        """Start and wait until all is healthy and every DAG is known.

        Raises:
            ConfigurationError: Airflow is not installed, or another process runs in this home.
            OrchestrationFailed: a component did not come up; the message ends with its last log lines.
        """
        self._require_airflow()
        self._take_home()
        try:
            self._catch_signals()
            atexit.register(self.stop)
            self._end_leftovers()
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

    # ------------------------------------------------------------------------------------------------- the REST API

    @property
    def url(self) -> str:
        """Address of Airflow's web pages and API."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def logs(self) -> Path:
        """Folder of every log file: one per component, and below it one per attempt of a task."""
        return self.home / "logs"

    def get(self, path: str, **params: str | int) -> Any:  # noqa: ANN401
        """Return the JSON at /api/v2/`path`, or None if there is no such thing."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401
        """Create something at /api/v2/`path` and return its JSON."""
        return self._call("POST", path, json=body)

    def open_builder_pool(self) -> None:
        """Let the builder's tasks start; see `hold_builder`."""
        self._call("PATCH", f"pools/{BUILDER_POOL}", params={"update_mask": "slots"}, json=self._pool(1))

    @staticmethod
    def _pool(slots: int) -> dict[str, object]:
        return {"pool": BUILDER_POOL, "slots": slots, "include_deferred": False}

    def _call(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401
        """Return the answer, having asked again while SQLite, which takes one writer, was locked for too long."""
        import httpx
        import stamina

        tries = stamina.retry_context(on=_ServerError, attempts=12, timeout=240.0, wait_initial=0.3, wait_max=5.0)
        try:
            for attempt in tries:
                with attempt:
                    answer = self._ask(method, path, request)
        except _ServerError as error:
            if error.answer is None:
                raise OrchestrationFailed(
                    f"Airflow's API server does not answer {method} {path}",
                    got=repr(error.__cause__),
                    remedy=self._see("api-server"),
                ) from error
            answer = error.answer
        if answer.status_code == httpx.codes.NOT_FOUND and method == "GET":
            return None
        if answer.status_code == httpx.codes.CONFLICT and attempt.num > 1:
            return None  # the try before did create it, and could only not say so
        if answer.is_error:
            raise OrchestrationFailed(
                f"Airflow refused {method} {path}",
                got=f"{answer.status_code} {answer.text[:500]}",
                remedy=self._see("api-server"),
            )
        return answer.json()

    def _ask(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        import httpx

        self.check_alive()
        if self._client is None:
            raise OrchestrationFailed("Airflow is not running", remedy="Use it as a context.")
        try:
            answer = self._client.request(method, f"/api/v2/{path}", **request)
        except httpx.TransportError as error:
            self.check_alive()
            raise _ServerError(None) from error  # as it waits for SQLite
        if answer.is_server_error:
            raise _ServerError(answer)
        return answer

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> Path:
        """Return the log file of one attempt of a task."""
        folder = self.logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return folder / f"attempt={attempt}.log"

    # ---------------------------------------------------------------------------------------------------- the start

    def _require_airflow(self) -> None:
        missing = [name for name in ("airflow", "psutil", "httpx", "filelock") if find_spec(name) is None]
        if missing:
            raise ConfigurationError(
                "Airflow is not installed here",
                expected="the platform environment",
                got=f"no module {', '.join(missing)} for {sys.executable}",
                remedy="Run `make demo`, which installs it from requirements/core.txt.",
            )

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
        self._port = _free_port()
        environment = self._environment()
        self._fresh_database({**environment, **self._database("db")})
        self.told("starting scheduler, DAG processor and API server")
        for name, command in COMPONENTS.items():
            self._spawn(name, command, {**environment, **self._database(name)})
        self._note_sessions()
        deadline = time.monotonic() + START_SECONDS
        self._wait_for_api(deadline)
        slots = 0 if self.hold_builder else 1
        self.post("pools", {"name": BUILDER_POOL, "slots": slots, "description": "DuckDB takes one writer."})
        self._wait_for_health(deadline)
        self.told(f"Airflow {metadata.version('apache-airflow')} is up at {self.url}")

    def _environment(self) -> dict[str, str]:
        keys = self._secrets()
        path = os.pathsep.join(filter(None, [str(self.project), os.environ.get("PYTHONPATH")]))
        local = ",".join(filter(None, ["127.0.0.1,localhost", os.environ.get("NO_PROXY")]))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
        return {
            **inherited,
            **self.environment,
            "PYTHONPATH": path,
            "NO_PROXY": local,
            "no_proxy": local,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.project / "dags"),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(self.parallel_tasks),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
            "AIRFLOW__API__SECRET_KEY": keys["api"],
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            # The defaults suit a server that runs for months; this one runs for minutes, and somebody is watching.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # A task's supervisor may notice its end only at the next heartbeat (seen with skipped tasks).
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        }

    def _database(self, component: str) -> dict[str, str]:
        wait = API_LOCK_SECONDS if component == "api-server" else LOCK_SECONDS
        return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}?timeout={wait:g}"}

    def _secrets(self) -> dict[str, str]:
        """Return this home's secrets, made once and readable by its owner alone."""
        path = self.home / "secrets.json"
        if not path.exists():
            made = {
                "fernet": base64.urlsafe_b64encode(os.urandom(32)).decode(),
                "jwt": secrets.token_urlsafe(48),
                "api": secrets.token_urlsafe(48),
            }
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(made, file)
        loaded: dict[str, str] = json.loads(path.read_text())
        return loaded

    def _fresh_database(self, environment: Mapping[str, str]) -> None:
        """Put an empty database of the installed version in place; migrating one takes seconds, copying it none.

        Runs of an earlier, perhaps killed, demonstration would else wait in the queue. Their logs stay.
        """
        database = self.home / "airflow.db"
        empty = self.home / f"migrated-{metadata.version('apache-airflow')}.db"
        for name in ("airflow.db", "airflow.db-wal", "airflow.db-shm", "airflow.db-journal"):
            (self.home / name).unlink(missing_ok=True)
        if not empty.exists():
            self._migrate(empty, environment)
        _copy_database(empty, database)

    def _migrate(self, empty: Path, environment: Mapping[str, str]) -> None:
        self.told("creating Airflow's database (once)")
        log = self.logs / "db-migrate.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                check=False,
            )
        if done.returncode:
            raise OrchestrationFailed(
                "Airflow's database was not created", got=f"exit {done.returncode}", remedy=_last_lines(log)
            )
        partial = empty.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        _copy_database(self.home / "airflow.db", partial)
        partial.rename(empty)

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

    def _wait_for_api(self, deadline: float) -> None:
        import httpx

        _log_retries()
        client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self._client = client
        while True:
            self._wait_a_moment(deadline, "the API server to answer", "api-server")
            with suppress(httpx.TransportError):
                answer = client.get("/auth/token")
                if answer.is_success:
                    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                    return

    def _wait_for_health(self, deadline: float) -> None:
        wanted = {"metadatabase", "scheduler", "dag_processor"}
        while True:
            health = self.get("monitor/health") or {}
            unwell = sorted(name for name in wanted if health.get(name, {}).get("status") != "healthy")
            if not unwell:
                return
            self._wait_a_moment(deadline, f"{', '.join(unwell)} to be healthy", "scheduler")

    def wait_for_dags(self, expected: set[str]) -> None:
        """Wait until Airflow knows these DAGs.

        Raises:
            OrchestrationFailed: a DAG file cannot be imported, or a DAG does not turn up.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            broken = (self.get("importErrors") or {}).get("import_errors", [])
            if broken:
                first = broken[0]
                raise OrchestrationFailed(
                    f"Airflow cannot import {first['filename']}", got=first["stack_trace"].strip()
                )
            known = {dag["dag_id"] for dag in self.get("dags", limit=100)["dags"]}
            if expected <= known:
                return
            missing = ", ".join(sorted(expected - known))
            self._wait_a_moment(deadline, f"the DAGs {missing}", "dag-processor")

    def _wait_a_moment(self, deadline: float, what: str, component: str) -> None:
        if time.monotonic() > deadline:
            raise OrchestrationFailed(f"Airflow waited {START_SECONDS:.0f} s for {what}", remedy=self._see(component))
        self.check_alive()
        time.sleep(0.2)

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
            self.peak_rss_bytes = max(self.peak_rss_bytes, sum(_rss(p) for p in self.processes()))

    def processes(self) -> list[psutil.Process]:
        """Return every process of ours that is alive: the components, their children, and what those started."""
        return _in_sessions({c.process.pid for c in self._components})

    def _see(self, component: str) -> str:
        return _last_lines(self.logs / f"{component}.log")

    # ------------------------------------------------------------------------------------------------------ the end

    def stop(self) -> None:
        """End every process of ours, politely and then not. Calling it twice does no harm."""
        if self._lock is None:
            return
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
        if self._client:
            self._client.close()
            self._client = None
        _end(self.processes)
        for component in self._components:
            component.process.wait()
        self._components.clear()
        self._end_leftovers()  # of an earlier run, where we were told to stop before we had ended them all
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

    def _note_sessions(self) -> None:
        """Write down what would be left if this process were killed without a chance to stop it."""
        noted = {c.process.pid: time.time() for c in self._components}
        (self.home / "sessions.json").write_text(json.dumps(noted))

    def _end_leftovers(self) -> None:
        """End what a killed run in this home has left: our sessions, and only processes of Airflow in them."""
        path = self.home / "sessions.json"
        try:
            noted = {int(pid): float(at) for pid, at in json.loads(path.read_text()).items()}
        except (OSError, ValueError):
            return

        def left() -> list[psutil.Process]:
            return [p for p in _in_sessions(set(noted)) if _is_airflow(p)]

        if count := len(left()):
            self.told(f"ending {count} process(es) that a killed run left")
            _end(left)
        path.unlink(missing_ok=True)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _copy_database(origin: Path, copy: Path) -> None:
    with closing(sqlite3.connect(origin)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _in_sessions(sessions: set[int]) -> list[psutil.Process]:
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


def _is_airflow(process: psutil.Process) -> bool:
    import psutil

    with suppress(psutil.Error):
        return process.uids().real == os.getuid() and any("airflow" in word for word in process.cmdline())
    return False


def _end(find: Callable[[], list[psutil.Process]]) -> None:
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


def _rss(process: psutil.Process) -> int:
    import psutil

    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"There is no log at {log}."
    return "\n".join([f"Last lines of {log}:", *lines[-LAST_LINES:]])
