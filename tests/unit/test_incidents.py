"""What is wrong, from what a home knows already; and one message for each incident, whoever looks how often."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO

import duckdb
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.unit.toy import rate, toy_source
from warehouse import approval, backup, calendar, cli, doctor, failures, incidents, report, sources, upload
from warehouse.contract import Due
from warehouse.errors import (
    BuilderBusy,
    ConfigurationError,
    ContractViolation,
    DamagedFile,
    GateClosed,
    NotDelivered,
)
from warehouse.settings import Settings
from warehouse.stores import DAMAGED

NOW = "2026-07-25T12:00:00Z"
"""A Saturday. The toy's rates are due each day at 16:00 New York, and late a day after."""


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", now=NOW, contact="Test test@example.org", notify_email="ada@example.org")


@pytest.fixture
def registry(monkeypatch):
    """Replace the registry by toy sources whose tables differ as told."""

    def register(**tables):
        source = toy_source("https://example.org")
        made = tuple(replace(source.tables[0], name=name, **more) for name, more in tables.items())
        monkeypatch.setattr(sources, "sources", lambda: {"toy": replace(source, tables=made)})

    return register


@pytest.fixture
def publish(settings):
    """Write a release by hand: the newest period of each table, what is held back, and the records in `ops`."""

    def write(*, held_back=(), ops=(), **newest):
        path = settings.releases / "2026.07.25.1"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        asked = "2026-07-25T10:00:00+00:00"
        manifest = {
            "id": "2026.07.25.1",
            "created_at": "2026-07-25T11:00:00+00:00",
            "tables": {},
            "sources": {
                f"toy.{table}": {
                    "last_checked_at": asked,
                    "last_changed_at": asked,
                    "newest_period_end": end,
                    "origin": "live",
                }
                for table, end in newest.items()
            },
            "held_back": list(held_back),
        }
        (path / "manifest.json").write_text(json.dumps(manifest))
        with duckdb.connect(str(path / "warehouse.duckdb")) as connection:
            connection.execute("create schema ops")
            for statement in ops:
                connection.execute(statement)
        if not settings.current.exists():
            settings.current.symlink_to(path)

    return write


METRICS = "create table ops.metric_sources as from (values ('tga', 'toy', 'rates'), ('bti', 'toy', 'rates'), ('fsi', 'toy', 'x')) as t(metric_id, source, table_name)"


def by_key(settings):
    return {each.key: each for each in incidents.now_wrong(settings)}


# ------------------------------------------------------------------------------------------------- what is wrong now


def test_a_late_table_says_since_when_what_it_affects_and_what_to_type(settings, registry, publish):
    registry(rates={}, others={})
    publish(rates="2026-07-20", others="2026-07-24", ops=[METRICS])
    [late] = incidents.now_wrong(settings)
    assert (late.key, late.kind, late.severity) == ("late toy.rates", "late", "critical")
    assert late.since == datetime(2026, 7, 22, 20, tzinfo=UTC), "when the 21st, its oldest missing day, became late"
    assert late.affects == ("bti", "tga")
    assert late.command == "drypowder land toy rates"
    assert "The period to 2026-07-23 was due Thu 2026-07-23 16:00 New York and late from Fri" in late.what


QUIET = {
    "a day off": (
        {"every": "business_day", "calendar": "us_federal"},
        "2026-11-25",
        "2026-11-27T05:00:00Z",  # Thursday was Thanksgiving
        "fresh",
        (
            "The period to 2026-11-25 was due Wed 2026-11-25 16:00 New York and is here. "
            "The next, to 2026-11-27, is due Fri 2026-11-27 16:00 New York."
        ),
    ),
    "its grace": (
        {"every": "day", "calendar": "always"},
        "2026-07-23",
        NOW,
        "due",
        "was due Fri 2026-07-24 16:00 New York and is late from Sat 2026-07-25 16:00 New York.",
    ),
    "put off by the publisher": (
        {"every": "quarter", "lag_days": 30, "schedule": "bea_gdp"},
        "2025-06-30",
        "2025-12-01T12:00:00Z",  # by the rule the third quarter was due on 30 October, before the shutdown
        "fresh",
        "The next, to 2025-09-30, is due Tue 2025-12-23 16:00 New York.",
    ),
    "skipped by the publisher": (
        {"every": "month", "lag_days": 15, "schedule": "jobs"},
        "2025-09-30",
        "2025-12-10T12:00:00Z",
        "fresh",
        "The period to 2025-10-31 is skipped by its publisher. The next, to 2025-11-30, is due Mon 2025-12-15",
    ),
    "it comes when it comes": (
        {"every": "irregular"},
        "2026-07-22",
        NOW,
        "not due",
        "So it is.",
    ),
}


