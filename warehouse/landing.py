"""Typed rows of one fetch in one immutable Parquet file, cast to the source's contract or refused.

A landing file has the contract's columns and `_response` (which of the fetch's responses a row came from); the fetch
itself travels in the Parquet metadata under `drypowder_fetch`, so a file explains itself.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from warehouse import telemetry
from warehouse.archive import Fetch, settle, write_atomically
from warehouse.contract import Column, Response, SqlExtract, Table
from warehouse.errors import ContractViolation, EmptyPayload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb

    from warehouse.contract import Row
    from warehouse.settings import Settings

METADATA_KEY = "drypowder_fetch"
NEW_FIELD = "_new_"
"""Prefix of a column that no contract knows yet: a field that the publisher added, landed as text and announced."""
_CHUNK = 50_000  # rows turned into columns at once: bounds the memory of a large payload
_LARGE = 32 << 20  # bytes of a fetch above which its rows spill to disk beyond a bound of memory
_EMPTY = ".empty"
_PACKED = 15  # times that a zip is larger unpacked, as a rule
_MEMORY_OF_LARGE = "512MB"
_FLOATS = {"DOUBLE", "FLOAT"}
_FINITE = {*_FLOATS, "DATE", "TIMESTAMP", "TIMESTAMPTZ"}
_NUMBER = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
"""A number as every publisher writes it; DuckDB would also take 1_000, 0x1A, NaN and inf."""
_OFFLINE = {"autoinstall_known_extensions": False}


@dataclass(frozen=True, kw_only=True)
class Landing:
    """One landed file, and what did not get into it."""

    fetch: Fetch
    path: Path
    rows: int
    quarantined: int = 0
    """Rows set aside, each with the rule it breaks, beside the file."""
    added: tuple[str, ...] = ()
    """Fields that the contract does not know, landed as text because it says `new_fields="add"`."""


def path_of(settings: Settings, fetch: Fetch) -> Path:
    """Return where a fetch lands."""
    return _folder(settings, fetch) / f"{fetch.fetch_id}.parquet"


def _folder(settings: Settings, fetch: Fetch) -> Path:
    return settings.landing / fetch.source / fetch.table / quote(fetch.partition, safe="")


def files(settings: Settings, source: str, table: str) -> list[Path]:
    """Return every landed file of a table."""
    return list((settings.landing / source / table).glob("*/[0-9]*.parquet"))


def newest_digest(settings: Settings, fetch: Fetch) -> str | None:
    """Return the digest of what landed last for a fetch's partition, or None."""
    landed = sorted(path.stem for path in _folder(settings, fetch).glob("[0-9]*.parquet"))
    return landed[-1].rpartition("-")[2] if landed else None


def has_landed(settings: Settings, fetch: Fetch) -> bool:
    """Whether a fetch's rows are on disk: its own, those of equal bytes before it, or the note that it has none."""
    path = path_of(settings, fetch)
    return path.exists() or path.with_suffix(_EMPTY).exists() or newest_digest(settings, fetch) == fetch.digest


def note_empty(settings: Settings, fetch: Fetch) -> None:
    """Write down that a fetch rightly has no rows, so that nobody looks for its file."""
    write_atomically(path_of(settings, fetch).with_suffix(_EMPTY), b"")


def _hold_of(settings: Settings, fetch: Fetch) -> Path:
    return _refusal_of(settings, fetch).with_suffix(".held")


def hold(settings: Settings, fetch: Fetch) -> None:
    """Write down that the gate held a fetch back, so that its partition is asked for again until it heals."""
    write_atomically(_hold_of(settings, fetch), fetch.fetch_id.encode())


def release(settings: Settings, fetch: Fetch) -> None:
    """Forget that a partition was held back: a good fetch of it has passed."""
    _hold_of(settings, fetch).unlink(missing_ok=True)


