"""What a source promises: its tables, their columns, units and times. The one owner of those facts.

From these objects are derived the cast and refusal at landing, the DDL of `raw`, dbt's `sources` YAML and doc
blocks, the structural half of the expectations, and the catalogue. Nothing else states a landed column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from warehouse.errors import ConfigurationError

Row = Mapping[str, object]

PitQuality = Literal["exact", "dated", "lagged", "self_vintage", "current_vintage"]

_NUMBER = re.compile(r"^(DECIMAL\(\d+, ?\d+\)|DOUBLE|FLOAT|(U?(TINY|SMALL|BIG|HUGE)INT)|U?INTEGER)$")
_TYPE = re.compile(rf"{_NUMBER.pattern[:-2]}|VARCHAR|DATE|TIMESTAMP|TIMESTAMPTZ|TIME|BOOLEAN)$")
_NAME = re.compile(r"^_?[a-z][a-z0-9_]*$")


def _require(condition: object, what: str, expected: str, got: object) -> None:
    if not condition:
        raise ConfigurationError(what, expected=expected, got=repr(got))


def _is_sentence(text: str) -> bool:
    return bool(text) and text[0].isupper() and text.endswith(".")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One landed column.

    A number must carry a unit; text that identifies (a CIK, a year) takes unit `none` and says so.
    """

    name: str
    type: str
    description: str
    unit: str | None = None
    required: bool = False
    is_versioned: bool = True
    """Whether a change of this column alone makes a new version of the row. Not for what the publisher moves about."""

    def __post_init__(self) -> None:
        """Refuse a column that a stranger could not read."""
        where = f"Column {self.name!r}"
        _require(_NAME.match(self.name), where, "a lower-case snake_case name", self.name)
        _require(_TYPE.match(self.type), where, "a DuckDB scalar type", self.type)
        _require(_is_sentence(self.description), where, "a description that is a sentence", self.description)
        _require(not self.is_number or self.unit, where, "a unit, since it is a number", self.unit)

    @property
    def is_number(self) -> bool:
        """Whether the type is numeric and so needs a unit."""
        return bool(_NUMBER.match(self.type))


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """When the publisher publishes: a cron line and its time zone, and how old its newest row may get."""

    cron: str
    stale_after_days: int
    timezone: str = "America/New_York"

    def __post_init__(self) -> None:
        """Refuse a cron line of another length than five."""
        _require(len(self.cron.split()) == 5, "Cadence", "five cron fields", self.cron)  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Licence:
    """What the publisher allows. Where `redistributable` is false, rows may not enter a release."""

    name: str
    url: str
    redistributable: bool


@dataclass(frozen=True, kw_only=True)
class KnownAt:
    """When the public could know a row, as SQL over the table's own columns (METHOD.md, section c).

    `sql` gives a TIMESTAMPTZ, `pit_quality` a VARCHAR. Both may use the macros of warehouse/sql/known_at.sql:
    `new_york(date, time)` and `after_business_days(date, n)`; both may read `fetched_at`.
    `description` is the rule in a sentence.
    """

    sql: str
    pit_quality: str
    description: str

    def __post_init__(self) -> None:
        """Refuse a rule that does not say what it is."""
        _require(self.sql.strip(), "KnownAt", "an SQL expression", self.sql)
        _require(_is_sentence(self.description), "KnownAt", "a description that is a sentence", self.description)


@dataclass(frozen=True, kw_only=True)
class Response:
    """One answer of a publisher, as received.

    A fallback's answer only adds rows whose key is not known yet: it neither revises nor withdraws the primary's.
    """

    url: str
    body: bytes
    sha256: str
    fetched_at: datetime
    origin: Literal["live", "recorded", "reconstructed", "documented"]
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    method: str = "GET"
    is_fallback: bool = False

    def text(self, encoding: str = "utf-8-sig") -> str:
        """Decode the body; a byte-order mark is dropped.

        Raises:
            ContractViolation: the bytes are not of that encoding.
        """
        from warehouse.errors import ContractViolation

        try:
            return self.body.decode(encoding)
        except UnicodeDecodeError as error:
            raise ContractViolation(
                f"{self.url} cannot be decoded", expected=encoding, got=f"byte {error.start}: {error.reason}"
            ) from error


