"""Fixtures of the unit tests: a loopback publisher and homes of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest
import stamina

from tests.unit.toy import Publisher, rates_json, toy_source
from warehouse import pipeline, sources
from warehouse.archive import Archive
from warehouse.http import Budget, LiveTransport
from warehouse.settings import Settings
from warehouse.validation import Judge


@pytest.fixture(autouse=True)
def no_report(request, monkeypatch):
    """Write no report of what came in, which takes as long as judging it, but for tests of the report."""
    if "report" not in request.keywords:
        monkeypatch.setattr(Judge, "write_docs", lambda *_: None)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", contact="Test test@example.org", lock_wait_seconds=0.5)


@pytest.fixture
def publisher():
    server = Publisher()
    yield server
    server.close()


@pytest.fixture
def live(settings, tmp_path):
    """The live transport with a rate budget of its own and short waits between tries."""
    (tmp_path / "budget").mkdir()
    with stamina.set_testing(testing=True, attempts=3):
        yield LiveTransport(settings, budget=Budget(tmp_path / "budget"))


@pytest.fixture
def toy(publisher, monkeypatch):
    """The registry with the toy source alone."""
    source = toy_source(publisher.url)
    monkeypatch.setattr(sources, "sources", lambda: {"toy": source})
    return source


@pytest.fixture
def an_instant():
    return datetime(2026, 7, 25, 12, 0, tzinfo=UTC)


class ToyHome:
    """A home fed by a toy publisher, whose contract a test can change between two fetches."""

    def __init__(self, settings, live, publisher, monkeypatch):
        self.settings, self.live, self.publisher, self._monkeypatch = settings, live, publisher, monkeypatch
        self.keys = ("all",)
        self.contract()

    def contract(self, **changes):
        """Give the registry the toy source with these changes of its table, and the suite that follows from it."""
        import expectations

        source = toy_source(self.publisher.url, self.keys)
        table = replace(source.tables[0], **changes)
        self.source = replace(source, tables=(table,))
        self.table = table
        self._monkeypatch.setattr(sources, "sources", lambda: {"toy": self.source})
        self._monkeypatch.setattr(
            expectations, "incoming_suites", lambda: {("toy", "rates"): expectations.suite(table, self.source)}
        )

    def says(self, *rows, key="all"):
        """Let the publisher answer with these rows from now on."""
        self.publisher.says(f"/rates/{key}", rates_json(*rows))

    def land(self, **options):
        """Land the table over real HTTP."""
        return pipeline.land("toy", "rates", self.settings, using=self.live, **options)

    def land_one(self, key):
        """Land one partition and return what became of it."""
        partition = next(p for p in self.table.partitions(datetime.now(UTC)) if p.key == key)
        archive = Archive(self.settings.archive)
        return pipeline.land_partition(self.settings, archive, self.live, self.source, self.table, partition).outcome

    def promote(self):
        """Load and validate what has landed."""
        pipeline.load(self.settings)
        return pipeline.validate(self.settings)

    def ingest(self, *rows):
        """Land these rows, load them and let the gate judge them."""
        self.says(*rows)
        landed = self.land()
        self.promote()
        return landed

    def query(self, sql, *, internal=False):
        """Ask the builder's file."""
        file = self.settings.internal if internal else self.settings.warehouse
        with duckdb.connect(str(file), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()


@pytest.fixture
def home(settings, live, publisher, monkeypatch):
    """A toy home."""
    return ToyHome(settings, live, publisher, monkeypatch)
