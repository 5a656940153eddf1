"""Every table meets every fault that its publisher can make, over real HTTP, through the real client and landing.

What becomes of each is a row of docs/faults.md, which is written from what is proven here:
`DRYPOWDER_WRITE_FAULTS=1 pytest tests/faults/test_matrix.py -k documented`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import stamina
from filelock import FileLock

import expectations
from tests.conftest import shared_folder
from tests.fault_server import (
    FAULTS,
    OKX_TOO_FAST,
    PAGER_FAULTS,
    PAYLOAD_FAULTS,
    CannotHave,
    Fault,
    FaultServer,
    Pager,
)
from tests.unit.sources import answers
from tests.unit.sources.answers import partition_of
from warehouse import landing, pipeline, stores
from warehouse.archive import Archive, Fetch
from warehouse.errors import ContractViolation, NothingNew, SourceUnavailable
from warehouse.http import Budget, Limits, LiveTransport
from warehouse.pipeline import Attempt, land_partition
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.sources import chicagofed, sources, tables
from warehouse.sources.binance import spot
from warehouse.sources.fiscaldata import _api, auctions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from warehouse.contract import Column, Response, Row, Table, UnitCheck

PAGE = PROJECT_ROOT / "docs" / "faults.md"
IMPATIENT = Limits(slow_seconds=0.05, silent_seconds=5.0)

OF_ROWS = frozenset({"'null' in a number", "NaN in a number", "a mutated row", "a duplicated row"})
"""Faults of single rows: with few enough of them the other rows land."""

OF_COLUMNS = frozenset({"a changed header", "a new column", "a removed column"})

REFUSED, UNAVAILABLE = "refused", "unavailable"
CANNOT = "cannot have it"
SAME, ADDED, NULL, ASIDE, FEWER, MORE = (
    "same rows",
    "field added",
    "null",
    "row aside",
    "rows withdrawn",
    "one more row",
)

CUT_IN_A_NUMBER = "an end inside a number"
"""A text's way to be cut that no parser can see: its last line has all its fields, and the last one is too short."""

MAY_BECOME = {
    "a byte-order mark": {SAME},
    "CRLF": {SAME},
    "UTF-16": {SAME, REFUSED},
    "a truncated body": {UNAVAILABLE, REFUSED, FEWER},
    "a changed header": {REFUSED, SAME, ADDED, FEWER},
    "a new column": {REFUSED, SAME, ADDED},
    "a removed column": {REFUSED, SAME, NULL, FEWER},
    "'null' in a number": {NULL, ASIDE, REFUSED},
    "NaN in a number": {NULL, ASIDE, REFUSED},
    "a mutated row": {ASIDE, REFUSED},
    "a duplicated row": {SAME, ASIDE, REFUSED},
    "a zip bomb": {REFUSED},
    "a member that leads out": {REFUSED},
    "an entity bomb": {REFUSED},
    CUT_IN_A_NUMBER: {UNAVAILABLE, REFUSED},
}
"""What a payload fault may become. A number that is another one than before is never among it."""

pytestmark = pytest.mark.slow  # a minute together


@dataclass(frozen=True)
class Cell:
    """What became of one fault at one table."""

    fault: str
    wire: str
    outcome: str
    problem: str = ""


