"""Upkeep: what is tidied away, and what is left to those who still write it."""

from __future__ import annotations

import os
import time

import pytest

from tests.unit.toy import rate
from warehouse import upkeep

DAY = 86_400


@pytest.fixture
def partial(home):
    """Make a partial file of a home that was last written so many seconds ago."""

    def _partial(folder, age):
        path = folder / "toy" / "rates" / "all" / f".{age}.parquet.0a1b2c3d.partial"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    return _partial


def test_partial_files_of_killed_processes_are_removed(home, partial):
    settings = home.settings
    old = [partial(folder, DAY + 60) for folder in (settings.archive, settings.landing, settings.refused)]
    assert upkeep.maintain(settings).removed == 3
    assert not any(path.exists() for path in old)


def test_partial_files_that_a_landing_may_still_write_stay(home, partial):
    settings = home.settings
    young = [partial(folder, DAY - 60) for folder in (settings.archive, settings.landing, settings.refused)]
    assert upkeep.maintain(settings).removed == 0
    assert all(path.exists() for path in young)


def test_a_partial_file_that_is_finished_while_it_is_looked_at_is_left_alone(home, partial, monkeypatch):
    gone = partial(home.settings.landing, 2 * DAY)
    glob = type(gone).rglob

    def listed(folder, pattern):
        found = list(glob(folder, pattern))
        for path in found:
            path.rename(path.with_name("finished.parquet"))
        return found

    monkeypatch.setattr(type(gone), "rglob", listed)
    assert upkeep.maintain(home.settings).removed == 0


def test_tidying_up_leaves_what_landed(home):
    home.ingest(rate("2026-01-01", 1))
    upkeep.maintain(home.settings)
    assert home.query("select count(*) from raw.toy__rates") == [(1,)]
