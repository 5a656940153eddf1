"""Recorded responses on disk: the transport of tests and the demo, and what `drypowder record` writes.

A folder holds `index.jsonl`, one object a line: method, url (absolute, query sorted), status, headers, fetched_at,
body (a path in the folder; `.gz` is decompressed) and origin (`recorded` or `reconstructed`).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import weakref
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from warehouse.errors import ConfigurationError, NotRecorded
from warehouse.masking import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from warehouse.contract import Response

INDEX = "index.jsonl"
IN_MEMORY = 64 << 20
"""Bytes of a body that are held in memory; one with more is held in a temporary file."""
CHUNK = 1 << 20
_KEPT_HEADERS = {"content-type", "content-length", "last-modified", "etag", "retry-after", "date", "x-truncated"}
_HTML = re.compile(
    r"(?>\s+|<\?xml[^>]*\?>|<!--(?>.*?-->))*+(<!doctype\s+html|<(html|head|body|title|script|center|h1)[\s>])",
    re.IGNORECASE | re.DOTALL,
)

Kind = Literal["json", "xml", "html", "zip", "parquet", "text"]


# -------------------------------------------------------------------------------------------------- large bodies


class _Temporary(type(Path())):  # type: ignore[misc]  # Path itself cannot be subclassed before Python 3.12
    """A path that a weak reference can point to."""


def _remove(name: str) -> None:
    with suppress(OSError):
        os.unlink(name)  # noqa: PTH108  (a Path made at exit may find its module gone)


def temporary_file() -> Path:
    """Return the path of a new file that is removed when nobody holds the path any more."""
    handle, name = tempfile.mkstemp(prefix="drypowder-")
    os.close(handle)
    path: Path = _Temporary(name)
    weakref.finalize(path, _remove, name)
    return path


class Body(NamedTuple):
    """A whole body: its bytes, or the file that holds them when they are many."""

    body: bytes
    file: Path | None
    sha256: str


class Spool:
    """Takes a body as it comes: in memory while it is small, then in a temporary file."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        """Hold up to `in_memory` bytes in memory."""
        self._in_memory = in_memory
        self._held: list[bytes] = []
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(data)
        self.size += len(data)
        if self._file is None:
            self._held.append(data)
            if self.size <= self._in_memory:
                return
            self._path = temporary_file()
            self._file = self._path.open("w+b")
            data, self._held = b"".join(self._held), []
        self._file.write(data)

    def finish(self) -> Body:
        """Return what came."""
        if self._file:
            self._file.close()
        return Body(b"".join(self._held), self._path, self._digest.hexdigest())

    def abandon(self, most: int) -> Body:
        """Return at most the first bytes of what came; the temporary file, if there is one, goes."""
        if self._file is None:
            head = b"".join(self._held)[:most]
        else:
            self._file.seek(0)
            head = self._file.read(most)
            self._file.close()
            self._file = self._path = None
        return Body(head, None, hashlib.sha256(head).hexdigest())


def spooled(chunks: Iterable[bytes], in_memory: int = IN_MEMORY) -> Body:
    """Return a body made of chunks."""
    spool = Spool(in_memory)
    for chunk in chunks:
        spool.write(chunk)
    return spool.finish()


def chunks_of(file: BinaryIO) -> Iterable[bytes]:
    """Yield the bytes of an open file."""
    return iter(lambda: file.read(CHUNK), b"")


def encoding_of(head: bytes) -> str:
    """Return the encoding that a byte-order mark names, or UTF-8."""
    return {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(head[:2], "utf-8")


def kind_of(head: bytes) -> Kind:
    """Return what a body is, judged from its first bytes; a byte-order mark is passed over."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.decode(encoding_of(head), "replace").removeprefix("\ufeff").lstrip()
    if _HTML.match(text):
        return "html"
    return {"{": "json", "[": "json", "<": "xml"}.get(text[:1], "text")  # type: ignore[return-value]


# ----------------------------------------------------------------------------------------------------- addresses


def canonical_url(url: str, params: Mapping[str, str] | None = None) -> str:
    """Return the absolute URL with its query sorted and encoded in one way, so that equal requests are equal text."""
    parts = urlsplit(url)
    query = sorted([*parse_qsl(parts.query, keep_blank_values=True), *(params or {}).items()])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query, quote_via=quote, safe=":,()-._~"), ""))


def without_credentials(url: str) -> str:
    """Return the URL less user information and the query fields that carry keys."""
    parts = urlsplit(url)
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k.lower() not in CREDENTIALS]
    netloc = parts.netloc.rpartition("@")[2]
    return canonical_url(urlunsplit((parts.scheme, netloc, parts.path, urlencode(query), "")))


def headers_that_matter(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the response headers worth keeping, lower case; cookies and credentials are not among them."""
    return {k.lower(): v for k, v in sorted(headers.items()) if k.lower() in _KEPT_HEADERS}


# ------------------------------------------------------------------------------------------------ the recording


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
        with self.open_body(entry) as file:
            return file.read()

    def open_body(self, entry: Recorded) -> BinaryIO:
        """Open the body's bytes for reading, decompressed when its file ends in .gz."""
        path = self.folder / entry.body
        return gzip.open(path) if entry.body.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def append(folder: Path, response: Response) -> None:
    """Add one response to a recording, its body compressed, its URL and headers without credentials."""
    with response.open() as body:
        suffix = {"text": "txt"}.get(kind := kind_of(body.read(4096)), kind)
    is_packed = kind in {"zip", "parquet"}
    entry = Recorded(
        method=response.method,
        url=without_credentials(response.url),
        status=response.status,
        headers=headers_that_matter(response.headers),
        fetched_at=response.fetched_at,
        body=f"bodies/{response.sha256}.{suffix}" + ("" if is_packed else ".gz"),
        origin="recorded" if response.origin == "live" else response.origin,
    )
    path = folder / entry.body
    path.parent.mkdir(parents=True, exist_ok=True)
    with response.open() as body, path.open("wb") as file:
        if is_packed:
            shutil.copyfileobj(body, file, CHUNK)
        else:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                shutil.copyfileobj(body, packed, CHUNK)
    with (folder / INDEX).open("a") as index:
        index.write(entry.as_json() + "\n")
