"""One good answer of every table: what the fetch of one partition asks for and gets, in the publisher's wire shape.

Each source states its own in tests/fixtures/<code>/bodies.py. What proves something of all sources goes through them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from openpyxl import Workbook

from tests.fault_server import (
    PAYLOAD_FAULTS,
    _cell,
    _Grid,
    _in_member,
    _on_grid,
    _open_arrays,
    _open_delimited,
    _open_objects,
    _open_sheet,
    _open_xml,
)
from tests.unit.sources.conftest import FIXTURES, response_of
from warehouse.errors import SourceUnavailable
from warehouse.recording import canonical_url
from warehouse.sources import find, sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.fault_server import FaultServer
    from warehouse.contract import Partition, Response, Source, Table

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DROP = "drop://"

Edit = Callable[[bytes], bytes]

OF_THE_WHOLE = frozenset(
    {"a byte-order mark", "UTF-16", "CRLF", "a truncated body", "a zip bomb", "a member that leads out"}
)
"""Payload faults of a body as a whole; the others are of the table in it."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One request and its answer."""

    url: str
    """As it is asked for; without a query it answers whatever the query."""
    body: bytes
    wire: str | None = None
    """Format by which PAYLOAD_FAULTS breaks it; None where it has no table to break."""
    column: str | None = None
    """Column of a landed number, as the wire calls it (arrays: its place)."""
    within: Callable[[bytes, Edit], bytes] = lambda body, edit: edit(body)
    """Applies an edit to the table in a body whose format wraps it, and makes the rest fit, as counts do."""
    checksum_of: str | None = None
    """Address of the page that this one is the checksum of."""

    def broken(self, fault: str) -> bytes:
        """Return the body with a payload fault; raise CannotHave where it has no place for it."""
        change = PAYLOAD_FAULTS[self.wire][fault]

        def edit(body: bytes) -> bytes:
            return change(body, self.column) if fault not in OF_THE_WHOLE else change(body)

        return edit(self.body) if fault in OF_THE_WHOLE else self.within(self.body, edit)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a partition's fetch asks for, in order, and gets."""

    partition: str
    pages: tuple[Page, ...]
    rows: int
    """How many land."""
    now: datetime = NOW
    derived: frozenset[str] = frozenset()
    """Columns of numbers that the extractor computes, so that their text need not stand in the payload."""
    moving: frozenset[str] = frozenset()
    """Columns that say something of the fetch or of the payload as a whole, so that they change with either."""
    counted_by: str | None = None
    """Column of the key that numbers records which nothing else tells apart: a repeated one is one more."""
    rows_of_a_record: int = 1
    """Most rows that one record of the wire becomes."""
    revised: str | None = None
    """Column of a number that the publisher may revise alone, where it is not the page's."""
    newest: Literal[0, -1] | None = None
    """Place of the newest record, which a publisher revises and does not withdraw; None where either may be it."""
    later: Mapping[str, bytes] | None = None
    """Bodies by address that the publisher answers with later: one value is another, one record is withdrawn."""

    def bodies(self, changed: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """Return the bodies by address, some of them changed, with checksums that fit."""
        found = {page.url: (changed or {}).get(page.url, page.body) for page in self.pages}
        for page in self.pages:
            if page.checksum_of:
                found[page.url] = checksum(page.checksum_of, found[page.checksum_of])
        return found

    def broken(self) -> list[Page]:
        """Return the pages that payload faults are tried on: the first of each format."""
        return list({page.wire: page for page in reversed(self.pages) if page.wire}.values())[::-1]


@cache
def answers() -> dict[str, Answer]:
    """Return every answer by '<source>.<table>'; a table's further ones have '@' and what they are behind it."""
    return {
        f"{code}.{name}": answer
        for code in sources()
        for name, answer in import_module(f"tests.fixtures.{code}.bodies").ANSWERS.items()
    }


def of(name: str) -> tuple[Source, Table, Answer]:
    """Return an answer with its table and its source."""
    code, _, table = name.partition("@")[0].partition(".")
    return *find(code, table), answers()[name]


def partition_of(table: Table, answer: Answer) -> Partition:
    """Return the partition that is answered."""
    return next(p for p in table.partitions(answer.now) if p.key == answer.partition)


def serve(server: FaultServer, drop: Path, bodies: Mapping[str, bytes]) -> None:
    """Let the publishers of a loopback server answer with these bodies; what is dropped becomes a file."""
    for url, body in bodies.items():
        if url.startswith(DROP):
            path = drop / url.removeprefix(DROP)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        else:
            server.serves(url, body)


class Stub:
    """The network of bodies by address, without a client's judgement: whatever they are, they reach the source."""

    def __init__(self, bodies: Mapping[str, bytes], fetched_at: datetime = NOW) -> None:
        self.bodies, self.fetched_at = bodies, fetched_at
        self.asked: list[tuple[str, str]] = []
        """Addresses, and what each has to answer with."""
        self.throttled: list[Callable[[bytes], bool] | None] = []
        self.most = 4 * len(bodies) + 4

    def __call__(self, url: str, /, *, expect: str, params: Mapping[str, str] | None = None, **more: Any) -> Response:
        full = canonical_url(url, params)
        self.throttled.append(more.get("throttled"))
        self.asked.append((full, expect))
        body = self.bodies.get(full, self.bodies.get(full.partition("?")[0]))
        if body is None or len(self.asked) > self.most:
            raise SourceUnavailable(f"GET {full} did not answer")
        return response_of(full, body, self.fetched_at)


def responses_of(table: Table, answer: Answer, bodies: Mapping[str, bytes] | None = None) -> list[Response]:
    """Return what the fetch gives for these bodies, or for the good ones."""
    return list(partition_of(table, answer).fetch(Stub(answer.bodies() if bodies is None else bodies)))


# -------------------------------------------------------------------------------------------------------- builders


def fixture(name: str) -> bytes:
    """Return a body of tests/fixtures."""
    return (FIXTURES / name).read_bytes()


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a zip that is the same whenever it is made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def workbook(cells: Sequence[Sequence[object]], sheet: str, *before: str) -> bytes:
    """Return an xlsx file with a sheet of these cells, behind empty ones."""
    book = Workbook()
    book.remove(book.active)
    for title in before:
        book.create_sheet(title)
    page = book.create_sheet(sheet)
    for row in cells:
        page.append([_typed(text) for text in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _typed(text: object) -> object:
    try:
        return float(str(text))
    except ValueError:
        return text or None


def cells_of(body: bytes) -> list[list[str]]:
    """Return the cells of delimited text."""
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def checksum(url: str, body: bytes) -> bytes:
    """Return what `sha256sum` writes of a file."""
    return f"{hashlib.sha256(body).hexdigest()}  {url.rpartition('/')[2]}\n".encode()


def replaced(body: bytes, *changes: tuple[str, str]) -> bytes:
    """Return a text in which each old part, which has to be there, is a new one."""
    text = body.decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def edited(body: bytes, change: Callable[[Any], None]) -> bytes:
    """Return a JSON document after a change; text that is no JSON stays as it is."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    change(document)
    return json.dumps(document).encode()


# ----------------------------------------------------------------------------------------------- bodies seen as rows

_OPENINGS = {
    "json_objects": _open_objects,
    "json_arrays": _open_arrays,
    "csv": _open_delimited,
    "tsv": _open_delimited,
    "xml": _open_xml,
    "xlsx": _open_sheet,
}


def rewritten(page: Page, change: Callable[[_Grid, str | None], None]) -> bytes:
    """Return a page's body after a change of its names and rows."""
    kind = page.wire.removeprefix("zip_")
    edit = _on_grid(_OPENINGS[kind], change)
    if page.wire != kind:
        edit = _in_member(edit)
    return page.within(page.body, lambda body: edit(body, page.column))


def later(answer: Answer) -> dict[str, bytes]:
    """Return what the publisher says the next time: one number is another, and one record is gone."""
    if answer.later is not None:
        return dict(answer.later)

    def change(grid: _Grid, column: str | None) -> None:
        row, place = _cell(grid, answer.revised or column)
        row = row if answer.newest is None else range(len(grid.rows))[answer.newest]
        value = grid.rows[row][place]
        grid.rows[row][place] = _next(value) if isinstance(value, str) else type(value)(Decimal(str(value)) + 1)
        del grid.rows[1 if answer.newest == 0 else 0 if row else -1]

    page = answer.broken()[-1]
    return {page.url: rewritten(page, change)}


def _next(number: str) -> str:
    """Return a number whose last digit is another."""
    place = max(i for i, mark in enumerate(number) if mark.isdigit())
    return f"{number[:place]}{(int(number[place]) + 1) % 10}{number[place + 1 :]}"
