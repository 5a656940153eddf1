"""PostgreSQL and Redis: each service reaches what is its own, with its own password."""

from __future__ import annotations

import pytest

from tests.services.databases import psql, redis

pytestmark = pytest.mark.services

OWN = {"airflow": "airflow", "superset": "superset"}


@pytest.mark.parametrize("role", OWN)
def test_a_service_owns_its_database(databases, role):
    sql = "create table mine (a int); insert into mine values (1); select a from mine; drop table mine"
    done = psql(databases, role, OWN[role], sql)
    assert "\n1\n" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("role", "database"),
    [("airflow", "superset"), ("superset", "airflow"), ("airflow", "postgres"), ("superset", "template1")],
)
def test_a_service_cannot_even_connect_to_anothers_database(databases, role, database):
    done = psql(databases, role, database, "select 1")
    assert done.returncode != 0
    assert f'permission denied for database "{database}"' in done.stderr


def test_the_backups_role_reads_all_and_changes_nothing(databases):
    sql = "create table if not exists kept (a int); truncate kept; insert into kept values (7)"
    assert psql(databases, "superset", "superset", sql).returncode == 0
    assert psql(databases, "backup", "superset", "select a from kept").stdout.strip() == "7"
    for change in ("insert into kept values (8)", "drop table kept", "create table other (a int)"):
        for first in ("", "set default_transaction_read_only = off; "):
            done = psql(databases, "backup", "superset", f"{first}{change}")
            assert done.returncode != 0, change
    assert psql(databases, "superset", "superset", "select a from kept; drop table kept").stdout.split()[0] == "7"


@pytest.mark.parametrize("role", ["airflow", "superset", "backup", "postgres"])
def test_no_role_gets_in_with_another_password(databases, role):
    for password in ("", "wrong", databases.given["REDIS_AIRFLOW_PASSWORD"]):
        done = psql(databases, role, OWN.get(role, "postgres"), "select 1", password)
        assert done.returncode != 0
        assert "password" in done.stderr


def test_only_the_superuser_is_one(databases):
    sql = (
        "select rolname from pg_roles where rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
    )
    assert psql(databases, "postgres", "postgres", sql).stdout.split() == ["postgres"]


def test_a_password_that_was_replaced_is_in_force_after_the_next_start(databases):
    old = databases.given["POSTGRES_BACKUP_PASSWORD"]
    init = databases.services["postgres-init"]["environment"]
    try:
        init["POSTGRES_BACKUP_PASSWORD"] = "another-password-of-some-length"  # noqa: S105
        databases.restart("postgres-init")
        assert psql(databases, "backup", "airflow", "select 1", old).returncode != 0
        assert psql(databases, "backup", "airflow", "select 1", init["POSTGRES_BACKUP_PASSWORD"]).returncode == 0
    finally:
        init["POSTGRES_BACKUP_PASSWORD"] = old
        databases.restart("postgres-init")
    assert psql(databases, "backup", "airflow", "select 1").returncode == 0


def test_no_password_stands_in_the_log_of_the_database(databases):
    log = databases.running["postgres"].log.read_text()
    assert "ready to accept connections" in log
    assert not [name for name, value in databases.given.items() if name.endswith("_PASSWORD") and value in log]


def test_an_empty_database_can_be_had(databases, postgres_url):
    name = postgres_url.rpartition("/")[2]
    assert psql(databases, "postgres", name, "select current_database()").stdout.strip() == name


def test_redis_refuses_who_has_no_password(databases):
    nobody = databases.running["redis"].run("redis-cli", "get", "x").stdout
    assert nobody.startswith("NOAUTH")
    assert (
        "WRONGPASS"
        in databases.running["redis"].run("redis-cli", "-u", "redis://airflow:wrong@127.0.0.1", "get", "x").stderr
    )
    assert redis(databases, "airflow", "ping").strip() == "PONG"


def test_superset_reaches_no_key_of_airflows_workers(databases):
    assert redis(databases, "superset", "set", "superset:mine", "1").strip() == "OK"
    for command in (("lpush", "default", "work"), ("get", "builder"), ("publish", "celery", "x"), ("del", "default")):
        assert redis(databases, "superset", *command).startswith("NOPERM"), command


@pytest.mark.parametrize("user", ["airflow", "superset"])
@pytest.mark.parametrize("command", [("flushall",), ("config", "get", "*"), ("acl", "list"), ("shutdown",)])
def test_no_service_administers_redis(databases, user, command):
    assert redis(databases, user, *command).startswith("NOPERM")
