"""What a source promises: its tables, their columns, units and times. The one owner of those facts.

From these objects are derived the cast and refusal at landing, the DDL of `raw`, dbt's `sources` YAML and doc
blocks, the structural half of the expectations, and the catalogue. Nothing else states a landed column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

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
    is_rebased: bool = False
    """Whether the publisher moves its whole past by one factor as a rule, as prices are adjusted for each split."""
    field: str | None = None
    """The publisher's name for it, where that is not ours: what the extractor's rows call it."""
    absent: Literal["freeze", "add"] = "freeze"
    """What a payload without the field means: `freeze` refuses it; `add` is for a field that the publisher added over
    the years, so that older payloads land as NULL."""

    def __post_init__(self) -> None:
        """Refuse a column that a stranger could not read."""
        where = f"Column {self.name!r}"
        _require(_NAME.match(self.name), where, "a lower-case snake_case name", self.name)
        _require(_TYPE.match(self.type), where, "a DuckDB scalar type", self.type)
        _require(_is_sentence(self.description), where, "a description that is a sentence", self.description)
        _require(not self.is_number or self.unit, where, "a unit, since it is a number", self.unit)

        _require(self.absent == "freeze" or not self.required, where, "required, or absent in old payloads", "both")

    @property
    def is_number(self) -> bool:
        """Whether the type is numeric and so needs a unit."""
        return bool(_NUMBER.match(self.type))

    @property
    def wire(self) -> str:
        """Name of the field in the extractor's rows."""
        return self.field or self.name


Every = Literal["day", "business_day", "week", "month", "quarter", "half_year", "year", "irregular"]
Calendar = Literal["always", "us_federal", "sifma_us", "xnys", "target"]


@dataclass(frozen=True, kw_only=True)
class Due:
    """When a period of a table is due at its publisher, when it is late, and what "not due" means.

    A period ends on each day (`every`) that `calendar` has; a week ends on `weekday` (Monday is 0). It is due
    `lag_days` calendar days, then `lag_business_days` days of the calendar, after its end, at `at` in the cadence's
    time zone; where the seed `release_schedules` lists the period under `schedule`, on that day, or never where it has
    no day. It is late `grace_hours` after.
    `irregular` is for what comes when it comes, such as filings: nothing of it is ever due.
    """

    every: Every
    not_due: str
    """What it means that nothing is due, as a sentence for `drypowder status`."""
    calendar: Calendar = "us_federal"
    weekday: int | None = None
    lag_days: int = 0
    lag_business_days: int = 0
    at: str = "16:00"
    grace_hours: float = 24.0
    schedule: str | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that gives no day."""
        _require(_is_sentence(self.not_due), "Due", "`not_due` as a sentence", self.not_due)
        _require((self.every == "week") == (self.weekday is not None), "Due", "a weekday for weeks only", self.weekday)
        _require(re.match(r"^([01]\d|2[0-3]):[0-5]\d$", self.at), "Due", "a time such as '16:00'", self.at)


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """When we ask (a cron line in its time zone), when the publisher is due, and how old its newest row may get."""

    cron: str
    stale_after_days: int
    due: Due
    timezone: str = "America/New_York"

    def __post_init__(self) -> None:
        """Refuse a cron line of another length than five."""
        _require(len(self.cron.split()) == 5, "Cadence", "five cron fields", self.cron)  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Licence:
    """What the publisher allows; it travels to the catalogue, the manifest and every export.

    `redistribution` is `free`, `attribution` (free, when the publisher is named as in `attribution`), or `internal`:
    such rows live in internal.duckdb alone and never enter a release.
    """

    name: str
    url: str
    redistribution: Literal["free", "attribution", "internal"]
    attribution: str
    """What whoever passes the figures on has to write beside them, or the citation that the publisher asks for."""

    @property
    def redistributable(self) -> bool:
        """Whether rows may enter a release."""
        return self.redistribution != "internal"


@dataclass(frozen=True, kw_only=True)
class KnownAt:
    """When the public could know a row, as SQL over the table's own columns (docs/method.md, section c).

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
    sha256: str
    fetched_at: datetime
    origin: Literal["live", "recorded", "reconstructed", "documented"]
    body: bytes = b""
    """The bytes, unless there are so many that `file` holds them."""
    file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    method: str = "GET"
    is_fallback: bool = False

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.file.stat().st_size if self.file else len(self.body)

    def open(self) -> BinaryIO:
        """Open the bytes for reading, wherever they are: never all of them in memory when there are many."""
        return self.file.open("rb") if self.file else BytesIO(self.body)

    def text(self, encoding: str = "utf-8-sig") -> str:
        """Decode the body; a byte-order mark is dropped.

        Raises:
            ContractViolation: the bytes are not of that encoding.
        """
        from warehouse.errors import ContractViolation

        try:
            return (self.file.read_bytes() if self.file else self.body).decode(encoding)
        except UnicodeDecodeError as error:
            raise ContractViolation(
                f"{self.url} cannot be decoded", expected=encoding, got=f"byte {error.start}: {error.reason}"
            ) from error


Expect = Literal["json", "text", "xml", "zip", "parquet"]
"""What an answer must look like, from its first bytes; `zip` is also the container of xlsx."""


