"""What `drypowder status` says of a home: with and without a release, of what is late, held back or not there at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO

import duckdb
import pytest
from rich.console import Console

from tests.unit.toy import Reply, rate, rates_json, toy_source
from warehouse import pipeline, report, sources
from warehouse.errors import ConfigurationError
from warehouse.settings import Settings

NOW = "2026-07-25T12:00:00Z"
"""A Saturday. The toy's rates are due each day at 16:00 New York, so the last one due is of the 24th."""


@pytest.fixture
def home(tmp_path):
    return Settings(home=tmp_path / "home", now=NOW, contact="Test test@example.org")


@pytest.fixture
def registry(monkeypatch):
    """Replace the registry by toy sources whose tables differ as told: `registry(rates={}, keyed={...})`."""

    def register(url="https://example.org", **tables):
        source = toy_source(url)
        made = tuple(replace(source.tables[0], name=name, **more) for name, more in tables.items())
        source = replace(source, tables=made)
        monkeypatch.setattr(sources, "sources", lambda: {"toy": source})
        return source

    return register


@pytest.fixture
def publish(home):
    """Write a release by hand: how each table stands, what is held back, and what is in quarantine."""

    def write(*, quarantined=None, held_back=(), affected=(), **newest):
        path = home.releases / "2026.07.25.1"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        manifest = {
            "id": "2026.07.25.1",
            "created_at": "2026-07-25T11:00:00+00:00",
            "tables": {"marts.fct": {"rows": 10}},
            "sources": {
                f"toy.{table}": {
                    "last_checked_at": "2026-07-25T10:00:00+00:00" if end else None,
                    "last_changed_at": "2026-07-25T10:00:00+00:00" if end else None,
                    "newest_period_end": end,
                    "origin": "live" if end else None,
                }
                for table, end in newest.items()
            },
            "held_back": list(held_back),
            "affected_metrics": list(affected),
        }
        (path / "manifest.json").write_text(json.dumps(manifest))
        with duckdb.connect(str(path / "warehouse.duckdb")) as connection:
            connection.execute("create schema ops")
            if quarantined is not None:
                connection.execute(
                    "create table ops.quarantine (source varchar, table_name varchar, rule varchar, row_count bigint, "
                    "discarded_at timestamptz)"
                )
                for line in quarantined:
                    connection.execute("insert into ops.quarantine values ('toy', ?, ?, ?, ?)", list(line))
        if not home.current.exists():
            home.current.symlink_to(path)

    return write


def status(home, width=120) -> str:
    out = StringIO()
    report.print_status(home, Console(file=out, width=width))
    return out.getvalue()


def test_a_home_without_a_release_lists_every_table_and_says_that_nothing_is_published(home, registry):
    registry(rates={}, others={})
    printed = status(home)
    assert "has no release: nothing is published" in printed
    assert "make demo" in printed
    assert "the clock says 2026-07-25 12:00Z" in printed
    assert printed.count("never landed") == 3
    assert "2026-07-25 20:00" in printed, "when the next day is due"
    assert "Nothing of it has landed" not in printed, "forty such lines would bury what is late"
    assert "Nothing is held back." in printed
    assert printed.splitlines()[-1] == "2 never landed"
    assert not home.home.exists()  # looking changes nothing


def test_what_has_landed_and_is_not_published_is_read_from_its_files(publisher, home, registry):
    source = registry(publisher.url, rates={})
    publisher.says("/rates/all", rates_json(rate("2026-07-23", "4.1"), rate("2026-07-24", "4.2")))
    pipeline.land("toy", "rates", home)
    printed = status(home)
    assert "fresh         2026-07-24  1 d" in printed
    assert printed.splitlines()[-1] == "1 fresh"

    publisher.says("/rates/all", rates_json(rate("2026-07-10", "4.1")))
    shutil.rmtree(home.home)
    pipeline.land("toy", "rates", home)
    printed = status(home)
    assert "late          2026-07-10  15 d" in printed
    assert "What has landed is not published yet." in " ".join(printed.split())
    assert [t.name for t in source.tables] == ["rates"]


def test_a_landed_file_of_another_contract_does_not_stop_the_others(publisher, home, registry):
    registry(publisher.url, rates={})
    publisher.says("/rates/all", rates_json(rate("2026-07-24", "4.2")))
    pipeline.land("toy", "rates", home)
    registry(publisher.url, rates={"about": ("made_up", "made_up")}, others={})
    assert [each.newest_period_end for each in report.standings(home)] == [None, None]


