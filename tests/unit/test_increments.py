"""What a build may keep of the last one, and when it may keep nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.toy import rate
from warehouse import increments, stores

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def built(home):
    """A home whose two rows are built."""
    home.says(rate("2026-01-08", 1), rate("2026-01-09", 2))
    home.land()
    home.promote()
    with stores.open_warehouse(home.settings) as connection:
        increments.complete(connection, increments.begin(connection, logic="", now=NOW), logic="same", now=NOW)
    return home


def begin(home, *, logic="same", now=NOW, **options):
    with stores.open_warehouse(home.settings) as connection:
        return increments.begin(connection, logic=logic, now=now, **options)


def add(home, day, value):
    home.says(rate("2026-01-08", 1), rate("2026-01-09", 2), rate(day, value))
    home.land()
    home.promote()


def test_nothing_new_leaves_the_days_since_the_last_build(built):
    assert begin(built, now=NOW + timedelta(days=2)).since == NOW


def test_new_rows_reach_back_to_when_they_became_known(built):
    add(built, "2026-02-02", 3)
    (known_at,) = built.query("select known_at from raw.toy__rates where rate_pct = 3")[0]
    assert known_at < NOW
    assert begin(built).since == known_at
    assert built.query("select node, first_period::varchar from build.news") == [
        ("source.drypowder.toy.rates", "2026-02-02")
    ]


@pytest.mark.parametrize(
    ("change", "options", "why"),
    [
        ("", {"logic": "other"}, "have changed"),
        ("", {"now": NOW - timedelta(hours=1)}, "which is later"),
        ("", {"now": NOW + timedelta(days=31)}, "the last build of everything was as of 2026-03-01"),
        ("", {"anew": True}, "as asked"),
        ("update raw.toy__rates set known_at = known_at - interval 1 day", {}, "that were there are not"),
        ("delete from raw.toy__rates where rate_pct = 2", {}, "that were there are not"),
        ("drop table build.inputs", {}, "no build before it"),
    ],
)
def test_everything_is_built_where_the_past_or_the_logic_is_another(built, change, options, why):
    if change:
        with stores.open_warehouse(built.settings) as connection:
            connection.execute(change)
    found = begin(built, **options)
    assert found.since is None
    assert why in str(found)


def test_a_build_that_fails_leaves_nothing_to_keep(built):
    begin(built)
    assert begin(built).since is None


def test_growing_does_not_put_off_the_next_build_of_everything(built):
    for days in (20, 40):
        now = NOW + timedelta(days=days)
        with stores.open_warehouse(built.settings) as connection:
            found = increments.begin(connection, logic="same", now=now)
            increments.complete(connection, found, logic="same", now=now)
        assert (found.since is None) == (days > 30)


def test_what_reaches_back_more_than_a_year_is_no_increment(built):
    add(built, "2024-02-02", 3)
    assert "reaches back to 2024-02" in str(begin(built))
