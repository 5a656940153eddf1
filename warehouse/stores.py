"""The builder's two files of one shape: warehouse.duckdb, and internal.duckdb for what may not be passed on.

Tables whose licence keeps them out of every release are in the second (DESIGN.md, section 2). A connection is to one of
the files and sees its tables alone.
"""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import contextmanager, nullcontext
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from warehouse import landing, sources
from warehouse.archive import write_atomically
from warehouse.contract import BOOKKEEPING, Source, Table
from warehouse.errors import ConfigurationError, DamagedFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    import duckdb

    from warehouse.archive import Fetch
    from warehouse.settings import Settings

log = logging.getLogger(__name__)

DAMAGED = "damaged.txt"
"""Note beside a damaged file: what was said of it. The next `load` reads it, and rebuilds the file from the archive."""

# DuckDB has no class of its own for a file that it cannot read: a busy one and a full disk are IOExceptions too.
_DAMAGE = re.compile(
    r"Corrupt database file|Could not read enough bytes|No more data remaining in MetadataReader|"
    r"not a valid DuckDB database file|replaying WAL|marked as a free block|Failed to deserialize",
    re.IGNORECASE,
)

SCHEMAS = ("incoming", "raw", "staging", "intermediate", "marts", "metrics", "ops", "quarantine", "build")

OPS = {
    "loads": "fetch_id varchar primary key, source varchar, table_name varchar, partition_key varchar, "
    "fetched_at timestamptz, row_count bigint, new_versions bigint, tombstones bigint, body_sha256 varchar[], "
    "loaded_at timestamptz, landed_by varchar, loaded_by varchar, release_id varchar",
    "documents": "fetch_id varchar, position integer, url varchar, body_sha256 varchar, size_bytes bigint, "
    "fetched_at timestamptz, origin varchar",
    "held_back": "fetch_id varchar primary key, source varchar, table_name varchar, partition_key varchar, "
    "held_at timestamptz, border varchar, reason varchar, failures json",
    "metric_sources": "metric_id varchar, source varchar, table_name varchar",
    "affected_metrics": "source varchar, table_name varchar, partition_key varchar, border varchar, metric_id varchar, "
    "last_good_at timestamptz, newest_period_end date, newest_known_at timestamptz",
    "validations": "run_id varchar, border varchar, suite varchar, table_name varchar, expectation varchar, "
    "column_name varchar, severity varchar, success boolean, observed varchar, unexpected_count bigint, "
    "row_count bigint, detail varchar, validated_at timestamptz, step_id varchar",
    "acceptances": "fingerprint varchar, question varchar, accepted_by varchar, accepted_at timestamptz, "
    "because varchar, findings json",
    "quarantine": "source varchar, table_name varchar, partition_key varchar, fetch_id varchar, rule varchar, "
    "row_count bigint, reason varchar, quarantined_at timestamptz, discarded_at timestamptz",
    "history_changes": "fetch_id varchar, source varchar, table_name varchar, partition_key varchar, kind varchar, "
    "row_count bigint, first_period date, last_period date, noticed_at timestamptz",
    "contracts": "table_name varchar primary key, meaning varchar",
    "discarded": "source varchar, table_name varchar, digest varchar",
    "drift": "source varchar, table_name varchar, column_name varchar, first_fetch_id varchar, noticed_at timestamptz",
    "terms": "source varchar, table_name varchar, licence varchar, licence_url varchar, redistribution varchar, "
    "attribution varchar",
    "freshness": "source varchar, table_name varchar, last_checked_at timestamptz, last_changed_at timestamptz, "
    "newest_period_end date, stale_after_days integer, cadence varchar, origin varchar, "
    "newest_known_at timestamptz",
    "steps": "step_id varchar primary key, run_id varchar, step varchar, subject varchar, started_at timestamptz, "
    "seconds double, lock_wait_seconds double, outcome varchar, error varchar, message varchar, row_count bigint, "
    "dag_id varchar, dag_run_id varchar, task_id varchar, try_number integer",
    "releases": "release_id varchar primary key, run_id varchar, published_at timestamptz, table_count integer, "
    "row_count bigint, held_back_count integer, git_commit varchar",
    "release_lag": "source varchar, table_name varchar, period_end date, expected_at timestamptz, release_id varchar, "
    "published_at timestamptz, lag_seconds double",
}
"""The builder's own records. A home made before a column was added gets it when it is opened."""

