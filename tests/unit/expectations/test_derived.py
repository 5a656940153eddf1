"""What follows from a contract alone, shown on the toy table."""

import pytest

from expectations import incoming_suites, suite
from tests.unit.toy import toy_source
from warehouse import sources
from warehouse.contract import Column
from warehouse.validation import judge

SOURCE = toy_source("https://toy.example")
RATES = SOURCE.tables[0]
DAYS = "select date '2026-01-01' + i::integer as day, 1 + i / 100 as rate_pct from range(100) as r(i)"
LATER = {"_fetch_id": "'20260726T000000000000Z-ba9876543210'", "fetched_at": "timestamptz '2026-07-26 00:00:00+00'"}


@pytest.fixture
def toy_file(warehouse_file):
    warehouse_file.create([(SOURCE, RATES)])
    return warehouse_file


def failed(warehouse_file, one=None):
    (verdict,) = judge(warehouse_file.path, [one or suite(RATES, SOURCE)])
    return {f.expectation if f.column is None else f.column: f for f in verdict.findings if not f.success}


def test_a_first_batch_as_the_contract_promises_passes(toy_file):
    toy_file.fill("toy__rates", DAYS)
    assert failed(toy_file) == {}


def test_an_empty_batch_is_refused(toy_file):
    assert set(failed(toy_file)) == {"not_empty"}


@pytest.mark.parametrize(
    "column", ["day", "_partition", "_origin", "_source_url", "_source_sha256", "_fetch_id", "fetched_at"]
)
def test_a_required_column_or_stamp_that_is_null_fails(toy_file, column):
    toy_file.fill("toy__rates", DAYS)
    toy_file.run(f"update incoming.toy__rates set {column} = null where day = '2026-01-05'")
    assert failed(toy_file)[column].unexpected_count == 1


def test_an_optional_column_may_be_null(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.run("update incoming.toy__rates set rate_pct = null")
    assert failed(toy_file) == {}


def test_an_unknown_origin_fails(toy_file):
    toy_file.fill("toy__rates", DAYS, _origin="'guessed'")
    assert set(failed(toy_file)) == {"_origin"}


def test_a_key_that_a_fetch_brings_twice_fails(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.fill("toy__rates", "select date '2026-01-07' as day, 9 as rate_pct")
    assert "day=2026-01-07" in failed(toy_file)["one_row_per_key"].detail


def test_a_key_that_two_pending_fetches_bring_is_no_duplicate(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.fill("toy__rates", DAYS, **LATER)
    assert failed(toy_file) == {}


def test_a_duplicate_whose_key_holds_a_null_fails_too(warehouse_file):
    started = Column(name="started", type="DATE", description="Null for an instant.")
    columns = (*RATES.columns, started)
    instants = type(RATES)(
        **{**vars(RATES), "columns": columns, "grain": ("day", "started"), "about": ("started", "day")}
    )
    warehouse_file.create([(SOURCE, instants)])
    warehouse_file.fill(
        "toy__rates", f"select *, null::date as started from ({DAYS} union all by name {DAYS} limit 101)"
    )
    assert set(failed(warehouse_file, suite(instants, SOURCE))) == {"one_row_per_key"}


def test_a_period_that_ends_before_it_starts_fails(warehouse_file):
    backwards = type(RATES)(**{**vars(RATES), "about": ("day + 1", "day")})
    warehouse_file.create([(SOURCE, backwards)])
    warehouse_file.fill("toy__rates", DAYS)
    assert set(failed(warehouse_file, suite(backwards, SOURCE))) == {"periods_in_order"}


@pytest.mark.parametrize(("lost", "stops"), [(0, False), (4, False), (5, True), (60, True)])
def test_a_history_that_lost_more_than_one_in_a_hundred_stops(toy_file, lost, stops):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(f"delete from incoming.toy__rates where day > '2026-01-01' and day < date '2026-01-02' + {lost}")
    found = failed(toy_file)
    assert set(found) == ({"history_not_shrunken"} if stops else set())
    if stops:
        assert found["history_not_shrunken"].severity == "critical"
        assert f"known_count=100, lacking_count={lost}" in found["history_not_shrunken"].detail


@pytest.mark.parametrize(("lost", "said"), [(0, False), (4, False), (5, True), (60, True)])
def test_a_past_that_the_publisher_cut_off_is_said_and_does_not_stop(toy_file, lost, said):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(f"delete from incoming.toy__rates where day < date '2026-01-01' + {lost}")
    found = failed(toy_file)
    assert set(found) == ({"history_not_truncated"} if said else set())
    assert all(finding.severity == "warning" for finding in found.values())


def test_a_shrunken_fetch_stops_even_when_a_whole_one_follows(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run("delete from incoming.toy__rates where day > '2026-02-01'")
    toy_file.fill("toy__rates", DAYS, **LATER)
    assert failed(toy_file)["history_not_shrunken"].unexpected_count == 1


def test_another_partition_does_not_count_as_lost(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates", _partition="'another'")
    toy_file.run("delete from incoming.toy__rates where day > '2026-02-01'")
    assert failed(toy_file) == {}


def test_what_was_withdrawn_before_does_not_count_as_lost(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(
        """
        insert into raw.toy__rates by name
        select * replace (true as _is_deleted, ingested_at + interval 1 hour as ingested_at) from raw.toy__rates
        where day > '2026-02-01'
        """,
        "delete from incoming.toy__rates where day > '2026-02-01'",
    )
    assert failed(toy_file) == {}


@pytest.mark.parametrize(("restated", "said"), [(20, False), (21, True)])
def test_a_fetch_that_changes_more_than_a_fifth_of_the_past_is_said_and_does_not_stop(toy_file, restated, said):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(f"update incoming.toy__rates set rate_pct = null where day < date '2026-01-01' + {restated}")
    found = failed(toy_file)
    assert set(found) == ({"history_not_restated"} if said else set())
    assert all(f.severity == "warning" for f in found.values())


def test_new_keys_are_neither_lost_nor_restated(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.fill("toy__rates", "select day + 1000 as day, rate_pct from (" + DAYS + ")")
    assert failed(toy_file) == {}


def test_a_source_without_a_module_of_its_own_is_judged_by_its_contract(monkeypatch):
    monkeypatch.setattr(sources, "sources", lambda: {"toy": SOURCE})
    assert set(incoming_suites()) == {("toy", "rates")}
