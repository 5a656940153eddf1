"""Rows that are set aside one by one: what goes, what stays, how it comes back, and that nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.toy import rate
from warehouse import quarantine, upkeep
from warehouse.contract import Column, Licence, RowRule, UnitCheck
from warehouse.errors import ConfigurationError, ContractViolation, NoRelease
from warehouse.release import connect

pytestmark = pytest.mark.slow  # each test takes fetches through the real gate

POSITIVE = RowRule(name="rate_is_positive", holds="rate_pct > 0", because="A rate of this toy is above zero.")
LENIENT = {"quarantine_share": 0.5}


def days(count, value=1):
    return [rate(f"2026-01-{n:02}", value) for n in range(1, count + 1)]


def kept(home):
    return home.query("select day::varchar, rate_pct::double from raw.toy__rates order by day, ingested_at")


def test_a_row_that_is_not_of_its_type_is_set_aside_and_the_others_land(home):
    home.contract(**LENIENT)
    landed = home.ingest(*days(3), rate("2026-01-04", "n/a?"))
    assert (landed.rows, landed.quarantined) == (3, 1)
    assert len(kept(home)) == 3
    (entry,) = quarantine.entries(home.settings)
    assert (entry.table, entry.rule, entry.rows, entry.border) == ("toy.rates", "cast:rate_pct", 1, "row")
    assert entry.reason == "expected DECIMAL(9, 4); got 'n/a?'"


def test_a_quarantined_row_points_to_its_place_in_the_archived_body(home):
    home.contract(**LENIENT)
    home.ingest(*days(3), rate("2026-01-04", "n/a?"))
    names, (row,) = quarantine.rows("toy.rates", home.settings)
    found = dict(zip(names, row, strict=True))
    assert (found["day"], found["rate_pct"], found["row_number"]) == ("2026-01-04", "n/a?", 4)
    assert found["source_url"].endswith("/rates/all")
    assert next(home.settings.archive.rglob(f"{found['body_sha256']}.zst"))


def test_a_row_that_breaks_a_rule_is_set_aside_with_the_reason(home):
    home.contract(rules=(POSITIVE,), **LENIENT)
    home.ingest(*days(3), rate("2026-01-04", -1))
    (entry,) = quarantine.entries(home.settings)
    assert (entry.rule, entry.reason) == ("rate_is_positive", "A rate of this toy is above zero.")
    assert len(kept(home)) == 3


def test_more_bad_rows_than_the_contract_allows_refuse_the_payload(home):
    home.contract(rules=(POSITIVE,), quarantine_share=0.2)
    home.says(*days(3), rate("2026-01-04", -1))
    with pytest.raises(ContractViolation, match="row 4; expected A rate of this toy is above zero"):
        home.land()
    assert not list(home.settings.landing.rglob("*.parquet"))


def test_equal_rows_of_one_key_land_once_and_the_copy_is_set_aside(home):
    home.contract(**LENIENT)
    assert home.ingest(*days(3), rate("2026-01-03", 1)).quarantined == 1
    assert len(kept(home)) == 3
    assert quarantine.entries(home.settings)[0].rule == "duplicate_row"


def test_rows_of_one_key_that_differ_are_all_set_aside(home):
    home.contract(**LENIENT)
    assert home.ingest(*days(3), rate("2026-01-03", 2)).quarantined == 2
    assert [day for day, _ in kept(home)] == ["2026-01-01", "2026-01-02"]
    assert quarantine.entries(home.settings)[0].rule == "conflicting_key"


@pytest.mark.parametrize("bad", [rate("2026-01-04", "n/a?"), rate("no day", 1)], ids=["value", "key"])
def test_what_cannot_be_read_has_not_vanished(home, bad):
    home.contract(**LENIENT)
    home.ingest(*days(6))
    home.ingest(*[r for r in days(6) if r["day"] != "2026-01-04"], bad)
    assert home.query("select count(*) from raw.toy__rates where _is_deleted") == [(0,)]


def test_what_was_set_aside_of_a_partition_goes_when_a_good_fetch_comes(home):
    home.contract(**LENIENT)
    home.ingest(*days(3), rate("2026-01-04", "n/a?"))
    home.ingest(*days(4))
    assert quarantine.entries(home.settings) == []
    assert len(kept(home)) == 4


def test_a_mended_rule_brings_the_rows_back_with_one_command(home):
    home.contract(rules=(POSITIVE,), **LENIENT)
    home.ingest(*days(3), rate("2026-01-04", -1))
    before = home.query("select * from raw.toy__rates order by all")
    home.contract(**LENIENT)
    again = quarantine.replay(settings=home.settings)
    assert (again.fetches, again.rows, again.remaining) == (1, 1, 0)
    assert ("2026-01-04", -1.0) in kept(home)
    after = home.query("select * from raw.toy__rates order by all")
    assert set(before) < set(after)
    # It was known when the publisher's rule says, and fetched when it was.
    known = home.query("select distinct known_at::varchar from raw.toy__rates where day = '2026-01-04'")
    assert known == [("2026-01-04 21:00:00+00",)]


def test_a_replay_without_a_mend_changes_nothing(home):
    home.contract(rules=(POSITIVE,), **LENIENT)
    home.ingest(*days(3), rate("2026-01-04", -1))
    before = kept(home)
    assert quarantine.replay(settings=home.settings).remaining == 1
    assert kept(home) == before


def test_discarded_rows_are_gone_from_the_list_and_stay_in_the_archive(home):
    home.contract(rules=(POSITIVE,), **LENIENT)
    home.ingest(*days(3), rate("2026-01-04", -1))
    assert quarantine.discard("toy.rates", home.settings) == 1
    assert quarantine.entries(home.settings) == []
    assert home.query("select rule, discarded_at is not null from ops.quarantine") == [("rate_is_positive", True)]
    assert list(home.settings.archive.rglob("*.zst"))
    with pytest.raises(ConfigurationError, match="no single row in quarantine"):
        quarantine.discard("toy.rates", home.settings)


def test_a_refused_payload_lands_with_one_command_once_the_contract_is_amended(home):
    home.says(*days(3), {**rate("2026-01-04", 1), "note": "x"})
    with pytest.raises(ContractViolation, match=r"new \['note'\].*drypowder quarantine replay"):
        home.land()
    assert [e.border for e in quarantine.entries(home.settings)] == ["landing"]
    note = Column(name="note", type="VARCHAR", absent="add", description="What the publisher adds.")
    home.contract(columns=(*home.table.columns, note))
    assert quarantine.replay(settings=home.settings).rows == 4
    assert home.query("select note from raw.toy__rates where note is not null") == [("x",)]


def test_a_held_back_fetch_is_listed_with_the_gates_reason(home):
    home.ingest(*days(28))
    home.says(*days(28)[:1], *days(28)[-1:])
    home.land()
    home.promote()
    (entry,) = quarantine.entries(home.settings)
    assert (entry.border, entry.rule, entry.rows) == ("incoming", "gate", 2)
    assert "history_not_shrunken" in entry.reason


# --------------------------------------------------------------------------------------------------- schema drift


def test_a_new_field_lands_as_a_nullable_column_where_the_contract_lets_it(home):
    home.contract(new_fields="add")
    home.ingest(*days(3))
    landed = home.ingest(*days(3), {**rate("2026-01-04", 1), "Note (x)": "why"})
    assert landed.rows == 4
    assert home.query("select _new_note_x from raw.toy__rates order by day") == [(None,), (None,), (None,), ("why",)]
    assert home.query("select column_name from ops.drift") == [("_new_note_x",)]
    home.ingest(*days(5))  # the field goes again, and nothing breaks
    assert len(kept(home)) == 5


def test_a_field_to_be_ignored_is_read_past(home):
    home.contract(new_fields="ignore")
    assert home.ingest({**rate("2026-01-01", 1), "note": "x"}).rows == 1
    home.contract(ignored=frozenset({"note"}))
    assert home.ingest({**rate("2026-01-02", 1), "note": "x"}).rows == 1


def test_a_field_that_came_over_the_years_is_null_in_older_payloads(home):
    note = Column(name="note", type="VARCHAR", absent="add", description="Published since 2026.")
    home.contract(columns=(*home.table.columns, note))
    home.ingest(rate("2025-01-01", 1), rate("2026-01-01", 1, note="x"))
    assert home.query("select note from raw.toy__rates order by day") == [(None,), ("x",)]


def test_what_the_publisher_writes_for_nothing_is_null_and_not_zero(home):
    home.contract(nulls=frozenset({"null", "n.a.", ""}))
    home.ingest(rate("2026-01-01", " n.a. "), rate("2026-01-02", "null"), rate("2026-01-03", ""), rate("2026-01-04", 0))
    assert [value for _, value in kept(home)] == [None, None, None, 0.0]


def test_a_unit_that_is_another_by_magnitude_refuses_the_payload(home):
    check = UnitCheck(column="rate_pct", holds="median(rate_pct) < 20", because="percent, not basis points")
    home.contract(units=(check,))
    home.ingest(*days(3))
    home.says(*days(3, value=450))
    with pytest.raises(ContractViolation, match=r"not in percent.*percent, not basis points.*median 450"):
        home.land()


# ------------------------------------------------------------------------------------------------- history's loss


def test_a_past_that_the_publisher_cuts_off_stays_with_us_and_is_recorded(home):
    home.ingest(*days(28))
    home.ingest(*days(28)[10:])
    assert home.query("select count(*), count(*) filter (_is_deleted) from raw.toy__rates") == [(28, 0)]
    found = home.query("select kind, row_count, first_period::varchar, last_period::varchar from ops.history_changes")
    assert found == [("truncated", 10, "2026-01-01", "2026-01-10")]


def test_a_rewritten_past_is_new_versions_and_is_recorded(home):
    home.ingest(*days(28))
    home.ingest(*days(27), rate("2026-01-28", 9))
    assert home.query("select kind, row_count from ops.history_changes") == [("restated", 1)]


def test_a_withdrawn_record_is_recorded_as_such(home):
    home.ingest(*days(28))
    home.ingest(*days(28)[:-2], days(28)[-1])
    assert home.query("select kind, row_count from ops.history_changes") == [("withdrawn", 1)]


def test_what_a_moving_window_no_longer_shows_was_not_withdrawn(home):
    home.contract(is_snapshot=False)
    home.ingest(*days(28))
    home.ingest(*days(28)[25:], rate("2026-01-29", 1))
    assert home.query("select count(*), count(*) filter (_is_deleted) from raw.toy__rates") == [(29, 0)]
    assert home.query("select * from ops.history_changes") == []


# ---------------------------------------------------------------------------------------- contracts that change


def wider(home):
    return tuple(replace(c, type="DECIMAL(12, 6)") if c.name == "rate_pct" else c for c in home.table.columns)


def test_a_contract_that_changed_is_shown_before_anything_is_done(home):
    home.ingest(*days(3))
    home.contract(columns=wider(home))
    (change,) = upkeep.changes(home.settings)
    assert (change.added, change.removed) == (("rate_pct DECIMAL(12,6)",), ("rate_pct DECIMAL(9,4)",))
    assert (change.rows, change.fetches) == (3, 1)
    assert len(kept(home)) == 3


def test_a_migration_rebuilds_the_table_with_all_its_versions(home):
    home.ingest(*days(3))
    home.ingest(*days(3)[:2], rate("2026-01-03", "1.25"))
    versions = "select day, rate_pct::double, known_at, ingested_at, _is_deleted from raw.toy__rates order by all"
    before = home.query(versions)
    home.contract(columns=wider(home))
    assert upkeep.migrate(home.settings).refused == 0
    assert home.query(versions) == before
    assert home.query("select distinct typeof(rate_pct) from raw.toy__rates") == [("DECIMAL(12,6)",)]
    assert upkeep.changes(home.settings) == []


def test_a_migration_that_would_lose_rows_is_undone(home):
    home.ingest(*days(28))
    before = kept(home)
    strict = RowRule(name="none", holds="false", because="Nothing passes this rule.")
    home.contract(columns=wider(home), rules=(strict,))
    with pytest.raises(Exception, match="would lose rows"):
        upkeep.migrate(home.settings)
    assert kept(home) == before


# ------------------------------------------------------------------------------------------------- internal rows


@pytest.fixture
def private(home):
    licence = Licence(name="Personal use", url="https://e.org", redistribution="internal", attribution="Toy Inc.")
    home.contract(licence=licence)
    home.ingest(*days(3))
    return home


def test_rows_that_may_not_be_passed_on_are_in_a_file_of_their_own(private):
    assert private.query("select count(*) from raw.toy__rates", internal=True) == [(3,)]
    assert private.query("select count(*) from duckdb_tables() where table_name like '%toy%'") == [(0,)]
    assert private.settings.internal.stat().st_mode & 0o777 == 0o400


def test_the_internal_file_is_versioned_and_judged_like_the_other(private):
    private.ingest(*days(3)[:2], rate("2026-01-03", 2))
    assert private.query("select count(*) from raw.toy__rates", internal=True) == [(4,)]
    assert private.query("select count(*) from ops.validations", internal=True)[0][0] > 0
    assert private.query("select count(*) from ops.validations") == [(0,)]


def test_the_internal_file_is_read_by_who_asks_for_it(private):
    with connect(private.settings.home, internal=True) as connection:
        assert connection.execute("select count(*) from raw.toy__rates").fetchone() == (3,)


def test_without_internal_rows_there_is_no_internal_file(home):
    home.ingest(*days(3))
    with pytest.raises(NoRelease, match=r"no internal\.duckdb"):
        connect(home.settings.home, internal=True)


def test_the_archive_rebuilds_the_internal_file_too(private):
    before = private.query("select * from raw.toy__rates order by all", internal=True)
    upkeep.replay(private.settings)
    assert private.query("select * from raw.toy__rates order by all", internal=True) == before