class Bench:
    """A table's publisher on loopback, and a home in which its good answer has landed before each fault."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.source, self.table, self.answer = answers.of(name)
        self.source = replace(self.source, requests_per_second=1e6)
        self.folder = folder
        self.settings = Settings(
            home=folder / "good",
            contact="Test test@example.org",
            fred_key="0123456789abcdef",
            drop=Path(os.environ["WAREHOUSE_DROP"]),
            threads=1,
        )
        self.server = FaultServer()
        self.link = self.new_link()
        self.serve()
        self.partition = partition_of(self.table, self.answer)  # of a drop folder it is what stands there now
        landed = self.land(self.settings)
        assert (landed.outcome, landed.rows, landed.quarantined) == ("landed", self.answer.rows, 0), landed
        (path,) = landing.files(self.settings, self.source.code, self.table.name)
        self.rows = rows_of(path, self.table)
        self.handed_on = handed_on(self.answer, self.table)
        self.copies = 0

    def new_link(self, **limits: Any) -> LiveTransport:
        """Return a client that no publisher has banned yet."""
        return LiveTransport(
            self.settings,
            budget=Budget(self.folder),
            rewrite=self.server.rewrite,
            limits=replace(IMPATIENT, **limits),
        )

    def serve(self, changed: Mapping[str, bytes] | None = None) -> None:
        """Let the publisher answer so from now on."""
        answers.serve(self.server, self.settings.drop, self.answer.bodies(changed))

    def land(self, settings: Settings, table: Table | None = None, link: LiveTransport | None = None) -> Attempt:
        """Fetch and land what is served, as the pipeline does."""
        archive = Archive(settings.archive)
        return land_partition(settings, archive, link or self.link, self.source, table or self.table, self.partition)

    def meet(self, table: Table | None = None, link: LiveTransport | None = None) -> tuple[str, Settings]:
        """Land what is served now in a copy of the good home; return what it became, and the home.

        Raises:
            AssertionError: it is none of the ways to take a fault; the message says what.
        """
        self.copies += 1
        home = Path(shutil.copytree(self.settings.home, self.folder / str(self.copies)))
        settings = replace(self.settings, home=home)
        before = digests(home / "landing")
        attempt = self.land(settings, table, link)
        assert before.items() <= digests(home / "landing").items(), "what was landed before has changed"
        new = [p for p in landing.files(settings, self.source.code, self.table.name) if str(p) not in before]
        if attempt.outcome == "landed":
            (path,) = new
            return self.compared(path, attempt), settings
        assert not new, "rows landed all the same"
        if attempt.outcome == "unchanged":
            return SAME, settings
        kind = ContractViolation if attempt.outcome == "refused" else SourceUnavailable
        assert isinstance(attempt.error, kind), repr(attempt.error)
        error = attempt.error
        assert error.remedy or None not in (error.expected, error.got), f"says nothing to do: {error}"
        assert attempt.outcome != "refused" or landing.refusals(settings), "the refusal is not noted"
        return (REFUSED if attempt.outcome == "refused" else UNAVAILABLE), settings

    def compared(self, path: Path, attempt: Attempt) -> str:
        """Return how what landed differs from the good rows."""
        landed = rows_of(path, self.table)
        assert attempt.rows == len(landed)
        if self.answer.counted_by and len(landed) > len(self.rows):
            more = self.uncounted(landed) - self.uncounted(self.rows)
            assert not self.uncounted(self.rows) - self.uncounted(landed), "rows are lost"
            assert more.total() == 1
            assert more.keys() <= self.uncounted(self.rows).keys(), f"NEW: {more}"
            return MORE
        nulls = 0
        for key in landed.keys() & self.rows.keys():
            for column, value in landed[key].items():
                good = self.rows[key][column]
                if value != good and column not in self.answer.moving:
                    assert value is None, f"CHANGED: {column} of {key} was {good!r} and is {value!r}"
                    nulls += 1
        lacking, new = self.rows.keys() - landed.keys(), landed.keys() - self.rows.keys()
        if attempt.quarantined:
            assert len(lacking) <= attempt.quarantined, "rows are lost"
            assert not new, f"NEW: {sorted(new, key=str)[:3]}"
            return ASIDE
        if lacking:
            return FEWER
        assert not new, f"NEW: {sorted(new, key=str)[:3]}"
        if attempt.added:
            return ADDED
        return NULL if nulls else SAME

    def uncounted(self, rows: dict[tuple[Any, ...], dict[str, Any]]) -> Counter[str]:
        """Return the rows without what numbers them, and without what moves anyway."""
        left_out = {self.answer.counted_by, *self.answer.moving}
        return Counter(repr({c: v for c, v in row.items() if c not in left_out}) for row in rows.values())

    def tells_too_fast(self, stub: answers.Stub) -> bool:
        """Whether the source says how its publisher says "too fast" inside an answer."""
        return any(throttled and throttled(OKX_TOO_FAST) for throttled in stub.throttled)

    def close(self) -> None:
        self.server.close()


def handed_on(answer: answers.Answer, table: Table) -> set[str]:
    """Return the addresses of the pages that are landed; what only says what to ask for, such as a listing, is not."""
    given = {response.url for response in answers.responses_of(table, answer)}
    return {page.url for page in answer.pages if page.url in given or page.url in {u.partition("?")[0] for u in given}}


def rows_of(path: Path, table: Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return a landed file's rows by their key."""
    names = [c.name for c in table.columns]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns = ", ".join(f'"{name}"' for name in names)
        found = connection.execute(f"select {columns} from read_parquet(?)", [str(path)]).fetchall()
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return {tuple(row[k] for k in table.grain): row for row in rows}


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file below a folder."""
    found = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def archived(settings: Settings) -> set[str]:
    """Return the SHA-256 of every body that a log of the archive names, having seen that it is there."""
    named = set()
    for log in settings.archive.glob("*/*/*/*/*.json"):
        for entry in json.loads(log.read_text())["responses"]:
            assert (settings.archive / "sha256" / entry["sha256"][:2] / f"{entry['sha256']}.zst").is_file()
            named.add(entry["sha256"])
    return named


# ----------------------------------------------------------------------------------------------------------- payload


def payload_cells(bench: Bench) -> list[Cell]:
    """Let each page of a format come with each payload fault that it can have."""
    return [
        payload_cell(bench, page, fault)
        for page in bench.answer.broken()
        for fault in (*PAYLOAD_FAULTS[page.wire], *([CUT_IN_A_NUMBER] if page.wire in {"csv", "tsv"} else []))
    ]


def payload_cell(bench: Bench, page: answers.Page, fault: str) -> Cell:
    try:
        body = page.broken(fault) if fault != CUT_IN_A_NUMBER else cut_in_a_number(page.body)
    except CannotHave:
        return Cell(fault, page.wire, CANNOT)
    bench.serve({page.url: body})
    outcome, problem = "problem", ""
    try:
        outcome, settings = bench.meet()
        if page.url in bench.handed_on or any(settings.archive.glob("refused/*/*/*/*")):
            assert hashlib.sha256(body).hexdigest() in archived(settings), "its bytes are not in the archive"
        # What only says what to ask for may change in what nobody reads.
        fine = MAY_BECOME[fault] | (set() if page.url in bench.handed_on else {SAME})
        fine |= {MORE} if fault == "a duplicated row" and bench.answer.counted_by else set()
        if fault in OF_ROWS:
            assert outcome in fine, f"became {outcome}"
            # A payload of many rows: the one bad row is within the share that may be set aside.
            outcome, _ = bench.meet(replace(bench.table, quarantine_share=1.0))
        assert outcome in fine, f"became {outcome}"
    except Exception as error:  # noqa: BLE001  (whatever it is, it is one cell of many)
        problem = f"{type(error).__name__}: {error}"[:600]
    bench.serve()
    return Cell(fault, page.wire, outcome, problem)


def cut_in_a_number(body: bytes) -> bytes:
    """Return a text up to the last number at the end of a line, less a last digit that counts."""
    for found in reversed(list(re.finditer(rb"(?<=[,\t])-?\d[\d.]+(?=\t*\r?\n)", body))):
        if float(found[0][:-1]) != float(found[0]):
            return body[: found.end() - 1]
    raise CannotHave("no line ends with a number of two digits")


# ---------------------------------------------------------------------------------------------------------- transport

_BOMB = gzip.compress(b"[" + bytes(48 << 20))
QUICKLY = {  # the same faults, packed once and not for each of a hundred tries
    **FAULTS,
    "a gzip bomb": replace(
        FAULTS["a gzip bomb"], behave=lambda exchange, _: exchange.reply(_BOMB, headers={"Content-Encoding": "gzip"})
    ),
}

BY_BEHAVIOUR = {
    "one request for text": "ofr.financial_stress",
    "one request for a zip": "kenfrench.factors",
    "several requests": "nyfed.reference_rates",
    "a body that is spooled to a file": "sec.company_facts",
    "a media type asked for": "imf.cofer",
    "a key, pages, and 'too fast' inside an answer": "fred.observations",
    "pages that are counted": "fiscaldata.debt_to_penny",
    "pages that follow one another": "deribit.liquidations",
    "a listing, files and checksums": "binance.futures_metrics",
    "'too fast' inside an answer": "okx.liquidations",
    "a second address": "chicagofed.nfci",
    "another venue": "binance.spot_klines",
    "another publisher": "fiscaldata.auctions",
    "a list that names what to ask for": "sec.thirteenf_holdings",
}
"""What a source may do with the client, and a table that does it."""

OVER_HTTP = sorted(
    {*BY_BEHAVIOUR.values()}
    | {f"{code}.{source.tables[0].name}" for code, source in sources().items() if code != "vendor"}
)


LASTS, PASSES, ELSEWHERE = "while it lasts", "when it passes", "at the first address only"


def transport_cells(bench: Bench) -> list[Cell]:
    """Let a fetch meet every transport fault: at all it asks for or at the last of it, for good or once."""
    stub = answers.Stub(bench.answer.bodies())
    list(bench.partition.fetch(stub))
    expects = {expect for _, expect in stub.asked}
    cells = []
    for name, fault in QUICKLY.items():
        answered = {SAME} if fault.outcome == "answer" else {UNAVAILABLE, REFUSED}
        bench.server.breaks(fault)
        cells.append(transport_cell(bench, name, LASTS, answered, fault))
        if fault.is_retried:
            is_seen = expects <= fault.expects and (fault.keeps != OKX_TOO_FAST or bench.tells_too_fast(stub))
            bench.server.breaks(fault, times=1)
            cells.append(transport_cell(bench, name, PASSES, {SAME} if is_seen else answered, fault))
        bench.server.breaks(None)
        if len(stub.asked) > 1:
            url = stub.asked[-1][0]
            body = bench.answer.bodies()[
                next(p.url for p in bench.answer.pages if p.url in {url, url.partition("?")[0]})
            ]
            bench.server.serves(url, body, fault=fault)
            cells.append(transport_cell(bench, name, LASTS, answered, fault))
            bench.server.serves(url, body)
    return cells


def transport_cell(bench: Bench, name: str, when: str, fine: set[str], fault: Fault) -> Cell:
    outcome, problem = "problem", ""
    in_memory = 100 if bench.table.name == "company_facts" else IMPATIENT.in_memory
    try:
        outcome, settings = bench.meet(link=bench.new_link(in_memory=in_memory))
        assert outcome in fine, f"became {outcome}"
        if outcome == UNAVAILABLE and fault.keeps is not None:
            assert any(body.startswith(fault.keeps) for body in refused_bodies(settings)), "what came is not kept"
    except Exception as error:  # noqa: BLE001  (whatever it is, it is one cell of many)
        problem = f"{when}: {type(error).__name__}: {error}"[:600]
    return Cell(name, when, outcome, problem)


def refused_bodies(settings: Settings) -> list[bytes]:
    """Return the bodies that the archive keeps of answers that were none."""
    archive = Archive(settings.archive)
    logs = settings.archive.glob("refused/*/*/*/*.json")
    return [r.open().read() for log in logs for r in archive.responses(Fetch.from_json(log.read_text()))]


SECOND_CHOICES = {
    "binance.spot_klines@bitstamp": f"{spot.URL}",
    "binance.funding_rates@interface": next(p.url for p in answers.answers()["binance.funding_rates"].pages),
    "chicagofed.nfci@other": chicagofed.URL,
    "fiscaldata.auctions@treasurydirect": f"{_api.BASE}/{auctions.ENDPOINT}",
}
"""Answers that come from a second address, and the first one, which fails."""


def fallback_cells(bench: Bench) -> list[Cell]:
    """Let the first address meet every fault; the second one answers."""
    cells = []
    for name, fault in QUICKLY.items():
        if fault.outcome != "answer":
            bench.server.serves(SECOND_CHOICES[bench.name], b"[1]", fault=fault)
            # A text that is no table is not unavailable: it is refused, and nothing else is asked.
            cells.append(transport_cell(bench, name, ELSEWHERE, {SAME, REFUSED}, fault))
    return cells


# ------------------------------------------------------------------------------------------------------------ proofs

CELLS = {"payload": payload_cells, "transport": transport_cells, "fallback": fallback_cells}


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    """Prove an answer once, however many tests and workers ask for it."""
    kept = shared_folder(tmp_path_factory) / "proven"
    kept.mkdir(exist_ok=True)

    def prove(kind: str, name: str) -> list[Cell]:
        path = kept / f"{kind} {name}.json"
        with FileLock(f"{path}.lock"):
            if not path.exists():
                bench = Bench(name, tmp_path_factory.mktemp("bench"))
                try:
                    path.write_text(json.dumps([asdict(cell) for cell in CELLS[kind](bench)]))
                finally:
                    bench.close()
        return [Cell(**each) for each in json.loads(path.read_text())]

    with pytest.MonkeyPatch.context() as patch, stamina.set_testing(testing=True, attempts=3):
        patch.setenv("WAREHOUSE_DROP", str(tmp_path_factory.mktemp("drop")))
        yield prove


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Set up a bench of an answer."""
    with stamina.set_testing(testing=True, attempts=3):
        made = []
        monkeypatch.setenv("WAREHOUSE_DROP", str(tmp_path / "drop"))

        def make(name: str) -> Bench:
            (tmp_path / name).mkdir()
            made.append(Bench(name, tmp_path / name))
            return made[-1]

        yield make
        for each in made:
            each.close()