@pytest.mark.parametrize("case", QUIET)
def test_what_nobody_waits_for_is_no_incident_and_the_status_says_why(
    settings, registry, publish, monkeypatch, case, tmp_path
):
    due, newest, now, state, reason = QUIET[case]
    if due.get("schedule") == "jobs":
        seed = tmp_path / "schedules.csv"
        lines = [",".join(calendar.SEED_COLUMNS), "jobs,2025-10-31,,https://e.org,a shutdown"]
        seed.write_text("\n".join(lines) + "\n")
        monkeypatch.setattr(calendar, "seed", lambda: seed)
    table = toy_source("https://example.org").tables[0]
    registry(rates={"cadence": replace(table.cadence, due=Due(not_due="So it is.", **due))})
    publish(rates=newest)
    then = replace(settings, now=now)
    assert incidents.now_wrong(then) == []
    [standing] = report.standings(then)
    assert standing.state == state
    assert reason in standing.reason


def test_what_never_landed_is_no_incident(settings, registry):
    registry(rates={})
    assert incidents.now_wrong(settings) == []


def test_what_a_gate_holds_back_is_one_incident_a_table_since_it_was_held(settings, registry, publish):
    registry(rates={})
    held = [
        {"source": "toy", "table": "rates", "partition": each, "border": "incoming", "reason": "It shrank"}
        for each in ("2024", "2025")
    ]
    publish(
        held_back=held,
        rates="2026-07-20",
        ops=[
            METRICS,
            (
                "create table ops.held_back as from (values ('toy', 'rates', 'incoming', timestamptz '2026-07-23 10:00:00+02')) "
                "as t(source, table_name, border, held_at)"
            ),
        ],
    )
    [found] = incidents.now_wrong(settings)  # that it is late as well follows
    assert found.key == "held back toy.rates"
    assert found.since == datetime(2026, 7, 23, 8, tzinfo=UTC)
    assert found.what == "A gate holds back 2024: It shrank And 1 more partition(s). Its last good rows stay."
    assert found.command == "drypowder quarantine list toy.rates"
    assert found.affects == ("bti", "tga")


def test_a_refused_payload_is_an_incident_until_a_good_one_comes(home):
    home.publisher.says("/rates/all", b'{"other": []}')
    with pytest.raises(ContractViolation):
        home.land()
    [found] = incidents.now_wrong(home.settings)
    assert (found.key, found.severity) == ("refused toy.rates", "critical")
    assert found.affects is None, "without a release nobody knows"
    assert abs((datetime.now(UTC) - found.since).total_seconds()) < 60
    home.says(rate(str(datetime.now(UTC).date()), 1))
    home.land()
    assert incidents.now_wrong(home.settings) == []


def test_rows_set_aside_are_a_warning(settings, registry, publish):
    registry(rates={})
    publish(
        rates="2026-07-24",
        ops=[
            (
                "create table ops.quarantine as from (values "
                "('toy', 'rates', 'not_a_date', 3::bigint, timestamptz '2026-07-20 10:00:00Z', null::timestamptz), "
                "('toy', 'rates', 'gate', 900, timestamptz '2026-07-10 10:00:00Z', null), "
                "('toy', 'rates', 'negative', 4, timestamptz '2026-07-11 10:00:00Z', timestamptz '2026-07-12 10:00:00Z')) "
                "as t(source, table_name, rule, row_count, quarantined_at, discarded_at)"
            )
        ],
    )
    [found] = incidents.now_wrong(settings)
    assert (found.key, found.severity) == ("quarantined toy.rates", "warning")
    assert found.what.startswith("3 row(s)")
    assert found.since == datetime(2026, 7, 20, 10, tzinfo=UTC)


