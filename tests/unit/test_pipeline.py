"""From the wire to raw, through the real gate, with a toy source on loopback."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from tests.unit.toy import Reply, rate, rates_json, toy_source
from warehouse import landing, locking, pipeline, sources, stores, upkeep
from warehouse.contract import Partition
from warehouse.errors import (
    BuilderBusy,
    ConfigurationError,
    ContractViolation,
    GateClosed,
    NothingNew,
    SourceUnavailable,
)

A = rates_json(rate("2026-01-01", 1), rate("2026-01-02", 2))
B = rates_json(rate("2026-01-01", 1), rate("2026-01-02", 3))


@pytest.fixture
def gate(monkeypatch, toy):
    """The derived suite alone: no plausibility is known of a toy."""
    import expectations

    monkeypatch.setattr(
        expectations, "incoming_suites", lambda: {("toy", "rates"): expectations.suite(toy.tables[0], toy)}
    )


@pytest.fixture
def land(settings, live, toy):
    return lambda **options: pipeline.land("toy", "rates", settings, using=live, **options)


@pytest.fixture
def ingest(settings, land, gate):
    """Land, load and validate; return every version in raw, oldest first."""

    def _ingest():
        land()
        pipeline.load(settings)
        pipeline.validate(settings)
        return raw(settings)

    return _ingest


def raw(settings):
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return connection.execute(
            "select day::varchar, rate_pct::double, _is_deleted, known_at, ingested_at from raw.toy__rates "
            "order by ingested_at, day"
        ).fetchall()


def values(rows):
    return [(day, value, gone) for day, value, gone, *_ in rows]


def test_the_first_version_is_known_by_the_rule_and_a_later_one_when_it_was_fetched(ingest, publisher):
    publisher.says("/rates/all", A)
    first = ingest()
    assert {r[3].isoformat() for r in first} == {"2026-01-01T21:00:00+00:00", "2026-01-02T21:00:00+00:00"}
    publisher.says("/rates/all", B)
    assert values(ingest()) == [("2026-01-01", 1, False), ("2026-01-02", 2, False), ("2026-01-02", 3, False)]
    changed = ingest_last(ingest, publisher)
    assert changed[3] == changed[4]


def ingest_last(ingest, publisher):
    publisher.says("/rates/all", rates_json(rate("2026-01-01", 1), rate("2026-01-02", 4)))
    return ingest()[-1]


def test_a_value_that_comes_back_is_a_third_version(ingest, publisher):
    for body in (A, B, A):
        publisher.says("/rates/all", body)
        rows = ingest()
    assert [v for day, v, _ in values(rows) if day == "2026-01-02"] == [2, 3, 2]


def test_other_bytes_with_the_same_rows_add_nothing(ingest, publisher):
    publisher.says("/rates/all", A)
    before = ingest()
    publisher.says("/rates/all", A.replace(b": ", b":  "))
    assert ingest() == before


def test_the_same_bytes_are_nothing_new(land, publisher):
    publisher.says("/rates/all", A)
    land()
    with pytest.raises(NothingNew, match="1 partition.s. unchanged"):
        land()


def test_loading_twice_changes_nothing(settings, ingest, publisher):
    publisher.says("/rates/all", A)
    before = ingest()
    pipeline.load(settings)  # not published yet, so there is still something to do after it
    pipeline.validate(settings)
    assert raw(settings) == before


def test_a_vanished_record_gets_a_tombstone_and_can_come_back(ingest, publisher, settings):
    days = [f"2026-01-{d:02}" for d in range(1, 29)]
    full = [rate(d, 1) for d in days]
    for rows in (full, full[1:], full):
        publisher.says("/rates/all", rates_json(*rows))
        found = ingest()
    history = [(gone) for day, _, gone in values(found) if day == "2026-01-01"]
    assert history == [False, True, False]


def test_a_shrunken_history_is_held_back_and_nothing_is_lost(ingest, publisher, settings):
    publisher.says("/rates/all", rates_json(*[rate(f"2026-01-{d:02}", 1) for d in range(1, 29)]))
    before = ingest()
    publisher.says("/rates/all", A)
    assert ingest() == before
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        reason, failures = connection.execute("select reason, failures from ops.held_back").fetchone()
        kept = connection.execute("select count(*) from quarantine.toy__rates").fetchone()
    assert "26" in reason
    assert json.loads(failures)
    assert kept == (2,)


def test_what_was_held_back_is_judged_again_on_request(ingest, publisher, settings, monkeypatch, toy):
    publisher.says("/rates/all", rates_json(*[rate(f"2026-01-{d:02}", 1) for d in range(1, 29)]))
    ingest()
    publisher.says("/rates/all", A)
    ingest()
    import expectations

    # As after a fix: a suite that lets the shrunken history pass.
    lenient = replace(expectations.suite(toy.tables[0], toy), expectations=())
    monkeypatch.setattr(expectations, "incoming_suites", lambda: {("toy", "rates"): lenient})
    pipeline.load(settings, retry_held_back=True)
    assert pipeline.validate(settings).promoted == ("toy.rates",)
    assert sum(gone for _, _, gone in values(raw(settings))) == 26


def test_html_leaves_the_table_as_it_was_and_the_page_in_the_archive(ingest, land, publisher, settings):
    publisher.says("/rates/all", A)
    before = ingest()
    publisher.says("/rates/all", b"<html>maintenance</html>")
    with pytest.raises(SourceUnavailable):
        land()
    assert raw(settings) == before
    assert len(list((settings.archive / "refused").rglob("*.json"))) == 1


def test_a_refused_payload_is_kept_and_named_and_a_good_one_heals_it(land, gate, publisher, settings):
    publisher.says("/rates/all", rates_json(rate("2026-01-01", "n/a")))
    with pytest.raises(ContractViolation):
        land()
    assert "n/a" in next(settings.refused.rglob("*.json")).read_text()
    publisher.says("/rates/all", A)
    land()
    pipeline.load(settings)
    pipeline.validate(settings)
    assert len(raw(settings)) == 2


def test_one_bad_partition_leaves_the_others_alone(settings, live, publisher, monkeypatch, gate):
    source = toy_source(publisher.url, ("one", "two", "three"))
    monkeypatch.setattr(sources, "sources", lambda: {"toy": source})
    publisher.says("/rates/one", A)
    publisher.says("/rates/two", Reply(b"gone", 404))
    publisher.says("/rates/three", rates_json(rate("2026-01-03", "n/a")))
    landed = pipeline.land("toy", "rates", settings, using=live)
    assert (landed.rows, landed.unavailable, landed.refused) == (2, ("two",), ("three",))


def only(toy, **partition):
    """Make the toy's one partition another."""
    made = Partition(**{"key": "all", "fetch": toy.tables[0].partitions(None)[0].fetch, **partition})
    object.__setattr__(toy.tables[0], "partitions", lambda _: [made])