def refuse_problems(cells: list[Cell]) -> None:
    found = [f"{c.fault} ({c.wire}): {c.problem}" for c in cells if c.problem]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("name", answers.answers())
def test_a_payload_fault_changes_no_number(proven, name):
    cells = proven("payload", name)
    assert cells or not answers.of(name)[2].broken()
    refuse_problems(cells)


@pytest.mark.parametrize("name", OVER_HTTP)
def test_a_transport_fault_leaves_what_was_landed(proven, name):
    cells = proven("transport", name)
    assert {c.fault for c in cells} == set(FAULTS)
    refuse_problems(cells)


@pytest.mark.parametrize("name", SECOND_CHOICES)
def test_a_second_address_answers_when_the_first_one_fails(proven, name):
    cells = proven("fallback", name)
    assert len(cells) == len(FAULTS) - 1
    refuse_problems(cells)


HEAD = """# What becomes of faults

Publishers send other things than yesterday, and networks lose part of it. This page says what becomes of each such
fault. It is written from what tests/faults/test_matrix.py proves over real HTTP on loopback, through the real client,
archive and landing: {tables} tables of {sources} sources in {answers} good answers, {cells} cells, each after a good
answer had landed. A test fails when this page is not what it proves; write it anew with
`DRYPOWDER_WRITE_FAULTS=1 pytest tests/faults/test_matrix.py -k page`. Files that a user drops come from a folder and
not over HTTP, so they meet the faults of what comes, and none of how it comes.

In every cell: no exception escapes; what was landed before stays as it was; no number becomes another number; the
bytes that came are in the archive; and what is refused says what was expected, what came, or what to do.

| word | means |
|---|---|
| unavailable | No answer with data. The next run asks again; until then the table says what it said. |
| refused | An answer that breaks its contract. Nothing of it lands; `drypowder quarantine list` says why. |
| row aside | The row is in quarantine with its rule and reason, the others land. Above the contract's share (mostly one row in a hundred) the whole answer is refused instead. |
| null | The value is missing, since the publisher's word for "missing" is what came. |
| same rows | Exactly the rows of the good answer. |
| field added | The same rows, and the new field as text beside them, announced as drift. |
| one more row | A record that nothing tells apart from its twin is counted, and says so in its key. |
| rows withdrawn | The others land. What is missing is marked as withdrawn, unless the gate finds too much of it missing. |

The same tests show what no table can: a listing in pages that moves while it is read is landed whole or not at all;
every unit that a contract asserts is missed by a thousandfold figure; and a table of each format, taken through the gate
after each fault, leaves `raw` as it was, with the row in quarantine. tests/unit/sources/test_fuzz.py spoils the same
answers in ways that nobody thought of.
"""


