"""The task that asks a person: what it asks, and what each answer does. Who answers is a test of its own, with Airflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from approval import AcceptWarnings

import warehouse.approval
from warehouse.errors import GateClosed

QUESTION = warehouse.approval.Question(
    id="abc",
    fingerprint="f",
    asked_at=datetime(2026, 7, 25, tzinfo=UTC),
    current="2026.07.24.1",
    findings=(
        warehouse.approval.Warned(suite="s", table="ops.x", expectation="fresh", column=None, detail="{{ old }}"),
    ),
)


class Asked:
    """What the task told Airflow and the warehouse."""

    def __init__(self):
        self.details, self.accepted, self.skipped = [], [], []


@pytest.fixture
def asked(monkeypatch):
    """Stand in for Airflow's API and for the verbs."""
    from airflow.providers.standard.operators import hitl

    found = Asked()
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: found.details.append(detail))
    monkeypatch.setattr(warehouse.approval, "unanswered", lambda: QUESTION)

    def accept(**answer):
        found.accepted.append(answer)
        if answer["question"] != QUESTION.id:
            raise GateClosed("What was shown is not what would be published now")
        return warehouse.approval.Acceptance(
            question="abc",
            accepted_by=answer["by"],
            accepted_at=datetime.now(UTC),
            because=answer["because"],
            findings=QUESTION.findings,
        )

    monkeypatch.setattr(warehouse.approval, "accept", accept)
    return found


@pytest.fixture
def task(asked, monkeypatch):
    made = AcceptWarnings(task_id="approve")
    made.downstream_task_ids.add("publish")
    monkeypatch.setattr(AcceptWarnings, "skip", lambda _, **given: asked.skipped.append(list(given["tasks"])))
    return made


class Instance:
    id = "ti"


class Context(dict):
    def __init__(self, task):
        super().__init__(task_instance=Instance, ti=Instance, task=task)


def answer(*options, by="Ada", **given):
    return {
        "chosen_options": list(options),
        "params_input": given,
        "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": "1", "name": by} if by else None,
        "timedout": by is None,
    }


def test_where_nothing_is_new_nobody_is_asked(task, asked, monkeypatch):
    monkeypatch.setattr(warehouse.approval, "unanswered", lambda: None)
    assert task.execute(Context(task)) is None
    assert asked.details == []


def test_a_person_sees_the_findings_as_they_are_and_has_a_day(task, asked):
    with pytest.raises(TaskAwaitingInput) as raised:
        task.execute(Context(task))
    assert raised.value.timeout == timedelta(days=1)
    assert type(raised.value.timeout) is timedelta, "Airflow cannot send a subclass of it to the task's supervisor"
    [detail] = asked.details
    assert detail["body"] == "- ops.x: fresh: {{ old }}"
    assert (detail["options"], detail["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert detail["params"]["question"]["value"] == "abc"
    assert detail["params"]["because"]["value"] == ""


def test_an_approval_is_recorded_with_who_why_and_what_was_shown(task, asked):
    accepted = task.execute_complete(Context(task), answer("Approve", because="It is known.", question="abc"))
    assert asked.accepted == [{"by": "Ada", "because": "It is known.", "question": "abc"}]
    assert accepted == 1
    assert asked.skipped == []


@pytest.mark.parametrize("because", ["", "  "])
def test_an_approval_without_a_reason_is_asked_again(task, asked, because):
    with pytest.raises(TaskAwaitingInput):
        task.execute_complete(Context(task), answer("Approve", because=because, question="abc"))
    assert asked.accepted == []
    assert len(asked.details) == 1


@pytest.mark.parametrize("by", ["Ada", None])
def test_a_refusal_and_a_day_without_an_answer_leave_the_release_as_it_is(task, asked, by, monkeypatch):
    monkeypatch.setattr(AcceptWarnings, "get_direct_relatives", lambda *_, **__: [AcceptWarnings(task_id="publish")])
    task.execute_complete(Context(task), answer("Reject", by=by, because="", question="abc"))
    assert asked.accepted == []
    assert [[each.task_id for each in tasks] for tasks in asked.skipped] == [["publish"]]


def test_an_approval_of_what_was_shown_before_something_changed_fails_for_good(task):
    with pytest.raises(AirflowFailException, match="not what would be published now"):
        task.execute_complete(Context(task), answer("Approve", because="x", question="an older one"))