def test_a_settled_partition_is_asked_for_once(land, publisher, toy):
    publisher.says("/rates/all", A)
    only(toy, closes_at=datetime(2026, 2, 1, tzinfo=UTC))
    land()
    with pytest.raises(NothingNew):
        land()
    assert len(publisher.requests) == 1
    with pytest.raises(NothingNew):
        land(refetch=True)
    assert len(publisher.requests) == 2


def test_a_partition_fetched_before_it_settled_is_asked_for_again(land, settings, live, publisher, toy):
    publisher.says("/rates/all", A)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    only(toy, closes_at=soon)
    land()
    publisher.says("/rates/all", B)
    late = replace(settings, now=(soon + timedelta(days=1)).isoformat())
    assert pipeline.land("toy", "rates", late, using=live).files == 1


def test_an_answer_without_rows_is_no_fault_before_anything_has_happened_in_a_year(land, publisher, toy):
    publisher.says("/rates/all", rates_json())
    only(toy, closes_at=datetime(2099, 2, 1, tzinfo=UTC))
    with pytest.raises(NothingNew):
        land()
    publisher.says("/rates/all", A)
    land()
    publisher.says("/rates/all", rates_json())
    with pytest.raises(ContractViolation, match="has no rows"):
        land()


@pytest.fixture
def with_fallback(publisher, toy):
    def fetch(get):
        try:
            return [get(f"{publisher.url}/rates/all", expect="json")]
        except SourceUnavailable:
            return [get(f"{publisher.url}/other", expect="json", is_fallback=True)]

    only(toy, fetch=fetch)