@pytest.mark.slow
def test_the_page_of_faults_says_what_is_proven(proven):
    payload = [c for name in answers.answers() for c in proven("payload", name)]
    transport = [c for name in OVER_HTTP for c in proven("transport", name)]
    fallback = [c for name in SECOND_CHOICES for c in proven("fallback", name)]
    text = HEAD.format(
        tables=len(tables()),
        sources=len(sources()),
        answers=len(answers.answers()),
        cells=sum(c.outcome != CANNOT for c in [*payload, *transport, *fallback]),
    )
    text += "\n## What comes\n\nIn numbers of tables' answers, by the format of the answer.\n\n"
    text += grid(
        payload, list(PAYLOAD_FAULTS), [*dict.fromkeys(f for w in PAYLOAD_FAULTS.values() for f in w), CUT_IN_A_NUMBER]
    )
    text += "\n## How it comes\n\n"
    text += (
        f"For each behaviour of a client ({', '.join(BY_BEHAVIOUR)}) and each source. A fault of the first address only "
        "is that of a table with a second one.\n\n"
    )
    text += grid([*transport, *fallback], [LASTS, PASSES, ELSEWHERE], list(FAULTS))
    if os.environ.get("DRYPOWDER_WRITE_FAULTS"):
        PAGE.write_text(text)
    refuse_problems([*payload, *transport, *fallback])
    assert PAGE.read_text() == text


