"""What a verb's end means to Airflow."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from verb_outcome import airflow_outcomes, note_failure, note_success

from warehouse import failures
from warehouse.errors import (
    ApprovalNeeded,
    ArchiveDamaged,
    BackupFailed,
    BuilderBusy,
    ConfigurationError,
    ContractViolation,
    GateClosed,
    NothingNew,
    NotRecorded,
    SourceUnavailable,
)
from warehouse.settings import Settings


def told(error):
    @airflow_outcomes
    def verb():
        raise error

    return verb


def test_what_a_verb_returns_is_handed_on():
    @airflow_outcomes
    def land(source, *, table):
        return f"{source}.{table}"

    assert land("ofr", table="financial_stress") == "ofr.financial_stress"
    assert land.__name__ == "land"


@pytest.mark.parametrize("kind", [NothingNew, NotRecorded])
def test_nothing_to_do_is_skipped_and_the_reason_is_kept(kind):
    with pytest.raises(AirflowSkipException, match="nothing at this address") as raised:
        told(kind("nothing at this address"))()
    assert isinstance(raised.value.__cause__, kind)


@pytest.mark.parametrize("kind", [ArchiveDamaged, ContractViolation, GateClosed, ConfigurationError])
def test_what_another_try_cannot_mend_fails_without_one(kind):
    with pytest.raises(AirflowFailException, match="column x; expected DATE; got 'moon'"):
        told(kind("column x", expected="DATE", got="'moon'"))()


@pytest.mark.parametrize("kind", [SourceUnavailable, BackupFailed, BuilderBusy, OSError])
def test_what_may_pass_is_left_to_airflows_retries(kind):
    with pytest.raises(kind):
        told(kind("not now"))()


class Task:
    dag_id, task_id, log_url = "build", "check", "http://127.0.0.1/dags/build/runs/r/tasks/check"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path))
    return Settings(home=tmp_path)


def test_a_task_that_failed_for_good_is_noted_with_our_error_and_not_with_airflows(home):
    with pytest.raises(AirflowFailException) as raised:
        told(GateClosed("column x", expected="DATE", got="'moon'", remedy="Look."))()
    note_failure({"ti": Task, "exception": raised.value})
    [failure] = failures.noted(home)
    assert (failure.task, failure.error, failure.log) == ("build.check", "GateClosed", Task.log_url)
    assert (failure.what, failure.expected, failure.got, failure.remedy) == ("column x", "DATE", "'moon'", "Look.")
    note_success({"ti": Task})
    assert failures.noted(home) == []


@pytest.mark.parametrize("context", [{}, {"exception": None}, {"exception": "Task was killed"}])
def test_a_task_whose_process_was_killed_is_noted_by_who_finds_it(home, context):
    note_failure({"ti": Task, **context})
    [failure] = failures.noted(home)
    assert failure.what.startswith("It ended without a word")


def test_a_release_that_waits_is_no_failure(home):
    with pytest.raises(AirflowFailException) as raised:
        told(ApprovalNeeded("waits"))()
    note_failure({"ti": Task, "exception": raised.value})
    assert failures.noted(home) == []
