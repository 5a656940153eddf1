"""Airflow in the background, as `make up` starts it: behind passwords, alive after a kill, and gone after `down`."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import httpx
import psutil
import pytest
from rich.console import Console

from tests.integration.conftest import command, environment
from warehouse import serving
from warehouse.airflow_api import AirflowApi, OrchestrationFailed
from warehouse.airflow_settings import airflow_environment
from warehouse.errors import ConfigurationError
from warehouse.processes import free_port, in_sessions
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.slow

SERVICES = {"api-server", "dag-processor", "scheduler", "triggerer"}


@pytest.fixture
def settings(tmp_path):
    """A home whose Airflow runs, from the first `up` on."""
    made = Settings(
        home=tmp_path / ("a long name, for a socket has little room, " * 2 + "and blanks"),
        sources=f"recorded:{PROJECT_ROOT / 'sample'}",
        airflow_port=free_port(),
        superset_port=free_port(),
    )
    yield made
    serving.down(made, Console(file=io.StringIO()))


def verb(function, settings, *arguments):
    said = io.StringIO()
    function(settings, *arguments, Console(file=said, width=200))
    return said.getvalue()


def states(settings):
    return {s.name: s for s in serving.Stack(settings, None).states()}


def log_in(settings, user):
    api = AirflowApi(url=f"http://127.0.0.1:{settings.airflow_port}")
    assert api.log_in(user, passwords(settings)[user])
    return api


def passwords(settings):
    return json.loads((settings.home / "airflow" / "passwords.json").read_text())


def sessions(settings):
    return {int(pid) for pid in json.loads((settings.home / "services" / "sessions.json").read_text())}


def wait_until(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def up_starts_everything_prints_passwords_once_and_may_be_said_again(settings):
    first = verb(serving.up, settings)
    before = states(settings)
    assert set(before) >= SERVICES
    assert {s.word for s in before.values()} == {"RUNNING"}
    for password in passwords(settings).values():
        assert password in first

    second = verb(serving.up, settings)

    assert "runs already" in second
    assert {n: s.pid for n, s in states(settings).items()} == {n: s.pid for n, s in before.items()}
    for password in passwords(settings).values():
        assert password not in second


def only_its_owner_reads_what_is_secret(settings):
    for path in ("airflow/passwords.json", "airflow/secrets.json", "services/supervisord.conf"):
        assert stat.S_IMODE((settings.home / path).stat().st_mode) == 0o600, path
    secret = [
        *passwords(settings).values(),
        *json.loads((settings.home / "airflow" / "secrets.json").read_text()).values(),
    ]
    for log in (settings.home / "services").glob("*.log"):
        text = log.read_text()
        assert not [word for word in secret if word in text], log.name


def it_listens_on_loopback_alone(settings):
    ours = {process.pid for process in in_sessions(sessions(settings))}
    # All at once: asked one by one, a process that has ended since it was listed is an error.
    listening = [c.laddr.ip for c in psutil.net_connections("inet") if c.pid in ours and c.status == psutil.CONN_LISTEN]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def who_has_no_password_sees_nothing_and_a_viewer_starts_nothing(settings):
    url = f"http://127.0.0.1:{settings.airflow_port}"
    assert httpx.get(f"{url}/api/v2/dags").status_code == 401
    assert httpx.post(f"{url}/auth/token", json={"username": "admin", "password": "guess"}).status_code == 401
    viewer = log_in(settings, "viewer")
    assert viewer.get("dags/build")["dag_id"] == "build"
    with pytest.raises(OrchestrationFailed, match="403"):
        viewer.post("dags/maintenance/dagRuns", {"logical_date": None})
    with pytest.raises(OrchestrationFailed, match="403"):
        viewer.get("connections")
    assert log_in(settings, "engineer").get("pools/duckdb_writer")["slots"] == 1


def a_backfill_of_airflows_asks_for_the_days_it_names(settings):
    engineer = log_in(settings, "engineer")
    asked = {
        "dag_id": "ingest__tic__major_foreign_holders", "max_active_runs": 1, "run_backwards": False, "dag_run_conf": {},
        "from_date": "2026-05-15T00:00:00Z", "to_date": "2026-05-16T00:00:00Z", "reprocess_behavior": "none",
    }  # fmt: skip
    planned = engineer.post("backfills/dry_run", asked)
    assert planned["total_entries"] == 1  # the calendar asks on the days from the 15th to the 20th
    made = engineer.post("backfills", asked)
    wait_until(lambda: engineer.get(f"backfills/{made['id']}")["completed_at"])
    runs = engineer.get("dags/ingest__tic__major_foreign_holders/dagRuns", run_type="backfill")["dag_runs"]
    assert [run["state"] for run in runs] == ["success"]
    landed = settings.home / "landing" / "tic" / "major_foreign_holders"
    assert list(landed.rglob("*.parquet"))


def a_killed_scheduler_comes_back_and_takes_up_its_work(settings):
    engineer = log_in(settings, "engineer")
    before = states(settings)["scheduler"].pid
    os.kill(before, signal.SIGKILL)
    engineer.post("dags/ingest__fiscaldata__auctions/dagRuns", {"dag_run_id": "after", "logical_date": None})
    runs = "dags/ingest__fiscaldata__auctions/dagRuns/after"
    wait_until(lambda: engineer.get(runs)["state"] in {"success", "failed"})
    assert engineer.get(runs)["state"] == "success"
    now = states(settings)["scheduler"]
    assert now.word == "RUNNING"
    assert now.pid != before


def a_port_that_is_taken_is_said_before_anything_starts(settings, tmp_path):
    other = replace(settings, home=tmp_path / "other")
    with pytest.raises(ConfigurationError, match=f"port {settings.airflow_port} .* already.*WAREHOUSE_AIRFLOW_PORT"):
        verb(serving.up, other)
    assert not (other.home / "services" / "sessions.json").exists()


def logs_of_one_service_and_an_unknown_one(settings):
    shown = subprocess.run(
        command(settings, "logs", "scheduler", "--lines", "3"),
        env=environment(settings),
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == 3
    unknown = subprocess.run(
        command(settings, "logs", "cook"), env=environment(settings), capture_output=True, text=True
    )
    assert unknown.returncode == 1
    assert "scheduler" in unknown.stderr


def an_older_airflows_database_is_migrated_with_its_runs_and_kept_as_it_was(settings):
    verb(serving.down, settings)
    home = settings.home / "airflow"
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "downgrade", "--to-version", "3.2.0", "--yes"],
        env=airflow_environment(home, PROJECT_ROOT, settings.airflow_port, {}), cwd=home, capture_output=True, check=True,
    )  # fmt: skip
    (home / "migrated-by.txt").write_text("3.2.0")

    assert "migrating Airflow's database from 3.2.0" in verb(serving.up, settings)

    with closing(sqlite3.connect(home / "airflow-3.2.0.db")) as kept:
        assert kept.execute("select count(*) from dag_run where run_id = 'after'").fetchone() == (1,)
        assert not [c for _, c, *_ in kept.execute("pragma table_info(task_instance)") if c == "retry_reason"]  # of 3.3
    engineer = log_in(settings, "engineer")
    assert engineer.get("dags/ingest__fiscaldata__auctions/dagRuns/after")["state"] == "success"
    assert engineer.get("dags/build")["is_paused"] is False


def down_leaves_nothing_even_of_a_supervisor_that_was_killed(settings):
    mine = sessions(settings)
    pid = next(iter(mine))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert in_sessions(mine)

    assert "has stopped" in verb(serving.down, settings)

    assert in_sessions(mine) == []
    assert "Nothing runs" in verb(serving.down, settings)


def test_airflow_in_the_background(settings, tmp_path):
    # One test and not nine: they share one Airflow, in this order, and two workers would each start one.
    up_starts_everything_prints_passwords_once_and_may_be_said_again(settings)
    only_its_owner_reads_what_is_secret(settings)
    it_listens_on_loopback_alone(settings)
    who_has_no_password_sees_nothing_and_a_viewer_starts_nothing(settings)
    a_backfill_of_airflows_asks_for_the_days_it_names(settings)
    a_killed_scheduler_comes_back_and_takes_up_its_work(settings)
    a_port_that_is_taken_is_said_before_anything_starts(settings, tmp_path)
    an_older_airflows_database_is_migrated_with_its_runs_and_kept_as_it_was(settings)
    logs_of_one_service_and_an_unknown_one(settings)
    down_leaves_nothing_even_of_a_supervisor_that_was_killed(settings)