def grid(cells: list[Cell], columns: list[str], rows: list[str]) -> str:
    """Return a table of outcomes, counted."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for cell in cells:
        counted.setdefault((cell.fault, cell.wire), Counter())[cell.outcome] += cell.outcome != CANNOT
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        found = [counted.get((row, column), Counter()) for column in columns]
        shown = (
            "<br>".join(f"{n} {what}" for what, n in sorted(each.items(), key=lambda i: (-i[1], i[0])) if n)
            for each in found
        )
        lines.append(f"| {row} | {' | '.join(one or '·' for one in shown)} |")
    return "\n".join(lines) + "\n"


def test_every_table_has_a_good_answer():
    # That it lands, whole and with nothing set aside, is what every bench begins with.
    assert {name.partition("@")[0] for name in answers.answers()} == {f"{s.code}.{t.name}" for s, t in tables()}
    assert min(answer.rows for answer in answers.answers().values()) > 0


# --------------------------------------------------------------------------------------------------- pages and units

PAGED = {f"fiscaldata.{table.name}" for table in sources()["fiscaldata"].tables}


def six_of(answer: answers.Answer) -> list[dict[str, str]]:
    """Return six rows like the answer's first, of six days and six securities."""
    (first, *_) = json.loads(answer.pages[0].body)["data"]
    day = next(name for name in ("operation_date", "auction_date", "record_date") if name in first)
    return [first | {day: f"199{n}-02-01"} | ({"cusip": f"91282C{n:03}"} if "cusip" in first else {}) for n in range(6)]


