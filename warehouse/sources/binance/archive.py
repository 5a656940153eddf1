"""The bulk archive data.binance.vision: zips by month and day, each with the SHA-256 that its publisher says it has."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.errors import ContractViolation, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from warehouse.contract import Get, Response

HOST = "https://data.binance.vision/"
LISTING = "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"
SETTLES = timedelta(days=15)
"""How long after a month its files still come: the monthly ones are made on the first Monday of the next month."""
FIRST_FILE = timedelta(days=1, hours=9)
"""How long after a month begins it has a file: that of its first day comes on the morning of the second."""


def months(first: date, now: datetime) -> list[date]:
    """Return the first day of every month from `first` to that of `now`."""
    count = (now.year - first.year) * 12 + now.month - first.month
    return [
        first.replace(year=first.year + n // 12, month=n % 12 + 1) for n in range(first.month - 1, first.month + count)
    ]


def month_end(month: date) -> date:
    """Return the last day of a month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def closes_at(month: date) -> datetime:
    """Return when a month's files have settled."""
    end = month_end(month) + timedelta(days=1)
    return datetime(end.year, end.month, end.day, tzinfo=UTC) + SETTLES


def milliseconds(month: date) -> tuple[int, int]:
    """Return the first and the last millisecond of a month, as Binance's interfaces count them."""
    end = month_end(month) + timedelta(days=1)
    first, after = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in (month, end))
    return first * 1000, after * 1000 - 1


def verified(get: Get, path: str) -> Response:
    """Return a file of the archive, having compared it with the checksum that stands beside it.

    The checksum itself is not handed on: it is the file's SHA-256, which the log of the fetch holds anyway.

    Raises:
        ContractViolation: the file is not the one that its checksum is of.
    """
    file = get(f"{HOST}{path}", expect="zip")
    note = get(f"{HOST}{path}.CHECKSUM", expect="text").text()
    name = path.rpartition("/")[2]
    if note.split() != [file.sha256, name]:
        raise ContractViolation(
            f"{file.url} is not the file that its checksum is of",
            expected=note.strip()[:120],
            got=f"{file.sha256}  {name}",
            remedy="Both are in the archive. Ask again later: the publisher replaces files and checksums one by one.",
        )
    return file


def listed(get: Get, prefix: str) -> list[str]:
    """Return the paths of the zips that the archive has under a prefix, which is all of a name but its last part.

    Raises:
        ContractViolation: it is no listing, or one that goes on.
    """
    listing = get(LISTING, expect="xml", params={"prefix": prefix})
    with listing.open() as stream:
        found = [
            (wire.local(element.tag), (element.text or "").strip())
            for element in wire.elements(stream, listing.url, "Key", "IsTruncated")
        ]
    if ("IsTruncated", "false") not in found:
        raise ContractViolation(
            f"{listing.url} is not the whole listing", expected="IsTruncated false", got=found[:3] or "none"
        )
    name = re.compile(re.escape(prefix) + r"(-\d\d)?\.zip")
    return sorted({key for tag, key in found if tag == "Key" and name.fullmatch(key)})


def files_of_month(get: Get, monthly: str | None, daily: str) -> Iterator[Response]:
    """Yield a month's one file, or while there is none the files of its days, each verified.

    `monthly` and `daily` are their paths up to the month; None for what has no monthly files (yet).

    Raises:
        SourceUnavailable: the archive has neither.
    """
    paths = (listed(get, monthly) if monthly else []) or listed(get, daily)
    if not paths:
        raise SourceUnavailable(
            f"{HOST} has no file {daily}",
            expected="a zip a month or a day",
            got="none",
            remedy="A day's file comes in the morning (UTC) of the next; try again later.",
        )
    for path in paths:
        yield verified(get, path)


def records(response: Response, columns: Mapping[str, frozenset[str]]) -> Iterator[wire.Record]:
    """Yield the lines of a zip's one CSV under the keys of `columns`, which has each column's names by era, in order.

    Some eras write a header and some do not; the order of columns is the same in all.

    Raises:
        ContractViolation: it is no such zip or text, or a header names other columns.
    """
    with wire.unzipped(response, "*.csv") as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            first = text.readline()
            lines = text if is_header(first, columns, response.url) else chain([first], text)
            yield from wire.delimited(chain([",".join(columns) + "\n"], lines), response.url)
        except UnicodeDecodeError as error:
            raise ContractViolation(f"{response.url} cannot be decoded", expected="UTF-8", got=str(error)) from error


def is_header(line: str, columns: Mapping[str, frozenset[str]], where: str) -> bool:
    """Whether a CSV's first line names its columns; if it does, they must be the promised ones.

    Raises:
        ContractViolation: it names other columns, or in another order.
    """
    given = [field.strip() for field in line.split(",")]
    if given[0] not in next(iter(columns.values())):
        return False
    if len(given) != len(columns) or not all(n in known for n, known in zip(given, columns.values(), strict=True)):
        raise ContractViolation(f"{where} has other columns than promised", expected=list(columns), got=given)
    return True
