"""Typed rows of one fetch in one immutable Parquet file, cast to the source's contract or refused.

A landing file has the contract's columns and `_response` (which of the fetch's responses a row came from); the fetch
itself travels in the Parquet metadata under `drypowder_fetch`, so a file explains itself.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from warehouse.archive import Fetch, settle, write_atomically
from warehouse.contract import Column, Response, SqlExtract, Table
from warehouse.errors import ContractViolation, EmptyPayload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb

    from warehouse.settings import Settings

METADATA_KEY = "drypowder_fetch"
_CHUNK = 50_000  # rows turned into columns at once: bounds the memory of a large payload


@dataclass(frozen=True, kw_only=True)
class Landing:
    """One landed file."""

    fetch: Fetch
    path: Path
    rows: int


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


def _refusal_of(settings: Settings, fetch: Fetch) -> Path:
    return settings.refused / fetch.source / fetch.table / f"{quote(fetch.partition, safe='')}.json"


def refuse(settings: Settings, fetch: Fetch, error: Exception) -> None:
    """Write down that a partition's newest payload was refused and why; its bytes stay in the archive."""
    entry = {"fetch": json.loads(fetch.as_json()), "error": type(error).__name__, "reason": str(error)}
    write_atomically(_refusal_of(settings, fetch), json.dumps(entry, indent=1).encode())


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


def land(settings: Settings, table: Table, fetch: Fetch, responses: Sequence[Response]) -> Landing:
    """Cast a fetch to its contract and write it as one Parquet file.

    Raises:
        ContractViolation: a column is missing or new, a value is not of its type, a required one is missing, or a
            key comes twice; the message names table, column, row number, expected and got. Nothing is written.
    """
    import duckdb

    # One thread each: `land` runs several partitions at once.
    connection = duckdb.connect(config={**settings.duckdb_config, "threads": 1})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        with tempfile.TemporaryDirectory(prefix="drypowder-") as scratch:
            _extract(connection, table, fetch, responses, scratch)
            rows = _check_keys(connection, table, fetch)
            path = path_of(settings, fetch)
            _write(connection, path, fetch)
    finally:
        connection.close()
    heal(settings, fetch)
    return Landing(fetch=fetch, path=path, rows=rows)


def _name(fetch: Fetch) -> str:
    return f"{fetch.source}.{fetch.table} ({fetch.partition})"


def _extract(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    fetch: Fetch,
    responses: Sequence[Response],
    scratch: str,
) -> None:
    """Fill `typed` with the cast rows of all responses."""
    cast = ", ".join(f'"{c.name}"::{c.type} as "{c.name}"' for c in table.columns)
    for number, response in enumerate(responses):
        if isinstance(table.extract, SqlExtract):
            table.extract.check(response)
            body = os.path.join(scratch, str(number))  # noqa: PTH118  (a name for SQL, not a path to work on)
            with open(body, "wb") as file:  # noqa: PTH123
                file.write(response.body)
            untyped = "(" + table.extract.sql.replace("$body", "'" + body.replace("'", "''") + "'") + ")"
        else:
            connection.register("extracted", _as_text(table, fetch, table.extract(response)))
            untyped = "extracted"
        into = "create temp table typed as" if number == 0 else "insert into typed"
        try:
            connection.execute(f"{into} select {cast}, {number}::smallint as _response from {untyped}")
        except (_conversion_error(), _invalid_input_error()) as error:
            raise _diagnose(connection, table, fetch, untyped, error) from error
        _check_values(connection, table, fetch, untyped, number)


def _conversion_error() -> type[Exception]:
    import duckdb

    return duckdb.ConversionException


def _invalid_input_error() -> type[Exception]:
    import duckdb

    return duckdb.InvalidInputException


def _as_text(table: Table, fetch: Fetch, rows: Iterator[Any]) -> Any:  # noqa: ANN401  (an Arrow table)
    """Return the extractor's rows as an Arrow table of text, having compared each row's keys with the contract."""
    import pyarrow as pa

    names = [c.name for c in table.columns]
    expected = set(names)
    schema = pa.schema([(name, pa.string()) for name in names])
    batches = []
    count = 0
    while chunk := list(islice(rows, _CHUNK)):
        for offset, row in enumerate(chunk, 1):
            if row.keys() != expected:
                got = [f"new {sorted(row.keys() - expected)}"] if row.keys() - expected else []
                got += [f"missing {sorted(expected - row.keys())}"] if expected - row.keys() else []
                raise ContractViolation(
                    f"{_name(fetch)} row {count + offset} has other columns than its contract",
                    expected=names,
                    got=", ".join(got),
                    remedy=f"Read the payload, then change the contract in warehouse/sources/{fetch.source}.py.",
                )
        columns = [pa.array([None if row[n] is None else str(row[n]) for row in chunk], pa.string()) for n in names]
        batches.append(pa.record_batch(columns, schema=schema))
        count += len(chunk)
    return pa.Table.from_batches(batches, schema=schema)