@pytest.mark.parametrize("fault", PAGER_FAULTS)
@pytest.mark.parametrize("name", sorted(PAGED))
def test_a_listing_that_moves_is_landed_whole_or_not_at_all(bench, name, fault):
    made = bench(name)
    pager = Pager(six_of(made.answer), size=2, fault=PAGER_FAULTS[fault])
    for page in made.answer.pages:
        made.server.serves(page.url, pager)
        made.server.serves(page.url.partition("?")[0], pager)
    settings = replace(made.settings, home=made.folder / "moving")
    attempt = made.land(settings, replace(made.table, units=()))
    if fault == "a page that shifts between requests":
        assert (attempt.outcome, attempt.rows) == ("landed", 6)
    else:
        assert attempt.outcome == "refused"
        assert "are not the whole listing" in str(attempt.error)
        assert not any(settings.landing.rglob("*.parquet"))
    assert len(archived(settings)) > 1


CHECKED = [
    pytest.param(f"{source.code}.{table.name}", number, id=f"{source.code}.{table.name}-{check.column}-{number}")
    for source, table in tables()
    for number, check in enumerate(table.units)
]


FACTORS = {"deribit.liquidations": (Decimal("0.00002"),)}
"""Coins instead of dollars: the least trade is worth ten dollars, and the median one a thousand times as much."""


