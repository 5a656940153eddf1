"""What Superset opens the release with (superset/release_reader.py), in Superset's own Python: limits, and which file."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.browser

BEGIN = f"""
import sys
sys.path += [{str(PROJECT_ROOT / "superset")!r}, {str(PROJECT_ROOT)!r}]
import os
import release_reader
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url
here = os.environ["WAREHOUSE_HOME"] + "/current/warehouse.duckdb"
def opened(address=here):
    uri, options = release_reader.guarded(make_url("duckdb:///" + address), {{"connect_args": {{"read_only": False}}}})
    return create_engine(uri, **options)
def asked(connection, sql):
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchall()
    except Exception as error:
        return str(error)
"""


@pytest.fixture(scope="module")
def python(published, tmp_path_factory):
    """Run lines in Superset's Python on the home of a release, and return what they print."""
    script = (
        tmp_path_factory.mktemp("script") / "lines.py"
    )  # from a text, DuckDB takes it for a person and prints progress

    def _python(lines, **variables):
        home = str(published.parents[1])
        script.write_text(BEGIN + lines)
        done = subprocess.run(
            [PROJECT_ROOT / ".venv" / "superset" / "bin" / "python", script],
            env={**os.environ, "PYTHONPATH": "", "WAREHOUSE_HOME": home, **variables}, cwd="/", capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    return _python


def test_a_query_is_stopped_when_its_time_is_over_and_the_connection_goes_on(python):
    said = python(
        """
connection = opened().raw_connection()
for sql in (
    "select sum(hash(a.range * b.range)) from range(10000000) a, range(10000000) b",  # while it is executed
    "select a.range, b.range from range(100000) a, range(100000) b",  # while it is fetched
):
    print(repr(asked(connection, sql)))
    print(asked(connection, "select 42"))
""",
        SUPERSET_QUERY_SECONDS="4",
    ).splitlines()
    assert [line[1:50] for line in said[::2]] == ["The query was stopped; expected an answer within "] * 2, said
    assert said[1::2] == ["[(42,)]"] * 2, said


def test_memory_and_threads_are_limited_and_nothing_is_written_beside_a_release(python):
    said = python(
        """
connection = opened().raw_connection()
print(asked(connection, "select length(list(range)) from range(200000000)"))
wall = connection._opened if hasattr(connection, "_opened") else connection.dbapi_connection._opened
for name in ("memory_limit", "threads", "temp_directory", "enable_external_access", "lock_configuration", "access_mode"):
    print(wall.execute(f"select current_setting('{name}')").fetchone()[0])
""",
        SUPERSET_QUERY_MEMORY="200MB",
        SUPERSET_QUERY_THREADS="1",
    ).splitlines()
    assert any("Out of Memory" in line or "could not allocate" in line for line in said)
    assert said[-6:] == ["190.7 MiB", "1", "", "False", "True", "read_only"]


def test_what_superset_asks_of_the_tables_themselves_is_allowed(python):
    said = python(
        """
of = inspect(opened())
print("warehouse.ops" in of.get_schema_names(), "freshness" in of.get_table_names("ops"), of.get_view_names("ops"))
print(len(of.get_columns("freshness", "ops")) > 5, of.get_pk_constraint("freshness", "ops"), of.has_table("freshness", "ops"))
"""
    )
    assert said.splitlines() == ["True True []", "True {'constrained_columns': [], 'name': None} True"]


@pytest.mark.parametrize("name", ["internal.duckdb", "warehouse.duckdb", "current/../warehouse.duckdb", ":memory:", ""])
def test_no_other_duckdb_file_is_opened(python, published, name):
    home = published.parents[1]
    address = name if name in {":memory:", ""} else f"{home}/{name}"
    said = python(f"""
try:
    opened({address!r}).connect()
except Exception as error:
    print(error)
""")
    assert said.startswith("The database was not opened; expected the current release; got ")


def test_a_new_release_is_opened_though_the_one_before_still_is_and_may_be_deleted(python, published, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(published.parents[1], home, symlinks=True, ignore=shutil.ignore_patterns("superset", "archive"))
    before, after = sorted(path.name for path in (home / "releases").iterdir())
    said = python(
        f"""
import shutil
from pathlib import Path
home = Path(os.environ["WAREHOUSE_HOME"])
def link(name):
    (home / "next").symlink_to("releases/" + name)
    (home / "next").rename(home / "current")
ask = "select count(*) from ops.held_back"
link({before!r})
first = opened().raw_connection()
print(asked(first, ask))
link({after!r})
print(asked(opened().raw_connection(), ask), asked(first, ask))
shutil.rmtree(home / "releases" / {before!r})
print(asked(opened().raw_connection(), ask), asked(first, ask))
""",
        WAREHOUSE_HOME=str(home),
    ).splitlines()
    assert said == ["[(0,)]", "[(1,)] [(0,)]", "[(1,)] [(0,)]"]


def test_without_a_release_it_says_what_to_do(python, tmp_path):
    said = python(
        """
try:
    opened().connect()
except Exception as error:
    print(error)
""",
        WAREHOUSE_HOME=str(tmp_path),
    )
    assert said.endswith("`drypowder run` makes one.")