DOWN = Reply(b"down", 503)


def test_a_fallback_adds_what_is_missing_and_revises_nothing(ingest, publisher, with_fallback):
    publisher.says("/rates/all", A)
    publisher.says("/other", rates_json(rate("2026-01-02", 9), rate("2026-01-03", 9)))
    ingest()
    publisher.says("/rates/all", DOWN)
    expected = [("2026-01-01", 1, False), ("2026-01-02", 2, False), ("2026-01-03", 9, False)]
    assert values(ingest()) == expected
    publisher.says("/rates/all", B)
    assert values(ingest()) == [*expected, ("2026-01-02", 3, False)]


def test_a_fallback_fills_what_the_primary_left_open(ingest, publisher, with_fallback):
    publisher.says("/rates/all", rates_json(rate("2026-01-01", None)))
    publisher.says("/other", rates_json(rate("2026-01-01", 7)))
    ingest()
    publisher.says("/rates/all", DOWN)
    rows = ingest()
    assert values(rows) == [("2026-01-01", None, False), ("2026-01-01", 7, False)]
    assert rows[1][3] == rows[1][4]


def test_a_primary_after_its_fallback_changes_nothing_said_before(ingest, publisher, with_fallback):
    publisher.says("/rates/all", DOWN)
    publisher.says("/other", rates_json(rate("2026-01-01", 9)))
    first = ingest()
    publisher.says("/rates/all", rates_json(rate("2026-01-01", 2)))
    second = ingest()
    assert second[0] == first[0]
    assert second[1][3] == second[1][4] > first[0][3]


@pytest.mark.parametrize("order", [("old", "new"), ("new", "old")])
def test_a_record_that_moves_to_another_partition_is_one_record(settings, live, publisher, monkeypatch, gate, order):
    settings = replace(settings, threads=1)
    source = toy_source(publisher.url, order)
    monkeypatch.setattr(sources, "sources", lambda: {"toy": source})
    moved, stays = rate("2026-01-01", 1), rate("2025-12-30", 1)

    def ingest(old, new):
        publisher.says("/rates/old", rates_json(*old))
        publisher.says("/rates/new", rates_json(*new))
        pipeline.land("toy", "rates", settings, using=live)
        pipeline.load(settings)
        pipeline.validate(settings)
        return [v for v in values(raw(settings)) if v[0] == "2026-01-01"]

    other = rate("2026-01-09", 1)
    ingest([stays, moved], [other])
    assert ingest([stays], [other, moved])[-1] == ("2026-01-01", 1, False)
    known = [r[3] for r in raw(settings) if r[0] == "2026-01-01"]
    assert known == sorted(known)


def test_knowledge_of_a_record_never_goes_backwards(ingest, publisher, toy):
    """Its rule says tomorrow evening; it is withdrawn today: the withdrawal may not come before the record."""
    tomorrow, after = (f"{datetime.now(UTC) + timedelta(days=d):%Y-%m-%d}" for d in (1, 2))
    rows = [rate(f"2026-01-{d:02}", 1) for d in range(1, 10)]
    publisher.says("/rates/all", rates_json(*rows, rate(tomorrow, 1)))
    ingest()
    publisher.says("/rates/all", rates_json(*rows, rate(after, 1)))
    versions = [r for r in ingest() if r[0] == tomorrow]
    assert [gone for _, _, gone in values(versions)] == [False, True]
    assert versions[1][3] >= versions[0][3]


def test_what_lands_behind_what_is_loaded_is_judged_after_it(settings, land, publisher, gate):
    full = [rate(f"2026-01-{d:02}", 1) for d in range(1, 29)]
    publisher.says("/rates/all", rates_json(*full))
    land()
    pipeline.load(settings)
    publisher.says("/rates/all", rates_json(*full, rate("2026-01-29", 1)))
    land()
    pipeline.validate(settings)
    found = raw(settings)
    assert values(found) == [(r["day"], 1, False) for r in [*full, rate("2026-01-29", 1)]]
    assert found[-1][4] > found[-2][4]