def test_a_damaged_file_an_upload_that_failed_and_a_release_that_waits_are_told_by_their_notes(
    settings, registry, publish
):
    registry(rates={})
    publish(rates="2026-07-24")
    (settings.home / DAMAGED).write_text("Corrupt database file")
    settings = replace(settings, upload="s3://bucket/prefix", approval="warnings")
    upload._note(settings, "s3://bucket/prefix", "2026.07.25.1", "503 Slow Down")  # noqa: SLF001
    question = {
        "id": "abc",
        "fingerprint": "f",
        "asked_at": "2026-07-25T09:00:00+00:00",
        "current": "2026.07.25.1",
        "findings": [{"suite": "s", "table": "ops.x", "expectation": "fresh", "column": None, "detail": "Old."}],
    }
    (settings.home / approval.NOTE).write_text(json.dumps(question))
    found = by_key(settings)
    assert set(found) == {"damaged warehouse", "not uploaded release", "waits release"}
    assert found["damaged warehouse"].command == "drypowder replay"
    assert "503 Slow Down" in found["not uploaded release"].what
    assert found["not uploaded release"].severity == "warning"
    assert found["waits release"].what.endswith(
        "1 warning(s) that release 2026.07.25.1 does not have:\n- ops.x: fresh: Old."
    )
    assert found["waits release"].command == approval.COMMAND
    assert set(by_key(replace(settings, upload=None, approval="off"))) == {"damaged warehouse"}


# ------------------------------------------------------------------------------------------------- steps that failed


def test_a_backup_that_is_wanted_and_not_there_is_a_warning_until_there_is_one(settings, tmp_path, monkeypatch):
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name, raising=False)  # tests of DAGs, in the same process, have set them
    settings = replace(settings, backup=str(tmp_path / "backups"))
    settings.archive.mkdir(parents=True, exist_ok=True)
    found = by_key(settings)["not backed up home"]
    assert (found.severity, found.command) == ("warning", "drypowder backup")
    assert "no backup" in found.what
    watching = replace(settings, backup=None, backup_watched=settings.backup)
    assert by_key(watching)["not backed up home"].command == "docker compose restart backup"
    backup.backup(None, settings)
    assert "not backed up home" not in by_key(settings)
    assert "not backed up home" not in by_key(watching)


def test_a_failed_step_is_told_with_its_four_parts_and_its_log_until_it_succeeds(settings, registry):
    registry(rates={})
    gate = GateClosed("The release failed", expected="none", got="two", remedy="Look.")
    failures.note("build.check", gate, settings, log="http://127.0.0.1/log")
    [found] = incidents.now_wrong(settings)
    assert found.key == "failed build.check"
    assert found.what == "GateClosed: The release failed; expected none; got two. Look."
    assert (found.command, found.log) == ("drypowder check", "http://127.0.0.1/log")
    since = found.since
    failures.note("build.check", None, settings)
    [found] = incidents.now_wrong(settings)
    assert found.since == since, "it has not worked since"
    assert "its process was killed" in found.what
    failures.forget("build.check", settings)
    failures.forget("build.check", settings)
    assert incidents.now_wrong(settings) == []


def test_a_failed_landing_names_its_table(settings, registry, publish):
    registry(rates={})
    publish(rates="2026-07-24", ops=[METRICS])
    failures.note("ingest__toy__rates.land", OSError("no route"), settings)
    [found] = incidents.now_wrong(settings)
    assert found.what == "OSError: no route."
    assert found.command == "drypowder land toy rates"
    assert found.affects == ("bti", "tga")