MEANINGS = {
    "loads": "Every fetch that was loaded, with its rows, new versions and tombstones; the runs that fetched and "
    "loaded it, and the first release that has it.",
    "documents": "Every answer of a loaded fetch, in order: where it came from and which bytes of the archive it is.",
    "held_back": "What is not in marts and metrics because landing or a gate refused it, and why.",
    "metric_sources": "Which landed tables each metric rests on, by its declared inputs and the lineage of models.",
    "affected_metrics": "Metrics that rest on something held back: when what is used in its place was fetched (null: "
    "there is none), and the newest value that the metric has all the same.",
    "validations": "Every expectation that a gate has judged, and what it saw.",
    "acceptances": "Who let a release with new warnings pass, when, why, and which warnings they were shown.",
    "quarantine": "Rows set aside, counted by rule.",
    "history_changes": "Where a publisher changed its past: truncated (its file starts later than before; ours stays "
    "whole), withdrawn (tombstones) or restated (new versions).",
    "contracts": "The contract that each raw table was made by.",
    "discarded": "Digests of the quarantined rows that were left out for good.",
    "drift": "Fields that a publisher added and no contract knows yet.",
    "terms": "What each publisher allows, and what to write beside its figures.",
    "freshness": "When each landed table was last asked for and last changed, its newest period, and when the newest "
    "of its rows were known.",
    "steps": "Every verb that was run: by which run and task, when by the clock on the wall, for how long, how much of "
    "that it waited for the builder, how it ended. The step that publishes a release is in the next one.",
    "releases": "Every release and the run that made it. How large the newest is stands in its manifest, and here from "
    "the next release on.",
    "release_lag": "From when a period was due at its publisher (of what comes when it comes, from when its newest "
    "rows were known) to the clock of the release that has it first: negative where it came early, null of what a home "
    "has for the first time.",
}
"""What each of them holds; a release carries it as the table's comment."""

LAST_RUNS = (
    "select * from ops.validations "
    "qualify concat_ws(' ', run_id, step_id) = last_value(concat_ws(' ', run_id, step_id)) over "
    "(partition by suite order by validated_at, rowid rows between unbounded preceding and unbounded following)"
)
"""What each suite said when it was asked last; `ops.validations` has every time."""

_SPELLING = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}


def identifier(source: Source, table: Table) -> str:
    """Return the name of a landed table inside `incoming`, `raw` and `quarantine`."""
    return f"{source.code}__{table.name}"


def tables_of(*, internal: bool) -> list[tuple[Source, Table]]:
    """Return the landed tables of one of the two files."""
    return [(source, table) for source, table in sources.tables() if table.is_internal is internal]


def areas(settings: Settings) -> list[bool]:
    """Return which files there is something for: the warehouse always, the internal one when its tables have landed."""
    internal = any(landing.files(settings, s.code, t.name) for s, t in tables_of(internal=True))
    return [False, True] if internal or settings.internal.exists() else [False]


def file_of(settings: Settings, *, internal: bool) -> Path:
    """Return the builder's file of an area."""
    return settings.internal if internal else settings.warehouse


