"""What publishers do to those who ask them, on loopback: a server with named faults, and bodies with named faults.

`FAULTS` are the transport's: how an answer comes. `PAYLOAD_FAULTS` are the bodies', by wire format: what comes.
`PAGER_FAULTS` are those of a listing in numbered pages. A test iterates over them, so that nothing is left out.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import threading
import time
import zipfile
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree as ET

from warehouse.recording import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from warehouse.recording import Recording

HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Request Rate Threshold Exceeded</title></head>"
    b"<body><h1>You've Exceeded the Traffic Limit</h1></body></html>"
)
OKX_TOO_FAST = b'{"code":"50011","data":[],"msg":"Too Many Requests"}'
STOOQ_REFUSAL = b"Get your apikey:\n\n1. Open https://stooq.com/q/d/\n"


# --------------------------------------------------------------------------------------------- transport faults


@dataclass
class Exchange:
    """One request being answered."""

    handler: BaseHTTPRequestHandler
    is_over: threading.Event

    def reply(
        self,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
        sent: int | None = None,
    ) -> None:
        """Answer; `length` is what Content-Length says, `sent` after how many bytes the connection is closed."""
        self.handler.send_response(status)
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        if status != 204:
            self.handler.send_header("Content-Length", str(len(body) if length is None else length))
        self.handler.end_headers()
        self.handler.wfile.write(body[:sent])
        if sent is not None:
            self.handler.close_connection = True


def _status(status: int, body: bytes, **headers: str) -> Callable[[Exchange, bytes], None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange, _: exchange.reply(body, status, named)


def _instead(body: bytes, media: str) -> Callable[[Exchange, bytes], None]:
    return lambda exchange, _: exchange.reply(body, headers={"Content-Type": media})


def _drip(exchange: Exchange, body: bytes) -> None:
    exchange.reply(b"", length=len(body) + 1)
    for number in range(len(body)):
        if exchange.is_over.wait(0.02):
            return
        exchange.handler.wfile.write(body[number : number + 1])
        exchange.handler.wfile.flush()
    exchange.is_over.wait(60)


def _gzip(exchange: Exchange, body: bytes) -> None:
    exchange.reply(gzip.compress(body), headers={"Content-Encoding": "gzip"})


def _gzip_cut(exchange: Exchange, body: bytes) -> None:
    packed = gzip.compress(body)
    exchange.reply(packed[: len(packed) * 2 // 3], headers={"Content-Encoding": "gzip"})


def _gzip_bomb(exchange: Exchange, _: bytes) -> None:
    exchange.reply(gzip.compress(b"[" + bytes(48 << 20)), headers={"Content-Encoding": "gzip"})


def _no_http(exchange: Exchange, _: bytes) -> None:
    exchange.handler.wfile.write(b"ERR 17 backend gone\r\n\r\n")
    exchange.handler.close_connection = True


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How a publisher's answer can come, and what becomes of it while it stays so."""

    behave: Callable[[Exchange, bytes], None]
    outcome: Literal["answer", "refused"] = "refused"
    is_retried: bool = False
    """Whether another try is made, so that a fault that passes ends in an answer."""
    says: str = ""
    """What the message tells, a regular expression."""
    keeps: bytes | None = b""
    """Beginning of what is kept of it; None when nothing came."""
    expects: frozenset[str] = frozenset({"json", "text", "xml", "zip", "parquet"})
    """For which of the client's expectations it is a fault."""


