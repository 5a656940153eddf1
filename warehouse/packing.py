"""The tables of a release: what changed comes from the builder's file, the rest is taken over from the release before.

The new release's DuckDB file begins as a copy of the last one's (which costs no space where the file system can share
blocks: Btrfs, XFS), in which rows that differ are exchanged. Parquet lies in one folder a table, one file a part: a
part that is the same is another name of the last release's file. Digests of the parts tell what a table holds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import declarations
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from warehouse.settings import Settings

log = logging.getLogger(__name__)

SCHEMAS = ("marts", "metrics", "ops")
"""What a release holds. Parquet is written of the first two."""
DATABASE = "warehouse.duckdb"
PARQUET = "parquet"
WHOLE = "all"
"""The one part of a table that is not cut by years."""
NO_YEAR = "none"
"""The part of rows of a cut table that have no day."""
PARTED_ROWS = 500_000
"""From so many rows on, a table's Parquet is cut by the years of what its rows are about."""
MOST_FREE = 0.3
"""The share of a database file that may lie unused before it is written anew."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows that lie in one Parquet file: how many, and a digest that does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A table of a release. `shape` is a digest of its columns, types and descriptions; `parts` name Parquet files."""

    rows: int
    shape: str
    parts: dict[str, Part]
    # What `shape` is a digest of has it as well, so that a manifest from before it stood there is no other content.
    cut_by: str | None = field(default=None, compare=False)
    """The day whose years the parts are; None of a table of one part."""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Packed | None:
        """Return what a manifest says of a table; None of one that was written before tables were packed."""
        if "parts" not in entry:
            return None
        parts = {name: Part(**part) for name, part in entry["parts"].items()}
        return cls(rows=entry["rows"], shape=entry["shape"], parts=parts, cut_by=entry.get("cut_by"))

    def differing(self, other: Packed) -> list[str]:
        """Return the names of the parts that only one of two has, or that hold other rows in the other."""
        return [name for name in {**self.parts, **other.parts} if self.parts.get(name) != other.parts.get(name)]

    def within(self, names: Sequence[str]) -> str:
        """Return the condition that a row is in one of these parts.

        DuckDB skips rows by a range of days, and not by an expression of them.
        """
        if self.cut_by is None:
            return "true"
        years = sorted(int(name) for name in names if name != NO_YEAR)
        year = f'year("{self.cut_by}")'
        conditions = [f"{year} is null"] if NO_YEAR in names else []
        if years:
            days = f'"{self.cut_by}" between make_date({years[0]}, 1, 1) and make_date({years[-1]}, 12, 31)'
            conditions.append(f"{days} and {year} in ({', '.join(map(str, years))})")
        return f"({' or '.join(conditions or ['false'])})"


@dataclass(frozen=True, kw_only=True)
class _Table:
    """A table to be packed: its columns as (name, type, comment), and how its Parquet is laid out."""

    schema: str
    name: str
    comment: str | None
    columns: tuple[tuple[str, str, str | None], ...]
    cut_by: str | None
    """The day that a row is about."""
    order: tuple[str, ...]
    metadata: str

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def shape(self) -> str:
        return hashlib.sha256(
            repr((self.comment, self.columns, self.cut_by, self.order, self.metadata)).encode()
        ).hexdigest()


def write(
    settings: Settings, building: Path, before: Path | None, manifest_before: Mapping[str, Any], terms: str
) -> dict[str, Packed]:
    """Write `warehouse.duckdb` and Parquet of the published schemas into a folder, and return what is in them.

    `before` is the folder of the release to take over from, if there is one, `manifest_before` its manifest. `terms` go
    into every Parquet file. A file that is taken over must have the checksum that the manifest says, and what is put
    into it is compared with the builder's at the end; where either differs, all is written from the builder's file.

    Raises:
        ConfigurationError: the new file differs from the builder's also then.
    """
    import duckdb

    try:
        packed, differing = _write(settings, building, before, manifest_before, terms)
    except duckdb.Error as error:
        if not before:
            raise
        differing = [str(error)]
    if differing and before:
        log.error("release=%s is not what its manifest says, so nothing is taken over: %s", before.name, differing)
        (building / DATABASE).unlink()
        shutil.rmtree(building / PARQUET, ignore_errors=True)
        packed, differing = _write(settings, building, None, {}, terms)
    if differing:
        raise ConfigurationError(
            "The new release is not what the builder has",
            expected="equal digests of every table",
            got=f"others of {', '.join(differing)}",
            remedy="Look at the disk; then run `drypowder publish` again.",
        )
    return packed


