"""Addresses of metadata databases: read as SQLAlchemy spells them, and never shown with their password."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from warehouse.errors import BackupFailed
from warehouse.metadata_database import databases, how_to_restore, parse
from warehouse.settings import Settings


@pytest.mark.parametrize(
    ("url", "kind", "name", "address", "password"),
    [
        ("sqlite:////var/lib/a.db?timeout=30", "sqlite", "a", "/var/lib/a.db", ""),
        ("sqlite:///here/a.db", "sqlite", "a", "here/a.db", ""),
        (
            "postgresql+psycopg2://u:p%40%2Fss@h:5433/n?sslmode=require",
            "postgresql",
            "n",
            "postgresql://u@h:5433/n?sslmode=require",
            "p@/ss",
        ),
        ("postgresql+asyncpg://u@h/n", "postgresql", "n", "postgresql://u@h/n", ""),
        ("postgres://h/n?password=s3cr3t", "postgresql", "n", "postgresql://h/n", "s3cr3t"),
    ],
)
def test_an_address_is_read(url, kind, name, address, password):
    found = parse(url)
    assert (found.kind, found.name, found.address, found.password) == (kind, name, address, password)
    assert not password or password not in repr(found)


def test_several_databases_are_named_in_one_setting():
    settings = Settings(metadata_urls="postgresql://u:a@h/airflow, postgresql://u:b@h/superset\nsqlite:////x.db")
    assert [each.name for each in databases(settings, {})] == ["airflow", "superset", "x"]
    assert ":a@" not in repr(settings)


def test_without_the_setting_it_is_airflows_own_and_what_the_home_has(tmp_path):
    settings = Settings(home=tmp_path)
    assert databases(settings, {}) == []
    for name in ("airflow/airflow.db", "superset/superset.db", "elsewhere/airflow.db"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")

    def named(**environ):
        return [Path(each.address).relative_to(tmp_path).as_posix() for each in databases(settings, environ)]

    assert named() == ["airflow/airflow.db", "superset/superset.db"]
    assert named(AIRFLOW_HOME=f"{tmp_path}/elsewhere") == ["elsewhere/airflow.db", "superset/superset.db"]
    conn = f"sqlite:///{tmp_path}/elsewhere/airflow.db?timeout=3"
    assert named(AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=conn) == ["elsewhere/airflow.db", "superset/superset.db"]


def test_pg_dump_gets_the_password_by_its_environment_alone(tmp_path, monkeypatch):
    program = tmp_path / "pg_dump"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/password\n'
        'echo "no such role, $PGPASSWORD" >&2\nexit 1\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(BackupFailed, match=r"no such role, \*\*\*") as caught:
        parse("postgresql://u:s3cr3t@h/n").dump(tmp_path / "dump")
    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t" not in (tmp_path / "arguments").read_text()
    assert (tmp_path / "password").read_text() == "s3cr3t\n"
    assert "postgresql://u@h/n" in (tmp_path / "arguments").read_text()


def test_without_pg_dump_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupFailed, match="apt-get install postgresql-client"):
        parse("postgresql://u:s3cr3t@h/n").dump(tmp_path / "dump")


def test_what_to_type_holds_no_password():
    address = parse("postgresql://u:s3cr3t@h/n").address
    assert how_to_restore("postgresql", address, Path("metadata/n.dump")).startswith(
        "pg_restore --clean --if-exists --no-owner --dbname='postgresql://u@h/n' metadata/n.dump"
    )