FAULTS: Mapping[str, Fault] = {
    "429 with Retry-After": Fault(
        behave=_status(429, b"slow down", Retry_After="1"), is_retried=True, says="asked too often", keeps=b"slow down"
    ),
    "429 without Retry-After": Fault(
        behave=_status(429, b"slow down"), is_retried=True, says="asked too often", keeps=b"slow down"
    ),
    "403 with an HTML block page": Fault(behave=_status(403, HTML), says="check WAREHOUSE_CONTACT", keeps=HTML),
    "418": Fault(
        behave=_status(418, b"banned", Retry_After="120"),
        says="banned for 120 s.*Wait until the ban is over",
        keeps=b"banned",
    ),
    "451": Fault(behave=_status(451, b"restricted location"), says="fallback venue", keeps=b"restricted"),
    "500": Fault(behave=_status(500, b"oops"), is_retried=True, says="the next run asks again", keeps=b"oops"),
    "503": Fault(behave=_status(503, b"down"), is_retried=True, says="the next run asks again", keeps=b"down"),
    "a slow drip": Fault(behave=_drip, is_retried=True, says="a drip, not an answer.*see what it says"),
    "a cut connection": Fault(
        behave=lambda exchange, body: exchange.reply(body, sent=len(body) // 2), is_retried=True, says="cut off after"
    ),
    "gzip": Fault(behave=_gzip, outcome="answer"),
    "a cut gzip stream": Fault(behave=_gzip_cut, is_retried=True, says="the gzip stream stops before its end"),
    "a gzip bomb": Fault(behave=_gzip_bomb, says="a bomb.*the limits stand in"),
    "a Content-Length that is too long": Fault(
        behave=lambda exchange, body: exchange.reply(body, length=len(body) + 100, sent=len(body)),
        is_retried=True,
        says="cut off after",
    ),
    "a Content-Length that is too short": Fault(
        behave=lambda exchange, body: exchange.reply(body, length=len(body) * 2 // 3),
        is_retried=True,
        says="more came than the .* bytes of its Content-Length",
    ),
    "no HTTP": Fault(behave=_no_http, is_retried=True, says="check-live", keeps=None),
    "200 with HTML": Fault(behave=_instead(HTML, "text/html"), says="an HTML page.*in the archive", keeps=HTML),
    "200 with an error text (OKX)": Fault(
        behave=_instead(OKX_TOO_FAST, "application/json"),
        is_retried=True,
        says="'too fast' inside it.*lower requests_per_second",
        keeps=OKX_TOO_FAST,
        expects=frozenset({"json"}),
    ),
    "200 with an error text (Stooq)": Fault(
        behave=_instead(STOOQ_REFUSAL, "text/plain"),
        says="no .*Get your apikey.*in the archive",
        keeps=STOOQ_REFUSAL,
        expects=frozenset({"json", "xml", "zip", "parquet"}),
    ),
    "204": Fault(behave=_status(204, b""), says="no content.*check-live"),
    "an empty body": Fault(behave=_status(200, b""), is_retried=True, says="an empty body.*in the archive"),
}
"""Every way in which an answer can come, by name."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that came."""

    at: float
    """Moment by the monotonic clock, which all processes of a machine share."""
    host: str
    url: str
    headers: Mapping[str, str]


@dataclass
class _Served:
    body: bytes | Callable[[str], bytes]
    status: int = 200
    media: str = "application/octet-stream"
    faults: list[tuple[Fault, int | None]] = field(default_factory=list)


class FaultServer:
    """Publishers on 127.0.0.1. It is dialled by `rewrite(url)`, and sees which publisher was meant."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._served: dict[str, _Served] = {}
        self._everywhere: tuple[Fault, int | None] | None = None
        self._counts: Counter[str] = Counter()
        self._is_over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or every answer waits 40 ms for an acknowledgement

            def do_GET(self):
                server._answer(self)

            def log_message(self, *_):
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Address of the server itself, for what needs no publisher's name."""
        return f"http://127.0.0.1:{self.port}"

    def rewrite(self, url: str) -> str:
        """Return where a publisher's address is served."""
        return f"{self.url}/{quote(url, safe='')}"

    def serves(
        self,
        url: str,
        body: bytes | Callable[[str], bytes],
        *,
        status: int = 200,
        media: str = "application/octet-stream",
        fault: Fault | None = None,
        times: int | None = None,
    ) -> None:
        """Serve a body, or what a function of the asked URL gives; the first `times` requests (or all) meet a fault.

        A URL without a query is served whatever the query.
        """
        faults = [(fault, times)] if fault else []
        self._served[without_credentials(url)] = _Served(body, status, media, faults)

    def serves_recording(self, recording: Recording) -> None:
        """Serve everything of a recording as its newest answer."""
        for entry in recording.entries:
            media = entry.headers.get("content-type", "application/octet-stream")
            self.serves(entry.url, recording.body(entry), status=entry.status, media=media)

    def breaks(self, fault: Fault | None, times: int | None = None) -> None:
        """Meet every request with a fault from now on: the first `times` of each URL, or all. None ends it."""
        self._everywhere = (fault, times) if fault else None
        self._counts.clear()

    def busiest(self, host: str, seconds: float = 1.0) -> int:
        """Return the largest number of requests to a host within any stretch of time of that length."""
        moments = sorted(a.at for a in self.asked if a.host == host)
        return max((sum(m <= n < m + seconds for n in moments) for m in moments), default=0)

    def close(self) -> None:
        """Stop, also what still drips."""
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        moment = time.monotonic()
        meant = unquote(handler.path[1:])
        url = meant if "://" in meant else f"http://{handler.headers['Host']}{handler.path}"
        self.asked.append(Asked(at=moment, host=urlsplit(url).netloc, url=url, headers=dict(handler.headers)))
        exchange = Exchange(handler, self._is_over)
        key = without_credentials(url)
        served = self._served.get(key) or self._served.get(key.partition("?")[0])
        if served is None:
            exchange.reply(b"no such page", 404)
            return
        self._counts[key] += 1
        body = served.body if isinstance(served.body, bytes) else served.body(url)
        for fault, times in [*served.faults, *([self._everywhere] if self._everywhere else [])]:
            if times is None or self._counts[key] <= times:
                fault.behave(exchange, body)
                return
        exchange.reply(body, served.status, {"Content-Type": served.media})


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up on a fault does what it should."""


# ----------------------------------------------------------------------------------------------- payload faults


class CannotHave(Exception):
    """This very body has no place for the fault, such as a number where it has none."""


@dataclass
class _Grid:
    """A body seen as named columns and rows; `render` turns what it holds by then into bytes again."""

    names: list[str]
    rows: list[list[Any]]
    render: Callable[[_Grid], bytes]


_ABSENT = object()


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or value is None or value is _ABSENT:
        return False
    try:
        float(str(value).replace(",", ""))
    except ValueError:
        return False
    return True


def _cell(grid: _Grid, column: str | None) -> tuple[int, int]:
    """Return row and column of a number about the middle of the body: of the named column, or the last that has digits
    behind the point, or the last numeric one."""
    order = range(len(grid.rows))
    for looks_right in (_is_number,) if column else (_is_fraction, _is_number):
        for row in [*order[len(grid.rows) // 2 :], *order[: len(grid.rows) // 2]]:
            for place in reversed(range(min(len(grid.names), len(grid.rows[row])))):
                if column in {None, grid.names[place]} and looks_right(grid.rows[row][place]):
                    return row, place
    raise CannotHave(f"no number in {column or 'any column'}")


def _is_fraction(value: object) -> bool:
    return _is_number(value) and "." in str(value)


def _open_objects(body: bytes) -> _Grid:
    document = json.loads(body.decode("utf-8-sig"))
    found = _longest(document, dict)
    names = list(dict.fromkeys(name for row in found for name in row))

    def render(grid: _Grid) -> bytes:
        found[:] = [{n: v for n, v in zip(grid.names, row, strict=True) if v is not _ABSENT} for row in grid.rows]
        return json.dumps(document).encode()

    return _Grid(names, [[row.get(n, _ABSENT) for n in names] for row in found], render)


def _open_arrays(body: bytes) -> _Grid:
    document = json.loads(body.decode("utf-8-sig"))
    found = _longest(document, list)
    width = Counter(len(row) for row in found).most_common(1)[0][0]

    def render(grid: _Grid) -> bytes:
        found[:] = grid.rows
        return json.dumps(document).encode()

    return _Grid([str(n) for n in range(width)], [list(row) for row in found], render)


def _longest(document: Any, kind: type) -> list[Any]:
    """Return the longest list of such entries, wherever in a document it stands."""
    best: list[Any] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            if len(value) > len(best) and all(isinstance(entry, kind) for entry in value):
                best = value
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
    if not best:
        raise CannotHave(f"no list of {kind.__name__} in the document")
    return best


def _open_delimited(body: bytes) -> _Grid:
    """Take as the table the longest run of lines of one width, and its first line as the header."""
    text = body.decode("utf-8-sig")
    lines = text.splitlines(keepends=True)
    delimiter = max(",\t;|", key=lambda mark: sum(line.count(mark) for line in lines[:200]))
    cells = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
    first = last = start = 0
    for end in range(1, len(cells) + 1):
        if end == len(cells) or len(cells[end]) != len(cells[start]):
            if end - start > last - first and len(cells[start]) > 1:
                first, last = start, end
            start = end
    if last - first < 2:
        raise CannotHave("no table in the text")
    header = next((n for n in range(first, last - 1) if _are_names(cells[n])), None)
    names = list(map(str, range(len(cells[first])))) if header is None else list(cells[header])
    top = first if header is None else header + 1
    ending = "\r\n" if lines[first].endswith("\r\n") else "\n"
    untouched = {tuple(cells[n]): lines[n] for n in range(first, last)}  # as the publisher quotes them

    def written(row: Sequence[str]) -> str:
        if tuple(row) in untouched:
            return untouched[tuple(row)]
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=delimiter, lineterminator=ending).writerow(row)
        return out.getvalue()

    def render(grid: _Grid) -> bytes:
        if header is None and grid.names != names_before:
            raise CannotHave("no header in the text")
        head = [] if header is None else [*lines[first:header], written(grid.names)]
        return "".join([*lines[:first], *head, *map(written, grid.rows), *lines[last:]]).encode()

    names_before = list(names)
    return _Grid(names, [list(row) for row in cells[top:last]], render)


def _are_names(cells: Sequence[str]) -> bool:
    return all(cell.strip() and not _is_number(cell) for cell in cells) and len(set(cells)) == len(cells)


def _open_xml(body: bytes) -> _Grid:
    """Take as rows the most frequent element with attributes (SDMX), or else with leaves below it."""
    body = body.lstrip()
    for _, (prefix, address) in ET.iterparse(io.BytesIO(body), events=["start-ns"]):  # noqa: S314
        if not re.fullmatch(r"ns\d+", prefix):
            ET.register_namespace(prefix, address)
    root = ET.fromstring(body)  # noqa: S314
    parents = {child: parent for parent in root.iter() for child in parent}
    tags = Counter(e.tag for e in root.iter() if len(e.attrib) > 1 and not len(e))
    by_attribute = bool(tags)
    if not by_attribute:
        tags = Counter(e.tag for e in root.iter() if sum(not len(child) for child in e) > 1)
    if not tags:
        raise CannotHave("no rows in the XML")
    elements = [e for e in root.iter() if e.tag == tags.most_common(1)[0][0]]
    if by_attribute:
        names = list(dict.fromkeys(name for e in elements for name in e.attrib))
        rows = [[e.attrib.get(name, _ABSENT) for name in names] for e in elements]
    else:
        names = list(dict.fromkeys(child.tag for e in elements for child in e if not len(child)))
        rows = [[e.findtext(name, _ABSENT) for name in names] for e in elements]  # type: ignore[call-overload]
    before = list(names)
    shown = [id(row) for row in rows]

    def render(grid: _Grid) -> bytes:
        previous = None
        for row in grid.rows:
            if id(row) in shown:
                element = elements[shown.index(id(row))]
            else:
                element = deepcopy(previous)  # a duplicate stands right behind what it repeats
                parents[previous].insert(list(parents[previous]).index(previous) + 1, element)
            _fill(element, before, dict(zip(grid.names, row, strict=True)), by_attribute=by_attribute)
            previous = element
        return ET.tostring(root, encoding="utf-8", xml_declaration=True)

    return _Grid(names, rows, render)


def _fill(element: ET.Element, before: Sequence[str], values: Mapping[str, Any], *, by_attribute: bool) -> None:
    if by_attribute:
        for name in before:
            element.attrib.pop(name, None)
        element.attrib.update({n: str(v) for n, v in values.items() if v is not _ABSENT})
        return
    leaves = {child.tag: child for child in element if not len(child)}
    for name in before:
        if name not in values and name in leaves:
            element.remove(leaves[name])
    for name, value in values.items():
        if value is _ABSENT:
            continue
        leaf = leaves[name] if name in leaves else ET.SubElement(element, name)
        leaf.text = value


def _open_sheet(body: bytes) -> _Grid:
    """Take the sheet with the most rows, and as its header the first row of text with a number below it."""
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(body))
    sheet = max(book.worksheets, key=lambda each: each.max_row)
    cells = [[c.value for c in row] for row in sheet.iter_rows()]
    header = None
    for number, row in enumerate(cells[:-1]):
        texts = [i for i, value in enumerate(row) if isinstance(value, str) and value.strip()]
        if len(texts) > 1 and any(_is_number(below[i]) for below in cells[number + 1 : number + 4] for i in texts):
            header = number
            break
    if header is None:
        raise CannotHave("no table in the workbook")
    width = max(i for i, value in enumerate(cells[header]) if value is not None) + 1

    def render(grid: _Grid) -> bytes:
        sheet.delete_rows(header + 1, len(cells) - header)
        for offset, row in enumerate([grid.names, *grid.rows]):
            for place, value in enumerate(row):
                sheet.cell(header + 1 + offset, place + 1, "#NUM!" if value != value else value)  # noqa: PLR0124  (NaN)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    return _Grid(list(cells[header][:width]), [row[:width] for row in cells[header + 1 :]], render)


def _on_grid(
    opening: Callable[[bytes], _Grid], change: Callable[[_Grid, str | None], None]
) -> Callable[[bytes, str | None], bytes]:
    def edit(body: bytes, column: str | None = None) -> bytes:
        grid = opening(body)
        change(grid, column)
        return grid.render(grid)

    return edit


def _place(grid: _Grid, column: str | None) -> int:
    return grid.names.index(column) if column else _cell(grid, None)[1]


def _rename(grid: _Grid, column: str | None) -> None:
    place = _place(grid, column)
    grid.names[place] = f"{grid.names[place]}_renamed"


def _add(grid: _Grid, _: str | None) -> None:
    grid.names.append("brand_new")
    for row in grid.rows:
        row.append("1")


def _remove(grid: _Grid, column: str | None) -> None:
    place = _place(grid, column)
    for cells in [grid.names, *grid.rows]:
        if place < len(cells):
            del cells[place]


def _write(text: str) -> Callable[[_Grid, str | None], None]:
    def change(grid: _Grid, column: str | None) -> None:
        row, place = _cell(grid, column)
        grid.rows[row][place] = text

    return change


def _write_nan(grid: _Grid, column: str | None) -> None:
    """Write NaN as the publisher writes numbers: quoted, bare as JSON does not allow it, or as Excel's error."""
    row, place = _cell(grid, column)
    grid.rows[row][place] = "NaN" if isinstance(grid.rows[row][place], str) else float("nan")


def _duplicate(grid: _Grid, _: str | None) -> None:
    middle = len(grid.rows) // 2
    grid.rows.insert(middle + 1, list(grid.rows[middle]))


_ON_ROWS: Mapping[str, Callable[[_Grid, str | None], None]] = {
    "a changed header": _rename,
    "a new column": _add,
    "a removed column": _remove,
    "'null' in a number": _write("null"),
    "NaN in a number": _write_nan,
    "a mutated row": _write("#&?"),
    "a duplicated row": _duplicate,
}


def _with_mark(body: bytes, _: str | None = None) -> bytes:
    return b"\xef\xbb\xbf" + body.removeprefix(b"\xef\xbb\xbf")


def _in_utf_16(body: bytes, _: str | None = None) -> bytes:
    text = body.decode("utf-8-sig")
    return re.sub(r"""(<\?xml[^>]*encoding=['"])[^'"]+""", r"\1UTF-16", text, count=1).encode("utf-16")


def _with_crlf(body: bytes, _: str | None = None) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", body)


def _truncated(body: bytes, _: str | None = None) -> bytes:
    return body[: len(body) * 2 // 3]


_ON_TEXT: Mapping[str, Callable[[bytes, str | None], bytes]] = {
    "a byte-order mark": _with_mark,
    "UTF-16": _in_utf_16,
    "CRLF": _with_crlf,
}


def _entity_bomb(body: bytes, _: str | None = None) -> bytes:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    doctype = f'<!DOCTYPE bomb [<!ENTITY e0 "ha">{entities}]>'.encode()
    head = re.match(rb"(?s)(\xef\xbb\xbf)?\s*(<\?xml.*?\?>)?", body)
    rest = body[head.end() :] if head else body
    start = (head[0] if head else b"") + doctype
    return start + re.sub(rb"(<[A-Za-z][^>]*[^/>]>)", rb"\1&e9;", rest, count=1)


def _members(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {e.filename: archive.read(e) for e in archive.infolist() if not e.is_dir()}


def _zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _main_member(members: Mapping[str, bytes]) -> str:
    """Return the largest member of text, or a workbook's largest sheet."""
    wanted = re.compile(r"\.(csv|txt|tsv|tab|xml)$|^[^.]*$", re.IGNORECASE)
    sheets = [name for name in members if name.startswith("xl/worksheets/")]
    candidates = sheets or [name for name in members if wanted.search(name)]
    if not candidates:
        raise CannotHave(f"no member of text among {list(members)}")
    return max(candidates, key=lambda name: len(members[name]))


def _zip_bomb(body: bytes, _: str | None = None) -> bytes:
    members = _members(body)
    return _zipped({**members, _main_member(members): bytes(32 << 20)})


def _way_out(body: bytes, _: str | None = None) -> bytes:
    return _zipped({**_members(body), "../../outside.csv": b"a,b\n1,2\n"})


def _in_member(edit: Callable[[bytes, str | None], bytes]) -> Callable[[bytes, str | None], bytes]:
    def inside(body: bytes, column: str | None = None) -> bytes:
        members = _members(body)
        name = _main_member(members)
        return _zipped({**members, name: edit(members[name], column)})

    return inside


def _rows_of(opening: Callable[[bytes], _Grid]) -> dict[str, Callable[[bytes, str | None], bytes]]:
    return {name: _on_grid(opening, change) for name, change in _ON_ROWS.items()}


_CUT = {"a truncated body": _truncated}
_PACKED = {"a zip bomb": _zip_bomb, "a member that leads out": _way_out}
_DELIMITED = {**_rows_of(_open_delimited), **_ON_TEXT}
_XML = {**_rows_of(_open_xml), **_ON_TEXT, "an entity bomb": _entity_bomb}

PAYLOAD_FAULTS: Mapping[str, Mapping[str, Callable[..., bytes]]] = {
    "json_objects": {**_rows_of(_open_objects), **_ON_TEXT, **_CUT},
    "json_arrays": {
        **{name: edit for name, edit in _rows_of(_open_arrays).items() if name != "a changed header"},
        **_ON_TEXT,
        **_CUT,
    },
    "csv": {**_DELIMITED, **_CUT},
    "tsv": {**_DELIMITED, **_CUT},
    "zip_csv": {**{name: _in_member(edit) for name, edit in _DELIMITED.items()}, **_PACKED, **_CUT},
    "xml": {**_XML, **_CUT},
    "zip_xml": {**{name: _in_member(edit) for name, edit in _XML.items()}, **_PACKED, **_CUT},
    "xlsx": {**_rows_of(_open_sheet), **_PACKED, **_CUT},
}
"""By wire format and name, each as a function of a body (and, for those of a number or a column, the column's name
on the wire) to the body with that fault. It raises CannotHave where this very body has no place for the fault."""

HARMLESS = frozenset({"a byte-order mark", "CRLF"})
"""Payload faults that change no value: the same rows land. Every other one is refused, or in quarantine, or null."""


# ------------------------------------------------------------------------------------------------- pager faults


def fiscal_page(rows: Sequence[Mapping[str, Any]], number: int, size: int) -> bytes:
    """Return one page of a listing as Fiscal Data numbers, counts and links its pages."""
    names = list(rows[0]) if rows else []
    shown = rows[(number - 1) * size : number * size]
    pages = -(-len(rows) // size)

    def link(page: int | None) -> str | None:
        return None if page is None else f"&page%5Bnumber%5D={page}&page%5Bsize%5D={size}"

    return json.dumps(
        {
            "data": list(shown),
            "meta": {
                "count": len(shown),
                "labels": {name: name.replace("_", " ").title() for name in names},
                "dataTypes": dict.fromkeys(names, "STRING"),
                "dataFormats": dict.fromkeys(names, "String"),
                "total-count": len(rows),
                "total-pages": pages,
            },
            "links": {
                "self": link(number),
                "first": link(1),
                "prev": link(number - 1 if number > 1 else None),
                "next": link(number + 1 if number < pages else None),
                "last": link(pages),
            },
        }
    ).encode()


PagerFault = "Callable[[Pager, int], int]"
"""Told the number asked for, it moves the listing as it likes and says which page to show; 0 is an empty one."""


@dataclass
class Pager:
    """A listing that may move while it is read; give it to `FaultServer.serves` as the body.

    It obeys `page[number]` and, unless `size` is given, `page[size]` of what it is asked for. `rows` are all there will
    ever be, newest first; the first `hidden` of them are not out yet.
    """

    rows: Sequence[Mapping[str, Any]]
    size: int | None = None
    fault: PagerFault | None = None
    hidden: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        """Hold back the rows that will come while the listing is read."""
        if self.fault in {_shift_once, _shift_always}:
            self.hidden = 1 if self.fault is _shift_once else len(self.rows) // 2

    def __call__(self, url: str) -> bytes:
        """Return the page that a URL asks for."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        number = int(query.get("page[number]", "1"))
        size = self.size or int(query.get("page[size]", "100"))
        self.requests += 1
        shown = self.fault(self, number) if self.fault else number
        if shown == 0:
            whole = json.loads(fiscal_page(self.visible, number, size))
            return json.dumps({**whole, "data": [], "meta": {**whole["meta"], "count": 0}}).encode()
        return fiscal_page(self.visible, shown, size)

    @property
    def visible(self) -> Sequence[Mapping[str, Any]]:
        """The rows that are out by now."""
        return self.rows[self.hidden :]


def _shift_once(pager: Pager, number: int) -> int:
    if pager.requests == 2:
        pager.hidden = max(0, pager.hidden - 1)
    return number


def _shift_always(pager: Pager, number: int) -> int:
    if number > 1:
        pager.hidden = max(0, pager.hidden - 1)
    return number


PAGER_FAULTS: Mapping[str, Callable[[Pager, int], int]] = {
    "a page that shifts between requests": _shift_once,
    "a page that shifts between any two requests": _shift_always,
    "a duplicated page": lambda _, number: 1 if number == 2 else number,
    "a missing page": lambda _, number: 0 if number == 2 else number,
}
"""By name. The first one passes, so that reading anew gives the whole listing; the others are refused."""