def _write(
    settings: Settings, building: Path, before: Path | None, manifest_before: Mapping[str, Any], terms: str
) -> tuple[dict[str, Packed], list[str]]:
    """Return what is in the tables, and the names of those of which the file holds something else in the end."""
    import duckdb

    target = building / DATABASE
    known = {n: each for n, entry in manifest_before.get("tables", {}).items() if (each := Packed.of(entry))}
    taken = known if before and _take_over(before / DATABASE, target) else {}
    # To read the bytes takes a fraction of what digests of the rows do, and says as much of those that stay.
    if taken and checksum(target) != manifest_before["files"][DATABASE]:
        return {}, [DATABASE]
    written: dict[str, tuple[Sequence[str], str]] = {}
    connection = duckdb.connect(str(target), config=settings.duckdb_config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"attach '{quoted(settings.warehouse)}' as builder (read_only)")
        tables = _tables(connection, settings, terms)
        packed = {table.full: _digest(connection, table, "builder") for table in tables}
        _clear(connection, {name for name in packed if name in taken})
        for table in tables:
            new, old = packed[table.full], taken.get(table.full)
            if old is None or old.shape != new.shape:
                _create(connection, table)
                written[table.full] = list(new.parts), "true"
            elif old != new:
                names = new.differing(old)
                where = new.within(names) if old.cut_by == new.cut_by else "true"
                _exchange(connection, table, where)
                written[table.full] = names, where
            if table.schema != "ops":
                _write_parquet(connection, building, table, new, before, known.get(table.full))
        connection.execute("detach builder")
        connection.execute(macros(settings))
        connection.execute("checkpoint")
        differing = [
            table.full
            for table in tables
            if table.full in written and not _is_written(connection, table, packed[table.full], *written[table.full])
        ]
    finally:
        connection.close()
    if target.with_name(target.name + ".wal").exists():
        raise ConfigurationError(f"{target} has a write-ahead log after its checkpoint", expected="none", got="one")
    return packed, differing


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_sharing(source: Path, target: Path) -> None:
    """Copy a file; where the file system can, both share its blocks until one of them is written to."""
    if hasattr(os, "copy_file_range"):
        with source.open("rb") as given, target.open("wb") as made:
            left = source.stat().st_size
            try:
                while left and (copied := os.copy_file_range(given.fileno(), made.fileno(), left)):
                    left -= copied
            except OSError:  # another device, or a file system that does not know how
                pass
            else:
                return
    shutil.copyfile(source, target)


def macros(settings: Settings) -> str:
    """Return the DDL of the macros that stand beside the tables, which dbt owns: plain SQL between its macro's tags."""
    path = settings.dbt_project / "macros" / "release_macros.sql"
    found = re.search(r"{% macro release_macros\(\) %}(.*){% endmacro %}", path.read_text(), re.DOTALL)
    if found is None or "{{" in found.group(1):
        raise ConfigurationError(
            f"{path} cannot be read without dbt",
            expected="one macro release_macros() of plain SQL",
            got="something else",
        )
    return found.group(1)


def quoted(text: Path | str) -> str:
    """Return what may stand between single quotes in SQL: a path made absolute, or a text."""
    return str(text if isinstance(text, str) else text.resolve()).replace("'", "''")


