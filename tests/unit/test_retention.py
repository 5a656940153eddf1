"""Which releases stay, and that deleting one harms nobody."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest
from rich.console import Console

import warehouse
from tests.toy_release import NOW, publish, restate, toy_builder
from warehouse import packing, release, report, retention, upkeep
from warehouse.errors import ConfigurationError, NoRelease
from warehouse.settings import Settings


@pytest.fixture(scope="module")
def five_days(tmp_path_factory):
    """A home with five releases, one a day."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "PARTED_ROWS", 4)
        settings = toy_builder(tmp_path_factory.mktemp("five"))
        for day in range(5):
            restate(settings, day)
            publish(settings, NOW + timedelta(days=day))
    return settings


@pytest.fixture
def home(five_days, tmp_path, monkeypatch):
    """A copy of it, hard links and all, of which two releases stay by number and none by age."""
    monkeypatch.setattr(packing, "PARTED_ROWS", 4)
    subprocess.run(["cp", "-a", five_days.home, tmp_path / "home"], check=True)
    now = (NOW + timedelta(days=10)).isoformat()
    return replace(five_days, home=tmp_path / "home", keep_releases=2, keep_days=0, now=now)


def ids(settings):
    return [r.id for r in release.releases(settings)]


def days(*wanted):
    return [f"2026.01.{day:02}.1" for day in wanted]


def test_the_newest_stay(home):
    assert ids(home) == days(1, 2, 3, 4, 5)
    result = upkeep.prune(home)
    assert list(result.releases) == days(1, 2, 3)
    assert (result.kept, ids(home)) == (2, days(4, 5))


def test_the_young_stay_however_many_there_are(home):
    assert list(upkeep.prune(replace(home, keep_days=8)).releases) == days(1, 2)


def test_a_dry_run_says_it_and_deletes_nothing(home):
    plan = upkeep.prune(home, dry_run=True)
    assert ids(home) == days(1, 2, 3, 4, 5)
    assert "would delete 3 release(s) (2026.01.01.1, " in str(plan)
    done = upkeep.prune(home)
    assert (done.releases, done.bytes, done.kept) == (plan.releases, plan.bytes, plan.kept)


def test_the_current_one_and_where_rollback_goes_stay(home):
    upkeep.rollback(days(3)[0], home)
    upkeep.prune(replace(home, keep_releases=1))
    assert ids(home) == days(2, 3, 5)
    assert upkeep.rollback(settings=home).id == days(2)[0]


def test_a_pinned_release_stays_until_it_is_unpinned(home):
    first, second = days(1, 2)
    retention.pin(home, first)
    retention.pin(home, first, "a report quotes it")
    upkeep.prune(home)
    assert ids(home) == days(1, 4, 5)
    assert retention.pins(home)[first].reason == "a report quotes it"
    with pytest.raises(NoRelease, match=f"There is no release {second}"):
        retention.pin(home, second)
    retention.unpin(home, first)
    with pytest.raises(NoRelease, match=f"There is no pinned release {first}"):
        retention.unpin(home, first)
    assert list(upkeep.prune(home).releases) == [first]


def test_deleting_a_release_does_not_harm_its_successors(home):
    oldest, *_, newest = release.releases(home)
    shared = "parquet/marts/rates/2023.parquet"
    assert (oldest.path / shared).samefile(newest.path / shared)
    upkeep.prune(home)
    assert not oldest.path.exists()
    for each in release.releases(home):
        assert release.verify(each) == []
        assert duckdb.sql(f"select count(*) from '{each.path}/parquet/marts/rates/*.parquet'").fetchone() == (20,)
    restate(home, 99)
    after = publish(home, NOW + timedelta(days=11))
    assert release.verify(after) == []
    assert (after.path / shared).samefile(newest.path / shared)


def test_who_has_a_release_open_goes_on_reading_it(home):
    upkeep.rollback(days(1)[0], home)
    with warehouse.connect(home.home) as reader:
        upkeep.rollback(days(5)[0], home)
        upkeep.prune(home)
        assert not (home.releases / days(1)[0]).exists()
        assert reader.execute("select count(*), max(value) from marts.rates where day = '2024-01-01'").fetchone() == (
            2,
            0,
        )


def test_what_a_release_has_of_its_own_is_what_deleting_it_frees(home):
    first, second, *_ = release.releases(home)
    own = retention.bytes_of_their_own(first)
    every = sum(p.stat().st_size for p in first.path.rglob("*") if p.is_file())
    shared = (first.path / "parquet/marts/rates/2023.parquet").stat().st_size
    assert own == every - shared
    both = retention.bytes_of_their_own(first, second)
    assert both == own + retention.bytes_of_their_own(second)
    for each in release.releases(home)[2:]:
        shutil.rmtree(each.path)
    assert retention.bytes_of_their_own(first, second) == both + shared  # which is theirs alone now, and counts once
    assert retention.bytes_of_their_own(first) == own


def test_what_a_killed_prune_leaves_is_no_release_and_goes(home, monkeypatch):
    monkeypatch.setattr(shutil, "rmtree", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        upkeep.prune(home)
    monkeypatch.undo()
    assert ids(home) == days(4, 5)
    assert release.remove_unfinished(home) == 3
    assert sorted(p.name for p in home.releases.iterdir()) == days(4, 5)


def test_nothing_goes_while_it_is_not_known_what_is_current(home):
    home.current.unlink()
    assert upkeep.prune(home).releases == ()


def test_maintaining_prunes(home):
    result = upkeep.maintain(home)
    assert list(result.pruned.releases) == days(1, 2, 3)
    assert result.rows == 3
    assert "deleted 3 release(s)" in str(result)


def test_the_list_shows_pins_age_and_size(home):
    retention.pin(home, days(1)[0], "a report [quotes] it")
    console = Console(width=200, record=True)
    report.print_releases(home, console)
    lines = console.export_text().splitlines()
    (pinned,) = [line for line in lines if "2026.01.01.1" in line]
    (shown,) = [line for line in lines if "current" in line]
    assert "pinned: a report [quotes] it" in pinned
    assert "10 d" in pinned
    assert "2026.01.05.1" in shown
    assert "6 d" in shown


@pytest.mark.parametrize("name", ["keep_releases", "keep_days", "upload_keep"])
def test_a_retention_that_keeps_nothing_is_refused(name):
    with pytest.raises(ConfigurationError, match=f"WAREHOUSE_{name.upper()} is too small"):
        Settings(**{name: -1})
