"""What the builder's file, and so every release, remembers of steps, releases and how late a period came."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.collectors import Sent, StatsD
from tests.toy_release import say, toy_builder
from tests.unit.toy import rate
from warehouse import calendar, history, packing, release, runs, stores, telemetry
from warehouse.contract import Cadence, Due
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.slow  # each publishes, twice or more


class PublishingHome:
    """A toy home that publishes, without dbt between `raw` and the release."""

    def __init__(self, home, project):
        home.settings = replace(home.settings, project=project)
        self.home, self.settings, self.query = home, home.settings, home.query
        say(
            home.settings,
            "create table marts.rates as select 's' as series_id, date '2026-01-04' as day, now() as known_at, 1.0 as value",
        )

    def has(self, day):
        """Let the builder's file say that a fetch was loaded which brought this day, known at four in New York."""
        known_at = f"{day} 21:00:00+00"
        say(
            self.settings,
            "insert into ops.loads (fetch_id, source, table_name, fetched_at, loaded_at, row_count, new_versions) "
            f"values ('{day}', 'toy', 'rates', now(), now(), 1, 1)",
            "delete from ops.freshness",
            "insert into ops.freshness (source, table_name, newest_period_end, newest_known_at) "
            f"values ('toy', 'rates', '{day}', '{known_at}')",
        )

    def publish(self, now):
        return release.publish(self.settings, now=datetime.fromisoformat(now), run_id=f"publish {now}").id

    @property
    def lags(self):
        return self.query("select period_end::varchar, release_id, lag_seconds from ops.release_lag order by all")


@pytest.fixture
def publishing(home, tmp_path):
    return PublishingHome(home, toy_builder(tmp_path / "toy").project)


def test_a_period_is_late_by_the_time_from_its_deadline_to_the_first_release_that_has_it(publishing):
    publishing.has("2026-01-04")
    publishing.publish("2026-01-05T09:00:00+00:00")
    publishing.has("2026-01-05")  # due at four in the afternoon in New York
    publishing.publish("2026-01-06T09:00:00+00:00")
    publishing.publish("2026-01-07T09:00:00+00:00")  # has it, too
    assert publishing.lags == [("2026-01-04", "2026.01.05.1", None), ("2026-01-05", "2026.01.06.1", 12 * 3600.0)]


def test_what_has_no_calendar_is_late_by_the_time_since_it_was_known(publishing):
    cadence = Cadence(
        cron="0 9 * * *", stale_after_days=5, due=Due(every="irregular", not_due="It comes when it comes.")
    )
    publishing.home.contract(cadence=cadence)
    publishing.has("2026-01-04")
    publishing.publish("2026-01-05T09:00:00+00:00")
    publishing.has("2026-01-05")
    publishing.publish("2026-01-05T22:00:00+00:00")
    assert [row[2] for row in publishing.lags] == [None, 3600.0]


def test_the_lag_is_sent_with_the_release_that_brings_the_period_and_with_no_other(publishing):
    publishing.has("2026-01-04")
    first = publishing.publish("2026-01-05T09:00:00+00:00")
    publishing.has("2026-01-05")
    second = publishing.publish("2026-01-06T09:00:00+00:00")
    collector = StatsD()
    telemetry.configure(Settings(statsd=collector.address))
    with stores.open_warehouse(publishing.settings, read_only=True) as connection:
        history.send_lag(connection, first)
        history.send_lag(connection, second)
    telemetry.configure(Settings())
    of_table = (("source", "toy"), ("table", "rates"))
    assert [Sent.of(each) for each in collector.received()] == [Sent("drypowder.release.lag", "g", 43200.0, of_table)]


def test_a_release_tells_of_itself_and_of_those_that_were_deleted(publishing):
    publishing.has("2026-01-04")
    first = publishing.publish("2026-01-05T09:00:00+00:00")
    second = publishing.publish("2026-01-06T09:00:00+00:00")
    shutil.rmtree(publishing.settings.releases / first)
    third = publishing.publish("2026-01-07T09:00:00+00:00")
    with release.connect(publishing.settings.home) as connection:
        found = connection.execute("select release_id, run_id, row_count > 0 from ops.releases order by all").fetchall()
    assert found == [
        (first, "publish 2026-01-05T09:00:00+00:00", True),
        (second, "publish 2026-01-06T09:00:00+00:00", True),
        (third, "publish 2026-01-07T09:00:00+00:00", None),
    ]


def test_all_that_was_done_for_a_release_is_found_by_the_query_of_the_document(publishing):
    home = publishing.home
    for days in (["2026-01-04"], ["2026-01-04", "2026-01-05"]):
        with runs.under(runs.Run(id=f"ingest {days[-1]}")):
            home.says(*(rate(day, 1) for day in days))
            home.land()
        with runs.under(runs.Run(id=f"build {days[-1]}")):
            home.promote()
        newest = publishing.publish(f"{days[-1]}T23:00:00+00:00")
    page = PROJECT_ROOT / "docs" / "observability.md"
    query = page.read_text().split("```sql\n")[1].split("```")[0].replace("2026.09.12.1", newest)
    with release.connect(publishing.settings.home) as connection:
        found = connection.execute(query).fetchall()
    assert [(row[0], row[2], row[3]) for row in found] == [
        ("ingest 2026-01-05", "land", "toy.rates"),
        ("build 2026-01-05", "load", None),
        ("build 2026-01-05", "validate", None),
    ]


def test_a_release_that_was_killed_leaves_nothing_that_the_next_does_not_mend(publishing, monkeypatch):
    publishing.has("2026-01-04")
    publishing.publish("2026-01-05T09:00:00+00:00")
    publishing.has("2026-01-05")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(packing, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            publishing.publish("2026-01-06T09:00:00+00:00")
    done = publishing.publish("2026-01-08T09:00:00+00:00")
    assert publishing.query("select release_id from ops.releases order by all") == [("2026.01.05.1",), (done,)]
    assert publishing.lags[1:] == [("2026-01-05", done, 60 * 3600.0)]
    assert [row[0] for row in publishing.query("select release_id from ops.loads order by fetched_at")] == [
        "2026.01.05.1",
        done,
    ]


@pytest.mark.parametrize(
    ("due", "newest", "period", "due_at"),
    [
        (Due(every="week", weekday=2, lag_days=1, not_due="X."), "2026-09-30", "2026-09-30", "2026-10-01 20:00"),
        # As the status counts: one day of the last seven is enough, and the last trading day need not be the end.
        (
            Due(every="month", lag_days=15, calendar="always", not_due="X."),
            "2026-09-28",
            "2026-09-30",
            "2026-10-15 20:00",
        ),
        (
            Due(every="month", lag_days=15, calendar="always", not_due="X."),
            "2026-09-20",
            "2026-08-31",
            "2026-09-15 20:00",
        ),
        (Due(every="business_day", lag_business_days=1, not_due="X."), "2026-10-02", "2026-10-02", "2026-10-05 20:00"),
    ],
)
def test_the_newest_period_that_rows_cover_is_the_one_that_the_status_means(due, newest, period, due_at):
    found = calendar.newest_covered(Cadence(cron="0 9 * * *", stale_after_days=5, due=due), date.fromisoformat(newest))
    assert str(found.period_end) == period
    assert found.due_at == datetime.fromisoformat(due_at).replace(tzinfo=UTC)
