"""What an Airflow on this machine is started with: its components, its settings, its secrets, its SQLite database."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from warehouse.airflow_api import OrchestrationFailed
from warehouse.errors import ConfigurationError
from warehouse.processes import last_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMPONENTS = {
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""What runs, and its command line. The triggerer is for tasks that wait for a person; a demonstration has none."""

LOCK_SECONDS = 30.0
"""How long a component waits for SQLite, which takes one writer."""

API_LOCK_SECONDS = 3.0
"""The same for the API server, which can wait for itself.

Its audit log writes from the event loop, and so may wait for a request of another thread that can commit only when
the event loop goes on. That ends when the wait ends, as a 500 that `AirflowApi` tries again. Tasks give up after about
35 s without an answer, and are then taken for failed: the wait is far below that.
"""


def require_airflow() -> None:
    """See that the platform is installed.

    Raises:
        ConfigurationError: it is not.
    """
    missing = [name for name in ("airflow", "psutil", "httpx", "filelock") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "Airflow is not installed here",
            expected="the platform environment",
            got=f"no module {', '.join(missing)} for {sys.executable}",
            remedy="Run `make demo`, which installs it from requirements/core.txt.",
        )


def airflow_environment(home: Path, project: Path, port: int, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every component in AIRFLOW_HOME `home`; `given` is what the tasks find in theirs.

    What all installations have in common is in deploy/airflow.env. Nothing listens beyond this machine.
    """
    from dotenv import dotenv_values

    common = {k: v for k, v in dotenv_values(project / "deploy" / "airflow.env").items() if v is not None}
    if not common:
        raise ConfigurationError(
            "Airflow's common settings are not there",
            expected=f"{project / 'deploy' / 'airflow.env'}",
            remedy="Run it from a checkout, or set WAREHOUSE_PROJECT to one.",
        )
    url = f"http://127.0.0.1:{port}"
    path = os.pathsep.join(filter(None, [str(project), os.environ.get("PYTHONPATH")]))
    local = ",".join(filter(None, ["127.0.0.1,localhost", os.environ.get("NO_PROXY")]))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW") or k.startswith("AIRFLOW_CONN_")}
    made = keys(home)
    return {
        **inherited,
        **given,
        **common,
        "PYTHONPATH": path,
        "NO_PROXY": local,
        "no_proxy": local,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": made["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": made["jwt"],
        "AIRFLOW__API__SECRET_KEY": made["api"],
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        **_watched(given),
        **sqlite_for("scheduler", home),
    }


def _watched(given: Mapping[str, str]) -> dict[str, str]:
    """Return how Airflow is watched: as the warehouse's own settings say that it is (docs/observability.md)."""
    made: dict[str, str] = {}
    if address := given.get("WAREHOUSE_STATSD"):
        host, _, port = address.rpartition(":")
        made |= {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": host.strip("[]"),
            "AIRFLOW__METRICS__STATSD_PORT": port,
            "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
        }
    if given.get("WAREHOUSE_LOG") == "json":
        made["AIRFLOW__LOGGING__JSON_LOGS"] = "True"
    return made


def sqlite_for(component: str, home: Path) -> dict[str, str]:
    """Return the setting that names the metadata database, with the time that a component waits for it."""
    wait = API_LOCK_SECONDS if component == "api-server" else LOCK_SECONDS
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout={wait:g}"}


def keys(home: Path) -> dict[str, str]:
    """Return the keys of one AIRFLOW_HOME: fernet, jwt, api; made once, and readable by their owner alone."""
    path = home / "secrets.json"
    if not path.exists():
        made = {
            "fernet": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "jwt": secrets.token_urlsafe(48),
            "api": secrets.token_urlsafe(48),
        }
        write_private(path, made)
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded


def write_private(path: Path, content: object) -> None:
    """Write JSON that its owner alone can read.

    Raises:
        FileExistsError: the file is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)


def migrate(home: Path, environment: Mapping[str, str]) -> None:
    """Bring the metadata database of an AIRFLOW_HOME to the installed version of Airflow, and make it where none is.

    Raises:
        OrchestrationFailed: it was not done; the message ends with the log's last lines.
    """
    log = home / "logs" / "db-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=home,
            check=False,
        )
    if done.returncode:
        raise OrchestrationFailed(
            "Airflow's database was not migrated", got=f"exit {done.returncode}", remedy=last_lines(log)
        )


def copy_sqlite(origin: Path, copy: Path) -> None:
    """Copy an SQLite database as of one moment, also while others write to it."""
    with closing(sqlite3.connect(origin)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def airflow_version() -> str:
    """Return the installed version of Airflow."""
    return metadata.version("apache-airflow")
