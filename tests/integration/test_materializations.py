"""What our own materialisations promise: a model that fails leaves the table that readers had."""

import os
import subprocess
import sys

import duckdb
import pytest

from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

OURS = [PROJECT_ROOT / "dbt_project" / "macros" / name for name in ("materializations.sql", "increments.sql")]
PROJECT = """
name: small
version: 0.1.0
profile: small
macro-paths: [macros]
"""
PROFILE = """
small:
  target: file
  outputs:
    file: {type: duckdb, path: "{{ env_var('SMALL_FILE') }}", schema: main, threads: 2, keep_open: true}
"""
PYTHON = """
def model(dbt, session):
    dbt.config(materialized="table")
    return session.sql("select {} as answer")
"""


class Small:
    """A dbt project of one model in a file of its own."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "small.duckdb"
        (folder / "models").mkdir()
        (folder / "macros").mkdir()
        for macros in OURS:
            (folder / "macros" / macros.name).write_text(macros.read_text())
        (folder / "dbt_project.yml").write_text(PROJECT)
        (folder / "profiles.yml").write_text(PROFILE)

    def run(self, model: str, *, suffix: str = "sql") -> int:
        """Run the model anew and return dbt's exit code."""
        for old in (self.folder / "models").iterdir():
            old.unlink()
        (self.folder / "models" / f"thing.{suffix}").write_text(model)
        arguments = ["run", "--quiet", "--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        program = "from dbt.cli.main import cli; cli()"
        return subprocess.run(
            [sys.executable, "-P", "-c", program, *arguments],
            cwd=self.folder,
            env={**os.environ, "SMALL_FILE": str(self.file), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            check=False,
            timeout=120,
        ).returncode

    def relations(self) -> list[tuple[str, str, int]]:
        """Return name, type and answer of everything that is there."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            found = connection.execute("select table_name, table_type from information_schema.tables").fetchall()
            return [(n, t, connection.execute(f"select answer from {n}").fetchone()[0]) for n, t in found]


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path)


def sql(kind: str, answer: str) -> str:
    return f"{{{{ config(materialized='{kind}') }}}} select {answer} as answer"


def test_what_was_there_is_replaced_as_a_whole_or_not_at_all(small):
    assert small.run(sql("view", "1")) == 0
    assert small.run(sql("table", "2")) == 0
    assert small.run(sql("table", "cast('one' as integer)")) != 0
    assert small.relations() == [("thing", "BASE TABLE", 2)]
    assert small.run(sql("view", "3")) == 0
    assert small.run(sql("view", "no_such_column")) != 0
    assert small.relations() == [("thing", "VIEW", 3)]


def test_so_is_what_a_python_model_replaces(small):
    assert small.run(sql("view", "1")) == 0
    assert small.run(PYTHON.format(2), suffix="py") == 0
    assert small.run(PYTHON.format("no_such_column"), suffix="py") != 0
    assert small.relations() == [("thing", "BASE TABLE", 2)]
    assert small.run(PYTHON.format(3), suffix="py") == 0
    assert small.relations() == [("thing", "BASE TABLE", 3)]
