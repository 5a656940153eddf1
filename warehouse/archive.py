"""Response bytes as received, content-addressed and never changed, with who-when-where. The only truth.

archive/sha256/<2 hex>/<sha256>.zst                               a body
archive/fetches/<source>/<table>/<partition>/<fetch_id>.json      one fetch: its responses, in order
archive/refused/<source>/<table>/<partition>/<fetch_id>.json      answers that were not data
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote
from uuid import uuid4

from warehouse.contract import Response
from warehouse.errors import ConfigurationError
from warehouse.recording import CHUNK, IN_MEMORY, Body, Spool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_LEVEL = 6  # zstd level: JSON shrinks 15 times at about 100 MB/s


def write_atomically(path: Path, data: bytes) -> None:
    """Write under a temporary name, fsync, rename, fsync the folder: readers see the whole file or none."""
    with atomically(path) as file:
        file.write(data)


@contextmanager
def atomically(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which gets its name once it is whole and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")
    with partial.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    settle(partial, path)


def settle(partial: Path, path: Path) -> None:
    """Rename a finished, fsynced file to its final name and make the rename durable."""
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def stamp(instant: datetime) -> str:
    """Return the instant in a form that sorts and is safe in a file name."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def unstamp(text: str) -> datetime:
    """Return the instant of a stamp."""
    return datetime.strptime(text, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """One fetch of one partition: its responses in order, less their bodies."""

    source: str
    table: str
    partition: str
    licence: str
    responses: tuple[Mapping[str, Any], ...]
    token: str | None = None
    """What the table that this partition watches said when this was asked for; no part of the fetch's identity."""
    run_id: str | None = None
    """The run that asked; no part of the fetch's identity either."""

    @classmethod
    def of(
        cls,
        source: str,
        table: str,
        partition: str,
        licence: str,
        responses: Sequence[Response],
        token: str | None = None,
        run_id: str | None = None,
    ) -> Fetch:
        """Describe responses that were just received."""
        return cls(
            source=source,
            table=table,
            partition=partition,
            licence=licence,
            token=token,
            run_id=run_id,
            responses=tuple(
                {
                    "method": r.method,
                    "url": r.url,
                    "status": r.status,
                    "headers": dict(r.headers),
                    "fetched_at": r.fetched_at.astimezone(UTC).isoformat(),
                    "bytes": r.size,
                    "sha256": r.sha256,
                    "origin": r.origin,
                    "is_fallback": r.is_fallback,
                }
                for r in responses
            ),
        )

    @cached_property
    def fetched_at(self) -> datetime:
        """Instant of the last response: nothing in the fetch was known to us before it ended."""
        return max(datetime.fromisoformat(r["fetched_at"]) for r in self.responses)

    @cached_property
    def bodies(self) -> tuple[str, ...]:
        """SHA-256 of every body, in order."""
        return tuple(r["sha256"] for r in self.responses)

    @cached_property
    def origin(self) -> str:
        """Origin of the responses; a fetch has one."""
        return str(self.responses[0]["origin"])

    @cached_property
    def is_fallback(self) -> bool:
        """Whether any of it came from the fallback."""
        return any(r["is_fallback"] for r in self.responses)

    @cached_property
    def digest(self) -> str:
        """Twelve hex digits that are equal when the same partition was answered with the same bytes."""
        content = "\n".join([self.source, self.table, self.partition, *self.bodies])
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @cached_property
    def fetch_id(self) -> str:
        """Sortable name, the same whenever the same bytes were received at the same instant."""
        return f"{stamp(self.fetched_at)}-{self.digest}"

    def as_json(self) -> str:
        """Return the log entry."""
        fields = {k: getattr(self, k) for k in ("source", "table", "partition", "licence", "responses")}
        more = {k: v for k in ("token", "run_id") if (v := getattr(self, k)) is not None}
        return json.dumps({"fetch_id": self.fetch_id, **fields, **more}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Fetch:
        """Read a log entry."""
        fields = json.loads(text)
        fields.pop("fetch_id")
        return cls(**{**fields, "responses": tuple(fields["responses"])})


class Archive:
    """The archive of one home."""

    def __init__(self, folder: Path, in_memory: int = IN_MEMORY) -> None:
        """Open it; folders are made when something is kept. A body of more bytes is given back as a file."""
        self.folder = folder
        self._in_memory = in_memory

    def _body(self, sha256: str) -> Path:
        return self.folder / "sha256" / sha256[:2] / f"{sha256}.zst"

    def _fetches(self, source: str, table: str) -> Path:
        return self.folder / "fetches" / source / table

    def keep(self, fetch: Fetch, bodies: Sequence[bytes | Path], *, usable: bool = True) -> None:
        """Write the bodies, or the files that hold them, that are not there yet, then the log entry that names them.

        What was no answer (an error page, an empty body) is logged apart, under `refused`.
        """
        for entry, body in zip(fetch.responses, bodies, strict=True):
            if not self._body(entry["sha256"]).exists():
                self._write(self._body(entry["sha256"]), body)
        log = self._fetches(fetch.source, fetch.table)
        if not usable:
            log = self.folder / "refused" / fetch.source / fetch.table
        path = log / quote(fetch.partition, safe="") / f"{fetch.fetch_id}.json"
        if not path.exists():
            write_atomically(path, fetch.as_json().encode())

    def _write(self, path: Path, body: bytes | Path) -> None:
        import zstandard

        packer = zstandard.ZstdCompressor(level=_LEVEL)
        if isinstance(body, bytes):
            write_atomically(path, packer.compress(body))
            return
        with body.open("rb") as source, atomically(path) as target:
            packer.copy_stream(source, target, size=body.stat().st_size)

    def latest(self, source: str, table: str, partition: str) -> Fetch | None:
        """Return the newest fetch of a partition, or None."""
        folder = self._fetches(source, table) / quote(partition, safe="")
        newest = _newest(folder)
        return Fetch.from_json((folder / newest).read_text()) if newest else None

    def last_checked(self, source: str, table: str) -> datetime | None:
        """Return when a table was last asked for with success, or None."""
        folder = self._fetches(source, table)
        newest = max((_newest(f.path) for f in os.scandir(folder)), default="") if folder.is_dir() else ""
        return unstamp(newest.split("-")[0]) if newest else None

    def fetches(self, source: str, table: str) -> Iterator[Fetch]:
        """Yield every logged fetch of a table in the order of time."""
        logged = self._fetches(source, table).glob("*/[0-9]*.json")
        for path in sorted(logged, key=lambda p: p.name):
            yield Fetch.from_json(path.read_text())

    def responses(self, fetch: Fetch) -> list[Response]:
        """Return a fetch's responses with their bodies.

        Raises:
            ConfigurationError: a body is missing or is not what its name says.
        """
        found = []
        for entry in fetch.responses:
            path = self._body(entry["sha256"])
            body = self._read(path, entry["bytes"])
            if body.sha256 != entry["sha256"]:
                raise ConfigurationError(
                    f"{path} has changed",
                    expected=f"SHA-256 {entry['sha256']}",
                    got="another one",
                    remedy="Restore the archive from your backup.",
                )
            found.append(
                Response(
                    url=entry["url"],
                    body=body.body,
                    file=body.file,
                    sha256=entry["sha256"],
                    fetched_at=datetime.fromisoformat(entry["fetched_at"]),
                    origin=entry["origin"],
                    headers=entry["headers"],
                    status=entry["status"],
                    method=entry["method"],
                    is_fallback=entry["is_fallback"],
                )
            )
        return found

    def named(self) -> tuple[dict[str, int], dict[str, str]]:
        """Return the size of every body that a log entry names, by SHA-256, and the entries that cannot be read."""
        sizes: dict[str, int] = {}
        unreadable: dict[str, str] = {}
        for part in ("fetches", "refused"):
            for path in sorted((self.folder / part).glob("*/*/*/[0-9]*.json")):
                try:
                    fetch = Fetch.from_json(path.read_text())
                    sizes |= {each["sha256"]: each["bytes"] for each in fetch.responses}
                    if fetch.fetch_id != path.stem:
                        unreadable[str(path)] = f"it is of the fetch {fetch.fetch_id}"
                except (OSError, ValueError, KeyError, TypeError) as error:
                    unreadable[str(path)] = str(error)
        return sizes, unreadable

    def fault_of(self, sha256: str, size: int) -> str:
        """Return what is wrong with a body, having read all of it; nothing where it is what its name says."""
        path = self._body(sha256)
        try:
            return "" if self._read(path, size).sha256 == sha256 else f"{path} has changed"
        except ConfigurationError as error:
            return f"{error.what}: {error.got}"

    def _read(self, path: Path, size: int) -> Body:
        """Return a body of `size` bytes; whatever stands there beyond them makes it another one, however much it is."""
        import zstandard

        spool = Spool(self._in_memory)
        try:
            with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as reader:
                while spool.size <= size and (chunk := reader.read(CHUNK)):
                    spool.write(chunk)
        except (OSError, zstandard.ZstdError) as error:
            raise ConfigurationError(
                f"The archive has lost {path}",
                expected="the bytes that the fetch log names",
                got=str(error),
                remedy="Restore the archive from your backup; nothing else can replace it.",
            ) from error
        return spool.finish()


def _newest(folder: str | os.PathLike[str]) -> str:
    """Return the last of the log entries of a folder, whose names sort by time; empty when there is none.

    A partition may have thousands of them, so they are neither sorted nor made into paths.
    """
    try:
        with os.scandir(folder) as entries:
            return max((e.name for e in entries if e.name[0].isdigit() and e.name.endswith(".json")), default="")
    except (FileNotFoundError, NotADirectoryError):
        return ""