def is_whole(settings: Settings, fetch: Fetch) -> bool:
    """Whether a partition's newest fetch has landed and neither the contract nor the gate keeps it out."""
    kept_out = _refusal_of(settings, fetch).exists() or _hold_of(settings, fetch).exists()
    return has_landed(settings, fetch) and not kept_out


def _refusal_of(settings: Settings, fetch: Fetch) -> Path:
    return settings.refused / fetch.source / fetch.table / f"{quote(fetch.partition, safe='')}.json"


def refuse(settings: Settings, fetch: Fetch, error: Exception) -> None:
    """Write down that a partition's newest payload was refused and why; its bytes stay in the archive."""
    entry = {"fetch": json.loads(fetch.as_json()), "error": type(error).__name__, "reason": str(error)}
    write_atomically(_refusal_of(settings, fetch), json.dumps(entry, indent=1).encode())
    telemetry.REFUSED.send(1, source=fetch.source, table=fetch.table)


def was_refused(settings: Settings, fetch: Fetch) -> bool:
    """Say whether this very fetch was refused."""
    path = _refusal_of(settings, fetch)
    return path.is_file() and json.loads(path.read_text())["fetch"]["fetch_id"] == fetch.fetch_id


def heal(settings: Settings, fetch: Fetch) -> None:
    """Forget that a partition's payload was refused: a good one has come."""
    _refusal_of(settings, fetch).unlink(missing_ok=True)


def refusals(settings: Settings) -> list[tuple[Fetch, str]]:
    """Return every partition whose newest payload is refused, and why."""
    found = []
    for path in sorted(settings.refused.glob("*/*/*.json")):
        entry = json.loads(path.read_text())
        found.append((Fetch.from_json(json.dumps(entry["fetch"])), entry["reason"]))
    return found


def quarantine_path(landed: Path) -> Path:
    """Return where the rows stand that a landed file left out; there is no such file when it left out none."""
    return landed.with_name(f"quarantine-{landed.name}")


def land(settings: Settings, table: Table, fetch: Fetch, responses: Sequence[Response]) -> Landing:
    """Cast a fetch to its contract and write it as one Parquet file, and its bad rows as another.

    A fault of the payload (a field that is missing or new, a unit that is not the promised one) refuses all of it. A
    fault of single rows (a value that is not of its type, a missing key, a key that comes twice, a broken rule) sets
    those rows aside, unless they are more than the contract's share: then it is no fault of single rows.

    Raises:
        ContractViolation: the payload is refused; the message names table, column, row number, expected and got.
            Nothing is written.
    """
    path = path_of(settings, fetch)
    is_large = sum(r.size * (_PACKED if r.body[:2] == b"PK" else 1) for r in responses) > _LARGE
    with (
        tempfile.TemporaryDirectory(prefix="drypowder-") as scratch,
        _engine(settings, scratch, is_large) as connection,
    ):
        work = _Work(connection, table, fetch, scratch)
        rows = work.write_straight(responses, path)
        quarantined = 0
        if rows is None:
            for number, response in enumerate(responses):
                work.take(number, response)
            rows, quarantined = work.judge()
            if quarantined:
                _write(connection, "aside", quarantine_path(path), fetch)
            _write(connection, "typed", path, fetch)
    heal(settings, fetch)
    telemetry.LANDED_ROWS.send(rows, source=fetch.source, table=fetch.table)
    return Landing(fetch=fetch, path=path, rows=rows, quarantined=quarantined, added=tuple(work.added.values()))


_opening = Lock()


