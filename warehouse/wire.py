"""Wire formats that more than one publisher speaks: JSON, delimited text, SDMX, zip and xlsx, read without trust.

Everything here turns a response into records of text under the publisher's own names, or raises ContractViolation
that says where and why. What a field means, and which ones there must be, is the contract's business.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import re
import zipfile
import zlib
from calendar import monthrange
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from warehouse.contract import Get, Response

LARGEST_MEMBER = 16 << 30
"""Bytes that one member of a zip may unpack to; the largest honest one seen, an SDMX release, has under one GB."""
LARGEST_RATIO = 200
"""Times that a member may be larger than it is packed; text packs 5 to 30 times, SDMX up to 60, a bomb 1,000."""
_SMALL_MEMBER = 1 << 20
_COPIED_AT_ONCE = 1 << 20
_READ_AHEAD = 1 << 16
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # a member under a password
    EOFError,
    OSError,
    ValueError,
)
"""What zipfile raises for bytes that are no zip, or a spoilt one."""

Record = dict[str, str | None]


# ---------------------------------------------------------------------------------------------------------- JSON


def parse_json(response: Response) -> Any:  # noqa: ANN401  (JSON)
    """Return the decoded body with every number as the text it was sent as: no digit is lost on the way.

    Raises:
        ContractViolation: it is not JSON, or holds NaN or Infinity, which JSON has not.
    """

    def refuse(constant: str) -> None:
        raise ContractViolation(f"{response.url} holds {constant}", expected="numbers", got=constant)

    try:
        return json.loads(response.text(), parse_float=str, parse_int=str, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ContractViolation(f"{response.url} is not JSON", expected="JSON", got=str(error)) from error


def member(value: Any, *path: str | int, where: str) -> Any:  # noqa: ANN401  (JSON)
    """Return what stands at a path of a decoded JSON value.

    Raises:
        ContractViolation: there is nothing there; the message says how far the path leads.
    """
    found = value
    for depth, step in enumerate(path):
        try:
            if isinstance(step, str) is not isinstance(found, dict):
                raise TypeError  # noqa: TRY301
            found = found[step]
        except (KeyError, IndexError, TypeError):
            got = sorted(found)[:20] if isinstance(found, dict) else type(found).__name__
            raise ContractViolation(
                f"{where} has nothing at {'.'.join(map(str, path[: depth + 1]))}",
                expected=f"the path {'.'.join(map(str, path))}",
                got=got,
            ) from None
    return found


def json_records(response: Response, *path: str | int) -> Iterator[Record]:
    """Yield the objects of the list at `path`, each value as text; nested values are refused.

    Raises:
        ContractViolation: there is no such list, an entry is no object, or a value is a list or an object.
    """
    found = member(parse_json(response), *path, where=response.url)
    if not isinstance(found, list):
        raise ContractViolation(f"{response.url} holds no list", expected="a list", got=repr(found)[:80])
    for number, entry in enumerate(found, 1):
        yield flat(entry, f"{response.url}, row {number}")


def flat(entry: Any, where: str) -> Record:  # noqa: ANN401  (JSON)
    """Return an object whose values are all scalars, as text.

    Raises:
        ContractViolation: it is no object, or a value of it is none.
    """
    if not isinstance(entry, dict):
        raise ContractViolation(where, expected="an object", got=repr(entry)[:80])
    return {name: scalar(value, f"{where}, {name}") for name, value in entry.items()}


def scalar(value: Any, where: str) -> str | None:  # noqa: ANN401  (JSON)
    """Return one JSON scalar as text, null as None.

    Raises:
        ContractViolation: it is a list or an object.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raise ContractViolation(where, expected="text, a number or null", got=repr(value)[:80])


def rows_of_arrays(response: Response, names: tuple[str, ...], *path: str | int) -> Iterator[Record]:
    """Yield the arrays of the list at `path` as records under `names`, which name every place of an array.

    Raises:
        ContractViolation: there is no such list, or an entry is no array of that length.
    """
    found = member(parse_json(response), *path, where=response.url)
    if not isinstance(found, list):
        raise ContractViolation(f"{response.url} holds no list", expected="a list of lists", got=repr(found)[:80])
    for number, entry in enumerate(found):
        where = f"{response.url}, row {number}"
        if not isinstance(entry, list) or len(entry) != len(names):
            raise ContractViolation(where, expected=f"a list of {len(names)} fields", got=repr(entry)[:80])
        yield {n: scalar(v, f"{where}, {n}") for n, v in zip(names, entry, strict=True)}