@contextmanager
def open_warehouse(
    settings: Settings, *, read_only: bool = False, internal: bool = False, may_differ: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open one of the builder's files with its schemas and raw tables in place, and close it.

    The caller holds the builder's lock: DuckDB allows one writing process per file. Nobody else may read what is
    internal. `may_differ` is for who is about to mend raw tables that differ from their contracts.

    Raises:
        ConfigurationError: a raw table has other columns than its contract.
        DamagedFile: DuckDB cannot read what is in the file.
    """
    import duckdb

    settings.home.mkdir(parents=True, exist_ok=True)
    path = file_of(settings, internal=internal)
    noted = settings.home / DAMAGED
    if noted.exists():
        raise _damaged(path, noted.read_text())
    private = _for_its_owner_alone(path) if internal and not read_only else nullcontext()
    with private, damage_noted(path):
        connection = duckdb.connect(str(path), read_only=read_only, config=settings.duckdb_config)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            if not read_only:
                _prepare(connection, internal=internal, may_differ=may_differ)
                _read_discarded(connection, settings)
            yield connection
        finally:
            connection.close()


@contextmanager
def damage_noted(path: Path) -> Iterator[None]:
    """Turn what is said of a damaged file, by DuckDB or who calls it for us, into `DamagedFile`, and leave a note."""
    try:
        yield
    except DamagedFile:
        raise
    except Exception as error:
        refuse_damage(path, str(error))
        raise


def refuse_damage(path: Path, message: str) -> None:
    """Do nothing, unless a message of DuckDB says that it cannot read a file of the builder: then note it.

    Raises:
        DamagedFile: it says so.
    """
    if not _DAMAGE.search(message):
        return
    log.error("damaged file=%s: %s", path, message)
    write_atomically(path.with_name(DAMAGED), message.encode())
    raise _damaged(path, message)


def _damaged(path: Path, message: str) -> DamagedFile:
    return DamagedFile(
        f"{path} cannot be read",
        got=message,
        remedy="The next run rebuilds it from the archive; `drypowder replay` does so now. Releases are as they were.",
    )


@contextmanager
def _for_its_owner_alone(path: Path) -> Iterator[None]:
    """Let nobody else read the file, its log, or what else is made meanwhile; afterwards its owner may only read it."""
    before = os.umask(0o077)
    try:
        if path.exists():
            path.chmod(0o600)
        yield
        path.chmod(0o400)
    finally:
        os.umask(before)


def discarded_note(settings: Settings, source: str, table: str) -> Path:
    """Return where the digests of a table's discarded rows stand: a file, since the builder's can be rebuilt."""
    return settings.home / "discarded" / f"{source}.{table}.json"


def _read_discarded(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute("delete from ops.discarded")
    for note in sorted((settings.home / "discarded").glob("*.json")):
        source, _, table = note.stem.partition(".")
        connection.execute(
            "insert into ops.discarded (source, table_name, digest) select ?, ?, unnest(?::varchar[])",
            [source, table, json.loads(note.read_text())],
        )


def columns_of(table: Table) -> list[tuple[str, str]]:
    """Return the (name, type) of a raw table's columns, types in DuckDB's own spelling."""
    return [(c.name, _SPELLING.get(c.type, c.type.replace(", ", ","))) for c in (*table.columns, *BOOKKEEPING)]


def columns_in(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> list[tuple[str, str]]:
    """Return a table's (name, type) in order, less the fields that no contract knows yet."""
    return columns_by_table(connection, schema).get(name, [])


def columns_by_table(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, list[tuple[str, str]]]:
    """Return (name, type) in order of each table of a schema, less the fields that no contract knows yet."""
    rows = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = ? "
        "and not starts_with(column_name, ?) order by table_name, column_index",
        [schema, landing.NEW_FIELD],
    ).fetchall()
    return {name: [row[1:] for row in of_table] for name, of_table in groupby(rows, key=itemgetter(0))}


def differences(connection: duckdb.DuckDBPyConnection, table: Table, name: str) -> tuple[list[str], list[str]]:
    """Return what the contract has and raw has not, and the other way round, as 'name type'."""
    return _differences(table, columns_in(connection, "raw", name))


