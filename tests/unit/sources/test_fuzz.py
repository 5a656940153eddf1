"""Whatever a publisher sends, it is refused by a ContractViolation or lands as it is written: no number becomes another.

The good answer of every table is spoilt in a way that hypothesis draws, fetched, and landed by the real landing. The
normal run draws the same examples each time; `DRYPOWDER_DRILL=long` draws others, and many more.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zlib import crc32

import duckdb
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.drills import LONG
from tests.fault_server import CannotHave, _main_member, _members, _zipped
from tests.unit.sources import answers
from warehouse import landing
from warehouse.archive import Fetch
from warehouse.contract import SqlExtract
from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.sources.answers import Answer, Page
    from warehouse.contract import Column, Response, Table

EXAMPLES = settings(
    max_examples=1000 if LONG else 6,
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

RAW = {f"@{raw[:12]}@": raw for raw in ("1e999", "-1e999", "NaN", "Infinity", "-0.0", "1e-400", "9" * 5000, "0.1e1")}
"""What JSON's numbers may look like, by the text that stands for each until the document is written."""
TEXTS = (
    "",
    " ",
    "null",
    "NaN",
    "-inf",
    "1e999",
    "1e5",
    "1.5e-3",
    "0x10",
    "1_000",
    "1,000",
    "12,5",
    "+7",
    "-0",
    ".5",
    "9" * 400,
    "123456789012345678901234567890.123456789",
    "\u0661\u0662",
    "\ud800",
    "\x00",
    "a\nb",
    '"',
    "2026-02-30",
    "0000-00-00",
    "infinity",
    "epoch",
    "99999-01-01",
    "2026-01-01 00:00:00+99",
    "true",
    "'; drop table typed; --",
    *RAW,
)
VALUES = (*TEXTS, None, True, False, 0, -1, 10**30, 1.5, [], {}, [[]], [1, "a"], {"a": 1}, {"a": [{}]})

pytestmark = pytest.mark.slow  # a minute together


@dataclass(frozen=True)
class Mutation:
    """One way to spoil a page; what `place` and `length` count is the kind's own, and wraps around."""

    kind: str
    page: int
    place: int
    length: int
    value: Any
    noise: bytes
    is_inside: bool
    """Whether what is spoilt of a zip is its main member, and not the zip."""


KINDS = ("noise", "cut", "flip", "drop", "twice", "cell", "cell", "cell", "node", "node", "member")
MUTATIONS = st.builds(
    Mutation,
    kind=st.sampled_from(KINDS),
    page=st.integers(0, 4),
    place=st.integers(0, 1 << 16),
    length=st.integers(1, 60),
    value=st.sampled_from(VALUES),
    noise=st.binary(min_size=1, max_size=40),
    is_inside=st.booleans(),
)


def spoilt(page: Page, how: Mutation) -> bytes:
    """Return the page's body after a mutation; where it has no place for one of that kind, after a cut."""
    with suppress(CannotHave, ValueError, IndexError, KeyError, TypeError):
        if how.kind == "cell" and page.wire:
            return answers.rewritten(page, lambda grid, _: _spoil_cell(grid, how))
        if how.kind == "member" and page.body.startswith(b"PK"):
            return _spoil_members(page.body, how)
        if how.kind == "node":
            return _spoil_node(page.body, how)
    if page.body.startswith(b"PK") and how.is_inside:
        members = _members(page.body)
        with suppress(CannotHave):
            name = _main_member(members)
            return _zipped({**members, name: _spoil_bytes(members[name], how)})
    return _spoil_bytes(page.body, how)


def _spoil_bytes(body: bytes, how: Mutation) -> bytes:
    if how.kind == "noise":
        return how.noise
    at = how.place % (len(body) + 1)
    return {
        "flip": body[:at] + how.noise[: how.length] + body[at + len(how.noise[: how.length]) :],
        "drop": body[:at] + body[at + how.length :],
        "twice": body[: at + how.length] + body[at:],
    }.get(how.kind, body[:at])