# ------------------------------------------------------------------------------------------------ delimited text


def delimited(
    lines: Iterable[str],
    where: str,
    *,
    delimiter: str = ",",
    header: Callable[[list[str]], bool] | None = None,
    until: Callable[[list[str]], bool] | None = None,
    must_end: bool = True,
) -> Iterator[Record]:
    """Yield the records of delimited text under the names of its header, trimmed; wholly blank lines are passed over.

    `header` recognises the header's line where others stand before it (default: the first line). `until` recognises
    the first line after the table, such as a footnote: a table that it does not follow was cut, perhaps inside its last
    number, unless `must_end` is false. Without `until` every line has to fit. Give `lines` untouched
    (`io.StringIO(text, newline="")`, or a file): quoted fields may hold line ends.

    Raises:
        ContractViolation: there is no header, a name comes twice, or a line has another number of fields.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] = []
    is_over = until is None or not must_end
    try:
        for fields in reader:
            trimmed = [f.strip() for f in fields]
            if not names:
                if header is None or header(trimmed):
                    names = trimmed
                    _refuse_twins(names, where)
                continue
            if not any(trimmed):
                continue
            if until and until(trimmed):
                is_over = True
                break
            if len(trimmed) != len(names):
                raise ContractViolation(
                    f"{where}, line {reader.line_num}, is cut or torn",
                    expected=f"{len(names)} fields",
                    got=f"{len(trimmed)}: {delimiter.join(fields)[:80]!r}",
                )
            yield dict(zip(names, trimmed, strict=True))
    except csv.Error as error:
        raise ContractViolation(
            f"{where}, line {reader.line_num}, is no row", expected="CSV", got=str(error)
        ) from error
    if names and not is_over:
        raise ContractViolation(f"{where} is cut", expected="the line that follows its table", got="the end")
    if not names:
        raise ContractViolation(f"{where} has no header", expected="a line of column names", got="none")


def _refuse_twins(names: list[str], where: str) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ContractViolation(f"{where} names columns twice", expected="distinct names", got=twins)


def csv_records(response: Response, *, encoding: str = "utf-8-sig", **options: Any) -> Iterator[Record]:  # noqa: ANN401
    """Yield the records of a body that is delimited text; see `delimited` for the options."""
    return delimited(io.StringIO(response.text(encoding), newline=""), response.url, **options)


# ----------------------------------------------------------------------------------------------------------- zip


@contextmanager
def unzipped(response: Response, pattern: str) -> Iterator[BinaryIO]:
    """Open the one member of a zip that a glob pattern matches, to be read as a stream.

    Raises:
        ContractViolation: it is no zip, a member's name leads out of it, none or several match, or the member would
            unpack to more than an honest file does.
    """
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(zipfile.ZipFile(opened.enter_context(response.open())))
            file = opened.enter_context(archive.open(_entry(archive, pattern, response.url)))
        except _BROKEN_ZIP as error:
            raise _no_zip(response.url, error) from error
        # What the reader of the stream raises is its own, such as a full disk: it passes as it is.
        yield io.BufferedReader(_Guarded(file, response.url), _READ_AHEAD)


class _Guarded(io.RawIOBase):
    """A member of a zip whose errors of reading, and no others, are violations of the contract."""

    def __init__(self, file: IO[bytes], where: str) -> None:
        self._file, self._where = file, where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  (a writable buffer, which Python 3.11 has no type for)
        with memoryview(buffer) as view:
            data = self._read(len(view))
            view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._read(-1)

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except _BROKEN_ZIP as error:
            raise _no_zip(self._where, error) from error


def _no_zip(where: str, error: Exception) -> ContractViolation:
    return ContractViolation(
        f"{where} is no zip that can be read", expected="a zip", got=f"{type(error).__name__}: {error}"
    )


def unpack(response: Response, pattern: str, target: Path) -> None:
    """Write the one member of a zip that a pattern matches to a file of ours; its own name is never a path.

    Raises:
        ContractViolation: as for `unzipped`.
        OSError: our file cannot be written.
    """
    import shutil

    with unzipped(response, pattern) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, _COPIED_AT_ONCE)


def read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str) -> bytes:
    """Return the bytes of one member of an open zip; others may be whole where it is not.

    Raises:
        ContractViolation: it is spoilt, or would unpack to more than an honest file does.
    """
    refuse_bomb(entry, where)
    try:
        return archive.read(entry)
    except _BROKEN_ZIP as error:
        raise _no_zip(f"{where}, {entry.filename},", error) from error


def member_names(response: Response) -> list[str]:
    """Return the names of a zip's members, having refused any that leads out of it.

    Raises:
        ContractViolation: it is no zip, or a name is a path to elsewhere.
    """
    try:
        with response.open() as body, zipfile.ZipFile(body) as archive:
            return [e.filename for e in _entries(archive, response.url)]
    except _BROKEN_ZIP as error:
        raise ContractViolation(f"{response.url} is no zip", expected="a zip", got=str(error)) from error


def _entries(archive: zipfile.ZipFile, where: str) -> list[zipfile.ZipInfo]:
    for entry in archive.infolist():
        # orig_filename, since zipfile cuts a name at a null byte; backslashes are separators to some unpackers.
        parts = entry.orig_filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in entry.orig_filename:
            raise ContractViolation(
                f"{where} holds a member whose name leads out of it",
                expected="plain file names",
                got=repr(entry.orig_filename),
                remedy="Nothing was unpacked; the payload is in the archive.",
            )
    return [entry for entry in archive.infolist() if not entry.is_dir()]


def _entry(archive: zipfile.ZipFile, pattern: str, where: str) -> zipfile.ZipInfo:
    entries = _entries(archive, where)
    found = [e for e in entries if fnmatchcase(e.filename.rsplit("/", 1)[-1], pattern)]
    if len(found) != 1:
        raise ContractViolation(
            f"{where} has {len(found)} members {pattern!r}",
            expected="exactly one",
            got=[e.filename for e in entries][:20],
        )
    refuse_bomb(found[0], where)
    return found[0]


def refuse_bomb(entry: zipfile.ZipInfo, where: str) -> None:
    """Refuse a member that says it unpacks to more than an honest file does; zipfile holds it to what it says.

    Raises:
        ContractViolation: it is too large, or packed too well to be data.
    """
    ratio = entry.file_size / max(entry.compress_size, 1)
    if entry.file_size > LARGEST_MEMBER or (entry.file_size > _SMALL_MEMBER and ratio > LARGEST_RATIO):
        raise ContractViolation(
            f"{where} holds {entry.filename}, which looks like a zip bomb",
            expected=f"at most {LARGEST_MEMBER:,} bytes and {LARGEST_RATIO} times its packed size",
            got=f"{entry.file_size:,} bytes, {ratio:,.0f} times",
            remedy="Nothing was unpacked; the payload is in the archive.",
        )


# ----------------------------------------------------------------------------------------------------------- XML


def elements(stream: BinaryIO, where: str, *names: str) -> Iterator[Any]:
    """Yield the elements of those local names as they are read, and forget each after: memory does not grow.

    Raises:
        ContractViolation: it is not XML, or declares a document type or an entity, which our publishers never do.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    open_elements: list[Any] = []
    try:
        for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                open_elements.append(element)
                continue
            open_elements.pop()
            if local(element.tag) in names:
                yield element
                element.clear()
            if open_elements and not any(local(e.tag) in names for e in open_elements):
                open_elements[-1].remove(element)  # what is not asked for must not pile up either
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ContractViolation(
            f"{where} is not XML that we read", expected="XML without DTD or entities", got=repr(error)
        ) from error