def _differences(table: Table, got: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    expected = columns_of(table)
    if not got or expected == got:
        return [], []
    lacking, surplus = set(expected) - set(got), set(got) - set(expected)
    if not lacking and not surplus:
        return ["the same columns in another order"], ["this order"]
    return sorted(" ".join(c) for c in lacking), sorted(" ".join(c) for c in surplus)


def _prepare(connection: duckdb.DuckDBPyConnection, *, internal: bool, may_differ: bool) -> None:
    """Make what is missing. Every verb comes here, so that looking is one query a schema and not one a column."""
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    _prepare_ops(connection)
    there = columns_by_table(connection, "raw")
    declared = [(identifier(source, table), table) for source, table in tables_of(internal=internal)]
    for name, table in declared:
        if name not in there:
            ddl = ", ".join(f'"{c.name}" {c.type}' for c in (*table.columns, *BOOKKEEPING))
            connection.execute(f'create table raw."{name}" ({ddl})')
    # A table made before contracts were remembered is taken to be by the contract of today.
    connection.execute(
        "insert or ignore into ops.contracts select unnest(?::varchar[]), unnest(?::varchar[])",
        [[name for name, _ in declared], [table.meaning for _, table in declared]],
    )
    for name, table in declared if not may_differ else ():
        lacking, surplus = _differences(table, there.get(name, []))
        if lacking or surplus:
            raise ConfigurationError(
                f"raw.{name} has other columns than its contract",
                expected=lacking,
                got=surplus,
                remedy="Run `drypowder migrate` to see what changes, `drypowder migrate --apply` to rebuild the table "
                "from the archive.",
            )


def _prepare_ops(connection: duckdb.DuckDBPyConnection) -> None:
    there = columns_by_table(connection, "ops")
    for name, columns in OPS.items():
        if name not in there:
            connection.execute(f"create table ops.{name} ({columns})")
            continue
        names = {column for column, _ in there[name]}
        for column in columns.replace(" primary key", "").split(", "):
            if column.split()[0] not in names:
                connection.execute(f"alter table ops.{name} add column {column}")
    said = connection.execute("select table_name, comment from duckdb_tables() where schema_name = 'ops'").fetchall()
    for name, meaning in MEANINGS.items():
        if (name, meaning) not in said:
            connection.execute(f"comment on table ops.{name} is '{meaning}'")


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does, or none of it."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def clear_incoming(connection: duckdb.DuckDBPyConnection, source: Source, table: Table) -> None:
    """Drop what was shown to the gate."""
    name = identifier(source, table)
    for (each,) in connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'incoming' "
        "and (table_name = $name or starts_with(table_name, $name || '__'))",
        {"name": name},
    ).fetchall():
        connection.execute(f'drop table incoming."{each}"')


def drop(connection: duckdb.DuckDBPyConnection, source: Source, table: Table) -> None:
    """Drop a raw table and all that is recorded of it, to be made anew by its contract of today."""
    name = identifier(source, table)
    clear_incoming(connection, source, table)
    with transaction(connection):
        connection.execute(f'drop table if exists raw."{name}"')
        connection.execute(f'drop table if exists quarantine."{name}"')
        connection.execute("delete from ops.contracts where table_name = ?", [name])
        connection.execute(
            "delete from ops.documents where fetch_id in "
            "(select fetch_id from ops.loads where source = ? and table_name = ?)",
            [source.code, table.name],
        )
        for records in ("loads", "held_back", "quarantine", "history_changes", "drift"):
            connection.execute(
                f"delete from ops.{records} where source = ? and table_name = ?", [source.code, table.name]
            )


def drop_all_but(connection: duckdb.DuckDBPyConnection, schemas: Iterable[str], names: Collection[str]) -> None:
    """Drop tables and views of the schemas that are not among `<schema>.<name>`: dbt leaves those of removed models."""
    for schema, name, kind in connection.execute(
        "select schema_name, table_name, 'table' from duckdb_tables() where list_contains($schemas, schema_name) "
        "union all "
        "select schema_name, view_name, 'view' from duckdb_views() where list_contains($schemas, schema_name)",
        {"schemas": list(schemas)},
    ).fetchall():
        if f"{schema}.{name}" not in names:
            connection.execute(f'drop {kind} {schema}."{name}"')


def raw_partition(fetch: Fetch) -> str:
    """Return the partition as `raw` names it: a fallback's is apart, so that the primary does not withdraw its rows."""
    return f"{fetch.partition}@fallback" if fetch.is_fallback else fetch.partition
