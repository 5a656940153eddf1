"""What `docs/consumers.md` promises: its examples, executed as they stand, and an install of DuckDB alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import duckdb
import pytest

from tests.object_storage import object_storage
from warehouse import release, upload
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

PAGE = (PROJECT_ROOT / "docs" / "consumers.md").read_text()


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found, language
    return found


PYTHON = [block for block in blocks("python") if "s3://" not in block]
(FROM_STORAGE,) = [block for block in blocks("python") if "s3://" in block]


@pytest.fixture
def checkout(built, tmp_path, monkeypatch):
    """A folder in which the demo's home lies where the page says it does."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(built.home)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def answer(built):
    """What every example prints."""
    with release.connect(built.home) as connection:
        row = connection.execute(
            "select period_end, value from metrics.latest where metric_id = 'capex_ttm' and entity_id = 'NVDA' "
            "order by period_end desc limit 1"
        ).fetchone()
    assert row[1] > 1
    return row


def executed(block, checkout, language=(sys.executable, "-c"), **variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WAREHOUSE_", "AWS_"))}
    given = {**kept, "WAREHOUSE_HOME": "data/demo", **variables}
    ended = subprocess.run([*language, block], capture_output=True, text=True, cwd=checkout, env=given, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def is_answer(printed, answer):
    day, _, value = printed.strip().rpartition(" ")
    return day.startswith(str(answer[0])) and float(value) == pytest.approx(answer[1])


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_an_example_in_python_prints_the_figure(number, checkout, answer):
    assert is_answer(executed(PYTHON[number], checkout), answer)


@pytest.mark.parametrize("number", range(len(blocks("sql"))))
def test_an_example_in_sql_gives_the_figure(number, checkout, answer):
    with duckdb.connect() as connection:
        assert connection.execute(blocks("sql")[number]).fetchall() == [answer]


@pytest.mark.parametrize("number", range(len(blocks("r"))))
def test_an_example_in_r_prints_the_figure(number, checkout, answer):
    block = blocks("r")[number]
    needed = "; ".join(re.findall(r"library\(\w+\)", block))
    if not shutil.which("Rscript") or subprocess.run(["Rscript", "-e", needed], capture_output=True).returncode:
        assert "they are not executed there" in PAGE
        pytest.skip("R with its packages is not installed")
    assert is_answer(executed(block, checkout, ("Rscript", "-e")), answer)


def test_the_example_from_object_storage_prints_the_figure(built, checkout, answer, monkeypatch):
    with object_storage() as storage:
        assert storage.ask("PUT", "/bucket")[0] == 200
        given = {**storage.environment, "AWS_ALLOW_HTTP": "true"}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        (checkout / "own").mkdir()
        for name in ("current", "releases"):
            (checkout / "own" / name).symlink_to((built.home / name).resolve())
        upload.upload(None, "s3://bucket/prefix", replace(built, home=checkout / "own"))
        assert is_answer(executed(FROM_STORAGE, checkout, **given), answer)


def test_every_table_s_parquet_lies_where_the_page_says(built):
    found = release.current(built)
    names = [name.split(".") for name in found.manifest["tables"] if not name.startswith("ops.")]
    assert len(names) > 20
    for schema, table in names:
        assert list((found.path / "parquet" / schema / table).glob("*.parquet")), table
    assert {p.parts[-3:-1] for p in found.path.glob("parquet/*/*/*")} == {tuple(name) for name in names}


def test_a_small_install_is_duckdb_alone_and_opens_a_release(built, tmp_path):
    uv = shutil.which("uv") or PROJECT_ROOT / ".venv" / "bin" / "uv"
    folder = tmp_path / "small"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    source = tmp_path / "source"  # so that no build writes into the checkout
    shutil.copytree(PROJECT_ROOT / "warehouse", source / "warehouse", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT_ROOT / name, source / name)
    installed = subprocess.run([uv, "pip", "install", "--python", python, source], capture_output=True, text=True)
    if "error sending request" in installed.stderr or "dns error" in installed.stderr:
        pytest.skip("no package index can be reached")
    assert installed.returncode == 0, installed.stderr
    listed = subprocess.run(
        [uv, "pip", "list", "--format", "freeze", "--python", python], capture_output=True, text=True
    )
    names = {line.partition("==")[0].partition(" @ ")[0] for line in listed.stdout.splitlines()}
    assert names == {"drypowder", "duckdb", "pytz"}
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("WAREHOUSE_")}
    script = "import warehouse; print(warehouse.connect({}).sql('select count(*) from metrics.latest').fetchone()[0])"
    ended = subprocess.run(
        [python, "-c", script.format(repr(str(built.home)))], capture_output=True, text=True, cwd=tmp_path, env=clean
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 1000
    ended = subprocess.run([python, "-c", script.format("")], capture_output=True, text=True, cwd=tmp_path, env=clean)
    assert ended.returncode != 0
    assert "NoRelease: data has no release; expected a link data/current; got none." in ended.stderr
