"""The production shape at work: roles at the API, a whole day through Celery, and what each service cannot do."""

from __future__ import annotations

import json
from contextlib import suppress

import httpx
import psutil
import pytest
from cryptography.fernet import Fernet

import warehouse
from tests.services.databases import psql
from tests.services.people import ADDRESS, INGESTS
from warehouse.settings import PROJECT_ROOT
from warehouse.superset import ROLES

pytestmark = pytest.mark.services

DAG = "ingest__chicagofed__nfci"
STEPS = ["load", "validate", "transform", "check", "approve", "publish"]
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "builder")


# ------------------------------------------------------------------------------------------------ who may do what

ACTIONS = {
    "see DAGs": ("viewer", "GET", "/api/v2/dags", None),
    "see runs": ("viewer", "GET", f"/api/v2/dags/{DAG}/dagRuns", None),
    "see tasks": ("viewer", "GET", "/api/v2/dags/{dag}/dagRuns/{run}/taskInstances", None),
    "read a task's log": ("analyst", "GET", "/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/land/logs/1", None),
    "read a DAG's code": ("analyst", "GET", f"/api/v2/dagSources/{DAG}", None),
    "see assets": ("analyst", "GET", "/api/v2/assets", None),
    "see import errors": ("analyst", "GET", "/api/v2/importErrors", None),
    "see what waits for an answer": ("analyst", "GET", "/api/v2/dags/~/dagRuns/~/hitlDetails", None),
    "see XComs": ("analyst", "GET", "/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/land/xcomEntries", None),
    "pause a DAG": ("engineer", "PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False}),
    "trigger a DAG": ("engineer", "POST", f"/api/v2/dags/{DAG}/dagRuns", {}),
    "clear a task": ("engineer", "POST", f"/api/v2/dags/{DAG}/clearTaskInstances", {"dry_run": True}),
    "answer what a run asks": (
        "engineer", "PATCH", "/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/land/-1/hitlDetails", {"chosen_options": ["x"]},
    ),
    "say that an asset has news": ("engineer", "POST", "/api/v2/assets/events", {"asset_id": 0}),
    "plan a backfill": (
        "engineer", "POST", "/api/v2/backfills/dry_run",
        {"dag_id": DAG, "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-02T00:00:00Z"},
    ),
    "see pools": ("engineer", "GET", "/api/v2/pools", None),
    "change a pool": ("engineer", "PATCH", "/api/v2/pools/nowhere", {"pool": "nowhere", "slots": 1, "include_deferred": False}),
    "set a variable": ("engineer", "POST", "/api/v2/variables", {"key": "k-{role}", "value": "v"}),
    "read the audit log": ("engineer", "GET", "/api/v2/eventLogs", None),
    "delete a DAG": ("admin", "DELETE", "/api/v2/dags/nowhere", None),
    "see connections": ("admin", "GET", "/api/v2/connections", None),
    "make a connection": ("admin", "POST", "/api/v2/connections", {"connection_id": "c", "conn_type": "http"}),
    "see users": ("admin", "GET", "/auth/fab/v1/users", None),
    "make a user": ("admin", "POST", "/auth/fab/v1/users", {"username": "incomplete"}),
    "see roles": ("admin", "GET", "/auth/fab/v1/roles", None),
}  # fmt: skip
"""What is done, the least role that may, and the request. It may have nothing to work on: then it is allowed and fails."""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_role_may_do_what_it_is_for_and_no_more(people, landed, action, role):
    least, method, path, body = ACTIONS[action]
    path = path.format(dag=DAG, run=landed[DAG][0])
    body = json.loads(json.dumps(body).replace("{role}", role))
    if action == "trigger a DAG":
        body = {"logical_date": "not a date"}  # who may is told what is wrong with it
    answer = people[role].request(method, path, json=body)
    if ROLES.index(role) >= ROLES.index(least):
        assert answer.status_code in {200, 201, 202, 204, 400, 404, 409, 422}, answer.text
    else:
        assert answer.status_code == httpx.codes.FORBIDDEN, answer.text


def test_nothing_is_told_to_who_is_not_logged_in(airflow):
    for _, method, path, body in ACTIONS.values():
        answer = httpx.request(
            method, f"{ADDRESS}{path}".replace("{run}", "r").replace("{dag}", DAG), json=body, trust_env=False
        )
        assert answer.status_code == httpx.codes.UNAUTHORIZED, path
    assert (
        httpx.post(
            f"{ADDRESS}/auth/token", json={"username": "admin", "password": "admin"}, trust_env=False
        ).status_code
        == 401
    )


def test_the_next_start_takes_back_what_a_role_was_given_by_hand_and_encrypts_with_a_new_key(airflow, people):
    given = {"action": {"name": "can_read"}, "resource": {"name": "Connections"}}
    role = people["admin"].get("/auth/fab/v1/roles/viewer").json()
    assert given not in role["actions"]
    changed = {"name": "viewer", "actions": [*role["actions"], given]}
    people["admin"].patch("/auth/fab/v1/roles/viewer", json=changed).raise_for_status()
    assert given in people["admin"].get("/auth/fab/v1/roles/viewer").json()["actions"]
    connection = {"connection_id": "mail", "conn_type": "smtp", "password": "of-the-mail-server"}
    people["admin"].post("/api/v2/connections", json=connection).raise_for_status()

    fresh, old = Fernet.generate_key().decode(), airflow.given["AIRFLOW_FERNET_KEY"]
    airflow.services["airflow-init"]["environment"]["AIRFLOW__CORE__FERNET_KEY"] = f"{fresh},{old}"
    airflow.restart("airflow-init")

    assert given not in people["admin"].get("/auth/fab/v1/roles/viewer").json()["actions"]
    stored = psql(
        airflow, "airflow", "airflow", "select password from connection where conn_id = 'mail'"
    ).stdout.strip()
    assert Fernet(fresh).decrypt(stored) == b"of-the-mail-server"


# --------------------------------------------------------------------------------------------------- what it does


def test_a_day_of_the_sample_goes_through_celery_to_a_release(airflow, landed, built):
    assert {state for _, state in landed.values()} == {"success", "skipped"}
    assert landed[DAG][1] == "success"
    assert built[1] == dict.fromkeys(STEPS, "success")
    home = airflow.folder / "volumes" / "warehouse"
    with warehouse.connect(home) as connection:
        assert connection.execute("select count(*) from metrics.latest").fetchone()[0] > 0


def test_whatever_writes_the_builders_file_ran_on_the_builder_and_nothing_else_did(people, landed, built):
    where = {(t["queue"], t["hostname"]) for t in people.tasks("build", built[0])}
    assert where == {("builder", "builder")}
    (land,) = people.tasks(DAG, landed[DAG][0])
    assert (land["queue"], land["hostname"]) == ("default", "worker")


def test_a_tasks_log_can_be_read_though_no_worker_serves_one(people, built):
    log = people.get(f"dags/build/dagRuns/{built[0]}/taskInstances/publish/logs/1")
    assert "Could not read" not in json.dumps(log)
    assert any("publish" in json.dumps(line) for line in log["content"])


@pytest.mark.parametrize("name", AIRFLOW)
def test_a_service_is_healthy_by_its_own_check(airflow, name):
    checked = airflow.health(name)
    assert checked.returncode == 0, checked.stderr


def test_a_check_of_health_says_what_is_not_well(airflow):
    done = airflow.running["scheduler"].run("python", "deploy/healthy.py", "scheduler", "nobody")
    assert done.returncode == 1
    assert done.stderr.strip() == "nobody: unknown"
    done = airflow.running["worker"].run(
        "sh",
        "-c",
        'CELERY_BROKER_URL="$AIRFLOW__CELERY__BROKER_URL" celery inspect ping --destination worker@nowhere --timeout 1',
    )
    assert done.returncode != 0


# ------------------------------------------------------------------------------------------------ what it cannot do


@pytest.mark.parametrize("name", [*AIRFLOW, "postgres", "redis"])
def test_a_service_is_no_root_has_no_capability_and_cannot_change_its_image(airflow, name):
    container = airflow.running[name]
    status = container.run("cat", "/proc/1/status").stdout
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in lines["Uid"].split()
    assert {lines[kind].strip("0") for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""}
    assert lines["NoNewPrivs"] == "1"
    written = container.run("sh", "-c", "touch /opt/drypowder/x /usr/x /etc/x /x 2>&1")
    assert written.returncode != 0
    assert written.stdout.count("Read-only file system") + written.stdout.count("No such file") == 4, written.stdout


def test_workers_know_no_address_of_the_database_and_no_key(airflow):
    for name in ("worker", "builder"):
        told = airflow.running[name].run("sh", "-c", "cat /proc/1/environ | tr '\\0' '\\n'").stdout
        assert "REDIS" not in told
        for secret in ("POSTGRES_AIRFLOW_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_SECRET_KEY"):
            assert airflow.given[secret] not in told, secret


def test_no_secret_stands_in_a_log_or_on_a_command_line(airflow, landed):
    secrets = {v for k, v in airflow.given.items() if k.endswith(("_PASSWORD", "_KEY", "_SECRET")) and len(v) > 20}
    assert len(secrets) >= 12
    logs = [*(airflow.folder / "logs").iterdir(), *(airflow.folder / "volumes" / "airflow-logs").rglob("*.log")]
    assert len(logs) > len(INGESTS)
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [s for s in secrets if s in text], log
    for container in airflow.running.values():
        if container.process.poll() is None:
            for process in container.processes():
                with suppress(psutil.Error):  # one that has just ended
                    assert not [s for s in secrets if s in " ".join(process.cmdline())], container.name


def test_the_settings_are_those_of_every_airflow_here(airflow):
    told = airflow.running["scheduler"].told["environment"]
    for line in (PROJECT_ROOT / "deploy" / "airflow.env").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            assert told[name] == value