@pytest.mark.report
def test_a_fetch_that_waits_behind_another_is_judged_by_what_that_one_left(ingest, land, publisher, settings):
    rows = [rate(f"2026-01-{d:02}", d) for d in range(1, 10)]
    publisher.says("/rates/all", rates_json(*rows))
    ingest()
    for said in ([*rows, rate("2026-01-10", 10)], rows):
        publisher.says("/rates/all", rates_json(*said))
        assert land().files == 1
    pipeline.load(settings)
    found = pipeline.validate(settings)
    assert (found.held_back, found.promoted) == (("toy.rates/all",), ("toy.rates",))
    live = values(raw(settings))
    assert ("2026-01-10", 10, False) in live
    assert not any(gone for _, _, gone in live)
    report = (settings.home / "quality" / "incoming" / "index.html").read_text()
    assert "incoming.toy__rates</a>" in report
    assert "incoming.toy__rates.2</a>" in report
    upkeep.replay(settings)
    assert values(raw(settings)) == live


def test_a_held_back_partition_stops_only_itself_until_it_heals(settings, live, publisher, monkeypatch, gate):
    source = toy_source(publisher.url, ("good", "bad"))
    monkeypatch.setattr(sources, "sources", lambda: {"toy": source})
    february = [rate(f"2026-02-{d:02}", 1) for d in range(1, 29)]

    def ingest(good, bad):
        publisher.says("/rates/good", rates_json(*good))
        publisher.says("/rates/bad", rates_json(*bad))
        pipeline.land("toy", "rates", settings, using=live)
        pipeline.load(settings)
        return pipeline.validate(settings)

    ingest([rate("2026-01-01", 1)], february)
    held = ingest([rate("2026-01-01", 2)], february[:3])
    assert (held.promoted, held.held_back) == (("toy.rates",), ("toy.rates/bad",))
    assert ("2026-01-01", 2, False) in values(raw(settings))
    assert ingest([rate("2026-01-01", 3)], february[:3]).held_back == ()  # the same bad bytes are not judged again
    assert ("2026-01-01", 3, False) in values(raw(settings))
    ingest([rate("2026-01-01", 3)], [*february, rate("2026-03-01", 1)])
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        assert connection.execute("select count(*) from ops.held_back").fetchone() == (0,)
    assert not any(gone for _, _, gone in values(raw(settings)))