def test_a_table_that_is_late_says_what_was_due_when(home, registry, publish):
    registry(rates={}, others={}, slow={})
    publish(rates="2026-07-24", others="2026-07-20", slow="2026-07-23")
    printed = status(home)
    assert printed.startswith("release 2026.07.25.1: 1 tables, 10 rows, published 2026-07-25T11:00:00+00:00;")
    assert (
        "others: The period to 2026-07-23 was due Thu 2026-07-23 16:00 New York and late from Fri 2026-07-24 16:00 New "
        "York. The newest here is of 2026-07-20. The next, to 2026-07-25, is due Sat 2026-07-25 16:00 New York."
    ) in " ".join(printed.split())
    assert "slow: The period to 2026-07-24 was due Fri 2026-07-24 16:00 New York and is late from" in printed
    assert "rates:" not in printed
    assert printed.splitlines()[-1] == "1 fresh, 1 due, 1 late"


def test_every_line_fits_120_columns_and_shows_the_columns_asked_for(home, registry, publish):
    registry(rates={}, others={})
    publish(rates="2026-07-24", others="2026-01-01")
    lines = status(home).splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[1].split("  ")[0] == "Table"
    row = next(line for line in lines if line.startswith("rates"))
    assert row.split() == [
        "rates", "fresh", "2026-07-24", "1", "d", "2026-07-25", "20:00", "2026-07-25", "live", "real", "bytes",
    ]  # fmt: skip
    assert "toy Toy" in lines


def test_what_is_held_back_is_shown_with_its_reason_whatever_the_calendar_says(home, registry, publish):
    registry(rates={}, others={})
    publish(
        rates="2026-07-24",
        others="2026-07-24",
        held_back=[
            {"source": "toy", "table": "rates", "partition": "2026", "border": "incoming", "reason": "a [mean] of 9"}
        ],
    )
    printed = status(home)
    assert "rates: HELD BACK 2026 at incoming: a [mean] of 9" in printed
    assert "Nothing is held back." not in printed
    assert printed.splitlines()[-1] == "1 fresh, 1 held back"


def test_what_is_held_back_names_the_metrics_that_it_affects_and_how_old_they_are(home, registry, publish):
    registry(rates={}, others={})
    of = {"source": "toy", "table": "rates", "newest_known_at": "2026-06-01"}
    publish(
        rates="2026-07-24",
        others="2026-07-24",
        held_back=[{"source": "toy", "table": "rates", "partition": "2026", "border": "incoming", "reason": "bad"}],
        affected=[
            {
                **of,
                "partition": "2026",
                "metric": "spread",
                "last_good_at": "2026-07-01 10:00",
                "newest_period_end": None,
            },
            *(
                {
                    **of,
                    "partition": "2025",
                    "metric": f"m{n:02}",
                    "last_good_at": None,
                    "newest_period_end": "2026-05-31",
                }
                for n in range(12)
            ),
        ],
    )
    printed = " ".join(status(home).split())
    assert "AFFECTS 13 metric(s), newest period in brackets: m00 (2026-05-31), m01" in printed
    assert "and 1 more in ops.affected_metrics" in printed
    assert "Rows used meanwhile: 2025 has none that passed, 2026 of 2026-07-01." in printed
    assert printed.count("AFFECTS") == 1


def test_a_refusal_is_of_now_and_not_of_the_release(publisher, home, registry, publish):
    registry(publisher.url, rates={})
    refused = {"source": "toy", "table": "rates", "partition": "old", "border": "landing", "reason": "of last week"}
    publish(rates="2026-07-24", held_back=[refused])
    assert "HELD BACK old at landing: of last week" in status(home)  # all that this home knows

    publisher.says("/rates/all", Reply(b"{}"), rates_json(rate("2026-07-24", "4.2")))
    with pytest.raises(Exception, match="no table of rates"):
        pipeline.land("toy", "rates", home)
    printed = status(home)
    assert "of last week" not in printed
    assert "HELD BACK all at landing:" in printed

    pipeline.land("toy", "rates", home)
    assert "HELD BACK" not in status(home)


def test_rows_in_quarantine_are_counted_by_rule(home, registry, publish):
    registry(rates={}, others={})
    publish(
        rates="2026-07-24",
        others="2026-07-24",
        quarantined=[("rates", "type", 1200, None), ("rates", "sign", 1, None), ("others", "type", 5, NOW)],
    )
    printed = status(home)
    assert "rates: 1,201 row(s) in quarantine (sign 1, type 1,200)" in printed
    assert "others:" not in printed  # its rows were discarded by hand


def test_a_keyed_table_without_its_key_is_off(home, registry, publish):
    registry(rates={}, keyed={"credential": "fred_key"})
    publish(rates="2026-07-24")
    printed = status(home)
    assert "keyed: It is optional and needs a key: set WAREHOUSE_FRED_KEY to turn it on." in printed
    assert printed.splitlines()[-1] == "1 fresh, 1 off"
    assert status(replace(home, fred_key="secret")).splitlines()[-1] == "1 fresh, 1 never landed"


