"""Fixtures of the unit tests: a loopback publisher and homes of their own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stamina

from tests.unit.toy import Publisher, toy_source
from warehouse import sources
from warehouse.http import Budget, LiveTransport
from warehouse.settings import Settings


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