def is_magnitude(check: UnitCheck) -> bool:
    """Whether a unit is told by the size of figures, and not by the publisher's word for it."""
    return not check.holds.startswith("bool_and(unit_name =")


@pytest.mark.parametrize(("name", "number"), CHECKED)
def test_a_figure_a_thousand_times_too_large_or_too_small_lands_nothing(tmp_path, name, number):
    source, table, _ = answers.of(name)
    check = table.units[number]
    column = table.column(check.column)
    refusals = []
    for each, answer in answers.answers().items():
        for factor in FACTORS.get(name, (Decimal(1000), Decimal("0.001"))) if each.partition("@")[0] == name else ():
            extract = partial(_scaled, table, column, factor) if is_magnitude(check) else partial(_per_kilogram, table)
            changed = replace(table, extract=extract, units=(check,), rules=())
            responses = answers.responses_of(table, answer)
            fetch = Fetch.of(source.code, table.name, answer.partition, "", responses)
            try:
                landing.land(Settings(home=tmp_path), changed, fetch, responses)
            except ContractViolation as error:
                refusals.append(str(error))
    assert [r for r in refusals if "is not in" in r and check.because in r]


def _scaled(table: Table, column: Column, factor: Decimal, response: Response) -> Iterator[Row]:
    """Yield the rows with a column multiplied, to as many digits as it holds."""
    decimals = re.search(r", ?(\d+)\)", column.type)
    for row in table.extract(response):
        with suppress(ArithmeticError, TypeError):
            if row[column.wire] not in table.nulls:
                scaled = round(Decimal(row[column.wire]) * factor, int(decimals[1]) if decimals else 12)
                row = {**row, column.wire: f"{scaled:f}"}  # noqa: PLW2901
        yield row


def _per_kilogram(table: Table, response: Response) -> Iterator[Row]:
    for row in table.extract(response):
        yield {**row, "unit_name": "$/kg"}


# ------------------------------------------------------------------------------------------------- through to `raw`

OF_EACH_FORMAT = {
    "json_objects": "fiscaldata.debt_to_penny",
    "json_arrays": "coinbase.candles",
    "csv": "ofr.financial_stress",
    "tsv": "tic.foreign_holdings",
    "zip_csv": "kenfrench.factors",
    "xml": "sec.thirteenf_holdings",
    "zip_xml": "board.h41",
    "xlsx": "worldbank.commodity_prices",
}


