"""A home written by an earlier state of the project, opened and run by this one."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from dataclasses import replace

import pytest

import warehouse
from tests.integration.conftest import cli, environment
from warehouse import release
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.slow

EARLIER = "11bfc53"
"""The state before Airflow's operation was built (issue 6); move it on with each tag."""
MARCH = "2026-03-31T00:00:00Z"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """The project as it was."""
    archived = subprocess.run(["git", "archive", EARLIER], cwd=PROJECT_ROOT, capture_output=True)
    if archived.returncode:
        pytest.skip(f"no history here that has {EARLIER}: {archived.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def test_a_home_of_an_earlier_state_opens_and_goes_on(earlier, tmp_path):
    sources = f"recorded:{PROJECT_ROOT / 'sample'}"
    settings = Settings(home=tmp_path / "home", sources=sources, now=MARCH, lock_wait_seconds=30)
    written = subprocess.run(
        [sys.executable, "-m", "warehouse.cli", "run"],
        cwd=earlier,
        env={
            **{k: v for k, v in environment(settings).items() if k != "DBT_PARTIAL_PARSE_FILE_PATH"},
            "PYTHONPATH": str(earlier),
            "WAREHOUSE_PROJECT": str(earlier),
        },
        capture_output=True,
        text=True,
    )
    assert written.returncode == 0, written.stdout + written.stderr
    then = release.current(settings)
    assert not (earlier / "deploy").exists()

    # It opens: readers, checksums, what people ask first.
    assert release.verify(then) == []
    with warehouse.connect(settings.home) as connection:
        figures = connection.execute("select count(*) from metrics.latest").fetchone()[0]
    assert figures > 0
    for verb in (["status"], ["releases"], ["verify"], ["quarantine", "list"], ["migrate"]):
        done = cli(settings, *verb)
        assert done.returncode == 0, f"{verb}\n{done.stdout}{done.stderr}"

    # It goes on: what became known since lands on top of what was there, and nothing of that is lost.
    now = replace(settings, now=None)
    done = cli(now, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    second = release.current(now)
    assert second.id != then.id
    assert release.verify(then) == []
    with warehouse.connect(settings.home) as connection:
        assert connection.execute("select count(*) from metrics.latest").fetchone()[0] >= figures
    assert _rows_lost(then, second) == {}
    assert cli(now, "diff").returncode == 0


def _rows_lost(before, after):
    """Return the marts that have fewer rows than before, with how many."""
    import duckdb

    sizes = []
    for each in (before, after):
        with duckdb.connect(str(each.path / "warehouse.duckdb"), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where schema_name = 'marts'"
            )
            sizes.append({
                f"{s}.{t}": connection.execute(f'select count(*) from "{s}"."{t}"').fetchone()[0]
                for s, t in tables.fetchall()
            })  # fmt: skip
    then, now = sizes
    return {name: (rows, now.get(name)) for name, rows in then.items() if now.get(name, 0) < rows}