def _spoil_cell(grid: Any, how: Mutation) -> None:
    row = grid.rows[how.place % len(grid.rows)]
    place = how.length % len(row)
    row[place] = str(how.value) if isinstance(row[place], str) else how.value


def _spoil_node(body: bytes, how: Mutation) -> bytes:
    """Replace any node of a JSON document."""
    document = json.loads(body)
    holders = [(holder, key) for holder in _holders(document) for key in _keys(holder)]
    holder, key = holders[how.place % len(holders)]
    holder[key] = how.value
    return _written_as_json(document)


def _written_as_json(document: Any) -> bytes:
    text = json.dumps(document)
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text.encode()


def _holders(node: Any) -> Iterator[Any]:
    if isinstance(node, dict | list):
        yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from _holders(child)


def _keys(holder: Any) -> Any:
    return list(holder) if isinstance(holder, dict) else range(len(holder))


def _spoil_members(body: bytes, how: Mutation) -> bytes:
    members = _members(body)
    name = list(members)[how.place % len(members)]
    changes = {
        0: {name: b""},
        1: {name: how.noise},
        2: {f"more/{name}": members[name]},
        3: {"../" + name: members[name]},
        4: {name: members[name] * 3},
    }
    kept = {n: b for n, b in members.items() if how.length % 6 != 5 or n != name}
    return _zipped({**kept, **changes.get(how.length % 6, {})})


# -------------------------------------------------------------------------------------------------- what has to hold


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("fuzz")
        patch.setenv("WAREHOUSE_DROP", str(folder / "drop"))
        for answer in answers.answers().values():
            answers.serve(None, folder / "drop", {u: b for u, b in answer.bodies().items() if u.startswith("drop:")})
        yield Settings(home=folder / "home", threads=1)


def landed(home: Settings, name: str, responses: list[Response]) -> list[dict[str, Any]]:
    """Land responses by the real landing and return the rows."""
    source, table, answer = answers.of(name)
    fetch = Fetch.of(source.code, table.name, answer.partition, "", responses)
    # As in a payload of many rows, of which one is bad.
    done = landing.land(home, replace(table, quarantine_share=1.0), fetch, responses)
    names = [c.name for c in table.columns]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns = ", ".join(f'"{n}"' for n in names)
        found = connection.execute(f"select {columns} from read_parquet(?)", [str(done.path)]).fetchall()
    done.path.unlink()
    return [dict(zip(names, row, strict=True)) for row in found]


