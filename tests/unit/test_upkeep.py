"""Upkeep: what is tidied away, and what is left to those who still write it."""

from __future__ import annotations

import os
import time

import pytest

from tests.unit.toy import rate
from warehouse import upkeep
from warehouse.errors import ArchiveDamaged

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


# ------------------------------------------------------------------------------------------------------ the archive


def bodies(home):
    return sorted(path for path in (home.settings.archive / "sha256").rglob("*.zst"))


def test_every_body_of_a_sound_archive_is_read_or_as_many_as_are_asked_for(home):
    for value in (1, 2, 3):
        home.says(rate("2026-01-01", value))
        home.land()
    found = upkeep.check_archive(home.settings)
    assert (found.bodies, found.named) == (3, 3)
    assert found.bytes > 0
    assert upkeep.check_archive(home.settings, sample=2).bodies == 2


@pytest.mark.parametrize("how", ["changed", "cut", "gone", "other"])
def test_a_body_that_is_not_what_it_was_is_named(home, how):
    for value in (1, 2):
        home.says(rate("2026-01-01", value))
        home.land()
    first, second = bodies(home)
    if how == "changed":
        first.write_bytes(bytes(first.stat().st_size))
    elif how == "cut":
        first.write_bytes(first.read_bytes()[:-5])
    elif how == "gone":
        first.unlink()
    else:  # a whole body, and another one
        first.write_bytes(second.read_bytes())
    with pytest.raises(ArchiveDamaged, match=first.stem) as caught:
        upkeep.check_archive(home.settings)
    assert second.stem not in str(caught.value)


def test_a_log_entry_that_cannot_be_read_is_named(home):
    home.says(rate("2026-01-01", 1))
    home.land()
    (entry,) = (home.settings.archive / "fetches").rglob("*.json")
    whole = entry.read_text()
    entry.write_text(whole[:50])
    with pytest.raises(ArchiveDamaged, match=entry.stem):
        upkeep.check_archive(home.settings)
    entry.write_text(whole.replace("2026", "2025").replace("2027", "2026"))
    with pytest.raises(ArchiveDamaged, match="it is of the fetch"):
        upkeep.check_archive(home.settings)
