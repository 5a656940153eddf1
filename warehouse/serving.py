"""Airflow and Superset on this machine, in the background until they are told to stop.

supervisord keeps the services running and their logs short. It leads a session of its own, in which everything that
they start stays, so that stopping leaves nothing behind, however a service ended. All of it listens on loopback and
asks for a password.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.airflow_api import AirflowApi, OrchestrationFailed
from warehouse.airflow_settings import (
    COMPONENTS,
    airflow_environment,
    airflow_version,
    copy_sqlite,
    keys,
    migrate,
    require_airflow,
    sqlite_for,
    write_private,
)
from warehouse.errors import ConfigurationError
from warehouse.processes import end_leftovers, in_sessions, is_listening, last_lines, note_sessions, rss
from warehouse.superset import Superset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from warehouse.settings import Settings

ROLES = {"admin": "ADMIN", "engineer": "OP", "analyst": "VIEWER", "viewer": "VIEWER"}
"""Airflow's users here, and what its simple auth manager lets them do; production has finer roles (deploy/)."""

START_SECONDS = 300.0
STOP_SECONDS = 90.0
_LOG_BYTES, _LOG_BACKUPS = "10MB", 4


@dataclass(frozen=True, kw_only=True)
class Service:
    """One program that supervisord keeps running; `environment` is what it alone finds in its own."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class State:
    """How a service is: supervisord's word for it, its process, and since when, in seconds."""

    name: str
    word: str
    pid: int
    seconds: float
    rss_bytes: int


# ------------------------------------------------------------------------------------------------------- the verbs


def up(settings: Settings, console: Console) -> None:
    """Start every service and wait until all are healthy; where they run already, say how they are.

    Raises:
        ConfigurationError: a port is taken, or the platform is not installed.
        OrchestrationFailed: a service did not come up; the message ends with its last log lines.
    """
    require_airflow()
    stack = Stack(settings, console)
    if stack.is_running:
        console.print(f"It runs already, in {stack.settings.home}.", highlight=False)
    else:
        try:
            stack.start()
        except BaseException:
            stack.stop()
            raise
    stack.print_states()
    console.print(f"Airflow   {stack.airflow_url}", highlight=False)
    if stack.superset:
        console.print(f"Superset  {stack.superset.url}", highlight=False)
    else:
        console.print("Superset is not installed; `make up` installs it.", style="dim")
    console.print(f"Users and passwords: {stack.passwords}. `make logs` follows the logs, `make down` stops it.")


def down(settings: Settings, console: Console) -> None:
    """Stop what `up` started in this home, and wait for its end.

    Raises:
        OrchestrationFailed: something does not end.
    """
    stack = Stack(settings, console)
    console.print("It has stopped." if stack.stop() else f"Nothing runs in {stack.settings.home}.", highlight=False)


def logs(settings: Settings, service: str = "", *, lines: int = 40, follow: bool = False) -> None:
    """Show the end of the logs of one service or of all; with `follow`, what comes next. Does not return.

    Raises:
        ConfigurationError: there is no such log.
    """
    folder = Stack(settings, None).folder
    found = sorted(folder.glob(f"{service or '*'}.log"))
    if not found:
        raise ConfigurationError(
            f"There is no log of {service}" if service else "There are no logs",
            expected=", ".join(p.stem for p in sorted(folder.glob("*.log"))) or "what `drypowder up` writes",
            remedy="" if service else "Start the services with `make up`.",
        )
    os.execvp("tail", ["tail", f"--lines={lines}", *(["--follow=name", "--retry"] if follow else []), *map(str, found)])  # noqa: S606, S607


# --------------------------------------------------------------------------------------------------------- the stack