@pytest.mark.slow
def test_raw_is_as_it_was_or_the_row_is_in_quarantine(bench, tmp_path, monkeypatch):
    """A table of each format goes all the way, gate and promotion included, after each fault that it can have."""
    benches = {wire: bench(name) for wire, name in OF_EACH_FORMAT.items()}
    for each in benches.values():
        each.table = replace(each.table, quarantine_share=1.0)
        each.source = replace(each.source, tables=(each.table,))
        each.settings = replace(each.settings, home=tmp_path / "all")
    registry = {each.source.code: each.source for each in benches.values()}
    monkeypatch.setattr("warehouse.sources.sources", lambda: registry)
    suites = {(b.source.code, b.table.name): expectations.suite(b.table, b.source) for b in benches.values()}
    monkeypatch.setattr("expectations.incoming_suites", lambda: suites)
    settings = next(iter(benches.values())).settings

    met = Counter()
    for faults in zip_longest(*(PAYLOAD_FAULTS[wire] for wire in benches)):
        became = {}
        for (wire, each), fault in zip(benches.items(), faults, strict=True):
            each.serve()
            assert each.land(each.settings).error is None
            page = next(p for p in each.answer.broken() if p.wire == wire)
            with suppress(CannotHave):
                if fault:
                    each.serve({page.url: page.broken(fault)})
                    became[wire] = (fault, each.land(each.settings))
        load_and_validate(settings)
        for wire, each in benches.items():
            fault, attempt = became.get(wire, ("none", None))
            assert_raw(each, fault, attempt)
            met[attempt.outcome if attempt else "none"] += 1
    assert met["landed"] > met["unavailable"] > 0
    assert met["refused"] > 0
    for each in benches.values():
        each.serve()
        each.land(each.settings)
    load_and_validate(settings)
    for each in benches.values():
        assert_raw(each, "none", None)


def load_and_validate(settings: Settings) -> None:
    with suppress(NothingNew):
        pipeline.load(settings)
        pipeline.validate(settings)


def assert_raw(bench: Bench, fault: str, attempt: Attempt | None) -> None:
    """Assert that the newest rows of `raw` are the good ones, but for what the fault is allowed to do."""
    name, where = f"{bench.source.code}__{bench.table.name}", f"{bench.name}, {fault}"
    names, key = [c.name for c in bench.table.columns], ", ".join(f'"{k}"' for k in bench.table.grain)
    with stores.open_warehouse(bench.settings, read_only=True, internal=bench.table.is_internal) as connection:
        columns = ", ".join(f'"{n}"' for n in names)
        found = connection.execute(
            f'select {columns}, _is_deleted from raw."{name}" '
            f"qualify row_number() over (partition by {key} order by ingested_at desc, _fetch_id desc) = 1"
        ).fetchall()
        aside = connection.execute(f'select count(*) from quarantine."{name}"').fetchone()[0]
    rows = [dict(zip(names, row, strict=False)) for row in found if not row[-1]]
    live = {tuple(row[k] for k in bench.table.grain): row for row in rows}
    landed = attempt is not None and attempt.outcome == "landed"
    assert aside == (attempt.quarantined if landed else 0), where
    if landed and attempt.rows > len(bench.rows):
        return  # one more record, which its own totals tell
    # A wide table has a record in every column: one renamed is one withdrawn, and another one come.
    may_withdraw = landed and not attempt.quarantined and (fault in OF_COLUMNS or attempt.rows < len(bench.rows))
    for row_key, good in bench.rows.items():
        is_there = row_key in live
        assert is_there or may_withdraw, where
        for column in names if is_there else ():
            if live[row_key][column] != good[column] and column not in bench.answer.moving:
                assert fault in OF_ROWS, where
                assert live[row_key][column] is None, where
    assert live.keys() <= bench.rows.keys() or (may_withdraw and fault == "a changed header"), where