def test_what_the_home_tells_by_itself_is_not_told_a_second_time_as_a_failed_step(home):
    settings = home.settings
    (settings.home).mkdir(exist_ok=True)
    (settings.home / DAMAGED).write_text("Corrupt")
    assert failures.note("build.load", DamagedFile("x"), settings) is None
    (settings.home / DAMAGED).unlink()
    assert failures.note("build.load", DamagedFile("x"), settings)
    failures.forget("build.load", settings)
    home.publisher.says("/rates/all", b'{"other": []}')
    with pytest.raises(ContractViolation) as raised:
        home.land()
    assert failures.note("ingest__toy__rates.land", raised.value, settings) is None
    assert failures.note("ingest__toy__others.land", raised.value, settings)
    assert set(by_key(settings)) == {"refused toy.rates", "failed ingest__toy__others.land"}


def test_a_failed_step_does_not_write_a_secret_down(settings):
    keyed = replace(settings, fred_key="s3cr3t")
    failures.note("build.load", OSError("GET https://example.org/?api_key=s3cr3t failed"), keyed)
    assert "s3cr3t" not in "".join(path.read_text() for path in (settings.incidents / "failed").iterdir())
    [found] = failures.noted(settings)
    assert found.what.endswith("api_key=***** failed")


# ------------------------------------------------------------------------------------------------- one message each


class Inbox:
    """A channel that keeps its messages, and refuses those of its next `refusals` tries."""

    def __init__(self):
        self.messages: list[incidents.Message] = []
        self.refusals = 0

    def __call__(self, message, to):
        assert to == "ada@example.org"
        if self.refusals:
            self.refusals -= 1
            raise OSError("https://hooks.example.org/services/T0KEN did not answer")
        self.messages.append(message)

    @property
    def subjects(self):
        return [each.subject.removeprefix("[Dry Powder] ") for each in self.messages]


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def wrong(settings, registry):
    """Let a step fail and succeed: `wrong("load")`, `wrong("load", over=True)`."""
    registry(rates={})

    def change(step, *, over=False):
        if over:
            failures.forget(f"build.{step}", settings)
        else:
            failures.note(f"build.{step}", GateClosed(f"{step} failed"), settings)

    return change


def test_an_incident_is_told_once_and_once_when_it_is_over(settings, wrong, inbox):
    wrong("load")
    for _ in range(3):
        incidents.watch({"e-mail": inbox}, settings)
    assert inbox.subjects == ["Critical: failed build.load"]
    wrong("check")
    incidents.watch({"e-mail": inbox}, settings)
    wrong("load", over=True)
    for _ in range(3):
        incidents.watch({"e-mail": inbox}, settings)
    assert inbox.subjects == ["Critical: failed build.load", "Critical: failed build.check", "Over: failed build.load"]
    opened, _, over = inbox.messages
    assert opened.entry.id == over.entry.id
    assert dict(over.lines)["Over"]
    assert dict(opened.lines)["Type next"] == "drypowder load"
    wrong("load")
    incidents.watch({"e-mail": inbox}, settings)
    assert inbox.subjects[3:] == ["Critical: failed build.load"], "again is another incident"
    assert inbox.messages[3].entry.id != opened.entry.id


def test_what_could_not_be_delivered_is_tried_again_and_shown_meanwhile(settings, wrong, inbox):
    wrong("load")
    inbox.refusals = 2
    for _ in range(2):
        with pytest.raises(NotDelivered, match="e-mail: OSError"):
            incidents.watch({"e-mail": inbox}, settings)
    assert incidents.undelivered(settings) == {"e-mail": (1, "OSError")}
    said = [each for each in doctor._incidents(settings) if each.state == "wrong"]  # noqa: SLF001
    assert said[0].what == "1 message(s) of incidents were not delivered by e-mail: OSError"
    assert "T0KEN" not in (settings.incidents / incidents.LEDGER).read_text()
    incidents.watch({"e-mail": inbox}, settings)
    incidents.watch({"e-mail": inbox}, settings)
    assert inbox.subjects == ["Critical: failed build.load"]
    assert incidents.undelivered(settings) == {}


