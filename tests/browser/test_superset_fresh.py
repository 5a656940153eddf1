"""A new release is there at once, through the cache of the one before, which is used for as long as it holds."""

from __future__ import annotations

import os
import subprocess
import time

import duckdb
import pytest

from tests.browser.conftest import swap
from tests.browser.test_release_reader import BEGIN, python  # noqa: F401  (fixture)
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.browser

AT_MOST = 5.0
"""Seconds after the swap of `current`."""


@pytest.fixture
def held_back(people):
    """Ask as a chart does how many fetches are held back: the figure, and whether it came from the cache."""
    viewer = people["viewer"]
    filters = {"q": "(filters:!((col:table_name,opr:eq,value:held_back)))"}
    (dataset,) = viewer.get("/dataset/", params=filters).json()["ids"]
    query = {"metrics": ["fetches_held_back"], "columns": [], "filters": [], "row_limit": 10}
    body = {"datasource": {"id": dataset, "type": "table"}, "force": False, "queries": [query], "result_type": "full"}

    def _held_back():
        answer = viewer.post("/chart/data", json=body | {"result_format": "json"})
        (result,) = answer.json()["result"]
        return result["data"][0]["fetches_held_back"], bool(result["is_cached"])

    return _held_back


def test_charts_show_a_new_release_within_seconds_and_each_release_has_its_own_cache(published, held_back):
    home, releases = published.parents[1], sorted(published.parent.iterdir())
    counts = []
    for release in releases:
        with duckdb.connect(str(release / "warehouse.duckdb"), read_only=True) as connection:
            counts += connection.execute("select count(*) from ops.held_back").fetchone()
    old, new = counts
    assert old != new
    held_back()
    assert held_back() == (new, True)
    try:
        for release, before, after in ((releases[0], new, old), (releases[1], old, new), (releases[0], new, old)):
            assert held_back() == (before, True)
            swap(home, release)
            since = time.monotonic()
            while held_back()[0] != after:
                assert time.monotonic() - since < AT_MOST
            assert held_back() == (after, True)
            assert {held_back()[0] for _ in range(5)} == {after}
    finally:
        swap(home, releases[-1])
    assert held_back() == (new, True)


@pytest.mark.parametrize("kind", ["SimpleCache", "RedisCache"])
def test_what_was_asked_of_one_release_is_not_kept_as_an_answer_of_the_next(python, published, tmp_path, kind):  # noqa: F811
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    said = python(
        f"""
from pathlib import Path
import flask
from release_cache import {kind}
home = Path(os.environ["WAREHOUSE_HOME"])
class Redis:  # as much of it as a cache asks
    kept = {{}}
    get = kept.get
    def setex(self, name, time, value): self.kept[name] = value; return True
    def set(self, name, value, **_): self.kept[name] = value; return True
    def delete(self, name): return self.kept.pop(name, None)
    def exists(self, name): return name in self.kept
options = {{"host": Redis(), "key_prefix": "superset:data:"}} if {kind!r} == "RedisCache" else {{}}
cache, app = {kind}(default_timeout=60, **options), flask.Flask("x")
(home / "current").symlink_to("one")
with app.app_context():
    cache.get("sum")  # a question begins
    (home / "current").unlink(); (home / "current").symlink_to("two")  # and a release comes
    cache.set("sum", 1)
    print(cache.get("sum"), release_reader.release().name)
with app.app_context():
    print(cache.get("sum"), cache.has("sum"), release_reader.release().name)
    cache.set("sum", 2)
    print(cache.get("sum"))
    cache.delete("sum")
    print(cache.get("sum"))
print(all(name.startswith("superset:data:") for name in Redis.kept))
""",
        WAREHOUSE_HOME=str(tmp_path),
    )
    assert said.splitlines() == ["1 one", "None False two", "2", "None", "True"]


def test_an_answer_that_counts_up_to_today_does_not_outlive_the_day(tmp_path):
    (tmp_path / "current").mkdir()
    lines = """
from datetime import UTC, datetime
class Clock(datetime):
    day = 1
    @classmethod
    def now(cls, zone): return cls(2026, 1, cls.day, tzinfo=zone)
release_reader.datetime = Clock
before = release_reader.edition()
Clock.day = 2
print(before, release_reader.edition())
"""
    done = subprocess.run(
        [PROJECT_ROOT / ".venv" / "superset" / "bin" / "python", "-c", BEGIN + lines],
        env={**os.environ, "PYTHONPATH": "", "WAREHOUSE_HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["current:2026-01-01", "current:2026-01-02"]