def _take_over(before: Path, target: Path) -> bool:
    """Begin with a copy of the last release's file, unless there is none or too much of it lies unused."""
    import duckdb

    if not before.is_file():
        return False
    try:
        with duckdb.connect(str(before), read_only=True) as connection:
            total, free = connection.execute(
                "select total_blocks, free_blocks from pragma_database_size() where database_name = current_catalog()"
            ).fetchone() or (0, 0)
    except duckdb.Error:  # of another version, or damaged: what it lacks is written anew
        return False
    if free > MOST_FREE * total:
        return False
    copy_sharing(before, target)
    target.chmod(0o644)
    return True


def _tables(connection: duckdb.DuckDBPyConnection, settings: Settings, terms: str) -> list[_Table]:
    """Return the tables and views to pack, by name."""
    found = connection.execute(
        "select schema_name, table_name, comment from duckdb_tables() "
        "where database_name = 'builder' and list_contains(?, schema_name) "
        "union all select schema_name, view_name, comment from duckdb_views() "
        "where database_name = 'builder' and list_contains(?, schema_name) order by 1, 2",
        [list(SCHEMAS), list(SCHEMAS)],
    ).fetchall()
    columns: dict[tuple[str, str], list[tuple[str, str, str | None]]] = {}
    for schema, name, *column in connection.execute(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() "
        "where database_name = 'builder' and list_contains(?, schema_name) order by 1, 2, column_index",
        [list(SCHEMAS)],
    ).fetchall():
        columns.setdefault((schema, name), []).append(tuple(column))
    declared = declarations.published(settings.dbt_project)
    return [
        _table(schema, name, comment, columns[schema, name], declared.get(f"{schema}.{name}"), terms)
        for schema, name, comment in found
    ]


def _table(
    schema: str,
    name: str,
    comment: str | None,
    columns: Sequence[tuple[str, str, str | None]],
    declared: declarations.Published | None,
    terms: str,
) -> _Table:
    key = declared.key if declared else ()
    order = (*key, "known_at") if declared and declared.has_versions else key
    days = {column for column, kind, _ in columns if kind == "DATE"}
    units = {each.name: each.unit for each in declared.columns} if declared else {}
    described = {
        column: {"type": kind, "unit": units.get(column, ""), "description": text or ""}
        for column, kind, text in columns
    }
    return _Table(
        schema=schema,
        name=name,
        comment=comment,
        columns=tuple(columns),
        cut_by=next((column for column in key if column in days), None),
        order=tuple(column for column in order if any(column == each for each, *_ in columns)),
        # Terms and contract travel with every export, also with one file that is passed on alone.
        metadata=f"drypowder_terms: '{quoted(terms)}', drypowder_table: '{quoted(comment or '')}', "
        f"drypowder_columns: '{quoted(json.dumps(described))}', "
        f"drypowder_contract: '{quoted(json.dumps(declared.contract if declared else {}))}'",
    )


def _digest(connection: duckdb.DuckDBPyConnection, table: _Table, catalogue: str, where: str = "true") -> Packed:
    """Return what is in a table, of its parts those of which this condition holds.

    Whoever computed a row is part of it: a row that stays keeps the run that made it.
    """
    (rows,) = connection.execute(f"select count(*) from {catalogue}.{table.full}").fetchone() or (0,)
    cut_by = table.cut_by if rows >= PARTED_ROWS else None
    year = f'year("{cut_by}")' if cut_by else "null"
    name = f"coalesce(year::varchar, '{NO_YEAR}')" if cut_by else f"'{WHOLE}'"
    # Rows are grouped by a number and only groups are named: a text of every row takes longer than its digest.
    parts = connection.execute(
        f"select {name} as part, count, digest::varchar from "
        f"(select {year} as year, count(*) as count, sum(hash(*columns(*))) as digest from {catalogue}.{table.full} "
        f"where {where} group by all having count(*) > 0) order by part"
    ).fetchall()
    return Packed(
        rows=rows,
        shape=table.shape,
        parts={name: Part(rows=count, digest=digest) for name, count, digest in parts}
        or {WHOLE: Part(rows=0, digest="0")},
        cut_by=cut_by,
    )


