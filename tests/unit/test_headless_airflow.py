"""How Airflow's REST API is asked: again while its database is locked, and never twice for one thing."""

from __future__ import annotations

import httpx
import pytest
import stamina

from tests.unit.toy import Reply
from warehouse.headless_airflow import HeadlessAirflow, OrchestrationFailed, _log_retries
from warehouse.settings import PROJECT_ROOT


@pytest.fixture
def airflow(tmp_path, publisher):
    made = HeadlessAirflow(home=tmp_path, project=PROJECT_ROOT)
    with httpx.Client(base_url=publisher.url) as made._client, stamina.set_testing(testing=True, attempts=3):  # noqa: SLF001
        yield made


def test_a_locked_database_is_asked_again(airflow, publisher):
    publisher.says("/api/v2/dags", Reply(b"database is locked", 500), b'{"dags": []}')
    assert airflow.get("dags") == {"dags": []}


def test_a_try_again_is_not_printed(airflow, publisher, capsys):
    hooks = stamina.instrumentation.get_on_retry_hooks()
    try:
        _log_retries()
        publisher.says("/api/v2/dags", Reply(b"database is locked", 500), b'{"dags": []}')
        with stamina.set_testing(testing=False):
            airflow.get("dags")
    finally:
        stamina.instrumentation.set_on_retry_hooks(hooks)
    assert capsys.readouterr().out == ""


def test_a_database_that_stays_locked_is_told(airflow, publisher):
    publisher.says("/api/v2/dags", Reply(b"database is locked", 500))
    with pytest.raises(OrchestrationFailed, match="refused GET dags; got 500 database is locked"):
        airflow.get("dags")
    assert len(publisher.requests) == 3


def test_what_is_not_there_is_none_and_is_asked_for_once(airflow, publisher):
    assert airflow.get("nothing") is None
    assert len(publisher.requests) == 1


def test_the_api_server_gives_way_before_a_task_gives_up_on_it(airflow, monkeypatch):
    waits = {}

    def note(name, _command, environment):
        waits[name] = float(environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].partition("timeout=")[2])

    monkeypatch.setattr(HeadlessAirflow, "_fresh_database", lambda *_: None)
    monkeypatch.setattr(HeadlessAirflow, "_wait_for_api", lambda *_: 1 / 0)  # all that matters has been started
    monkeypatch.setattr(airflow, "_spawn", note)
    monkeypatch.setattr(airflow, "_note_sessions", lambda: None)
    with pytest.raises(ZeroDivisionError):
        airflow._start()  # noqa: SLF001
    assert waits == {"api-server": 3, "dag-processor": 30, "scheduler": 30}
