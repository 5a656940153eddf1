"""What the warehouse is told of the task that calls a verb."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
import task_run
from structlog.contextvars import get_contextvars
from verb_outcome import airflow_outcomes

from warehouse import runs


@pytest.fixture
def task(monkeypatch):
    """A task of a DAG run, as Airflow's context has it."""
    found = SimpleNamespace(
        dag_id="build", task_id="load", run_id="asset_triggered__1", try_number=2, map_index=-1, logical_date=None
    )
    run = SimpleNamespace(logical_date=None, run_after=datetime(2026, 11, 30, tzinfo=UTC), conf={})
    found.get_template_context = lambda: {"dag_run": run}
    monkeypatch.setattr(task_run, "get_current_context", lambda: {"ti": found})
    return found


@airflow_outcomes
def verb():
    return runs.run_id(), get_contextvars()


def test_a_verb_belongs_to_the_dags_run_and_all_its_lines_say_so(task):
    run_id, fields = verb()
    assert run_id == "build/asset_triggered__1"
    assert fields == {
        "run_id": run_id,
        "dag_id": "build",
        "dag_run_id": "asset_triggered__1",
        "task_id": "load",
        "try_number": 2,
    }
    assert get_contextvars() == {}


def test_outside_of_a_task_a_verb_is_a_run_of_its_own():
    run_id, fields = verb()
    assert "/" not in run_id
    assert fields == {}


def test_airflow_is_told_what_to_mask(task, monkeypatch):
    masked = []
    monkeypatch.setenv("WAREHOUSE_FRED_KEY", "0123456789abcdef")
    monkeypatch.setattr(task_run, "mask_secret", masked.append)
    verb()
    assert "0123456789abcdef" in masked


def test_its_lineage_is_below_the_run_that_airflows_provider_tells_of_the_task(task, monkeypatch):
    seen = []
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "team")
    monkeypatch.setattr(runs, "under", lambda run: seen.append(run) or nullcontext())
    verb()
    namespace, job, run_id = seen[0].parent.rsplit("/", 2)
    assert (namespace, job) == ("team", "build.load")
    assert UUID(run_id)


def test_without_lineage_the_provider_is_not_asked_and_a_broken_one_fails_nobody(task, monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    task.get_template_context = None
    assert verb()[0] == "build/asset_triggered__1"
    assert "no parent run" not in caplog.text
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    assert verb()[0] == "build/asset_triggered__1"
    assert "no parent run for lineage" in caplog.text
