"""The services of docker-compose.yml, started once for all tests that ask for them: `make test-services`."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.services.clock import Clock
from tests.services.containers import Compose, leave_the_network
from tests.services.people import INGESTS, People, wait_until
from tests.services.publishers import Publishers
from warehouse import secrets_file
from warehouse.settings import PROJECT_ROOT


def _environment(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable) or PROJECT_ROOT / ".venv" / name).absolute()
    if not (folder / "bin" / "python").exists():
        pytest.fail(f"There is no environment {folder}: `make test-services` makes it.")
    return folder


@pytest.fixture(scope="session")
def publishers(tmp_path_factory):
    """The publishers of the sample, some of whom have news to publish."""
    return Publishers(tmp_path_factory.mktemp("published") / "sample")


@pytest.fixture(scope="session")
def compose(tmp_path_factory, publishers):
    """docker-compose.yml with secrets of its own; nothing runs yet."""
    assert os.geteuid() == 0, "These tests take root: namespaces, mounts and users."
    leave_the_network()
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(PROJECT_ROOT / secrets_file.COMPOSE, folder)
    secrets_file.write(folder)
    given = {
        **{name: value or "" for name, value in dotenv_values(folder / ".env").items()},
        **{name: value or "" for name, value in dotenv_values(PROJECT_ROOT / "deploy" / "large.env").items()},
        "WAREHOUSE_SOURCES": "recorded:/opt/drypowder/sample",
        "WORKER_CONCURRENCY": "2",
        "AIRFLOW_API_WORKERS": "1",
    }
    running = Compose(
        folder=folder,
        given=given,
        environments={
            "deploy/airflow.Dockerfile": _environment("DRYPOWDER_PRODUCTION_VENV", "production"),
            "deploy/superset.Dockerfile": _environment("DRYPOWDER_SUPERSET_VENV", "superset"),
        },
        clock=Clock(folder / "clock"),
        instead={"sample": publishers.folder},
    )
    try:
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def databases(compose):
    """PostgreSQL with the databases and roles of all services, and Redis."""
    compose.up("postgres-init", "redis")
    return compose


@pytest.fixture(scope="session")
def airflow(databases):
    """All of Airflow: api-server, scheduler, dag-processor, triggerer, a worker and the builder."""
    # How often it is looked for tasks that are queued for too long, and not how long that is.
    looks = "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL"
    databases.services["scheduler"]["environment"] |= {looks: "10"}
    databases.up("api-server", "scheduler", "dag-processor", "triggerer", "worker", "builder")
    return databases


@pytest.fixture(scope="session")
def people(airflow):
    """One who is logged in to Airflow for each role."""
    with closing(People(airflow.given["AIRFLOW_ADMIN_PASSWORD"])) as found:
        yield found


@pytest.fixture(scope="session")
def landed(airflow, people):
    """One run of every ingest by Celery's worker: its id and its task's state by DAG. The builder waits."""
    expected = {*INGESTS, "build", "maintenance"}
    wait_until(lambda: expected <= {d["dag_id"] for d in people.get("dags", limit=200)["dags"]}, 300, "every DAG")
    people.slots(0)
    runs = {dag: people.trigger(dag) for dag in INGESTS}
    return {dag: (run, people.ended(dag, run)["land"]) for dag, run in runs.items()}


@pytest.fixture(scope="session")
def built(landed, people):
    """The build that the landings started, by Celery's builder: its id, and its tasks' states."""
    people.slots(1)
    wait_until(lambda: people.get("dags/build/dagRuns")["dag_runs"], 60, "a build")
    (first, *_) = people.get("dags/build/dagRuns", order_by="run_after")["dag_runs"]
    return first["dag_run_id"], people.ended("build", first["dag_run_id"])


@pytest.fixture(scope="session")
def superset(databases):
    """Superset's web pages and worker."""
    databases.up("superset", "superset-worker")
    return databases


@pytest.fixture
def postgres_url(databases):
    """An empty database of the superuser's, as SQLAlchemy spells it."""
    server, name = databases.running["postgres"], f"test_{uuid.uuid4().hex[:8]}"
    made = server.run("createdb", "--username", "postgres", name)
    assert made.returncode == 0, made.stderr
    yield f"postgresql+psycopg2://postgres:{databases.given['POSTGRES_PASSWORD']}@127.0.0.1:5432/{name}"
    server.run("dropdb", "--username", "postgres", "--force", name)