@pytest.mark.parametrize("name", answers.answers())
def test_whatever_comes_is_refused_or_lands_as_it_is_written(home, name):
    _, table, answer = answers.of(name)
    good = landed(home, name, answers.responses_of(table, answer))
    refused = Counter()

    @(lambda run: run) if LONG else seed(crc32(name.encode()))  # other examples for each, the same each time
    @EXAMPLES
    @given(how=MUTATIONS)
    def run(how: Mutation) -> None:
        page = answer.pages[how.page % len(answer.pages)]
        body = spoilt(page, how)
        try:
            responses = answers.responses_of(table, answer, answer.bodies({page.url: body}))
            rows = landed(home, name, responses)
        except (ContractViolation, SourceUnavailable) as error:
            assert error.what  # noqa: PT017  (its being raised is one of two good outcomes)
            refused[True] += 1
            return
        refused[False] += 1
        assert_as_written(table, answer, responses, rows)
        if how.kind == "cell" and page.wire:
            assert_one_record_differs(table, answer, good, rows)

    run()
    assert refused[True]


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, a in answers.answers().items() if a.broken()])
def test_no_value_of_a_row_can_be_spoilt_unseen(home, name):
    """Each value of a row in turn is a text, a blank, and half of something."""
    _, table, answer = answers.of(name)
    good = landed(home, name, answers.responses_of(table, answer))
    found = []
    for page in answer.broken():
        width = len(values_in_the_middle(page))
        for place in range(0, width, 1 + width // (40 if LONG else 8)):  # an auction has 114 of them, most alike
            for value in ("#&?", " ", "1.5"):
                body = answers.rewritten(page, partial(_write, place=place, value=value))
                try:
                    responses = answers.responses_of(table, answer, answer.bodies({page.url: body}))
                    rows = landed(home, name, responses)
                    assert_as_written(table, answer, responses, rows)
                    assert_one_record_differs(table, answer, good, rows)
                except (ContractViolation, SourceUnavailable):
                    continue
                except Exception as error:  # noqa: BLE001  (whatever it is, it is one of many)
                    found.append(f"value {place} of {page.wire} as {value!r}: {type(error).__name__}: {error}"[:300])
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def values_in_the_middle(page: Page) -> list[Any]:
    seen = []
    answers.rewritten(page, lambda grid, _: seen.extend(grid.rows[len(grid.rows) // 2]))
    return seen


def _write(grid: Any, _: str | None, *, place: int, value: str) -> None:
    row = grid.rows[len(grid.rows) // 2]
    row[place] = float(value) if value == "1.5" and isinstance(row[place], int | float) else value


def assert_as_written(table: Table, answer: Answer, responses: list[Response], rows: list[dict[str, Any]]) -> None:
    """Assert that each row's texts and numbers are those of one extracted row, and stand in the payload as they are."""
    numbers = [c for c in table.columns if c.is_number and c.name not in answer.derived]
    written = {token for response in responses for token in tokens(response)}
    decimals, floats = {Decimal(t) for t in written}, {float(t) for t in written}
    for row in rows:
        for column in numbers:
            value = row[column.name]
            is_there = value in (floats if isinstance(value, float) else decimals)
            assert value is None or is_there, f"{column.name} {value!r} is nowhere written"
    if isinstance(table.extract, SqlExtract):
        return
    compared = [c for c in table.columns if c.is_number or c.type == "VARCHAR"]
    given = Counter(
        tuple(_meant(table, c, row.get(c.wire)) for c in compared)
        for response in responses
        for row in table.extract(response)
    )
    for row in rows:
        assert tuple(row[c.name] for c in compared) in given, f"no such row was extracted: {row}"


def _meant(table: Table, column: Column, value: object) -> object:
    """Return what an extracted value means by the contract: null, text, or a number."""
    text = None if value is None else str(value)
    if text is None or (table.nulls and text.strip() in table.nulls):
        return None
    if column.type == "VARCHAR":
        return text
    try:
        return float(text) if column.type == "DOUBLE" else Decimal(text.strip())
    except (ValueError, InvalidOperation):
        return f"{text} is no number"


def tokens(response: Response) -> set[str]:
    """Return everything in a body, or in a zip's members, that looks like a number."""
    bodies = [response.body]
    if zipfile.is_zipfile(BytesIO(response.body)):  # also behind other bytes
        with zipfile.ZipFile(BytesIO(response.body)) as archive:
            for entry in archive.infolist():
                with suppress(Exception):  # a spoilt member was not read
                    bodies.append(archive.read(entry))
    pattern = r"[-+]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    return {token for body in bodies for token in re.findall(pattern, body.decode("utf-8", "replace"), re.ASCII)}


def assert_one_record_differs(
    table: Table, answer: Answer, good: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    """Assert that of a payload with one other cell no other record lands with another value than before."""
    left_out = answer.derived | answer.moving
    before, after = (
        {tuple(r[k] for k in table.grain): {c: v for c, v in r.items() if c not in left_out} for r in each}
        for each in (good, rows)
    )
    differing = [key for key in before.keys() & after.keys() if before[key] != after[key]]
    assert len(differing) <= answer.rows_of_a_record, f"{len(differing)} rows differ, such as {differing[:2]}"
