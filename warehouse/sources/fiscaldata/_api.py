"""What every table of Fiscal Data shares: one query, one pager, one reader, and what its wire means."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from warehouse import wire
from warehouse.contract import Column, Licence, Partition, year_closes_at
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from warehouse.contract import Get, Response, Row

BASE = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service"
LARGEST_PAGE = 10_000

NULLS = frozenset({"", "null"})
"""The API sends every value as text, and null as the word; some fields are blank instead."""

CALENDAR_FIELDS = frozenset(
    {
        "record_calendar_day",
        "record_calendar_month",
        "record_calendar_quarter",
        "record_calendar_year",
        "record_fiscal_quarter",
        "record_fiscal_year",
    }
)
"""Parts of `record_date` that the API repeats in most tables; they say nothing of their own and are not landed."""

LICENCE = Licence(
    name="Free to copy, adapt and redistribute without restriction",
    url="https://fiscaldata.treasury.gov/about-us/#api",
    redistribution="free",
    attribution="Source: US Department of the Treasury, Bureau of the Fiscal Service.",
)

_COUNT = re.compile(r"\d{1,9}", re.ASCII)


def query(where: Sequence[str], order: Sequence[str], *, page: int, size: int = LARGEST_PAGE) -> dict[str, str]:
    """Return the query of one page. `order` has to be total: it keeps rows from moving between pages."""
    asked = {"format": "json", "page[number]": str(page), "page[size]": str(size), "sort": ",".join(order)}
    return {"filter": ",".join(where), **asked} if where else asked


def in_year(field: str, year: int) -> tuple[str, str]:
    """Return the conditions that keep the rows whose date is in a calendar year."""
    return f"{field}:gte:{year}-01-01", f"{field}:lte:{year}-12-31"


def whole(
    get: Get, endpoint: str, where: Sequence[str], order: Sequence[str], *, size: int = LARGEST_PAGE
) -> list[Response]:
    """Return every page of what an endpoint has, or nothing.

    Raises:
        ContractViolation: a page does not say how much there is, or the pages are not what the first one promises.
    """
    return wire.whole_pages(
        get, f"{BASE}/{endpoint}", lambda page: query(where, order, page=page, size=size), _counts, _identities
    )


def fetch_year(get: Get, *, endpoint: str, field: str, order: Sequence[str], year: int) -> list[Response]:
    """Return every page of a calendar year."""
    return whole(get, endpoint, in_year(field, year), order)


def years(endpoint: str, field: str, order: Sequence[str], *, first: int, last: int) -> list[Partition]:
    """Name the calendar years of an endpoint's date field; each is asked for whole until it has settled."""
    return [
        Partition(
            key=str(year),
            fetch=partial(fetch_year, endpoint=endpoint, field=field, order=order, year=year),
            period=(date(year, 1, 1), date(year, 12, 31)),
            closes_at=year_closes_at(year),
        )
        for year in range(first, last + 1)
    ]


def everything(endpoint: str, order: Sequence[str]) -> list[Partition]:
    """Name the one partition of a table so small that it is always asked for whole."""
    return [Partition(key="all", fetch=lambda get: whole(get, endpoint, (), order))]


def extract(response: Response) -> Iterator[Row]:
    """Yield the rows of a page under the publisher's names, every value as the text it was sent as."""
    return iter(records(response))


def records(response: Response) -> list[wire.Record]:
    """Return the rows of a page.

    Raises:
        ContractViolation: there is no list of rows, an entry is no flat object, or the page's own count says that
            rows are missing. Pages from other hands may lack that count.
    """
    body = wire.parse_json(response)
    entries = wire.member(body, "data", where=response.url)
    if not isinstance(entries, list):
        raise ContractViolation(f"{response.url} has no list 'data'", expected="a list", got=repr(entries)[:80])
    meta = body.get("meta")
    if meta is not None and not isinstance(meta, dict):
        raise ContractViolation(f"{response.url}, meta", expected="an object", got=type(meta).__name__)
    if meta and meta.get("count") != str(len(entries)):
        raise ContractViolation(
            f"{response.url} is not whole", expected=f"{meta.get('count')} rows, as meta says", got=f"{len(entries)}"
        )
    return [trimmed(wire.flat(entry, f"{response.url}, row {number}")) for number, entry in enumerate(entries, 1)]


def trimmed(record: wire.Record) -> wire.Record:
    """Return a record without blanks around its values: they come and go, and are no news."""
    return {name: value and value.strip() for name, value in record.items()}


def _identities(response: Response) -> Iterator[object]:
    """Yield each row as something that equals only the same row."""
    return (tuple(record.items()) for record in records(response))


def _counts(response: Response) -> tuple[int, int, int]:
    """Return the rows on a page, the pages, and the rows in all, as the page itself says.

    Raises:
        ContractViolation: it says nothing; without it nobody could tell whether the answer is whole.
    """
    body = wire.parse_json(response)
    meta = body.get("meta") if isinstance(body, dict) else None
    rows, pages, total = (_count(meta, name, response.url) for name in ("count", "total-pages", "total-count"))
    if pages > max(total, 1):
        raise ContractViolation(f"{response.url} has pages without rows", expected=f"at most {total}", got=f"{pages}")
    return rows, pages, total


def _count(meta: Any, name: str, where: str) -> int:  # noqa: ANN401  (JSON)
    text = meta.get(name) if isinstance(meta, dict) else None
    if not isinstance(text, str) or not _COUNT.fullmatch(text):
        raise ContractViolation(
            f"{where} does not say how much there is", expected=f"a number at meta.{name}", got=repr(text)[:60]
        )
    return int(text)


def text(name: str, description: str, *, required: bool = False) -> Column:
    """Return a column of text that the publisher calls so too."""
    return Column(name=name, type="VARCHAR", required=required, description=description)


def day(name: str, description: str, *, required: bool = False) -> Column:
    """Return a column of dates that the publisher calls so too."""
    return Column(name=name, type="DATE", required=required, description=description)


def line_number(description: str, *, is_key: bool = False) -> Column:
    """Return the column of a row's line in the printed statement: lines move when others are added above."""
    return Column(
        name="src_line_nbr",
        type="INTEGER",
        unit="none",
        required=is_key,
        is_versioned=is_key,
        description=description,
    )