class Stack:
    """The services of one home; what is said on the way goes to the console, if there is one."""

    def __init__(self, settings: Settings, console: Console | None) -> None:
        """Find out where everything is; nothing is started."""
        self.settings = settings.resolved()
        self.console = console
        self.folder = self.settings.home / "services"
        self.airflow = self.settings.home / "airflow"
        self.passwords = self.airflow / "passwords.json"
        self.superset: Superset | None = None  # where it is not installed
        with suppress(ConfigurationError):
            self.superset = Superset(settings)
        # A socket's path may have some hundred characters, a home's may have more.
        name = hashlib.sha256(str(self.settings.home).encode()).hexdigest()[:16]
        self.socket = Path(tempfile.gettempdir()) / f"drypowder-{os.getuid()}-{name}.sock"
        self.airflow_url = f"http://127.0.0.1:{settings.airflow_port}"

    def tell(self, line: str) -> None:
        """Say a line on the console."""
        if self.console:
            self.console.print(line, highlight=False, soft_wrap=True)

    # -------------------------------------------------------------------------------------------------- supervisord

    def _supervisor(self) -> Any:  # noqa: ANN401  (XML-RPC)
        from xmlrpc.client import ServerProxy

        from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

        return ServerProxy("http://127.0.0.1", transport=SupervisorTransport(None, None, f"unix://{self.socket}"))

    @property
    def is_running(self) -> bool:
        """Whether this home's supervisord answers."""
        try:
            return bool(self._supervisor().supervisor.getState()["statename"] == "RUNNING")
        except (OSError, ValueError):
            return False

    def states(self) -> list[State]:
        """Return how each service is, as supervisord sees it."""
        import psutil

        found = []
        for info in self._supervisor().supervisor.getAllProcessInfo():
            memory = 0
            if info["pid"]:
                with suppress(psutil.Error):
                    process = psutil.Process(info["pid"])
                    memory = sum(map(rss, [process, *process.children(recursive=True)]))
            seconds = info["now"] - info["start"] if info["pid"] else 0.0
            found.append(
                State(name=info["name"], word=info["statename"], pid=info["pid"], seconds=seconds, rss_bytes=memory)
            )
        return found

    def print_states(self) -> None:
        """Print how each service is."""
        from rich.table import Table as Grid

        grid = Grid("Service", "State", "Process", "Since", "Memory", box=None, pad_edge=False)
        for state in self.states():
            style = "" if state.word == "RUNNING" else "red"
            grid.add_row(
                state.name,
                state.word.lower(),
                str(state.pid or ""),
                f"{state.seconds:,.0f} s" if state.pid else "",
                f"{state.rss_bytes / 2**20:,.0f} MB" if state.pid else "",
                style=style,
            )
        if self.console:
            self.console.print(grid)

    def _services(self) -> list[Service]:
        made = [
            Service(
                name=name,
                command=[sys.executable, "-m", "airflow", *command],
                folder=self.airflow,
                environment=sqlite_for(name, self.airflow),
            )
            for name, command in COMPONENTS.items()
        ]
        if self.superset:
            made.append(
                Service(
                    name="superset",
                    command=self.superset.command,
                    folder=self.superset.folder,
                    environment=self.superset.environment,
                )
            )
        return made

    def _configuration(self) -> str:
        """Return supervisord's configuration; its owner alone reads it, since it names secrets."""
        made = configparser.RawConfigParser()
        made["unix_http_server"] = {"file": str(self.socket), "chmod": "0700"}
        made["supervisord"] = {
            "logfile": str(self.folder / "supervisord.log"),
            "logfile_maxbytes": _LOG_BYTES,
            "logfile_backups": str(_LOG_BACKUPS),
            "pidfile": str(self.folder / "supervisord.pid"),
            "nodaemon": "true",
            "silent": "true",
            "user": str(os.getuid()),
        }
        made["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for service in self._services():
            made[f"program:{service.name}"] = {
                "command": " ".join(map(_quoted, service.command)),
                "directory": str(service.folder),
                "environment": ",".join(f"{name}={_quoted(text)}" for name, text in service.environment.items()),
                "autorestart": "true",
                "startsecs": "3",
                "startretries": "10",
                "stopwaitsecs": "30",
                "stopasgroup": "true",
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": str(self.folder / f"{service.name}.log"),
                "stdout_logfile_maxbytes": _LOG_BYTES,
                "stdout_logfile_backups": str(_LOG_BACKUPS),
            }
        # In its files a percent sign begins an expansion.
        lines = []
        for name in made.sections():
            lines += [f"[{name}]", *(f"{key}={text.replace('%', '%%')}" for key, text in made[name].items()), ""]
        return "\n".join(lines)

    # -------------------------------------------------------------------------------------------------------- start

    def start(self) -> None:
        """Start what does not run, having ended what a killed run left, and wait until it is healthy."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        end_leftovers(self.folder / "sessions.json", self.tell)
        self._require_ports()
        if self.settings.sources == "live" and not self.settings.contact:
            self.tell("WAREHOUSE_CONTACT is not set, so no publisher can be asked: see `drypowder doctor`.")
        self._make_users()
        environment = self._environment()
        self._migrate(environment)
        if self.superset:
            self.superset.prepare(self.tell)
        configuration = self.folder / "supervisord.conf"
        configuration.unlink(missing_ok=True)
        with os.fdopen(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self._configuration())
        self.tell("starting " + ", ".join(service.name for service in self._services()))
        with (self.folder / "supervisord.out").open("wb") as out:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        note_sessions(self.folder / "sessions.json", [process.pid])
        self._wait_until_healthy(process)

    def _environment(self) -> dict[str, str]:
        users = ",".join(f"{user}:{role}" for user, role in ROLES.items())
        return {
            **airflow_environment(
                self.airflow, self.settings.project, self.settings.airflow_port, self.settings.as_environment()
            ),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.passwords),
            "AIRFLOW__CORE__PARALLELISM": str(max(2, self.settings.threads)),
        }

    def _require_ports(self) -> None:
        ports = {"WAREHOUSE_AIRFLOW_PORT": self.settings.airflow_port}
        if self.superset:
            ports["WAREHOUSE_SUPERSET_PORT"] = self.settings.superset_port
        for variable, port in ports.items():
            if is_listening(port):
                raise ConfigurationError(
                    f"Something listens on port {port} of this machine already",
                    remedy=f"Stop it, or choose another port with {variable}.",
                )

    def _make_users(self) -> None:
        """Make a password for every user, once, and print it that once."""
        keys(self.airflow)
        made = {user: secrets.token_urlsafe(16) for user in ROLES}
        with suppress(FileExistsError):
            write_private(self.passwords, made)
            for user, password in made.items():
                self.tell(f"  Airflow   {user:<9} {password}")
        if self.superset and (secret := self.superset.make_secrets()):
            self.tell(f"  Superset  {'admin':<9} {secret}")

    def _migrate(self, environment: Mapping[str, str]) -> None:
        """Bring Airflow's database to the installed version; what another version wrote is copied first."""
        database, note = self.airflow / "airflow.db", self.airflow / "migrated-by.txt"
        before = note.read_text() if note.exists() else ""
        if database.exists() and before == airflow_version():
            return
        if database.exists():
            kept = self.airflow / f"airflow-{before or 'unknown'}.db"
            copy_sqlite(database, kept)
            self.tell(f"migrating Airflow's database from {before or 'another version'}; {kept} is as it was")
        else:
            self.tell("creating Airflow's database (once)")
        migrate(self.airflow, environment)
        note.write_text(airflow_version())

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS

        def moment(what: str, service: str) -> None:
            if process.poll() is not None:
                raise OrchestrationFailed(
                    "supervisord ended",
                    got=f"exit {process.returncode}",
                    remedy=last_lines(self.folder / "supervisord.out"),
                )
            fatal = [s.name for s in self.states() if s.word == "FATAL"] if self.is_running else []
            if fatal or time.monotonic() > deadline:
                raise OrchestrationFailed(
                    f"{', '.join(fatal)} does not stay up" if fatal else f"{what} after {START_SECONDS:.0f} s",
                    remedy=last_lines(self.folder / f"{(fatal or [service])[0]}.log"),
                )
            time.sleep(0.3)

        api = AirflowApi(url=self.airflow_url, see=lambda: last_lines(self.folder / "api-server.log"))
        with closing(api):
            password = json.loads(self.passwords.read_text())["admin"]
            while not api.log_in("admin", password):
                moment("Airflow's API server does not answer", "api-server")
            api.set_builder_pool(1)
            while unwell := api.unwell({"metadatabase", "scheduler", "dag_processor", "triggerer"}):
                moment(f"Airflow's {', '.join(unwell)} is not healthy", "scheduler")
        while self.superset and not self.superset.answers():
            moment("Superset does not answer", "superset")

    # --------------------------------------------------------------------------------------------------------- stop

    def stop(self) -> bool:
        """End every process of this home's services; return whether there was one."""
        sessions = self.folder / "sessions.json"
        was_running = self.is_running
        if was_running:
            with suppress(OSError):
                self._supervisor().supervisor.shutdown()
            deadline = time.monotonic() + STOP_SECONDS
            noted = {int(pid) for pid in json.loads(sessions.read_text())} if sessions.exists() else set()
            while in_sessions(noted) and time.monotonic() < deadline:
                time.sleep(0.2)
        # Where supervisord was killed, or a task would not end.
        left: list[str] = []
        end_leftovers(sessions, left.append)
        for line in left:
            self.tell(line)
        self.socket.unlink(missing_ok=True)
        return was_running or bool(left)


def _quoted(text: str) -> str:
    """Quote a word for supervisord, which splits as a shell does."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