def test_a_watch_that_dies_after_a_delivery_sends_the_same_message_with_the_same_id_again(settings, wrong, inbox):
    wrong("load")
    taken = []

    def killed(message, to):
        taken.append(message.id)
        raise SystemExit(to)  # before the ledger knows

    with pytest.raises(SystemExit):
        incidents.watch({"e-mail": killed}, settings)
    incidents.watch({"e-mail": inbox}, settings)
    assert [each.id for each in inbox.messages] == taken
    assert incidents.ledger(settings)[0].told["e-mail"].problem == ""


def test_reasons_may_quote_rows_so_they_are_their_owners_alone(settings, wrong, inbox):
    wrong("load")
    assert settings.incidents.stat().st_mode & 0o077 == 0
    shutil.rmtree(settings.incidents)
    incidents.watch({"e-mail": inbox}, settings)
    assert settings.incidents.stat().st_mode & 0o077 == 0


def test_one_channel_that_fails_does_not_keep_the_other_from_its_message(settings, wrong, inbox):
    wrong("load")
    both = replace(settings, notify_webhook="ada")
    broken = Inbox()
    broken.refusals = 1
    taken = []
    with pytest.raises(NotDelivered):
        incidents.watch({"e-mail": broken, "webhook": lambda message, to: taken.append((message.id, to))}, both)
    incidents.watch({"e-mail": broken, "webhook": lambda message, to: taken.append((message.id, to))}, both)
    assert len(broken.messages) == len(taken) == 1
    assert taken == [(broken.messages[0].id, "ada")]


def test_what_was_over_before_anybody_was_told_is_not_told(settings, wrong, inbox):
    wrong("load")
    incidents.look(settings)
    wrong("load", over=True)
    incidents.watch({"e-mail": inbox}, settings)
    assert inbox.messages == []
    assert [each.incident.key for each in incidents.ledger(settings)] == ["failed build.load"]


def test_what_could_not_be_told_while_it_lasted_is_told_once_when_it_is_over(settings, wrong, inbox):
    wrong("load")
    inbox.refusals = 1
    with pytest.raises(NotDelivered):
        incidents.watch({"e-mail": inbox}, settings)
    wrong("load", over=True)
    incidents.watch({"e-mail": inbox}, settings)
    incidents.watch({"e-mail": inbox}, settings)
    assert inbox.subjects == ["Over: failed build.load"]


def test_who_is_added_later_is_told_what_is_open_and_not_what_is_over(settings, wrong, inbox):
    wrong("load")
    nobody = replace(settings, notify_email=None)
    assert str(incidents.watch({"e-mail": inbox}, nobody)) == "1 incident(s) open, 1 critical; nobody is told"
    wrong("check")
    incidents.watch({"e-mail": inbox}, nobody)
    wrong("load", over=True)
    incidents.watch({"e-mail": inbox}, settings)
    assert inbox.subjects == ["Critical: failed build.check"]


def test_without_a_channel_the_log_says_that_nobody_is_told(settings, wrong, caplog):
    wrong("load")
    incidents.watch({}, settings)
    assert "nobody is told" in caplog.text
    assert [each.told for each in incidents.ledger(settings)] == [{}]