class Get(Protocol):
    """The only thing a source may do with the network."""

    def __call__(
        self,
        url: str,
        /,
        *,
        expect: Expect,
        params: Mapping[str, str] | None = None,
        is_fallback: bool = False,
        accept: str | None = None,
        credential: str | None = None,
        throttled: Callable[[bytes], bool] | None = None,
    ) -> Response:
        """Return the answer to GET `url` with sorted query, or raise SourceUnavailable.

        `accept` is the media type to ask for. `credential` names the setting whose value is sent as `api_key`; it never
        reaches a log or the archive. `throttled` recognises a publisher that says "too fast" inside a 200.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A cheaper table to look at first: a partition is asked for only when what it watches has changed.

    `token` reads the newest archived answer of the watched partition; equal tokens mean that nothing happened.
    """

    table: str
    partition: str
    token: Callable[[Response], str]


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One unit of fetching: what is asked for together, lands in one file and can be missing alone.

    Unless its table says otherwise its responses are a full snapshot of it: a record that is absent from a later one
    was withdrawn. `period` is the stretch of time it is about, by which a backfill chooses; None is all of time.
    """

    key: str
    fetch: Callable[[Get], Iterable[Response]]
    period: tuple[date, date] | None = None
    watch: Watch | None = None
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
    Of a zip, `members` names the members to unpack: `$num` then is the file of the member that pattern `num` names.
    """

    check: Callable[[Response], None]
    sql: str
    members: Mapping[str, str] = field(default_factory=dict)
    """Name in `sql`, and the glob pattern that exactly one member of the zip matches."""


Extract = Callable[[Response], Iterator[Row]] | SqlExtract


@dataclass(frozen=True, kw_only=True)
class UnitCheck:
    """A unit, asserted by magnitude: `holds` is SQL over all rows of a fetch; where it is false nothing lands.

    For figures whose unit documents disagree on (SOURCES.md). It is not asked where it is null (no figures).
    """

    column: str
    holds: str
    because: str


@dataclass(frozen=True, kw_only=True)
class RowRule:
    """What holds for every single row, as SQL over it; a row for which it is false goes to quarantine."""

    name: str
    holds: str
    because: str

    def __post_init__(self) -> None:
        """Refuse a rule that does not say why."""
        _require(_NAME.match(self.name), "RowRule", "a snake_case name", self.name)
        _require(_is_sentence(self.because), f"RowRule {self.name}", "a reason that is a sentence", self.because)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one partition costs, for a backfill's dry run until the archive knows better."""

    requests: float
    rows: int
    megabytes: float


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """One download that holds many partitions: the polite way to backfill.

    `partition` maps a member's name to the partition it is (or None: not ours), `url` to the address at which the
    publisher serves that partition alone.
    """

    url: str
    partition: Callable[[str], str | None]
    member_url: Callable[[str], str]
    estimate: Estimate


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
    estimate: Estimate
    proven: Literal["recorded", "documented"] = "recorded"
    """Whether the parser has seen a real response, or only the publisher's documentation."""
    nulls: frozenset[str] = frozenset()
    """Texts that mean NULL on this wire, such as 'null', 'n.a.' or '.'; compared after trimming."""
    new_fields: Literal["freeze", "add", "ignore"] = "freeze"
    """What a field means that neither a column nor `ignored` names: `freeze` refuses the payload, `add` lands it as a
    new nullable text column and announces it, `ignore` reads past it."""
    ignored: frozenset[str] = frozenset()
    """Fields of the wire that are known and not landed."""
    units: tuple[UnitCheck, ...] = ()
    rules: tuple[RowRule, ...] = ()
    quarantine_share: float = 0.01
    """Largest share of a fetch's rows that may go to quarantine; with more the whole payload is refused."""
    is_snapshot: bool = True
    """Whether a partition's answer is all there is of it. False where the publisher shows only its newest part: what
    is absent then was not withdrawn."""
    series_by: tuple[str, ...] | None = None
    """What tells one series from another, where that is not the part of the grain that does not say when."""
    lookback_days: int | None = None
    """How far back the regular run asks; older partitions are a backfill's. None is everything."""
    bulk: Bulk | None = None
    credential: str | None = None
    """Setting without which the table is not asked for: an optional, keyed source."""

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
        wires = {c.wire for c in self.columns}
        _require(len(wires) == len(names), where, "distinct fields", sorted(c.wire for c in self.columns))
        _require({*self.series} <= set(names), where, "series by its columns", self.series_by)
        _require(not wires & self.ignored, where, "fields that are landed or ignored", sorted(wires & self.ignored))
        checked = {check.column for check in self.units}
        _require(checked <= set(names), where, "unit checks on its columns", sorted(checked - set(names)))
        reserved = {c.name for c in BOOKKEEPING} & set(names)
        _require(not reserved, where, "no column of the bookkeeping's names", sorted(reserved))

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(c for c in self.columns if c.name == name)

    @property
    def meaning(self) -> str:
        """Digest of all in the contract that decides what a raw row says; another one asks for a migration.

        Of the extractor it knows nothing: who mends one runs `drypowder quarantine replay` or `drypowder replay`.
        """
        columns = [(c.name, c.type, c.required, c.is_versioned, c.wire, c.absent) for c in self.columns]
        rules = [(r.name, r.holds) for r in self.rules] + [(u.column, u.holds) for u in self.units]
        known = (self.known_at.sql.split(), self.known_at.pit_quality.split(), self.about)
        said = (columns, self.grain, rules, known, sorted(self.nulls), sorted(self.ignored), self.is_snapshot)
        return sha256(repr(said).encode()).hexdigest()[:16]

    @property
    def series(self) -> tuple[str, ...]:
        """The part of the grain that does not say when: two rows of equal `series` are of one series."""
        if self.series_by is not None:
            return self.series_by
        return tuple(k for k in self.grain if not any(re.search(rf"\b{k}\b", sql) for sql in self.about))

    @property
    def is_internal(self) -> bool:
        """Whether its licence keeps it out of every release."""
        return not self.licence.redistributable


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


PARSER_SAW = {"recorded": "real bytes of the publisher", "documented": "the publisher's documents only"}
"""What `Table.proven` means, in words for a catalogue."""

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
