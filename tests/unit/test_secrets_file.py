"""Secrets in .env: what the compose file demands, made once, never shown."""

from __future__ import annotations

import base64
import re
import stat

import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner

from warehouse import secrets_file
from warehouse.cli import app
from warehouse.errors import ConfigurationError

COMPOSE = """
# ${NOT_THIS:?it stands in a comment}
x-shared: &shared
  KEY: ${SHARED_KEY:?run it}
services:
  one:
    environment: {<<: *shared, URL: "db://me:${ONE_PASSWORD:?run it}@db", SIZE: "${SIZE:-small}", TEXT: "$${ESCAPED:?no}"}
  two:
    environment: {<<: *shared}
  three:
    environment: {KEY: "${AIRFLOW_FERNET_KEY:?run it}", IN: "${X_ADMIN_PASSWORD:?run it}"}
"""
NAMES = ["SHARED_KEY", "ONE_PASSWORD", "AIRFLOW_FERNET_KEY", "X_ADMIN_PASSWORD"]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    return tmp_path


def values(project):
    return dotenv_values(project / ".env", interpolate=False)


def run(project, monkeypatch, *arguments):
    monkeypatch.setenv("WAREHOUSE_PROJECT", str(project))
    return CliRunner().invoke(app, ["secrets", *arguments])


def test_what_the_compose_file_demands_is_written_for_its_owner_alone(project):
    written = secrets_file.write(project)
    assert list(written.made) == list(values(project)) == NAMES
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert sorted(p.name for p in project.iterdir()) == [".env", "docker-compose.yml"]


def test_a_secret_is_long_differs_from_the_others_and_is_a_fernet_key(project):
    secrets_file.write(project)
    made = list(values(project).values())
    assert len(set(made)) == len(made)
    for secret in made:
        assert len(base64.urlsafe_b64decode(secret)) == 32
        assert re.fullmatch(r"[\w=-]+", secret)


def test_what_is_there_stays_as_it_is(project):
    before = "# mine\nexport ONE_PASSWORD='kept'\nSHARED_KEY=\nWAREHOUSE_CONTACT='Jane Doe jane@example.org'\n"
    (project / ".env").write_text(before)
    written = secrets_file.write(project)
    after = (project / ".env").read_text()
    assert written.kept == ("ONE_PASSWORD",)
    assert "SHARED_KEY" in written.made
    assert after.startswith("# mine\nexport ONE_PASSWORD='kept'\nSHARED_KEY=")
    assert "\nWAREHOUSE_CONTACT='Jane Doe jane@example.org'\n" in after
    assert values(project)["SHARED_KEY"]
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600

    again = secrets_file.write(project)
    assert (again.made, list(again.kept)) == ((), NAMES)
    assert (project / ".env").read_text() == after


def test_no_secret_is_printed(project, monkeypatch):
    first = run(project, monkeypatch)
    second = run(project, monkeypatch, "--rotate", "ONE_PASSWORD")
    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    for name, secret in values(project).items():
        assert name in first.output + second.output
        assert secret not in first.output + second.output
    assert f"grep -E 'X_ADMIN_PASSWORD' {project / '.env'}" in first.output


def test_a_replaced_secret_says_who_has_to_start_anew(project):
    secrets_file.write(project)
    before = values(project)
    written = secrets_file.rotate(project, "SHARED_KEY")
    after = values(project)
    assert written.restart == ("one", "two")
    assert "docker compose up --detach    (starts anew: one, two)" in str(written)
    assert {name for name in NAMES if before[name] != after[name]} == {"SHARED_KEY"}


def test_of_a_key_that_something_was_encrypted_with_the_one_before_stays(project):
    secrets_file.write(project)
    first = values(project)["AIRFLOW_FERNET_KEY"]
    secrets_file.rotate(project, "AIRFLOW_FERNET_KEY")
    second, behind = values(project)["AIRFLOW_FERNET_KEY"].split(",")
    assert behind == first
    secrets_file.rotate(project, "AIRFLOW_FERNET_KEY")
    third, behind = values(project)["AIRFLOW_FERNET_KEY"].split(",")
    assert behind == second
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("name", ["SIZE", "ESCAPED", "NOT_THIS", "NOWHERE"])
def test_only_a_demanded_secret_can_be_replaced(project, name):
    secrets_file.write(project)
    before = (project / ".env").read_text()
    with pytest.raises(ConfigurationError, match=f"demands no {name}"):
        secrets_file.rotate(project, name)
    assert (project / ".env").read_text() == before


def test_without_a_compose_file_nothing_is_written(tmp_path):
    with pytest.raises(ConfigurationError, match="no such file"):
        secrets_file.write(tmp_path)
    assert list(tmp_path.iterdir()) == []