def test_two_that_look_at_once_make_one_incident_and_one_message(settings, wrong, inbox):
    for step in ("load", "check", "publish"):
        wrong(step)
    start = threading.Barrier(8)

    def go():
        start.wait()
        incidents.look(settings)
        try:
            incidents.watch({"e-mail": inbox}, settings)
        except BuilderBusy:
            incidents.look(settings)

    threads = [threading.Thread(target=go) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(incidents.ledger(settings)) == 3
    assert sorted(inbox.subjects) == [f"Critical: failed build.{step}" for step in ("check", "load", "publish")]


def test_the_since_of_an_open_incident_never_moves_forward(settings, registry, publish):
    registry(rates={})
    publish(rates="2026-07-20")
    incidents.look(settings)
    publish(rates="2026-07-22")  # a part of what was missing
    [entry] = incidents.look(settings)
    assert entry.over_at is None
    assert entry.incident.since == datetime(2026, 7, 22, 20, tzinfo=UTC)
    assert "The newest here is of 2026-07-22" in entry.incident.what


def test_the_ledger_forgets_the_oldest_that_are_over_and_nothing_that_is_open(settings, wrong, monkeypatch):
    monkeypatch.setattr(incidents, "_KEPT", 2)
    wrong("publish")
    for _ in range(4):
        wrong("load")
        incidents.look(settings)
        wrong("load", over=True)
        incidents.look(settings)
    assert [each.over_at is None for each in incidents.ledger(settings)].count(True) == 1
    assert len(incidents.ledger(settings)) == 3


def test_a_message_quotes_what_came_from_outside(settings, wrong):
    failures.note("build.load", GateClosed("<script>alert(1)</script> {{ 1 + 1 }}"), settings)
    [entry] = incidents.look(settings)
    message = incidents.Message(entry=entry, home="/h")
    assert "<script>" not in message.html
    assert "&lt;script&gt;" in message.html
    document = message.document
    assert document["text"].startswith("[Dry Powder] Critical: failed build.load\nWhat: GateClosed: <script>")
    assert json.loads(json.dumps(document)) == document
    assert {"key", "kind", "severity", "what", "since", "affects", "command", "event", "id"} <= set(document)


# ------------------------------------------------------------------------------------------------- the command line


def run(settings, *arguments, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_NOW", NOW)
    return CliRunner().invoke(cli.app, ["--home", str(settings.home), *arguments])


def test_the_command_ends_with_one_where_something_critical_is_open(settings, wrong, monkeypatch):
    settings.home.mkdir()
    done = run(settings, "incidents", monkeypatch=monkeypatch)
    assert (done.exit_code, done.output) == (0, "Nothing is wrong.\n")
    wrong("load")
    done = run(settings, "incidents", monkeypatch=monkeypatch)
    assert done.exit_code == 1
    assert "failed build.load  critical, since" in done.output
    assert "Type: drypowder load" in done.output
    assert "Affects nobody yet" not in done.output
    wrong("load", over=True)
    assert run(settings, "incidents", monkeypatch=monkeypatch).exit_code == 0
    done = run(settings, "incidents", "--all", "--json", monkeypatch=monkeypatch)
    [line] = json.loads(done.output)
    assert line["key"] == "failed build.load"
    assert line["over_at"]


def test_a_warning_alone_ends_with_zero(settings, registry, publish, monkeypatch):
    registry(rates={})
    publish(
        rates="2026-07-24",
        ops=[
            (
                "create table ops.quarantine as from (values ('toy', 'rates', 'x', 3::bigint, timestamptz '2026-07-20', "
                "null::timestamptz)) as t(source, table_name, rule, row_count, quarantined_at, discarded_at)"
            )
        ],
    )
    done = run(settings, "incidents", monkeypatch=monkeypatch)
    assert "quarantined toy.rates  warning" in done.output
    assert done.exit_code == 0


def test_what_is_printed_names_who_was_told(settings, wrong, inbox):
    wrong("load")
    inbox.refusals = 1
    with pytest.raises(NotDelivered):
        incidents.watch({"e-mail": inbox}, settings)
    out = StringIO()
    incidents.print_entries(incidents.ledger(settings), Console(file=out, width=120))
    assert "Messages: e-mail NOT: OSError" in out.getvalue()


def test_an_address_is_no_name_of_a_connection(settings):
    with pytest.raises(ConfigurationError, match="is no name of a connection") as raised:
        replace(settings, notify_webhook="https://hooks.example.org/T0KEN")
    assert "T0KEN" not in str(raised.value)


def test_late_since_is_asked_of_the_table_that_is_late(settings, registry, publish):
    registry(rates={}, slow={})
    publish(rates="2026-07-20", slow="2026-07-01")
    found = by_key(settings)
    assert found["late toy.slow"].since < found["late toy.rates"].since
    assert found["late toy.slow"].since.date() == date(2026, 7, 3)