def _lost(column: Column) -> str:
    """SQL that is true where a cast would fail or lose digits."""
    name = f'"{column.name}"'
    failed = f"{name} is not null and try_cast({name} as {column.type}) is null"
    if column.type.startswith("DECIMAL"):
        return f"({failed}) or try_cast({name} as {column.type})::double <> try_cast({name} as double)"
    return failed


def _check_values(connection: duckdb.DuckDBPyConnection, table: Table, fetch: Fetch, untyped: str, number: int) -> None:
    """Refuse required values that are missing, and decimals that the cast would have rounded."""
    checks = [f'count(*) filter ("{c.name}" is null)' for c in table.columns if c.required]
    source = f"(select * from typed where _response = {number})"
    if checks:
        counts = connection.execute(f"select {', '.join(checks)} from {source}").fetchone() or ()
        if any(counts):
            raise _diagnose(connection, table, fetch, untyped, None)
    decimals = [c for c in table.columns if c.type.startswith("DECIMAL")]
    if decimals:
        lost = ", ".join(f"count(*) filter ({_lost(c)})" for c in decimals)
        if any(connection.execute(f"select {lost} from {untyped}").fetchone() or ()):
            raise _diagnose(connection, table, fetch, untyped, None)


def _diagnose(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    fetch: Fetch,
    untyped: str,
    error: Exception | None,
) -> ContractViolation:
    """Find the first bad value. This is the slow way, taken only once it is known that there is one."""
    connection.execute(
        f"create or replace temp table suspects as "
        f"select row_number() over () as row_number, columns(*)::varchar from (select * from {untyped})"
    )
    for column in table.columns:
        bad = _lost(column)
        if column.required:
            bad += f' or "{column.name}" is null'
        found = connection.execute(
            f'select row_number, "{column.name}", count(*) over () from suspects where {bad} order by 1 limit 1'
        ).fetchone()
        if found:
            row, value, total = found
            return ContractViolation(
                f"{_name(fetch)} column {column.name!r}, row {row}",
                expected=column.type + (" and not null" if column.required else ""),
                got="null" if value is None else repr(value),
                remedy=f"{total} row(s) of this column are refused so; the payload is in the archive.",
            )
    return ContractViolation(
        f"{_name(fetch)} cannot be cast to its contract",
        expected="rows of the contract's types",
        got=str(error),
        remedy="The payload is in the archive.",
    )


def _check_keys(connection: duckdb.DuckDBPyConnection, table: Table, fetch: Fetch) -> int:
    """Refuse a key that comes twice, and a payload without rows; return the number of rows."""
    keys = ", ".join(f'"{name}"' for name in table.grain)
    rows, distinct = connection.execute(
        f"select count(*), (select count(*) from (select distinct {keys} from typed)) from typed"
    ).fetchone() or (0, 0)
    if rows == 0:
        raise EmptyPayload(
            f"{_name(fetch)} has no rows",
            expected="at least one",
            got="none",
            remedy="The payload is in the archive: see whether the publisher moved its data.",
        )
    if rows != distinct:
        key = (
            connection.execute(
                f"select {keys}, count(*) from typed group by {keys} having count(*) > 1 order by all limit 1"
            ).fetchone()
            or ()
        )
        named = ", ".join(f"{n}={v}" for n, v in zip(table.grain, key[:-1], strict=True))
        raise ContractViolation(
            f"{_name(fetch)} has {rows - distinct} row(s) whose key came before",
            expected=f"one row for each ({', '.join(table.grain)})",
            got=f"{key[-1]} rows for {named}",
            remedy="The payload is in the archive: see whether the grain in the contract is still right.",
        )
    return int(rows)


def _write(connection: duckdb.DuckDBPyConnection, path: Path, fetch: Fetch) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")
    target, metadata = (text.replace("'", "''") for text in (str(partial), fetch.as_json()))
    connection.execute(
        f"copy typed to '{target}' (format parquet, compression zstd, kv_metadata {{{METADATA_KEY}: '{metadata}'}})"
    )
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    settle(partial, path)
