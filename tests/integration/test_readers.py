"""Readers that ask without pause while releases are published: no error, nothing stale, nothing torn."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.drills import LONG
from tests.toy_release import publish, say, toy_builder
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

PUBLISHES, READERS = (200, 16) if LONG else (20, 6)
STALE_SECONDS = 1.0
READER = Path(__file__).parents[1] / "reader.py"
SUPERSET_READER = PROJECT_ROOT / ".venv" / "superset-reader" / "bin" / "python"
KINDS = {
    "duckdb": ("duckdb", sys.executable),
    "duckdb-sqlalchemy": ("sqlalchemy", sys.executable),
    "duckdb-engine": ("sqlalchemy", str(SUPERSET_READER)),
}


def set_to(settings, value):
    say(
        settings,
        f"create or replace table marts.first as select {value} as value, n from range(10000) as rows (n)",
        f"create or replace table marts.second as select {value} as value, n from range({1000 + value}) as rows (n)",
    )


def test_readers_see_whole_and_fresh_releases_while_others_are_published(tmp_path):
    assert SUPERSET_READER.exists(), "`make setup-dev` installs what Superset reads with"
    settings = toy_builder(tmp_path)
    set_to(settings, 0)
    publish(settings)
    stop = tmp_path / "stop"
    outs = {}
    readers = []
    for n in range(READERS):
        kind = list(KINDS)[n % len(KINDS)]
        driver, python = KINDS[kind]
        outs[f"{kind} {n}"] = tmp_path / f"reader-{n}.jsonl"
        readers.append(
            subprocess.Popen([python, READER, driver, settings.home, stop, outs[f"{kind} {n}"]], stderr=subprocess.PIPE)
        )
    try:
        _wait_until(lambda: all(out.exists() and out.stat().st_size for out in outs.values()))
        swapped = []
        for value in range(1, PUBLISHES + 1):
            set_to(settings, value)
            publish(settings)
            swapped.append((time.monotonic(), value))
        time.sleep(STALE_SECONDS + 0.5)
    finally:
        stop.touch()
        said = [reader.communicate(timeout=60)[1].decode() for reader in readers]
    assert [reader.returncode for reader in readers] == [0] * READERS, said

    for name, out in outs.items():
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert [line["error"] for line in lines if "error" in line] == [], name
        assert len(lines) > PUBLISHES / 4, name
        for line in lines:
            least, most, other_least, other_most, rows, other_rows = line["saw"]
            assert least == most == other_least == other_most, (name, line)
            assert (rows, other_rows) == (10000, 1000 + least), (name, line)
            due = max((value for at, value in swapped if at + STALE_SECONDS < line["began"]), default=0)
            assert least >= due, (name, line)
        assert lines[-1]["saw"][0] == PUBLISHES, name


def _wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
