"""How Airflow's REST API is asked: again while its database is locked, and never twice for one thing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import psutil
import pytest
import stamina

from tests.unit.toy import Reply
from warehouse.airflow_api import AirflowApi, OrchestrationFailed, _log_retries
from warehouse.airflow_settings import airflow_environment
from warehouse.errors import ConfigurationError
from warehouse.headless_airflow import HeadlessAirflow
from warehouse.processes import end_leftovers
from warehouse.settings import PROJECT_ROOT


@pytest.fixture
def api(publisher):
    made = AirflowApi(url=publisher.url)
    with httpx.Client(base_url=publisher.url) as made._client, stamina.set_testing(testing=True, attempts=3):  # noqa: SLF001
        yield made


@pytest.fixture
def airflow(tmp_path):
    return HeadlessAirflow(home=tmp_path, project=PROJECT_ROOT)


def test_a_locked_database_is_asked_again(api, publisher):
    publisher.says("/api/v2/dags", Reply(b"database is locked", 500), b'{"dags": []}')
    assert api.get("dags") == {"dags": []}


def test_a_try_again_is_not_printed(api, publisher, capsys):
    hooks = stamina.instrumentation.get_on_retry_hooks()
    try:
        _log_retries()
        publisher.says("/api/v2/dags", Reply(b"database is locked", 500), b'{"dags": []}')
        with stamina.set_testing(testing=False):
            api.get("dags")
    finally:
        stamina.instrumentation.set_on_retry_hooks(hooks)
    assert capsys.readouterr().out == ""


def test_a_database_that_stays_locked_is_told(api, publisher):
    publisher.says("/api/v2/dags", Reply(b"database is locked", 500))
    with pytest.raises(OrchestrationFailed, match="refused GET dags; got 500 database is locked"):
        api.get("dags")
    assert len(publisher.requests) == 3


def test_what_is_not_there_is_none_and_is_asked_for_once(api, publisher):
    assert api.get("nothing") is None
    assert len(publisher.requests) == 1


def test_the_api_server_gives_way_before_a_task_gives_up_on_it(airflow, monkeypatch):
    waits = {}

    def note(name, _command, environment):
        waits[name] = float(environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].partition("timeout=")[2])

    monkeypatch.setattr(HeadlessAirflow, "_fresh_database", lambda *_: None)
    monkeypatch.setattr(AirflowApi, "log_in_as_anybody", lambda *_: 1 / 0)  # all that matters has been started
    monkeypatch.setattr(airflow, "_spawn", note)
    with pytest.raises(ZeroDivisionError):
        airflow._start()  # noqa: SLF001
    assert waits == {"api-server": 3, "dag-processor": 30, "scheduler": 30}


FORKING_AT_THE_END = """
import os, signal, sys, time

def leave(*_):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(60)
    os._exit(0)

signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def left_behind(tmp_path):
    """A scheduler of a killed run that forks a worker when it is told to end; its session."""
    command = [sys.executable, "-c", FORKING_AT_THE_END, "airflow scheduler"]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        (tmp_path / "sessions.json").write_text(json.dumps({process.pid: time.time()}))
        yield process.pid
        for left in in_session(process.pid):
            left.kill()


def in_session(session):
    return [p for p in psutil.process_iter() if p.status() != psutil.STATUS_ZOMBIE and os.getsid(p.pid) == session]


def test_what_a_killed_run_left_is_ended_with_what_it_forks_meanwhile(airflow, left_behind):
    end_leftovers(airflow.home / "sessions.json", print)

    assert in_session(left_behind) == []
    assert not (airflow.home / "sessions.json").exists()


def test_who_is_stopped_while_ending_what_was_left_ends_it_nevertheless(airflow, left_behind):
    told = []

    def tell(line):
        told.append(line)
        if len(told) == 1:
            signal.raise_signal(signal.SIGTERM)

    airflow.told = tell
    with pytest.raises(SystemExit), airflow:
        pass

    assert len(told) == len(["ending it", "ending it again"])
    assert in_session(left_behind) == []


def test_airflow_is_watched_as_the_warehouse_is(tmp_path):
    watched = airflow_environment(
        tmp_path, PROJECT_ROOT, 8080, {"WAREHOUSE_STATSD": "[::1]:8125", "WAREHOUSE_LOG": "json"}
    )
    told = {name: text for name, text in watched.items() if "STATSD" in name or "JSON" in name}
    assert told == {
        "WAREHOUSE_STATSD": "[::1]:8125",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "::1",
        "AIRFLOW__METRICS__STATSD_PORT": "8125",
        "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
    }
    alone = airflow_environment(tmp_path, PROJECT_ROOT, 8080, {})
    assert not [name for name in alone if "STATSD" in name or "JSON_LOGS" in name]


def test_what_all_installations_have_in_common_is_read_from_one_file(tmp_path):
    made = airflow_environment(tmp_path, PROJECT_ROOT, 8080, {})
    for line in (PROJECT_ROOT / "deploy" / "airflow.env").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            assert made[name] == value
    with pytest.raises(ConfigurationError, match="common settings are not there"):
        airflow_environment(tmp_path, tmp_path, 8080, {})