def local(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def sdmx_series(stream: BinaryIO, where: str) -> Iterator[tuple[Mapping[str, str], list[Mapping[str, str]]]]:
    """Yield each series of an SDMX 1 compact data file: its attributes, and those of its observations.

    Raises:
        ContractViolation: it is not XML, or holds no series.
    """
    count = 0
    for element in elements(stream, where, "Series"):
        count += 1
        yield dict(element.attrib), [dict(o.attrib) for o in element if local(o.tag) == "Obs"]
    if not count:
        raise ContractViolation(f"{where} holds no series", expected="elements 'Series'", got="none")


# ---------------------------------------------------------------------------------------------------------- xlsx


def sheet_rows(response: Response, sheet: str) -> list[tuple[str | None, ...]]:
    """Return the rows of a workbook's sheet, every cell as text and an empty one as None.

    Raises:
        ContractViolation: it is no workbook, has no such sheet, or is a bomb.
    """
    from openpyxl import load_workbook

    member_names(response)
    try:
        with response.open() as body, zipfile.ZipFile(body) as archive:
            for entry in archive.infolist():
                refuse_bomb(entry, response.url)
        with response.open() as body:
            book = load_workbook(body, read_only=True, data_only=True)
            if sheet not in book.sheetnames:
                raise ContractViolation(  # noqa: TRY301  (it is one of the ways a workbook is no workbook of ours)
                    f"{response.url} has no sheet {sheet!r}", expected=sheet, got=book.sheetnames
                )
            return [tuple(_cell(cell) for cell in row) for row in book[sheet].iter_rows(values_only=True)]
    except ContractViolation:
        raise
    except Exception as error:  # openpyxl reads lazily, and raises whatever its zip and XML readers do
        raise ContractViolation(f"{response.url} is no workbook", expected="xlsx", got=repr(error)[:200]) from error


def _cell(value: object) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


# --------------------------------------------------------------------------------------------------------- times

_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_MICROSECONDS = {10: 1_000_000, 13: 1_000, 16: 1}
"""Number of digits, and microseconds of one unit: seconds, milliseconds or microseconds from 2001 to 2286."""
_DIGITS = re.compile(r"[0-9]+")
_EPOCH = datetime.fromtimestamp(0, UTC)


def us_date(text: str | None) -> str | None:
    """Return month/day/year as ISO 8601, and any other text as it is, for the contract to judge."""
    found = _US_DATE.fullmatch(text or "")
    return f"{found[3]}-{found[1]:>02}-{found[2]:>02}" if found else text


def month_end(year: str, month: str) -> str | None:
    """Return the last day of a month given in digits, or None where there is no such month."""
    if not (_DIGITS.fullmatch(year) and _DIGITS.fullmatch(month) and len(year) == 4):  # noqa: PLR2004
        return None
    if int(year) == 0 or not 1 <= int(month) <= 12:  # noqa: PLR2004
        return None
    return f"{year}-{int(month):02}-{monthrange(int(year), int(month))[1]:02}"


def instant(stamp: object, where: str, *digits: int) -> datetime:
    """Return the instant of a number of seconds, milliseconds or microseconds, told by how many digits it has.

    Raises:
        ContractViolation: it is no whole number, or has another number of digits than those given.
    """
    text = stamp if isinstance(stamp, str) else ""
    if not _DIGITS.fullmatch(text) or len(text) not in digits:
        raise ContractViolation(
            f"{where}: a time", expected=f"{' or '.join(map(str, digits))} digits", got=repr(stamp)[:80]
        )
    return _EPOCH + timedelta(microseconds=int(text) * _MICROSECONDS[len(text)])


def tick(stamp: str | None) -> timedelta:
    """Return the smallest step of a time that `instant` has read."""
    return timedelta(microseconds=_MICROSECONDS[len(stamp or "")])


# -------------------------------------------------------------------------------------------------------- paging


def whole_pages(
    get: Get,
    url: str,
    query: Callable[[int], Mapping[str, str]],
    counts: Callable[[Response], tuple[int, int, int]],
    keys: Callable[[Response], Iterable[object]],
    *,
    tries: int = 3,
) -> list[Response]:
    """Return every page of a numbered listing, or nothing: a row that moved between requests is not lost.

    `counts` reads (rows on the page, pages, rows in all); `keys` the identity of each row. When a page's total differs
    from the first one's, or a row stands on two pages, the listing shifted while it was read and is read anew. Equal
    rows of one page are no sign of that: what becomes of them is the landing's to say.

    Raises:
        ContractViolation: it shifted `tries` times, or the pages together are not what the first one promises.
    """
    got = ""
    for _ in range(tries):
        first = get(url, expect="json", params=query(1))
        _, pages, total = counts(first)
        found = [first, *(get(url, expect="json", params=query(n)) for n in range(2, pages + 1))]
        tallies = [counts(page) for page in found]
        identities = [list(keys(page)) for page in found]
        rows = sum(rows for rows, _, _ in tallies)
        listed = sum(map(len, identities))
        distinct = len({key for page in identities for key in page})
        shared = sum(len(set(page)) for page in identities) - distinct
        if rows == listed == total and not shared and all(tally[1:] == (pages, total) for tally in tallies):
            return found
        got = f"{rows} rows, {distinct} of them distinct, on {len(found)} pages"
        if pages <= 1:
            break
    raise ContractViolation(
        f"The pages of {first.url} are not the whole listing", expected=f"{total} rows, as they say", got=got
    )
