"""The metadata database in the shape of an earlier Airflow, brought to this one in a real PostgreSQL, with all that happened.

Airflow itself brings it into that shape: no earlier version is installed here.
"""

from __future__ import annotations

import pytest

from tests.services.databases import psql

pytestmark = pytest.mark.services

EARLIER = "3.2.0"
KEPT = ("dag_run", "task_instance", "asset_event", "xcom", "connection", "slot_pool", "ab_user", "ab_role")


@pytest.fixture
def copied(airflow, built, postgres_url):
    """The address of a copy of the database of a whole day, and what each of its tables holds."""
    name = postgres_url.rpartition("/")[2]
    words = (
        f"set -o pipefail; pg_dump --username postgres airflow | psql --username postgres -v ON_ERROR_STOP=1 -q {name}"
    )
    done = airflow.running["postgres"].run("bash", "-c", words)
    assert done.returncode == 0, done.stderr
    return postgres_url, counted(airflow, name)


def counted(airflow, name):
    sql = " union all ".join(f"select '{table}', count(*) from {table}" for table in KEPT)
    return dict(line.split("|") for line in psql(airflow, "postgres", name, sql).stdout.split())


def of_this_version(airflow, name):
    """Return whether a column is there that Airflow has since 3.3."""
    sql = "select count(*) from information_schema.columns where (table_name, column_name) = ('task_instance', 'retry_reason')"
    return psql(airflow, "postgres", name, sql).stdout.strip() == "1"


def test_the_database_of_an_earlier_airflow_is_migrated_and_nothing_that_happened_is_lost(airflow, copied):
    url, before = copied
    name = url.rpartition("/")[2]
    assert int(before["dag_run"]) > 40

    def database(*words):
        done = airflow.running["scheduler"].run(
            "airflow", "db", *words, timeout=300, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url
        )
        assert done.returncode == 0, done.stdout + done.stderr

    database("downgrade", "--to-version", EARLIER, "--yes")
    assert not of_this_version(airflow, name)
    assert counted(airflow, name) == before

    database("migrate")  # what airflow-init does at every start

    assert of_this_version(airflow, name)
    assert counted(airflow, name) == before
    database("check-migrations")
