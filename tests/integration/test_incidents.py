"""A release that waits for a person, and a task that fails, under Airflow's real scheduler."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import pytest

import warehouse
from tests.receivers import WebHook
from warehouse import approval, failures, incidents
from warehouse import release as releases
from warehouse.headless_airflow import HeadlessAirflow
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

PATH = "services/t0ken"
"""Of a web hook whose address is the secret."""
INGEST = "ingest__ofr__financial_stress"


class Airflow:
    """What a person does on Airflow's pages."""

    def __init__(self, running: HeadlessAirflow):
        self.running, self.api = running, running.api

    def wait(self, what, condition, seconds=600):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited for {what}"
            time.sleep(1)
        return found

    def start(self, dag: str) -> str:
        return self.api.post(f"dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"]

    def end_of(self, dag: str, run: str) -> tuple[str, dict[str, str]]:
        """Wait for the end of a run; return its state and the states of its tasks."""
        path = f"dags/{dag}/dagRuns/{run}"
        over = self.wait(f"the end of {dag}", lambda: self.state(path))
        tasks = self.api.get(f"{path}/taskInstances")["task_instances"]
        return over, {task["task_id"]: task["state"] for task in tasks}

    def state(self, path: str) -> str | None:
        state = self.api.get(path)["state"]
        return state if state in {"success", "failed"} else None

    def question(self, run: str, *, number: int) -> dict | None:
        """Return what a run asks a person at this moment, once the scheduler has noticed that it asks."""
        assert self.state(f"dags/build/dagRuns/{run}") is None
        noticed = r"TaskInstance Finished: dag_id=build, task_id=approve, .*state=awaiting_input"
        if len(re.findall(noticed, (self.running.logs / "scheduler.log").read_text(errors="replace"))) < number:
            return None  # an answer as fast as this test's would come too early
        details = self.api.get(f"dags/build/dagRuns/{run}/hitlDetails")["hitl_details"]
        waiting = [each for each in details if each["task_instance"]["state"] == "awaiting_input"]
        return waiting[0] if waiting and not waiting[0]["response_received"] else None

    def answer(self, run: str, *options: str, **given: str):
        path = f"dags/build/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
        return self.api.call("PATCH", path, json={"chosen_options": options, "params_input": given})


@pytest.fixture
def unaccepted(built, copied):
    """A built home whose current release is of other content, and has none of the warnings that the next one has."""
    settings = replace(copied(built), approval="warnings", notify_webhook="incidents")
    path = settings.current.resolve() / "manifest.json"
    manifest = json.loads(path.read_text())
    assert any(suite["warnings"] for suite in manifest["suites"] if suite["border"] == "release")
    path.chmod(0o644)
    for suite in manifest["suites"]:
        suite["warnings"] = []
    path.write_text(json.dumps(manifest | {"fingerprint": "0" * 64}))
    return settings


@pytest.fixture
def hook():
    server = WebHook(f"/{PATH}")
    yield server
    server.close()


@pytest.fixture
def airflow(unaccepted, hook, tmp_path):
    """Airflow on that home, and what it tells people."""
    given = {**unaccepted.as_environment(), "AIRFLOW_CONN_INCIDENTS": hook.connection()}
    with HeadlessAirflow(home=tmp_path / "airflow", project=PROJECT_ROOT, environment=given) as running:
        running.wait_for_dags({"build", "watch", INGEST})
        yield Airflow(running)


def let_a_task_fail(airflow, settings):
    """Let a task fail for good: for a moment its home belongs to another transport."""
    note = settings.transport_note.read_bytes()
    settings.transport_note.write_text(json.dumps({"transport": "live"}))
    assert airflow.end_of(INGEST, airflow.start(INGEST)) == ("failed", {"land": "failed"})
    settings.transport_note.write_bytes(note)
    [failure] = failures.noted(settings)
    assert (failure.task, failure.error) == (f"{INGEST}.land", "ConfigurationError")
    assert failure.expected.startswith("--sources live")
    assert failure.log.startswith(f"{airflow.running.url}/dags/{INGEST}/runs/")


def test_a_release_waits_until_somebody_accepts_it_and_a_failed_task_is_told_until_it_succeeds(
    unaccepted, hook, airflow
):
    settings, before = unaccepted, releases.current(unaccepted).id
    run = airflow.start("build")
    question = airflow.wait("a question", lambda: airflow.question(run, number=1))
    shown = approval.noted(settings)
    assert question["body"] == str(shown)
    assert "fresh" in question["body"]
    assert question["params"]["question"]["value"] == shown.id
    let_a_task_fail(airflow, settings)

    assert airflow.end_of("watch", airflow.start("watch")) == ("success", {"tell": "success"})
    told = {each["key"]: each for each in hook.taken}
    assert told["waits release"]["command"] == approval.COMMAND
    assert told[f"failed {INGEST}.land"]["command"] == "drypowder land ofr financial_stress"
    assert set(told) == {each.key for each in incidents.now_wrong(settings)}
    assert len(hook.taken) == len(told)

    airflow.answer(run, "Approve", because=" ", question=shown.id)  # without a reason it is asked again
    airflow.wait("the question again", lambda: airflow.question(run, number=2))
    assert releases.current(settings).id == before
    airflow.answer(run, "Approve", because="The sample is old on purpose.", question=shown.id)
    state, tasks = airflow.end_of("build", run)
    assert (state, set(tasks.values())) == ("success", {"success"})
    the_release_says_who_accepted_it(settings, shown)

    assert airflow.end_of(INGEST, airflow.start(INGEST)) == ("success", {"land": "skipped"})
    assert failures.noted(settings) == []
    assert airflow.end_of("watch", airflow.start("watch"))[0] == "success"
    over = [each["key"] for each in hook.taken if each["event"] == "over"]
    assert sorted(over) == [f"failed {INGEST}.land", "waits release"]
    assert len(hook.taken) == len(told) + 2

    logs = [path for path in airflow.running.logs.rglob("*") if path.is_file()]
    assert len(logs) > 5
    assert [path.name for path in logs if PATH in path.read_text(errors="replace")] == []
    assert PATH not in (settings.incidents / incidents.LEDGER).read_text()


def the_release_says_who_accepted_it(settings, shown):
    published = releases.current(settings)
    [accepted] = published.manifest["accepted"]
    assert accepted["accepted_by"]
    assert accepted["because"] == "The sample is old on purpose."
    assert len(accepted["findings"]) == len(shown.findings)
    with warehouse.connect(settings.home) as connection:
        rows = connection.execute(
            "select accepted_by, because from ops.acceptances where question = ?", [shown.id]
        ).fetchall()
    assert rows == [(accepted["accepted_by"], accepted["because"])]
    assert accepted["because"] in (published.path / "quality" / "index.html").read_text()
