"""A home built once from the sample, by the verbs, shared by all integration tests (and xdist workers)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from filelock import FileLock

import warehouse
from tests.collectors import StatsD
from tests.conftest import shared_folder
from warehouse import nightly, telemetry
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.transformation import run_dbt


def cli(settings: Settings, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    return subprocess.run(
        command(settings, *arguments), capture_output=True, text=True, env=environment(settings), **options
    )


def command(settings: Settings, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "warehouse.cli", *arguments]


def environment(settings: Settings) -> dict[str, str]:
    # Tests of DAGs, which may be in the same process, have set Airflow's.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WAREHOUSE_", "AIRFLOW"))}
    given = {"WAREHOUSE_HOME": str(settings.home), "WAREHOUSE_SOURCES": settings.sources, "COLUMNS": "400"}
    return {**kept, **given, **({"WAREHOUSE_NOW": settings.now} if settings.now else {})}


@pytest.fixture(scope="session")
def sample_settings():
    return Settings(sources=f"recorded:{PROJECT_ROOT / 'sample'}", lock_wait_seconds=30)


@pytest.fixture(scope="session", autouse=True)
def parsed_once(tmp_path_factory):
    """Let dbt read the project once and not once a home: it takes longer than most runs of it."""
    shared = shared_folder(tmp_path_factory)
    settings = Settings(home=shared / "parsed", now="2026-01-01T00:00:00Z")
    parsed = settings.home / "dbt" / "partial_parse.msgpack"
    with FileLock(shared / "parsed.lock"):
        if not parsed.exists():
            settings.home.mkdir(parents=True, exist_ok=True)
            run_dbt(settings, "parsed", "parse")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_PARTIAL_PARSE_FILE_PATH", str(parsed))
        yield


def built_once(tmp_path_factory, name, build):
    """Build a home in the folder that all workers share, unless one of them has."""
    shared = shared_folder(tmp_path_factory)
    home = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not (home / "current").exists():
            build(home)
    return home


@pytest.fixture(scope="session")
def built(tmp_path_factory, sample_settings):
    """Settings of a home with one release of the whole sample. Read it; change only a copy."""
    home = built_once(tmp_path_factory, "built", lambda home: built_or_kept(replace(sample_settings, home=home)))
    return replace(sample_settings, home=home)


def built_or_kept(settings):
    """Run, or take what an earlier run of tests kept of the same code on the same figures; `make clean` forgets it."""
    store = Path(sys.prefix) / "built-for-tests" / what_builds()
    with FileLock(f"{store.parent}.lock"):
        if store.exists():
            for path in store.iterdir():
                copy_of(path, settings.home.parent / path.name)
            return
        watched_run(settings)
        shutil.rmtree(store.parent, ignore_errors=True)  # of other code
        store.parent.mkdir()
        with TemporaryDirectory(dir=store.parent) as fresh:
            for path in (settings.home, *settings.home.parent.glob(f"{settings.home.name}.*")):
                if path.suffix != ".lock":
                    copy_of(path, Path(fresh) / path.name)
            Path(fresh).rename(store)
            Path(fresh).mkdir()  # which its end removes


def copy_of(path, to):
    if path.is_dir():
        shutil.copytree(path, to, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(path, to)


def what_builds():
    """Return a digest of all that a build of the sample depends on: our files but tests and pages, and locked packages."""
    digest, ours = hashlib.sha256(sys.version.encode()), (__file__, "tests/collectors.py")
    for top in ("dbt_project", "expectations", "requirements", "sample", "warehouse", "pyproject.toml", *ours):
        start = PROJECT_ROOT / top
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            name = path.relative_to(PROJECT_ROOT)
            if path.is_file() and not {"__pycache__", "logs", "target"} & set(name.parts):
                digest.update(f"{name}:{path.stat().st_size}:".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def watched_run(settings):
    """Run while collectors listen, and keep what they got beside the home: test_observability.py reads it."""
    collector = StatsD()
    file = {"type": "file", "log_file_path": f"{settings.home}.lineage.jsonl", "append": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(file))
        nightly.run(replace(settings, statsd=collector.address))
    telemetry.configure(settings)
    Path(f"{settings.home}.statsd").write_text("\n".join(collector.received()))


@pytest.fixture(scope="session")
def built_in_march(tmp_path_factory, sample_settings):
    """The same with the clock in March 2026, so that a later run has news."""
    then = replace(sample_settings, now="2026-03-31T00:00:00Z")
    home = built_once(tmp_path_factory, "built-in-march", lambda home: nightly.run(replace(then, home=home)))
    return replace(then, home=home)


@pytest.fixture(scope="session")
def two(tmp_path_factory, built_in_march):
    """The same, and a second release of all that came since. Read it; change only a copy."""
    home = built_once(tmp_path_factory, "two", lambda home: run_beside_a_reader(built_in_march, home))
    return replace(built_in_march, home=home, now=None)


def run_beside_a_reader(before, home):
    """Run on a copy of a home while somebody reads it, and keep beside it what that reader finds afterwards."""
    copy = home.with_name(f"{home.name}.partial")
    shutil.copytree(before.home, copy, symlinks=True)
    with warehouse.connect(copy) as reader:
        nightly.run(replace(before, home=copy, now=None))
        (newest,) = reader.execute("select max(known_at)::varchar from metrics.latest").fetchone()
    Path(f"{home}.reader").write_text(newest)
    copy.rename(home)


@pytest.fixture
def copied(tmp_path):
    """Copy a home, keeping its links, so that a test may change it."""

    def _copied(settings: Settings) -> Settings:
        home = tmp_path / "home"
        shutil.copytree(settings.home, home, symlinks=True)
        return replace(settings, home=home)

    return _copied