def test_a_parser_that_saw_only_documents_names_the_check_that_it_waits_for(home, registry):
    registry(rates={"proven": "documented"})
    printed = status(home)
    assert "run `drypowder check-live toy.rates` first" in printed
    assert printed.splitlines()[-1] == "1 unproven"
    home.home.mkdir()
    (home.home / "live-checks.json").write_text(json.dumps({"toy.rates": NOW}))
    printed = status(home)
    assert "check-live" not in printed
    assert "documents" in printed


def test_a_table_that_no_release_knows_yet_is_listed(home, registry, publish):
    registry(rates={}, fresh_from_the_press={})
    publish(rates="2026-07-24")
    assert "fresh_from_the_press      never landed" in status(home)


def test_json_says_the_same_for_programs(home, registry, publish):
    registry(rates={}, others={})
    publish(rates="2026-07-24", others="2026-07-20", quarantined=[("rates", "type", 2, None)])
    out = StringIO()
    report.print_status(home, Console(file=out, width=40), as_json=True)
    found = json.loads(out.getvalue())
    assert found["release"] == {"id": "2026.07.25.1", "created_at": "2026-07-25T11:00:00+00:00", "rows": 10}
    assert found["summary"] == {"fresh": 1, "late": 1}
    rates, others = found["tables"]
    assert rates["newest_period_end"] == "2026-07-24"
    assert rates["next_due_at"] == "2026-07-25T20:00:00+00:00"
    assert rates["last_asked_at"] == "2026-07-25T10:00:00+00:00"
    assert rates["quarantined"] == {"type": 2}
    assert rates["reason"].startswith("The period to 2026-07-24 was due")
    assert others["state"] == "late"


def test_json_of_a_home_without_a_release_has_none(home, registry):
    registry(rates={})
    out = StringIO()
    report.print_status(home, Console(file=out), as_json=True)
    assert json.loads(out.getvalue())["release"] is None


def test_a_standing_knows_what_was_asked_since_the_release(publisher, home, registry, publish):
    registry(publisher.url, rates={})
    publish(rates="2026-07-24")
    assert report.standings(home)[0].last_asked_at == datetime(2026, 7, 25, 10, tzinfo=UTC)
    publisher.says("/rates/all", rates_json(rate("2026-07-25", "4.2")))
    pipeline.land("toy", "rates", home)
    found = report.standings(home)[0]
    assert found.last_asked_at > datetime(2026, 7, 25, 12, tzinfo=UTC)  # the wire's clock is the wall's
    assert found.newest_period_end == date(2026, 7, 24)  # what is published is the release


@pytest.fixture
def described(home):
    """Publish a release of two tables whose comments say what they are."""
    path = home.releases / "2026.07.25.1"
    path.mkdir(parents=True)
    with duckdb.connect(str(path / "warehouse.duckdb")) as writer:
        writer.execute("create schema marts; create table marts.fct_toys (toy varchar, price double)")
        writer.execute("comment on table marts.fct_toys is 'One row per toy. More of it.'")
        writer.execute("comment on column marts.fct_toys.price is 'What it costs.'")
        writer.execute("create schema ops; create table ops.loads (fetch_id varchar)")
    contract = {
        "version": 2,
        "status": "deprecated",
        "owner": "toymakers",
        "key": ["toy"],
        "consumers": ["The shop"],
        "deprecation_date": "2027-06-01",
        "use_instead": "marts.fct_games",
    }
    manifest = {
        "id": path.name,
        "tables": {"marts.fct_toys": {"rows": 1234, "contract": contract}, "ops.loads": {"rows": 0}},
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    home.current.symlink_to(path)
    return home


@pytest.mark.parametrize(
    ("asked", "said", "unsaid"),
    [
        (
            "",
            [
                "marts.fct_toys  1,234        2  Goes on 2027-06-01: use marts.fct_games instead. One row per toy.",
                "ops.loads           0",
            ],
            ["More of it", "price"],
        ),
        ("marts.fct_toys", ["One row per toy. More of it.", "price   DOUBLE   What it costs."], ["ops"]),
        (
            "marts.fct_toys",
            [
                "Version 2, deprecated: goes on 2027-06-01, use marts.fct_games instead. Owner: toymakers.",
                "A row is one (toy).",
                "Read by: The shop.",
            ],
            [],
        ),
        ("fct_toys", ["marts.fct_toys, 1,234 rows", "toy     VARCHAR"], ["ops"]),
    ],
)
def test_the_tables_of_a_release_say_what_they_hold(described, asked, said, unsaid):
    console = Console(file=StringIO(), width=120)
    report.print_tables(described, console, asked)
    printed = console.file.getvalue()
    for text in said:
        assert text in printed
    for text in unsaid:
        assert text not in printed


def test_a_table_that_a_release_has_not_is_an_error(described):
    with pytest.raises(ConfigurationError, match="no table marts.nothing"):
        report.print_tables(described, Console(file=StringIO()), "marts.nothing")
