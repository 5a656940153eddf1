"""What must hold when something was killed, refused, held back, mended or cut: nothing is lost, invented or backdated."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.damage import damage
from tests.unit.toy import Reply, rate, rates_json
from warehouse import (
    backfill,
    backup,
    clock,
    doctor,
    failures,
    http,
    landing,
    locking,
    nightly,
    pipeline,
    quarantine,
    restore,
    stores,
    upkeep,
)
from warehouse.contract import Column, KnownAt, Licence, Partition, RowRule, Watch
from warehouse.errors import (
    ConfigurationError,
    ContractViolation,
    DamagedFile,
    GateClosed,
    NothingNew,
)

pytestmark = pytest.mark.slow  # each test takes fetches through the real gate

POSITIVE = RowRule(name="rate_is_positive", holds="rate_pct > 0", because="A rate of this toy is above zero.")
VERSIONS = "select day::varchar, rate_pct::double, known_at, ingested_at, _is_deleted from raw.toy__rates order by all"


def days(count, value=1, first=1):
    return [rate(f"2026-01-{n:02}", value) for n in range(first, first + count)]


class Killed(BaseException):
    """Stands for kill -9: nobody catches it."""


def kill(*_, **__):
    raise Killed


# ------------------------------------------------------------------------------------- settled means landed and good


@pytest.fixture
def closed(home):
    """The toy with one partition that closed long ago."""
    year = Partition(
        key="2020",
        fetch=lambda get: [get(f"{home.publisher.url}/rates/all", expect="json")],
        period=(date(2020, 1, 1), date(2020, 12, 31)),
        closes_at=datetime(2021, 2, 1, tzinfo=UTC),
    )
    home.contract(partitions=lambda _: [year])
    return home


def test_what_was_archived_and_not_landed_is_landed_by_the_next_run(closed, monkeypatch):
    closed.says(*days(3))
    with monkeypatch.context() as killing:
        killing.setattr(landing, "land", kill)
        with pytest.raises(Killed):
            closed.land()
    assert backfill.plan("toy", "rates", settings=closed.settings).there == 0
    with pytest.raises(NothingNew):
        closed.land()  # it lands what the archive has; the publisher says the same again
    closed.promote()
    assert closed.query("select count(*) from raw.toy__rates") == [(3,)]


def test_what_was_refused_of_a_closed_partition_is_asked_for_until_it_heals(closed):
    closed.says(rate("2026-01-01", "n/a?"))
    with pytest.raises(ContractViolation):
        closed.land()
    assert backfill.plan("toy", "rates", settings=closed.settings).there == 0
    closed.says(*days(1))
    assert closed.land().rows == 1
    with pytest.raises(NothingNew):
        closed.land()
    asked = len(closed.publisher.requests)
    assert asked == 2, "once it is in order it is settled"


def test_what_the_gate_held_back_of_a_closed_partition_is_asked_for_until_it_heals(closed):
    closed.ingest(*days(28))
    with pytest.raises(NothingNew):
        closed.land()
    assert len(closed.publisher.requests) == 1, "it is settled"
    (note,) = [p.with_suffix(".held") for p in [closed.settings.refused / "toy" / "rates" / "2020.json"]]
    note.parent.mkdir(parents=True)
    note.write_text("as the gate does when it holds a fetch back")
    with pytest.raises(NothingNew):
        closed.land()
    assert len(closed.publisher.requests) == 2


def test_the_gate_leaves_a_note_of_what_it_holds_back_and_takes_it_away_again(home):
    home.ingest(*days(28))
    home.ingest(*days(2))
    notes = list(home.settings.refused.rglob("*.held"))
    assert len(notes) == 1
    home.ingest(*days(28), rate("2026-01-29", 1))
    assert not list(home.settings.refused.rglob("*.held"))


def _fetch(home):
    return lambda get: [get(f"{home.publisher.url}/rates/all", expect="json")]


def test_a_watched_partition_that_was_refused_is_asked_for_though_nothing_new_was_filed(home):
    watch = Watch(table="filings", partition="all", token=lambda r: json.loads(r.body)["newest"])
    home.contract(partitions=lambda _: [Partition(key="all", fetch=_fetch(home), watch=watch)])
    url = f"{home.publisher.url}/filings"
    filings = replace(
        home.table,
        name="filings",
        partitions=lambda _: [Partition(key="all", fetch=lambda get: [get(url, expect="json")])],
        extract=lambda _: iter([{"day": "2026-01-01", "rate_pct": "1"}]),
    )
    home.source = replace(home.source, tables=(home.table, filings))
    home.publisher.says("/filings", b'{"newest": "10-Q"}')
    pipeline.land("toy", "filings", home.settings, using=home.live)
    home.says(rate("2026-01-01", "n/a?"))
    with pytest.raises(ContractViolation):
        home.land()
    home.says(*days(1))
    assert home.land().rows == 1


# ------------------------------------------------------------------------------------------- replays that are cut off


@pytest.mark.parametrize("verb", ["replay", "migrate"])
def test_a_killed_rebuilding_is_undone_by_whoever_comes_next(home, monkeypatch, verb):
    for value in (1, 2, 3, 4):
        home.ingest(*days(2), rate("2026-01-03", value))
    before = home.query(VERSIONS)
    if verb == "migrate":
        wider = [replace(c, type="DECIMAL(12, 6)") if c.name == "rate_pct" else c for c in home.table.columns]
        home.contract(columns=tuple(wider))
    with monkeypatch.context() as killing:
        killing.setattr(locking, "put_back", lambda _: None)  # the dead put nothing back
        killing.setattr(upkeep, "put_back", lambda _: None)
        killing.setattr(upkeep, "validate", kill)
        with pytest.raises(Killed):
            getattr(upkeep, verb)(home.settings)
    home.contract()
    with locking.builder_lock(home.settings, "look"):
        pass
    assert home.query(VERSIONS) == before
    assert not (home.settings.home / locking.REBUILDING).exists()
    upkeep.replay(home.settings)
    assert home.query(VERSIONS) == before


def test_a_replay_killed_with_a_log_open_leaves_none_beside_the_file_that_is_put_back(home, monkeypatch):
    home.ingest(*days(3))
    before = home.query(VERSIONS)
    log = home.settings.warehouse.with_name("warehouse.duckdb.wal.checkpoint")

    def killed_while_writing(*_, **__):
        log.write_bytes(b"of the file that was to be")
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(upkeep, "put_back", lambda _: None)
        killing.setattr(upkeep, "validate", killed_while_writing)
        with pytest.raises(Killed):
            upkeep.replay(home.settings)
    with locking.builder_lock(home.settings, "look"):
        assert not log.exists()
    assert home.query(VERSIONS) == before


# --------------------------------------------------------------------------------------------- a file that is damaged


def test_a_damaged_file_is_rebuilt_from_the_archive_by_the_next_load(home):
    for value in (1, 2, 3):
        home.ingest(*days(2), rate("2026-01-03", value))
    before = home.query(VERSIONS)
    home.says(*days(2), rate("2026-01-03", 4))
    home.land()
    damage(home.settings.warehouse)
    with pytest.raises(DamagedFile, match=r"warehouse.duckdb cannot be read; got .*[Cc]orrupt.*`drypowder replay`"):
        pipeline.load(home.settings)
    assert pipeline.is_waiting(home.settings), "so that a build starts, which mends it"
    said = []
    assert nightly.load(home.settings, said.append).files == 0, "the replay took what waited"
    assert any("rebuilding it from the archive" in line for line in said)
    assert home.query(VERSIONS)[: len(before)] == before
    assert len(home.query(VERSIONS)) == len(before) + 1


def test_damage_that_is_seen_later_than_at_the_start_is_mended_by_the_next_load(home):
    home.ingest(*(rate(f"2026-01-{day:02}", day * day) for day in range(1, 29)))
    before = home.query(VERSIONS)
    ((block,),) = home.query(
        "select max(block_id) from pragma_storage_info('raw.toy__rates') where column_name = 'rate_pct'"
    )
    damage(home.settings.warehouse, block, 1)
    with pytest.raises(DamagedFile), stores.open_warehouse(home.settings) as connection:
        connection.execute("select sum(rate_pct) from raw.toy__rates").fetchall()
    with pytest.raises(DamagedFile, match="Corrupt database file"), stores.open_warehouse(home.settings):
        pass  # nobody works on with a file of which this is known
    nightly.load(home.settings)
    assert home.query(VERSIONS) == before


def test_a_rebuilding_of_a_damaged_file_that_is_killed_is_begun_again(home, monkeypatch):
    home.ingest(*days(3))
    before = home.query(VERSIONS)
    damage(home.settings.warehouse)
    with monkeypatch.context() as killing:
        killing.setattr(upkeep, "put_back", lambda _: None)
        killing.setattr(upkeep, "validate", kill)
        with pytest.raises(Killed):
            nightly.load(home.settings)
    nightly.load(home.settings)
    assert home.query(VERSIONS) == before


def test_a_busy_file_is_not_a_damaged_one(settings):
    settings.home.mkdir(parents=True)
    stores.refuse_damage(settings.warehouse, "IO Error: Could not set lock on file: Conflicting lock is held")
    assert not (settings.home / stores.DAMAGED).exists()


def test_a_replay_that_fails_leaves_no_note_beside_the_file_that_is_put_back(home, monkeypatch):
    home.ingest(*days(3))
    before = home.query(VERSIONS)

    def damaged(settings, **_):
        stores.refuse_damage(settings.warehouse, "IO Error: Corrupt database file: in what is being rebuilt")

    with monkeypatch.context() as failing:
        failing.setattr(upkeep, "validate", damaged)
        with pytest.raises(DamagedFile):
            upkeep.replay(home.settings)
    assert not (home.settings.home / stores.DAMAGED).exists()
    assert home.query(VERSIONS) == before
    pipeline.is_waiting(home.settings)


def test_backups_of_a_replay_that_was_killed_when_it_was_done_are_removed(home, monkeypatch):
    home.ingest(*days(3))
    with monkeypatch.context() as killing:
        killing.setattr(upkeep, "remove_backups", lambda settings: kill() if rebuilt(settings) else False)
        with pytest.raises(Killed):
            upkeep.replay(home.settings)
    assert (home.settings.home / locking.BACKUPS).exists()
    assert upkeep.maintain(home.settings).removed == 1
    assert not (home.settings.home / locking.BACKUPS).exists()


def rebuilt(settings):
    """Whether a replay has set aside, rebuilt, and said that what it rebuilt stands."""
    return (settings.home / locking.BACKUPS).exists() and not (settings.home / locking.REBUILDING).exists()


def test_what_lands_during_a_replay_waits_for_the_next_run_and_costs_no_version(home, monkeypatch):
    for value in (1, 2, 3):
        home.ingest(*days(2), rate("2026-01-03", value))
    before = home.query(VERSIONS)
    validate, done = upkeep.validate, []

    def validate_while_something_lands(settings, **options):
        if not done:
            done.append(True)
            home.says(*days(2), rate("2026-01-03", 4))
            home.land()
        return validate(settings, **options)

    monkeypatch.setattr(upkeep, "validate", validate_while_something_lands)
    upkeep.replay(home.settings)
    assert home.query(VERSIONS) == before
    home.promote()
    assert len(home.query(VERSIONS)) == len(before) + 1


def test_what_is_recovered_later_is_known_as_if_it_had_never_been_set_aside(home):
    home.contract(rules=(POSITIVE,), quarantine_share=0.5)
    home.ingest(*days(3), rate("2026-01-04", -7))
    home.ingest(*days(3), rate("2026-01-04", -9))
    home.contract(quarantine_share=0.5)
    quarantine.replay(settings=home.settings)
    mended = home.query(VERSIONS)
    found = sorted(((value, known) for day, value, known, *_ in mended if day == "2026-01-04"), key=lambda f: f[1])
    assert [value for value, _ in found] == [-7.0, -9.0]
    assert found[0][1] == datetime(2026, 1, 4, 21, tzinfo=UTC), "by its rule"
    assert found[1][1].year == datetime.now(UTC).year
    assert found[1][1] > found[0][1], "since it was fetched"
    upkeep.replay(home.settings)
    assert home.query(VERSIONS) == mended


def test_an_answer_that_was_not_whole_stays_listed_until_it_is_fetched_again(home):
    home.ingest(*days(3))

    def torn(get):
        get(f"{home.publisher.url}/rates/all", expect="json")
        raise ContractViolation("The pages are not the whole listing")

    home.contract(partitions=lambda _: [Partition(key="all", fetch=torn)])
    with pytest.raises(ContractViolation):
        home.land()
    home.contract()
    assert quarantine.replay(settings=home.settings).remaining == 1
    assert [e.border for e in quarantine.entries(home.settings)] == ["landing"]


# ------------------------------------------------------------------------------------------------------ what vanishes


def series(home):
    """Give the toy a second part of its key: two series in one file."""
    name = Column(name="name", type="VARCHAR", required=True, description="Which rate it is.")
    home.contract(columns=(*home.table.columns, name), grain=("name", "day"))


def of(name, rows):
    return [{**row, "name": name} for row in rows]


@pytest.mark.parametrize("cut", [6, 20])
def test_a_past_is_cut_off_by_series_and_not_by_file(home, cut):
    series(home)
    home.ingest(*of("a", days(28)), *of("b", days(28)))
    home.ingest(*of("a", days(28)), *of("b", days(28)[cut:]))
    assert home.query("select count(*) filter (_is_deleted) from raw.toy__rates") == [(0,)]
    assert home.query("select kind, row_count from ops.history_changes") == [("truncated", cut)]
    assert home.query("select count(*) from ops.held_back") == [(0,)]


def test_a_past_that_stays_cut_is_recorded_once(home):
    home.ingest(*days(28))
    for value in (2, 3, 4):
        home.ingest(*days(17, first=11), rate("2026-01-28", value))
    assert home.query("select kind, row_count from ops.history_changes where kind = 'truncated'") == [("truncated", 10)]


def test_what_is_in_quarantine_is_not_lacking_at_the_gate(home):
    home.contract(rules=(POSITIVE,), quarantine_share=0.5)
    home.ingest(*days(28))
    home.ingest(*days(22), *days(6, value=-1, first=23))
    assert home.query("select count(*) from ops.held_back") == [(0,)]
    assert sum(e.rows for e in quarantine.entries(home.settings)) == 6


# ------------------------------------------------------------------------------------------- knowledge and its quality


def test_a_row_whose_rule_gives_no_instant_is_set_aside(home):
    known = KnownAt(
        sql="new_york(after_business_days(day, 1), time '16:00')", pit_quality="'dated'", description="Next."
    )
    home.contract(known_at=known, quarantine_share=0.5)
    home.ingest(*days(3), rate("2206-01-02", 1))
    assert [e.rule for e in quarantine.entries(home.settings)] == ["no_known_at"]
    assert home.query("select count(*), count(known_at) from raw.toy__rates") == [(3, 3)]


def test_a_later_version_says_that_we_saw_it_and_not_the_publishers_rule(home):
    home.ingest(*days(2), rate("2026-01-03", 1))
    home.ingest(*days(1), rate("2026-01-03", 2))
    found = home.query("select rate_pct::int, pit_quality, _is_deleted from raw.toy__rates order by ingested_at, day")
    assert found == [
        (1, "dated", False),
        (1, "dated", False),
        (1, "dated", False),
        (1, "self_vintage", True),
        (2, "self_vintage", False),
    ]


def test_of_two_waiting_fetches_the_good_one_heals_the_bad_one_before_it(home):
    home.ingest(*days(28))
    home.says(*days(2))
    home.land()
    home.says(*days(28), rate("2026-01-29", 1))
    home.land()
    assert home.promote().held_back == ()
    assert home.query("select count(*) from ops.held_back") == [(0,)]
    assert quarantine.entries(home.settings) == []


def test_what_a_good_fetch_healed_is_never_judged_again(home):
    home.ingest(*days(28))
    home.ingest(*days(2))
    assert home.query("select count(*) from ops.held_back") == [(1,)]
    home.ingest(*days(28), rate("2026-01-29", 1))
    assert pipeline.load(home.settings).files == 0
    assert home.query("select count(*) from ops.held_back") == [(0,)]


def test_what_a_fallback_filled_stays_until_the_primary_says_more(home):
    def fetch(get, fallback):
        return [get(f"{home.publisher.url}/rates/all", expect="json", is_fallback=fallback)]

    values = []
    for value, fallback in ((None, False), (5, True), (None, False), (6, False)):
        home.contract(
            partitions=lambda _, fallback=fallback: [Partition(key="all", fetch=lambda get: fetch(get, fallback))]
        )
        home.ingest(rate("2026-01-01", value))
        values.append(home.query("select rate_pct::int from raw.toy__rates order by ingested_at desc limit 1")[0][0])
    assert values == [None, 5, 5, 6]


# ------------------------------------------------------------------------------------------------ contracts that change


def test_a_file_landed_by_another_contract_names_the_way_out(home):
    home.says(*days(2))
    home.land()
    note = Column(name="note", type="VARCHAR", absent="add", description="Came later.")
    home.contract(columns=(*home.table.columns, note))
    with pytest.raises(ConfigurationError, match="landed under another contract.*drypowder migrate --apply"):
        pipeline.load(home.settings)
    upkeep.migrate(home.settings)
    assert home.query("select count(*) from raw.toy__rates") == [(2,)]


def test_another_rule_of_known_at_is_a_change_that_migrates(home):
    home.ingest(*days(2))
    known = KnownAt(sql="new_york(day, time '18:00')", pit_quality="'dated'", description="Two hours later.")
    home.contract(known_at=known)
    (change,) = upkeep.changes(home.settings)
    assert "known_at" in str(change)
    upkeep.migrate(home.settings)
    assert {known.hour for _, _, known, *_ in home.query(VERSIONS)} == {23}
    assert upkeep.changes(home.settings) == []


def test_a_table_that_may_no_longer_be_passed_on_leaves_the_warehouse(home):
    home.contract(rules=(POSITIVE,), quarantine_share=0.5)
    home.ingest(*days(3), rate("2026-01-04", -1))
    licence = Licence(name="Private now", url="https://e.org", redistribution="internal", attribution="Toy Inc.")
    home.contract(licence=licence, rules=(POSITIVE,), quarantine_share=0.5)
    assert upkeep.changes(home.settings)
    upkeep.migrate(home.settings)
    names = "select count(*) from duckdb_tables() where table_name like '%toy%'"
    assert home.query(names) == [(0,)]
    assert home.query("select count(*) from ops.quarantine") == [(0,)]
    assert home.query("select count(*) from raw.toy__rates", internal=True) == [(3,)]


def test_internal_rows_are_readable_by_their_owner_alone(home):
    licence = Licence(name="Private", url="https://e.org", redistribution="internal", attribution="Toy Inc.")
    home.contract(licence=licence)
    home.ingest(*days(3))
    for folder in (home.settings.archive, home.settings.landing):
        assert folder.stat().st_mode & 0o077 == 0
    with locking.builder_lock(home.settings, "look"), stores.open_warehouse(home.settings, internal=True) as connection:
        connection.execute("create table raw.scratch (a int)")
        connection.execute("insert into raw.scratch values (1)")
        for file in home.settings.home.glob("internal.duckdb*"):
            assert file.stat().st_mode & 0o077 == 0, file
        connection.execute("drop table raw.scratch")


def test_what_was_discarded_stays_discarded_when_it_comes_again(home):
    home.contract(rules=(POSITIVE,), quarantine_share=0.5)
    home.ingest(*days(3), rate("2026-01-04", -1))
    quarantine.discard("toy.rates", home.settings)
    home.ingest(*days(5)[:3], rate("2026-01-05", 1), rate("2026-01-04", -1))
    assert quarantine.entries(home.settings) == []
    upkeep.replay(home.settings)
    assert quarantine.entries(home.settings) == []


def test_a_replay_that_would_lose_rows_says_how_to_allow_it(home):
    home.contract(quarantine_share=0.5)
    home.ingest(*days(3), rate("2026-01-04", "n/a"))
    strict = RowRule(name="none", holds="false", because="Nothing passes this rule.")
    home.contract(rules=(strict,), quarantine_share=0.5)
    with pytest.raises(GateClosed, match="--allow-fewer"):
        quarantine.replay(settings=home.settings)
    assert home.query("select count(*) from raw.toy__rates") == [(3,)]


def test_a_partition_that_fails_leaves_the_outcome_of_the_others_as_it_is(home):
    home.keys = ("one", "two")
    home.contract()
    for key in home.keys:
        home.publisher.says(f"/rates/{key}", rates_json(rate(f"2026-01-0{len(key)}", 1)))
    home.publisher.says("/rates/two", Reply(b"down", 503))
    landed = home.land()
    assert (landed.files, landed.unavailable) == (1, ("two",))


# -------------------------------------------------------------------------------------------------- after a restore


def test_a_home_restored_from_a_backup_is_rebuilt_by_the_next_load_and_asks_nobody_before(home, tmp_path):
    """What was refused, set aside, left out for good or held back is so again, and the publisher is not asked anew."""

    def whole(get):
        answer = get(f"{home.publisher.url}/rates/all", expect="json")
        if b"half" in answer.body:
            raise ContractViolation("This is half of an answer")
        return [answer]

    partitions = [Partition(key="all", fetch=whole)]
    home.contract(rules=(POSITIVE,), quarantine_share=0.5, partitions=lambda _: partitions)
    home.ingest(*days(26), rate("2026-01-27", -1))
    quarantine.discard("toy.rates", home.settings)
    home.ingest(*days(27), rate("2026-01-28", 2))
    home.ingest(*days(2))  # held back
    home.publisher.says("/rates/all", b'{"half": 1}')  # refused while it is asked for, which no replay can tell
    with pytest.raises(ContractViolation, match="half of an answer"):
        home.land()
    state = (
        "select fetch_id, source, partition_key, border, reason from ops.held_back order by all",
        "select fetch_id, new_versions, tombstones, body_sha256 from ops.loads order by all",
        "from ops.discarded order by all",
        VERSIONS,
    )
    with suppress(NothingNew):
        pipeline.load(home.settings)
    before = [home.query(sql) for sql in state]
    assert all(before)
    refused = {f.fetch_id: reason for f, reason in landing.refusals(home.settings)}
    held = sorted(p.name for p in home.settings.refused.rglob("*.held"))
    landed = sorted(p.name for p in home.settings.landing.rglob("*") if p.is_file())
    asked = len(home.publisher.requests)

    backup.backup(str(tmp_path / "backups"), home.settings)
    home.settings = replace(home.settings, home=tmp_path / "restored")
    restore.restore(str(tmp_path / "backups"), home.settings)
    with pytest.raises(ConfigurationError, match="drypowder replay"):
        home.land()
    assert len(home.publisher.requests) == asked
    nightly.load(home.settings)
    assert [home.query(sql) for sql in state] == before
    assert {f.fetch_id: reason for f, reason in landing.refusals(home.settings)} == refused
    assert sorted(p.name for p in home.settings.refused.rglob("*.held")) == held
    assert sorted(p.name for p in home.settings.landing.rglob("*") if p.is_file()) == landed
    assert not pipeline.is_to_be_rebuilt(home.settings)
    home.says(*days(29))
    home.land()
    assert len(home.publisher.requests) == asked + 1


def test_a_clock_that_was_ahead_holds_news_up_until_it_has_caught_up_and_loses_nothing(home, monkeypatch):
    shown = [datetime(2026, 11, 30, 12, tzinfo=UTC)]

    class Clock(datetime):
        @classmethod
        def now(cls, _=None):
            return shown[0]

    monkeypatch.setattr(http, "datetime", Clock)
    monkeypatch.setattr(clock, "datetime", Clock)

    def told():
        return [f.state for f in doctor._clock(home.settings)]  # noqa: SLF001

    def at(day, hour, count):
        shown[0] = datetime(2026, 12, day, hour, tzinfo=UTC)
        with suppress(NothingNew):
            home.ingest(*days(count - 1), rate(f"2026-01-{count:02}", day))
        return len(home.query("select distinct day from raw.toy__rates"))

    assert (at(1, 12, 2), told()) == (2, [])
    assert (at(4, 12, 3), told()) == (3, [])  # three days ahead, which nobody can know
    assert (at(1, 13, 4), told()) == (3, ["wrong"])
    assert (at(2, 12, 5), told()) == (3, ["wrong"])
    assert (at(5, 12, 6), told()) == (6, [])
    seen_meanwhile = ("2026-01-05", 2.0)
    assert seen_meanwhile not in {row[:2] for row in home.query(VERSIONS)}
    upkeep.replay(home.settings)
    assert seen_meanwhile in {row[:2] for row in home.query(VERSIONS)}
    assert told() == []


def test_what_failed_of_a_build_is_over_once_all_is_published_whoever_did_it(home, monkeypatch):
    home.ingest(*days(2))
    failures.note("build.check", GateClosed("what was built is of other inputs"), home.settings)
    nightly.load(home.settings)
    assert [failure.task for failure in failures.noted(home.settings)] == ["build.check"]
    monkeypatch.setattr(pipeline, "_is_unpublished", lambda *_: False)  # as after `drypowder run` by hand
    with pytest.raises(NothingNew):
        nightly.load(home.settings)
    assert failures.noted(home.settings) == []
