"""Recorded responses on disk: the transport of tests and the demo, and what `drypowder record` writes.

A folder holds `index.jsonl`, one object a line: method, url (absolute, query sorted), status, headers, fetched_at,
body (a path in the folder; `.gz` is decompressed) and origin (`recorded` or `reconstructed`).
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from warehouse.errors import ConfigurationError, NotRecorded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from warehouse.contract import Response

INDEX = "index.jsonl"
_CREDENTIALS = {"api_key", "apikey", "key", "token", "access_token", "signature"}
_KEPT_HEADERS = {"content-type", "content-length", "last-modified", "etag", "retry-after", "date"}


def canonical_url(url: str, params: Mapping[str, str] | None = None) -> str:
    """Return the absolute URL with its query sorted and encoded in one way, so that equal requests are equal text."""
    parts = urlsplit(url)
    query = sorted([*parse_qsl(parts.query, keep_blank_values=True), *(params or {}).items()])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query, quote_via=quote, safe=":,()-._~"), ""))


def without_credentials(url: str) -> str:
    """Return the URL less user information and the query fields that carry keys."""
    parts = urlsplit(url)
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k.lower() not in _CREDENTIALS]
    netloc = parts.netloc.rpartition("@")[2]
    return canonical_url(urlunsplit((parts.scheme, netloc, parts.path, urlencode(query), "")))


def headers_that_matter(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the response headers worth keeping, lower case; cookies and credentials are not among them."""
    return {k.lower(): v for k, v in sorted(headers.items()) if k.lower() in _KEPT_HEADERS}


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One line of the index."""

    method: str
    url: str
    status: int
    headers: dict[str, str]
    fetched_at: datetime
    body: str
    origin: str

    def as_json(self) -> str:
        """Return the line as it stands in the index."""
        stamp = self.fetched_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return json.dumps({**self.__dict__, "fetched_at": stamp})


class Recording:
    """A folder of recorded responses."""

    def __init__(self, folder: Path, entries: list[Recorded]) -> None:
        """Index the entries by request."""
        self.folder = folder
        self.entries = entries
        self._by_request: dict[tuple[str, str], list[Recorded]] = {}
        for entry in sorted(entries, key=lambda e: e.fetched_at):
            self._by_request.setdefault((entry.method, without_credentials(entry.url)), []).append(entry)

    @classmethod
    def open(cls, folder: Path) -> Recording:
        """Read the index.

        Raises:
            ConfigurationError: there is no index, it is empty, or a line of it cannot be read.
        """
        index = folder / INDEX
        if not index.is_file():
            raise ConfigurationError(
                f"{folder} is no recording",
                expected=f"a file {INDEX} in it",
                got="none",
                remedy="Check WAREHOUSE_SOURCES, or write one with `drypowder record`.",
            )
        entries = []
        for number, line in enumerate(index.read_text().splitlines(), 1):
            try:
                fields = json.loads(line)
                fields["fetched_at"] = datetime.fromisoformat(fields["fetched_at"]).astimezone(UTC)
                entries.append(Recorded(**fields))
            except (ValueError, TypeError, KeyError) as error:
                raise ConfigurationError(
                    f"{index} line {number} cannot be read",
                    expected="an object with method, url, status, headers, fetched_at, body, origin",
                    got=str(error),
                ) from error
        if not entries:
            raise ConfigurationError(f"{index} is empty", expected="one line a response", got="none")
        return cls(folder, entries)

    @property
    def newest_fetch(self) -> datetime:
        """Instant of the newest recorded fetch: the clock under this transport."""
        return max(e.fetched_at for e in self.entries)

    def find(self, method: str, url: str, now: datetime) -> Recorded:
        """Return the newest response to a request that was fetched not after `now`.

        Raises:
            NotRecorded: there is none; the message names the URL.
        """
        asked = without_credentials(url)
        answers = [e for e in self._by_request.get((method, asked), []) if e.fetched_at <= now]
        if not answers:
            raise NotRecorded(
                f"The recording {self.folder} has no such response",
                got=f"{method} {asked}",
                remedy="Record it with `drypowder record`, or set WAREHOUSE_SOURCES=live.",
            )
        return answers[-1]

    def body(self, entry: Recorded) -> bytes:
        """Return the body's bytes, decompressed when its file ends in .gz."""
        data = (self.folder / entry.body).read_bytes()
        return gzip.decompress(data) if entry.body.endswith(".gz") else data


def append(folder: Path, response: Response) -> None:
    """Add one response to a recording, its body compressed, its URL and headers without credentials."""
    suffix = "json" if response.body.lstrip()[:1] in (b"{", b"[") else "txt"
    entry = Recorded(
        method=response.method,
        url=without_credentials(response.url),
        status=response.status,
        headers=headers_that_matter(response.headers),
        fetched_at=response.fetched_at,
        body=f"bodies/{response.sha256}.{suffix}.gz",
        origin="recorded" if response.origin == "live" else response.origin,
    )
    path = folder / entry.body
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(response.body, mtime=0))
    with (folder / INDEX).open("a") as index:
        index.write(entry.as_json() + "\n")