def _is_written(
    connection: duckdb.DuckDBPyConnection, table: _Table, packed: Packed, names: Sequence[str], where: str
) -> bool:
    """Whether the new file has the rows that it should: in number, and in these parts, of which the condition holds."""
    found = _digest(connection, table, "warehouse", where)
    return found.rows == packed.rows and all(found.parts.get(name) == packed.parts.get(name) for name in names)


def _clear(connection: duckdb.DuckDBPyConnection, kept: set[str]) -> None:
    """Drop what the last release had and this one has not, and all macros, which are written anew."""
    for schema, name in connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = current_catalog() and not internal"
    ).fetchall():
        if f"{schema}.{name}" not in kept:
            connection.execute(f"drop table {schema}.{name}")
    for schema, name, kind in connection.execute(
        "select distinct schema_name, function_name, function_type from duckdb_functions() "
        "where database_name = current_catalog() and not internal"
    ).fetchall():
        connection.execute(f"drop {'macro table' if kind == 'table_macro' else 'macro'} {schema}.{name}")


def _create(connection: duckdb.DuckDBPyConnection, table: _Table) -> None:
    """Write a table with its descriptions: they are what a reader's tool shows."""
    connection.execute(f"create schema if not exists {table.schema}")
    connection.execute(f"create or replace table {table.full} as select * from builder.{table.full}")
    if table.comment:
        connection.execute(f"comment on table {table.full} is '{quoted(table.comment)}'")
    for column, _, text in table.columns:
        if text:
            connection.execute(f"comment on column {table.full}.{column} is '{quoted(text)}'")


def _exchange(connection: duckdb.DuckDBPyConnection, table: _Table, where: str) -> None:
    """Exchange the rows that differ, among those of which this condition holds."""
    for name, catalogue in (("old_rows", ""), ("new_rows", "builder.")):
        connection.execute(
            f"create or replace temp table {name} as select rowid as place, hash(*columns(*)) as digest "
            f"from {catalogue}{table.full} where {where}"
        )
    for name, mine, other in (("gone", "old_rows", "new_rows"), ("come", "new_rows", "old_rows")):
        connection.execute(f"create or replace temp table {name} as from {mine} anti join {other} using (digest)")
    # Rows that are there more often on one side are not told by their digests: what stays is not the same on both then,
    # and all of these rows are replaced.
    kept = [
        connection.execute(
            f"select count(*) - (select count(*) from {out}), "
            f"coalesce(sum(digest), 0) - (select coalesce(sum(digest), 0) from {out}) from {rows}"
        ).fetchone()
        for rows, out in (("old_rows", "gone"), ("new_rows", "come"))
    ]
    gone, come = ("gone", "come") if kept[0] == kept[1] else ("old_rows", "new_rows")
    connection.execute(f"delete from {table.full} where {where} and rowid in (select place from {gone})")
    connection.execute(
        f"insert into {table.full} "
        f"select * from builder.{table.full} where {where} and rowid in (select place from {come})"
    )
    for name in ("old_rows", "new_rows", "gone", "come"):
        connection.execute(f"drop table {name}")


def _write_parquet(
    connection: duckdb.DuckDBPyConnection,
    building: Path,
    table: _Table,
    packed: Packed,
    before: Path | None,
    packed_before: Packed | None,
) -> None:
    """Write the parts, sorted by key so that readers can skip; one that is the same is the last release's file."""
    folder = Path(PARQUET) / table.schema / table.name
    (building / folder).mkdir(parents=True)
    there = packed_before.parts if packed_before and packed_before.shape == packed.shape else {}
    for name, part in packed.parts.items():
        file = folder / f"{name}.parquet"
        if before and there.get(name) == part and (before / file).is_file():
            os.link(before / file, building / file)
            continue
        order = f" order by {', '.join(table.order)}" if table.order else ""
        connection.execute(
            f"copy (select * from {table.full} where {packed.within([name])}{order}) "
            f"to '{quoted(building / file)}' (format parquet, compression zstd, kv_metadata {{{table.metadata}}})"
        )