def test_a_fetch_that_was_killed_before_it_landed_is_landed_by_the_next(ingest, publisher, settings, monkeypatch):
    for body in (A, B):
        publisher.says("/rates/all", body)
        ingest()
    publisher.says("/rates/all", A)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(landing, "land", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest()
    with pytest.raises(NothingNew):  # the publisher says what it said; it is landed from the archive
        ingest()
    pipeline.load(settings)
    pipeline.validate(settings)
    assert [v for day, v, _ in values(raw(settings)) if day == "2026-01-02"] == [2, 3, 2]


def test_a_contract_broken_while_fetching_is_a_refusal_like_any_other(land, publisher, toy, settings):
    publisher.says("/rates/all", A)
    asked = toy.tables[0].partitions(None)[0].fetch

    def fetch(get):
        list(asked(get))
        raise ContractViolation("there is no second page", expected="one", got="none")

    only(toy, fetch=fetch)
    with pytest.raises(ContractViolation, match="no second page"):
        land()
    assert "no second page" in next(settings.refused.rglob("*.json")).read_text()
    assert list((settings.archive / "sha256").rglob("*.zst"))


def test_what_was_not_built_since_the_last_change_is_neither_checked_nor_published(ingest, publisher, settings):
    publisher.says("/rates/all", A)
    ingest()
    for verb in (pipeline.check, pipeline.publish):
        with pytest.raises(GateClosed, match="none that succeeded"):
            verb(settings)


def test_a_home_made_before_a_column_of_the_records_was_added_gets_it(ingest, publisher, settings):
    publisher.says("/rates/all", A)
    ingest()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("alter table ops.loads drop column body_sha256")
    publisher.says("/rates/all", B)
    assert len(ingest()) == 3


def test_replay_gives_equal_rows_from_the_archive_alone(ingest, publisher, settings):
    for body in (A, B, A, rates_json(rate("2026-01-01", 1), rate("2026-01-02", 2), rate("2026-01-05", 5))):
        publisher.says("/rates/all", body)
        ingest()
    checksum = "select md5(string_agg(t::varchar, '' order by t::varchar)), count(*) from raw.toy__rates t"
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        before = connection.execute(checksum).fetchone()
    for path in settings.landing.rglob("*.parquet"):
        path.unlink()
    assert upkeep.replay(settings).files == 4
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        assert connection.execute(checksum).fetchone() == before


def test_replay_judges_every_fetch_against_what_was_known_before_it(ingest, publisher, settings):
    full = [rate(f"2026-01-{d:02}", 1) for d in range(1, 29)]
    for rows in (full, full[:3], [*full, rate("2026-01-29", 1)]):  # the second is held back: a shrunken history
        publisher.says("/rates/all", rates_json(*rows))
        before = ingest()
    upkeep.replay(settings)
    assert raw(settings) == before
    assert not any(gone for _, _, gone in values(before))


def test_a_replay_that_would_lose_rows_is_undone(ingest, publisher, settings, monkeypatch, toy):
    publisher.says("/rates/all", A)
    before = ingest()
    import expectations

    strict = expectations.no_rows("none", "Nothing passes.", "select * from {batch}", severity="critical")
    monkeypatch.setattr(
        expectations, "incoming_suites", lambda: {("toy", "rates"): expectations.suite(toy.tables[0], toy, strict)}
    )
    with pytest.raises(GateClosed, match="would lose rows.*toy__rates: 2.*toy__rates: 0"):
        upkeep.replay(settings)
    assert raw(settings) == before


def test_a_replay_that_fails_puts_everything_back(ingest, publisher, settings):
    publisher.says("/rates/all", A)
    before = ingest()
    next((settings.archive / "sha256").rglob("*.zst")).unlink()
    with pytest.raises(ConfigurationError, match="The archive has lost"):
        upkeep.replay(settings)
    assert raw(settings) == before
    assert list(settings.landing.rglob("*.parquet"))


def test_a_home_refuses_another_transport_once_it_holds_something(settings, tmp_path, land, publisher):
    other = replace(settings, sources=f"recorded:{tmp_path}", now="2026-01-01T00:00:00Z")
    for mine in (settings, other):
        with pytest.raises(NothingNew):
            pipeline.load(mine)
    publisher.says("/rates/all", A)
    land()
    with pytest.raises(ConfigurationError, match="belongs to another transport; expected --sources live"):
        pipeline.load(other)


def test_the_second_builder_says_who_holds_the_lock(settings):
    taken, done = threading.Event(), threading.Event()

    def first():
        with locking.builder_lock(settings, "build"):
            taken.set()
            done.wait()

    thread = threading.Thread(target=first)
    thread.start()
    taken.wait()
    try:
        with pytest.raises(BuilderBusy, match=r"held by process \d+ \(build\)"):
            pipeline.load(settings)
    finally:
        done.set()
        thread.join()


def test_a_verb_inside_a_verb_has_the_lock_already(settings):
    with locking.builder_lock(settings, "replay"):
        with locking.builder_lock(settings, "load"):
            pass
        assert '"replay"' in (settings.home / "builder.lock.json").read_text()


def test_the_second_builder_waits_for_the_first(settings, toy):
    entered = threading.Event()
    patient = replace(settings, lock_wait_seconds=20)
    outcome = []

    def second():
        entered.set()
        try:
            pipeline.load(patient)
        except NothingNew:
            outcome.append("nothing new")

    with locking.builder_lock(settings, "build"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join()
    assert outcome == ["nothing new"]


def test_a_contract_that_changed_asks_for_a_migration(ingest, publisher, settings, monkeypatch):
    publisher.says("/rates/all", A)
    ingest()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("alter table raw.toy__rates rename column rate_pct to rate_bp")
    with pytest.raises(ConfigurationError, match="drypowder migrate"), stores.open_warehouse(settings):
        pass