class Get(Protocol):
    """The only thing a source may do with the network."""

    def __call__(
        self,
        url: str,
        /,
        *,
        expect: Literal["json", "text"],
        params: Mapping[str, str] | None = None,
        is_fallback: bool = False,
    ) -> Response:
        """Return the answer to GET `url` with sorted query, or raise SourceUnavailable."""
        ...


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One unit of fetching: what is asked for together, lands in one file and can be missing alone.

    Its responses are a full snapshot of the partition: a record that is absent from a later one was withdrawn.
    """

    key: str
    fetch: Callable[[Get], Iterable[Response]]
    closes_at: datetime | None = None
    """Instant after which its content no longer changes: once fetched after it, it is not asked for again.

    A partition that closes is a stretch of the calendar, so an answer without rows is no fault while nothing is in it.
    """


def year_closes_at(year: int) -> datetime:
    """Return when a calendar year's records have settled: a month after its end publishers are done with it."""
    return datetime(year + 1, 2, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class SqlExtract:
    """An extractor that DuckDB runs over the body itself, for payloads of many megabytes.

    `check` decodes the body against the wire shape and raises ContractViolation for an unknown field, a missing
    one or a wrong type. `sql` is a SELECT with `$body` for the file's name, giving the contract's columns by name.
    """

    check: Callable[[Response], None]
    sql: str


Extract = Callable[[Response], Iterator[Row]] | SqlExtract


@dataclass(frozen=True, kw_only=True)
class Table:
    """One landed table: what a row is, when it was known, who may see it, how it is fetched and read.

    `grain` is the natural key. `partitions(now)` names what to ask for at that instant.
    """

    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    cadence: Cadence
    licence: Licence
    known_at: KnownAt
    partitions: Callable[[datetime], Sequence[Partition]]
    extract: Extract
    about: tuple[str, str]
    """The two SQL expressions, over the table's columns, of period_start and period_end: what a row is about."""
    proven: Literal["recorded", "documented"] = "recorded"
    """Whether the parser has seen a real response, or only the publisher's documentation."""

    def __post_init__(self) -> None:
        """Refuse a table without a grain, cadence, licence or rule of knowledge time."""
        where = f"Table {self.name!r}"
        names = [c.name for c in self.columns]
        _require(_NAME.match(self.name), where, "a lower-case snake_case name", self.name)
        _require(_is_sentence(self.description), where, "a description that is a sentence", self.description)
        _require(len(set(names)) == len(names) > 0, where, "distinct column names", names)
        _require(self.grain and set(self.grain) <= set(names), where, "a grain of its columns", self.grain)
        _require(isinstance(self.cadence, Cadence), where, "a cadence", self.cadence)
        _require(isinstance(self.licence, Licence), where, "a licence", self.licence)
        _require(isinstance(self.known_at, KnownAt), where, "a known_at rule", self.known_at)
        reserved = {c.name for c in BOOKKEEPING} & set(names)
        _require(not reserved, where, "no column of the bookkeeping's names", sorted(reserved))

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A publisher and its tables."""

    code: str
    title: str
    homepage: str
    tables: tuple[Table, ...]
    requests_per_second: float
    """Budget per host, shared by every process on the machine."""

    def __post_init__(self) -> None:
        """Refuse a source whose code could not be a schema-safe name."""
        where = f"Source {self.code!r}"
        _require(re.match(r"^[a-z][a-z0-9]*$", self.code), where, "lower case, no underscore", self.code)
        _require(self.tables, where, "at least one table", self.tables)
        _require(self.requests_per_second > 0, where, "a positive rate", self.requests_per_second)


BOOKKEEPING = (
    Column(
        name="known_at",
        type="TIMESTAMPTZ",
        required=True,
        description="Instant from which the public could know this version of the row.",
    ),
    Column(
        name="ingested_at",
        type="TIMESTAMPTZ",
        required=True,
        description="Instant at which we fetched this version of the row.",
    ),
    Column(
        name="pit_quality",
        type="VARCHAR",
        required=True,
        description="How known_at was found: exact, dated, lagged, self_vintage or current_vintage.",
    ),
    Column(
        name="_is_deleted",
        type="BOOLEAN",
        required=True,
        description="Whether this version says that the record vanished from the publisher's full snapshot.",
    ),
    Column(
        name="_partition",
        type="VARCHAR",
        required=True,
        description="What was asked for together with this row.",
    ),
    Column(
        name="_origin",
        type="VARCHAR",
        required=True,
        description="Whether the bytes were live, recorded or reconstructed.",
    ),
    Column(name="_source_url", type="VARCHAR", required=True, description="Address the row was read from."),
    Column(
        name="_source_sha256",
        type="VARCHAR",
        required=True,
        description="SHA-256 of the response body in the archive.",
    ),
    Column(name="_fetch_id", type="VARCHAR", required=True, description="The fetch that brought the row."),
    Column(
        name="_row_hash",
        type="VARCHAR",
        required=True,
        description="MD5 of the row's content; a new version has another one.",
    ),
)
"""Columns of every `raw` table after its own, stamped by the loader."""