@cache
def _shared(threads: int, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Return the engine that small payloads share: opening one costs more than landing most of them."""
    import duckdb

    return duckdb.connect(config={"threads": threads, "memory_limit": memory_limit, **_OFFLINE})


@contextmanager
def _engine(settings: Settings, scratch: str, is_large: bool) -> Iterator[duckdb.DuckDBPyConnection]:  # noqa: FBT001
    """Give a connection whose temporary tables are its own; what is large spills to disk beyond a bound of its own."""
    import duckdb

    if is_large:
        connection = duckdb.connect(
            config={"threads": 1, "memory_limit": _MEMORY_OF_LARGE, "temp_directory": f"{scratch}/spill", **_OFFLINE}
        )
    else:
        with _opening:
            connection = _shared(settings.threads, settings.memory_limit).cursor()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def _name(fetch: Fetch) -> str:
    return f"{fetch.source}.{fetch.table} ({fetch.partition})"


class _Work:
    """The landing of one fetch: `typed` gets its good rows, `aside` its bad ones, as text with rule and reason."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: Table, fetch: Fetch, scratch: str) -> None:
        self.connection, self.table, self.fetch, self.scratch = connection, table, fetch, scratch
        self.added: dict[str, str] = {}
        """Column that a new field landed as, and the publisher's name of it."""
        self.first_fault: ContractViolation | None = None
        self._has_tables = False

    def _make_tables(self) -> None:
        typed = ", ".join(f'"{c.name}" {c.type}' for c in self.table.columns)
        text = ", ".join(f'"{c.name}" varchar' for c in self.table.columns)
        self.connection.execute("drop view if exists typed")
        self.connection.execute(f"create temp table typed ({typed}, _response smallint)")
        self.connection.execute(
            f"create temp table aside ({text}, _rule varchar, _reason varchar, _row bigint, _response smallint)"
        )
        self._has_tables = True

    # ------------------------------------------------------------------------------------------------- extracting

    def write_straight(self, responses: Sequence[Response], path: Path) -> int | None:
        """Write what DuckDB reads itself without a table in between, and return its rows; None when that will not do.

        The file is judged before it gets its name. One bad row, and it is thrown away for the slow way.
        """
        if not isinstance(self.table.extract, SqlExtract) or len(responses) != 1:
            return None
        untyped = f"({self._sql(self.table.extract, 0, responses[0])})"
        cast = ", ".join(f'"{c.name}"::{c.type} as "{c.name}"' for c in self.table.columns)
        partial = _partial(path)
        try:
            _copy(self.connection, f"(select {cast}, 0::smallint as _response from {untyped})", partial, self.fetch)
            self.connection.execute(f"create temp view typed as select * from read_parquet({_literal(partial)})")
            keys = ", ".join(f'"{name}"' for name in self.table.grain)
            bad = " or ".join(self._faults()) or "false"
            rows, distinct, faults = self.connection.execute(
                f"select count(*), count(distinct hash({keys})), count(*) filter ({bad}) from typed"
            ).fetchone() or (0, 0, 0)
            if not rows or rows != distinct or faults or self._loses(untyped):
                partial.unlink()
                return None
            self._assert_units()
        except _unreadable():
            partial.unlink(missing_ok=True)
            return None
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _settle(partial, path)
        return int(rows)

    def take(self, number: int, response: Response) -> None:
        """Add the rows of one response."""
        if not self._has_tables:
            self._make_tables()
        if isinstance(self.table.extract, SqlExtract):
            self._add_rows(number, f"({self._sql(self.table.extract, number, response)})")
            return
        for _ in self._chunks(self.table.extract(response)):
            self._add_rows(number, "given")

    def _add_rows(self, number: int, untyped: str) -> None:
        """Cast rows into `typed`, or sort them out first where one of them is bad."""
        try:
            is_good = self._is_good(untyped)
        except _unreadable():
            is_good = False
        if not is_good:
            self._sort_out(number, untyped)
            return
        cast = ", ".join(f'"{c.name}"::{c.type}' for c in self.table.columns)
        added = "".join(f', "{name}"' for name in self.added)
        try:
            self.connection.execute(f"insert into typed select {cast}, {number}::smallint{added} from {untyped}")
        except _unreadable():  # the checks above need not have looked at every column
            self._sort_out(number, untyped)

    def _count(self, name: str) -> int:
        return int((self.connection.execute(f"select count(*) from {name}").fetchone() or (0,))[0])

    def _sql(self, extract: SqlExtract, number: int, response: Response) -> str:
        """Return the extractor's SELECT with the names of the files that it reads."""
        from warehouse import wire

        extract.check(response)
        sql = extract.sql
        for name, pattern in sorted(extract.members.items(), key=lambda each: -len(each[0])):
            file = Path(self.scratch) / f"{number}-{name}"
            wire.unpack(response, pattern, file)
            sql = sql.replace(f"${name}", _literal(file))
        if "$body" in sql:
            file = response.file or Path(self.scratch) / f"{number}"
            if not response.file:
                file.write_bytes(response.body)
            sql = sql.replace("$body", _literal(file))
        return sql

    def _chunks(self, rows: Iterator[Row]) -> Iterator[int]:
        """Show the extractor's rows in `given`, as text under the contract's names, a chunk at a time."""
        import pyarrow as pa

        names = [c.name for c in self.table.columns]
        schema = pa.schema([pa.field(n, pa.string()) for n in (*names, "_new")] + [pa.field("_row", pa.int64())])
        count = 0
        while chunk := list(islice(rows, _CHUNK)):
            extra = self._compare(chunk, count)
            try:
                columns: list[pa.Array[Any]] = [
                    pa.array([self._text(row.get(c.wire)) for row in chunk], pa.string()) for c in self.table.columns
                ]
            except UnicodeError as error:  # half a surrogate pair, which JSON can spell and no text can hold
                raise ContractViolation(
                    f"{_name(self.fetch)} rows {count + 1} to {count + len(chunk)} hold what is no text",
                    expected="Unicode",
                    got=str(error),
                ) from error
            columns.append(pa.array(extra, pa.string()))
            columns.append(pa.array(range(count + 1, count + len(chunk) + 1), pa.int64()))
            batch = pa.record_batch(columns, schema=schema)
            self.connection.register("batch", pa.Table.from_batches([batch]))
            new = "".join(f", _new ->> '{name}' as \"{name}\"" for name in self.added)
            self.connection.execute(f"create or replace temp table given as select *{new} from batch")
            self.connection.unregister("batch")
            count += len(chunk)
            yield count

    def _text(self, value: object) -> str | None:
        """Return a value as text, or None where the wire says that there is none."""
        if value is None:
            return None
        text = value if isinstance(value, str) else str(value)
        return None if self.table.nulls and text.strip() in self.table.nulls else text

    def _compare(self, chunk: Sequence[Row], before: int) -> list[str | None]:
        """Compare each row's fields with the contract; return, for each row, the new ones that may be added as JSON."""
        promised = {c.wire for c in self.table.columns}
        needed = {c.wire for c in self.table.columns if c.absent == "freeze"}
        extra: list[str | None] = []
        for offset, row in enumerate(chunk, 1):
            new = row.keys() - promised
            if not new and row.keys() >= needed:
                extra.append(None)
                continue
            new -= self.table.ignored
            missing = needed - row.keys()
            if missing or (new and self.table.new_fields == "freeze"):
                got = [f"new {sorted(new)}"] if new and self.table.new_fields == "freeze" else []
                got += [f"missing {sorted(missing)}"] if missing else []
                raise ContractViolation(
                    f"{_name(self.fetch)} row {before + offset} has other columns than its contract",
                    expected=sorted(needed),
                    got=", ".join(got),
                    remedy=f"Read the payload, change the contract in warehouse/sources/{self.fetch.source}, then run "
                    "`drypowder quarantine replay`.",
                )
            if new and self.table.new_fields == "add":
                extra.append(json.dumps({self._add(field): self._text(row[field]) for field in sorted(new)}))
            else:
                extra.append(None)
        return extra

    def _add(self, field: str) -> str:
        """Give a field that the contract does not know a column of its own, once; return the column's name."""
        name = NEW_FIELD + (re.sub(r"[^a-z0-9]+", "_", field.lower()).strip("_") or "field")
        known = self.added.get(name)
        if known is None:
            self.added[name] = field
            self.connection.execute(f'alter table typed add column "{name}" varchar')
        elif known != field:
            raise ContractViolation(
                f"{_name(self.fetch)} has two new fields that differ in spelling only",
                expected="one field for a name",
                got=[known, field],
            )
        return name

    # ---------------------------------------------------------------------------------------------------- judging

    def _is_good(self, untyped: str) -> bool:
        """Whether every row casts to the contract's types without loss, has what is required, and keeps the rules."""
        if self._loses(untyped):
            return False
        typed = ", ".join(f'try_cast("{c.name}" as {c.type}) as "{c.name}"' for c in self.table.columns)
        bad = " or ".join(self._faults()) or "false"
        query = f"select 1 from (select {typed} from {untyped}) where {bad} limit 1"
        return self.connection.execute(query).fetchone() is None

    def _faults(self) -> list[str]:
        """Return SQL, over a typed row, of each way in which it is bad."""
        faults = [f'"{c.name}" is null' for c in self.table.columns if c.required]
        faults += [f'not isfinite("{c.name}")' for c in self.table.columns if c.type in _FINITE]
        return [*faults, *(f"not coalesce(({rule.holds}), true)" for rule in self.table.rules)]

    def _loses(self, untyped: str) -> bool:
        """Whether a cast to the contract's types would fail or change a value.

        What the extractor's SQL gives in its final type is not cast here, and loses nothing here.
        """
        given = {row[0]: row[1] for row in self.connection.execute(f"describe select * from {untyped}").fetchall()}
        lost = [_lost(c) for c in self.table.columns if given[c.name] != _spelled(c)]
        if not any(lost):
            return False
        query = f"select 1 from {untyped} where {' or '.join(filter(None, lost))} limit 1"
        return self.connection.execute(query).fetchone() is not None

    def _sort_out(self, number: int, untyped: str) -> None:
        """Find the bad rows and set them aside: the slow way, taken only once it is known that there are some."""
        columns = self.table.columns
        names = [f'"{c.name}"' for c in columns]
        added = "".join(f', "{name}"' for name in self.added)
        row = "_row" if untyped == "given" else "row_number() over ()"
        as_text = ", ".join(f"{name}::varchar as {name}" for name in names)
        as_typed = ", ".join(f"try_cast({n} as {c.type}) as {n}" for n, c in zip(names, columns, strict=True))
        cast = ", ".join(f"{n}::{c.type}" for n, c in zip(names, columns, strict=True))
        bad = [
            " or ".join(filter(None, [_lost(c), f"{n} is null" if c.required else ""])) or "false"
            for n, c in zip(names, columns, strict=True)
        ]
        got = [f"coalesce(chr(39) || {n} || chr(39), 'null')" for n in names]
        want = [c.type + (" and not null" if c.required else "") for c in columns]
        no_cast = _case((b, f"'cast:{c.name}'") for b, c in zip(bad, columns, strict=True))
        why_not = _case((b, f"'expected {w}; got ' || {g}") for b, w, g in zip(bad, want, got, strict=True))
        broken = _case((f"not coalesce(({r.holds}), true)", f"'{r.name}'") for r in self.table.rules)
        because = _case((f"_rule = '{r.name}'", _literal(r.because)) for r in self.table.rules)
        try:
            self.connection.execute(
                f"""
            create or replace temp table suspects as select {row} as _row, {as_text}{added} from {untyped};
            create or replace temp table judged as
                select suspects.*, coalesce({no_cast}, ruled.broken) as _rule, {why_not} as _why
                from suspects inner join (
                    select _row as of_row, {broken} as broken from (select _row, {as_typed} from suspects)
                ) as ruled on suspects._row = ruled.of_row;
            insert into aside
                select {", ".join(names)}, _rule, coalesce(_why, {because}), _row, {number}::smallint
                from judged where _rule is not null;
            insert into typed select {cast}, {number}::smallint{added} from judged where _rule is null;
            drop table suspects;
            drop table judged;
            """
            )
        except _unreadable() as unreadable:  # not one value of it: the payload is torn
            raise ContractViolation(
                f"{_name(self.fetch)} cannot be read",
                expected="whole rows in the shape that the source declares",
                got=" ".join(str(unreadable).split())[:300],
                remedy="The payload is in the archive.",
            ) from unreadable
        self._remember_fault(number)

    def _remember_fault(self, number: int) -> None:
        """Keep what to say of the first bad row, in case the bad rows are too many."""
        found = self.connection.execute(
            "select _rule, _reason, _row, count(*) over (partition by _rule) from aside where _response = ? "
            "order by _row limit 1",
            [number],
        ).fetchone()
        if self.first_fault:
            return
        if not found:
            raise ContractViolation(
                f"{_name(self.fetch)} cannot be cast to its contract",
                expected="rows of the contract's types",
                got="rows that no single fault explains",
                remedy="The payload is in the archive.",
            )
        rule, reason, row, total = found
        kind, _, column = rule.partition(":")
        expected, _, got = reason.partition("; got ") if kind == "cast" else (reason, "", f"a row that breaks {rule!r}")
        self.first_fault = ContractViolation(
            f"{_name(self.fetch)} column {column!r}, row {row}" if kind == "cast" else f"{_name(self.fetch)} row {row}",
            expected=expected.removeprefix("expected "),
            got=got,
            remedy=f"{total} row(s) are refused so; the payload is in the archive.",
        )

    def judge(self) -> tuple[int, int]:
        """Set aside what comes twice, and refuse what is not faults of single rows; return rows landed and aside."""
        self._set_twins_aside()
        rows, bad = self._count("typed"), self._count("aside")
        if not rows and not bad:
            raise EmptyPayload(
                f"{_name(self.fetch)} has no rows",
                expected="at least one",
                got="none",
                remedy="The payload is in the archive: see whether the publisher moved its data.",
            )
        if self.first_fault and bad > self.table.quarantine_share * (rows + bad):
            raise self.first_fault
        self._assert_units()
        return rows, bad

    def _set_twins_aside(self) -> None:
        """Set aside the rows whose key comes more than once: all but one where they are equal, else all of them."""
        keys = ", ".join(f'"{name}"' for name in self.table.grain)
        # Keys whose hashes differ differ themselves, and hashes are cheap to count.
        count, distinct = self.connection.execute(
            f"select count(*), count(distinct hash({keys})) from typed"
        ).fetchone() or (0, 0)
        if count == distinct:
            return
        distinct = self._count(f"(select distinct {keys} from typed)")
        if count == distinct:
            return
        key = (
            self.connection.execute(
                f"select {keys}, count(*) from typed group by {keys} having count(*) > 1 order by all limit 1"
            ).fetchone()
            or ()
        )
        named = ", ".join(f"{n}={v}" for n, v in zip(self.table.grain, key[:-1], strict=True))
        content = ", ".join(f'"{c.name}"' for c in self.table.columns if c.is_versioned)
        text = ", ".join(f'"{c.name}"::varchar' for c in self.table.columns)
        self.connection.execute(
            f"""
            create temp table twins as
                select
                    rowid as id,
                    count(*) over (partition by {keys}) as copies,
                    count(distinct hash({content})) over (partition by {keys}) as contents,
                    row_number() over (partition by {keys} order by rowid) as copy
                from typed qualify copies > 1;
            delete from twins where contents = 1 and copy = 1;
            insert into aside
                select
                    {text},
                    if(contents = 1, 'duplicate_row', 'conflicting_key'),
                    if(
                        contents = 1,
                        'The row came before, equal in every column.',
                        'Rows of one key differ, and nothing says which is right.'
                    ),
                    null,
                    _response
                from typed inner join twins on typed.rowid = twins.id;
            delete from typed where rowid in (select id from twins);
            """
        )
        self.first_fault = self.first_fault or ContractViolation(
            f"{_name(self.fetch)} has {count - distinct} row(s) whose key came before",
            expected=f"one row for each ({', '.join(self.table.grain)})",
            got=f"{key[-1]} rows for {named}",
            remedy="The payload is in the archive: see whether the grain in the contract is still right.",
        )

    def _assert_units(self) -> None:
        for check in self.table.units:
            name = f'"{check.column}"'
            row = self.connection.execute(
                f"select ({check.holds}), min({name}), median({name}), max({name}) from typed"
            ).fetchone()
            if row and row[0] is False:
                raise ContractViolation(
                    f"{_name(self.fetch)} column {check.column!r} is not in {self.table.column(check.column).unit}",
                    expected=f"{check.holds} ({check.because})",
                    got=f"smallest {row[1]}, median {row[2]}, largest {row[3]}",
                    remedy="The unit changed, or it is another series. The payload is in the archive.",
                )


def _unreadable() -> tuple[type[Exception], ...]:
    """Return what DuckDB raises for a payload that is not what the SQL reads; a full disk is not among it."""
    import duckdb

    return duckdb.DataError, duckdb.InvalidInputException


def _literal(text: object) -> str:
    """Return a text or a path as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def _case(branches: Iterable[tuple[str, str]]) -> str:
    """Return an SQL CASE of (condition, value), or the NULL that one without branches would be."""
    whens = " ".join(f"when {condition} then {value}" for condition, value in branches)
    return f"case {whens} end" if whens else "null::varchar"


def _spelled(column: Column) -> str:
    """Return the column's type as DuckDB spells it."""
    return "TIMESTAMP WITH TIME ZONE" if column.type == "TIMESTAMPTZ" else column.type.replace(", ", ",")


def _lost(column: Column) -> str:
    """SQL that is true where a cast would fail, change the value, or give no number or instant; '' where it cannot.

    DuckDB rounds '1.5' to an integer and cuts the time of day off a date without a word.
    """
    name, kind = f'"{column.name}"', column.type
    if kind == "VARCHAR":
        return ""
    cast, text = f"try_cast({name} as {kind})", f"trim({name}::varchar)"
    lost = f"{cast} is null"
    if column.is_number:
        lost += f" or not regexp_full_match({text}, '{_NUMBER}')"
        lost += f" or ({cast} = 0 and regexp_matches({text}, '^[^eE]*[1-9]'))"
        if kind not in _FLOATS:
            scale = int(kind.partition(",")[2].strip(" )") or 0)
            beyond = f"regexp_matches({text}, '^[^eE]*[.][0-9]{{{scale}}}[0-9]*[1-9]')"
            lost += f" or {beyond} or ({text} ilike '%e%' and {cast}::double <> try_cast({name} as double))"
    elif kind == "DATE":
        lost += f" or try_cast({name} as timestamp) is distinct from {cast}::timestamp"
    elif kind == "TIMESTAMP":
        lost += f" or regexp_matches({text}, ':[0-9.]+ ?[+-][0-9:]+$')"
    if kind in _FINITE:
        lost += f" or not isfinite({cast})"
    return f"({name} is not null and ({lost}))"


def _write(connection: duckdb.DuckDBPyConnection, relation: str, path: Path, fetch: Fetch) -> None:
    partial = _partial(path)
    _copy(connection, relation, partial, fetch)
    _settle(partial, path)


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")


def _copy(connection: duckdb.DuckDBPyConnection, relation: str, partial: Path, fetch: Fetch) -> None:
    metadata = _literal(fetch.as_json())
    connection.execute(
        f"copy {relation} to {_literal(partial)} "
        f"(format parquet, parquet_version v2, compression zstd, kv_metadata {{{METADATA_KEY}: {metadata}}})"
    )


def _settle(partial: Path, path: Path) -> None:
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    settle(partial, path)
