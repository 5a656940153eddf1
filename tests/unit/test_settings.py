"""Settings come from the environment once, and say so when they cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse import clock
from warehouse.errors import ConfigurationError
from warehouse.settings import PROJECT_ROOT, Settings


def test_a_key_is_read_and_never_shown():
    settings = Settings.from_environment({"WAREHOUSE_FRED_KEY": "s3cr3t", "WAREHOUSE_DROP": "mine"})
    assert (settings.fred_key, settings.drop) == ("s3cr3t", Path("mine"))
    assert "s3cr3t" not in repr(settings)
    assert Settings.from_environment(settings.as_environment()) == settings


def test_an_empty_variable_counts_as_absent():
    assert Settings.from_environment({"WAREHOUSE_HOME": " "}).home == Path("data")


def test_variables_are_converted():
    settings = Settings.from_environment({"WAREHOUSE_THREADS": "4", "WAREHOUSE_LOCK_WAIT_SECONDS": "1.5"})
    assert (settings.threads, settings.lock_wait_seconds) == (4, 1.5)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"WAREHOUSE_THREADS": "many"}, "WAREHOUSE_THREADS cannot be read; expected a int; got 'many'"),
        ({"WAREHOUSE_SOURCES": "fake"}, r"WAREHOUSE_SOURCES \(or --sources\) names no transport"),
    ],
)
def test_a_wrong_variable_is_named(environ, words):
    with pytest.raises(ConfigurationError, match=words):
        Settings.from_environment(environ)


def test_the_example_file_names_every_variable_with_its_default():
    example = dict(
        line.split("=", 1)
        for line in (PROJECT_ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    fields = Settings.__dataclass_fields__.values()
    assert set(example) == {f.metadata["variable"] for f in fields}
    defaults = {f.metadata["variable"]: "" if f.default is None else str(f.default) for f in fields}
    defaults["WAREHOUSE_PROJECT"] = ""  # the default is where the package stands
    defaults["WAREHOUSE_SOURCES"] = ""  # what the home remembers comes before the default
    assert example == defaults


def test_the_clock_is_what_it_is_set_to(settings):
    fixed = Settings(now="2026-07-25T02:00:00+02:00")
    assert clock.now(fixed) == datetime(2026, 7, 25, tzinfo=UTC)
    assert abs((clock.now(settings) - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.parametrize("text", ["yesterday", "2026-07-25T00:00:00"])
def test_an_instant_that_could_mean_anything_is_refused(text):
    with pytest.raises(ConfigurationError):
        clock.parse_instant(text)


def test_a_recording_sets_the_clock(tmp_path):
    line = (
        '{"method": "GET", "url": "https://e.org/", "status": 200, "headers": {}, '
        '"fetched_at": "%s", "body": "x", "origin": "recorded"}\n'
    )
    (tmp_path / "index.jsonl").write_text(line % "2026-02-01T00:00:00Z" + line % "2026-01-01T00:00:00Z")
    assert clock.now(Settings(sources=f"recorded:{tmp_path}")) == datetime(2026, 2, 1, tzinfo=UTC)
