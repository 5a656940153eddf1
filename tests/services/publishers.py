"""The publishers of the sample, some of them a few days behind, who then publish what they held back: real days.

Services find them where their image has the sample. An answer may be kept waiting: its body is then a pipe, whose reader
waits until somebody writes, and so a landing is in the middle for as long as a test wants.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tests.publishers import PUBLISHERS
from warehouse.recording import INDEX
from warehouse.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.planted import Edit

HELD_BACK = {"ofr.financial_stress": 14, "chicagofed.nfci": 5, "board.h41": 4, "nyfed.reverse_repo": 4}
"""How many of its newest days each of these tables starts without."""


@dataclass(kw_only=True)
class News:
    """What a publisher has published: the days that are new in it, and the body."""

    table: str
    days: list[date]
    body: bytes
    path: Path
    _pipe: int = field(default=-1, init=False)

    @property
    def dag(self) -> str:
        """The DAG that lands it."""
        return f"ingest__{self.table.replace('.', '__')}"

    @property
    def sha256(self) -> str:
        """What the archive names it by."""
        return sha256(self.body).hexdigest()

    def is_being_read(self) -> bool:
        """Whether somebody waits for the answer; from then on he waits until `arrive`, or for ever."""
        if self._pipe < 0:
            try:
                self._pipe = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nobody reads
                    return False
                raise
            os.set_blocking(self._pipe, True)
        return True

    def arrive(self) -> None:
        """Send the answer to who waits for it, and at once to whoever asks from now on."""
        self._settle()
        with os.fdopen(self._pipe, "wb") as pipe:
            pipe.write(self.body)

    def get_lost(self) -> None:
        """Send nothing more to who waited; whoever asks from now on gets the answer at once."""
        self._settle()
        os.close(self._pipe)

    def _settle(self) -> None:
        partial = self.path.with_suffix(".partial")
        partial.write_bytes(self.body)
        partial.replace(self.path)


class Publishers:
    """A recording that grows."""

    def __init__(self, folder: Path) -> None:
        """Take the sample, less the newest days of some tables."""
        self.folder = folder
        shutil.copytree(PROJECT_ROOT / "sample", folder)
        self._entries = [json.loads(line) for line in (folder / INDEX).read_text().splitlines()]
        self._to_come: dict[str, list[tuple[date, bytes]]] = {}
        self._like: dict[str, dict[str, Any]] = {}
        for (table, _), (part, newest, cut) in PUBLISHERS.items():
            if count := HELD_BACK.get(table):
                self._hold_back(table, part, date.fromisoformat(newest), cut, count)
        self._write()

    def publish(self, table: str, days: int = 1) -> News:
        """Let a table have so many days more, from now on."""
        news = self._next(table, days)
        news.path.write_bytes(news.body)
        self._announce(table, news)
        return news

    def begin_to_publish(self, table: str, days: int = 1) -> News:
        """The same, but who asks waits for the answer."""
        news = self._next(table, days)
        os.mkfifo(news.path, 0o644)
        news.path.chmod(0o644)
        self._announce(table, news)
        return news

    def _hold_back(self, table: str, part: str, newest: date, cut: Callable[[str], Edit], count: int) -> None:
        (entry,) = (each for each in self._entries if part in each["url"])
        body = (self.folder / entry["body"]).read_bytes()
        whole = gzip.decompress(body) if entry["body"].endswith(".gz") else body
        editions: list[tuple[date, bytes]] = []
        day, last = newest, whole
        while len(editions) < count:
            before = cut(str(day - timedelta(days=1)))(whole)
            if _figures(before) != _figures(last):
                editions.append((day, last))
            day, last = day - timedelta(days=1), before
        place = self._entries.index(entry)
        path = self._body(table, day)
        path.write_bytes(last)
        self._entries[place] = self._like[table] = entry | {"body": str(path.relative_to(self.folder))}
        self._to_come[table] = editions

    def _body(self, table: str, day: date) -> Path:
        return self.folder / f"{table}-{day}"

    def _next(self, table: str, days: int) -> News:
        coming = [self._to_come[table].pop() for _ in range(days)]
        newest, body = coming[-1]
        return News(table=table, days=[day for day, _ in coming], body=body, path=self._body(table, newest))

    def _announce(self, table: str, news: News) -> None:
        """Write the index anew: a minute after all that was published before."""
        newest = max(datetime.fromisoformat(each["fetched_at"]) for each in self._entries)
        stamp = (newest + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
        self._entries.append(self._like[table] | {"fetched_at": stamp, "body": str(news.path.relative_to(self.folder))})
        self._write()

    def _write(self) -> None:
        partial = self.folder / f"{INDEX}.partial"
        partial.write_text("".join(json.dumps(each) + "\n" for each in self._entries))
        partial.replace(self.folder / INDEX)


def _figures(body: bytes) -> bytes:
    """Return what a body says; a zip says as well when it was packed."""
    if not zipfile.is_zipfile(io.BytesIO(body)):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        return b"".join(packed.read(name) for name in packed.namelist())
