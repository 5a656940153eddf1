"""Fixtures of the fault tests: publishers that misbehave, and a client with short patience."""

from __future__ import annotations

import ssl

import pytest
import stamina

from tests.fault_server import FaultServer
from warehouse.http import Budget, Limits, LiveTransport
from warehouse.settings import Settings

IMPATIENT = Limits(slow_seconds=0.1, silent_seconds=5.0)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", contact="Test test@example.org")


@pytest.fixture
def server():
    publishers = FaultServer()
    yield publishers
    publishers.close()


@pytest.fixture(scope="session", autouse=True)
def _one_ssl_context():
    """Read the machine's certificates once, not for each of a hundred clients that meet no TLS."""
    context = ssl.create_default_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", lambda *_, **__: context)
        yield


@pytest.fixture
def link(settings, server, tmp_path):
    """The live transport, dialling the fault server for every publisher, with three tries and no waits between."""
    with stamina.set_testing(testing=True, attempts=3):
        yield LiveTransport(settings, budget=Budget(tmp_path), rewrite=server.rewrite, limits=IMPATIENT)
