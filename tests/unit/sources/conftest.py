"""Responses made of files and text, and a stand-in for the network that remembers what it was asked."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import duckdb
import pytest

from warehouse import landing
from warehouse.archive import Fetch
from warehouse.contract import Expect, Response
from warehouse.errors import SourceUnavailable
from warehouse.recording import canonical_url
from warehouse.settings import Settings
from warehouse.sources import find

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FETCHED_AT = datetime(2026, 11, 1, tzinfo=UTC)


def response_of(url: str, body: bytes | str, fetched_at: datetime = FETCHED_AT) -> Response:
    """Return a response with that body, as the client would hand it over."""
    data = body.encode() if isinstance(body, str) else body
    sha256 = hashlib.sha256(data).hexdigest()
    return Response(url=url, body=data, sha256=sha256, fetched_at=fetched_at, origin="recorded")


@pytest.fixture
def answer() -> Callable[..., Response]:
    """Make a response from a URL and a body."""
    return response_of


@pytest.fixture
def fixture() -> Callable[[str], bytes]:
    """Read a small hand-made body from tests/fixtures."""
    return lambda name: (FIXTURES / name).read_bytes()


class Network:
    """Answers from a dictionary of host or URL prefixes; what it has not is unavailable."""

    def __init__(self, answers: Mapping[str, str | bytes]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.fallbacks: list[str] = []

    def __call__(
        self,
        url: str,
        /,
        *,
        expect: str,
        params: Mapping[str, str] | None = None,
        is_fallback: bool = False,
        accept: str | None = None,  # noqa: ARG002  (the client's business)
        credential: str | None = None,  # noqa: ARG002
        throttled: Callable[[bytes], bool] | None = None,  # noqa: ARG002
    ) -> Response:
        assert expect in get_args(Expect)
        full = canonical_url(url, params)
        self.asked.append(full)
        if is_fallback:
            self.fallbacks.append(full)
        for prefix, body in self.answers.items():
            if full.startswith(prefix):
                return response_of(full, body)
        raise SourceUnavailable(f"GET {full} did not answer")


@pytest.fixture
def network() -> type[Network]:
    """Make a network of given answers."""
    return Network


@pytest.fixture
def land_bodies(tmp_path: Path) -> Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Land bodies, given by URL, as one fetch of a table; return its rows and what went to quarantine."""

    def land(code: str, name: str, bodies: Mapping[str, bytes | str], fetched_at: datetime = FETCHED_AT):
        _, table = find(code, name)
        responses = [response_of(url, body, fetched_at) for url, body in bodies.items()]
        fetch = Fetch.of(code, name, "test", table.licence.name, responses)
        landed = landing.land(Settings(home=tmp_path / "home"), table, fetch, responses)
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            rows = connection.execute("select * from read_parquet(?)", [str(landed.path)]).to_arrow_table()
            aside = landing.quarantine_path(landed.path)
            bad = [] if not aside.exists() else duckdb.read_parquet(str(aside)).to_arrow_table().to_pylist()
        return rows.to_pylist(), bad

    return land
