"""From landed files to `raw`: rows whose content changed, stamped with when they were known. One writer.

`fill_incoming` shows pending files to the gate; `promote` appends what passed, one transaction a file; `hold_back`
remembers what did not. Every statement that decides what a version is stands in this module.

There are two files of one shape: warehouse.duckdb, and internal.duckdb for the tables whose licence keeps them out of
every release (DESIGN.md, section 2). A connection is to one of them and sees its tables alone.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import landing, sources
from warehouse.archive import Archive, Fetch
from warehouse.contract import BOOKKEEPING, Source, Table
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import duckdb

    from warehouse.settings import Settings

log = logging.getLogger(__name__)

SCHEMAS = ("incoming", "raw", "staging", "intermediate", "marts", "metrics", "ops", "quarantine")

OPS = {
    "loads": "fetch_id varchar primary key, source varchar, table_name varchar, partition_key varchar, "
    "fetched_at timestamptz, row_count bigint, new_versions bigint, tombstones bigint, body_sha256 varchar[], "
    "loaded_at timestamptz",
    "held_back": "fetch_id varchar primary key, source varchar, table_name varchar, partition_key varchar, "
    "held_at timestamptz, border varchar, reason varchar, failures json",
    "validations": "run_id varchar, border varchar, suite varchar, table_name varchar, expectation varchar, "
    "column_name varchar, severity varchar, success boolean, observed varchar, unexpected_count bigint, "
    "row_count bigint, detail varchar, validated_at timestamptz",
    "quarantine": "source varchar, table_name varchar, partition_key varchar, fetch_id varchar, rule varchar, "
    "row_count bigint, reason varchar, quarantined_at timestamptz, discarded_at timestamptz",
    "history_changes": "fetch_id varchar, source varchar, table_name varchar, partition_key varchar, kind varchar, "
    "row_count bigint, first_period date, last_period date, noticed_at timestamptz",
    "drift": "source varchar, table_name varchar, column_name varchar, first_fetch_id varchar, noticed_at timestamptz",
    "terms": "source varchar, table_name varchar, licence varchar, licence_url varchar, redistribution varchar, "
    "attribution varchar",
    "freshness": "source varchar, table_name varchar, last_checked_at timestamptz, last_changed_at timestamptz, "
    "newest_period_end date, stale_after_days integer, cadence varchar, origin varchar",
}
"""The builder's own records. A home made before a column was added gets it when it is opened.

`quarantine` counts the rows set aside, by rule. `history_changes` says where a publisher changed its past: `truncated`
(its file starts later than before; ours stays whole), `withdrawn` (tombstones), `restated` (new versions). `drift`
lists the fields that a publisher added and no contract knows yet.
"""

TRUNCATED_ROWS = 5
"""So many records that are missing at the start of a snapshot are a past cut off; fewer were withdrawn one by one."""

QUARANTINED = ("_rule", "_reason", "_row")
"""Columns that say of a row in quarantine what it breaks, why that is wrong, and where in the payload it stands."""


_STAMPS = "_partition varchar, _origin varchar, _source_url varchar, _source_sha256 varchar, _fetch_id varchar"
_ASIDE = "__aside"
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
    """
    import duckdb

    settings.home.mkdir(parents=True, exist_ok=True)
    path = file_of(settings, internal=internal)
    if internal and path.exists() and not read_only:
        path.chmod(0o600)
    connection = duckdb.connect(str(path), read_only=read_only, config=settings.duckdb_config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if not read_only:
            _prepare(connection, internal=internal, may_differ=may_differ)
        yield connection
    finally:
        connection.close()
        if internal and not read_only:
            path.chmod(0o400)


def columns_of(table: Table) -> list[tuple[str, str]]:
    """Return the (name, type) of a raw table's columns, types in DuckDB's own spelling."""
    return [(c.name, _SPELLING.get(c.type, c.type.replace(", ", ","))) for c in (*table.columns, *BOOKKEEPING)]


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> list[tuple[str, str]]:
    """Return a table's (name, type) in order, less the fields that no contract knows yet."""
    return connection.execute(
        "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ? "
        "and not starts_with(column_name, ?) order by column_index",
        [schema, name, landing.NEW_FIELD],
    ).fetchall()


def differences(connection: duckdb.DuckDBPyConnection, table: Table, name: str) -> tuple[list[str], list[str]]:
    """Return what the contract has and raw has not, and the other way round, as 'name type'."""
    expected, got = columns_of(table), _columns(connection, "raw", name)
    if not got or expected == got:
        return [], []
    lacking, surplus = set(expected) - set(got), set(got) - set(expected)
    if not lacking and not surplus:
        return ["the same columns in another order"], ["this order"]
    return sorted(" ".join(c) for c in lacking), sorted(" ".join(c) for c in surplus)


def _prepare(connection: duckdb.DuckDBPyConnection, *, internal: bool, may_differ: bool) -> None:
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for table_name, columns in OPS.items():
        connection.execute(f"create table if not exists ops.{table_name} ({columns})")
        for column in columns.replace(" primary key", "").split(", "):
            connection.execute(f"alter table ops.{table_name} add column if not exists {column}")
    known = {
        row[0]
        for row in connection.execute("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall()
    }
    for source, table in tables_of(internal=internal):
        name = identifier(source, table)
        if name not in known:
            ddl = ", ".join(f'"{c.name}" {c.type}' for c in (*table.columns, *BOOKKEEPING))
            connection.execute(f'create table raw."{name}" ({ddl})')
            continue
        lacking, surplus = differences(connection, table, name)
        if (lacking or surplus) and not may_differ:
            raise ConfigurationError(
                f"raw.{name} has other columns than its contract",
                expected=lacking,
                got=surplus,
                remedy="Run `drypowder migrate` to see what changes, `drypowder migrate --apply` to rebuild the table "
                "from the archive.",
            )


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A landed file that no gate has judged yet."""

    fetch: Fetch
    path: Path


def _fetch_of(connection: duckdb.DuckDBPyConnection, path: Path) -> Fetch:
    row = connection.execute(
        "select decode(value) from parquet_kv_metadata(?) where decode(key) = ?",
        [str(path), landing.METADATA_KEY],
    ).fetchone()
    if row is None:
        raise ConfigurationError(
            f"{path} does not say what fetch it is of",
            expected=f"Parquet metadata {landing.METADATA_KEY}",
            got="none",
            remedy="Delete the file and run `drypowder replay`.",
        )
    return Fetch.from_json(row[0])


def pending(connection: duckdb.DuckDBPyConnection, settings: Settings, source: Source, table: Table) -> list[Pending]:
    """Return the files to judge now, oldest first: neither loaded nor held back."""
    judged = {
        row[0]
        for row in connection.execute(
            "select fetch_id from ops.loads union all select fetch_id from ops.held_back"
        ).fetchall()
    }
    paths = sorted(landing.files(settings, source.code, table.name), key=lambda p: p.name)
    return [Pending(fetch=_fetch_of(connection, path), path=path) for path in paths if path.stem not in judged]


def raw_partition(fetch: Fetch) -> str:
    """Return the partition as `raw` names it: a fallback's is apart, so that the primary does not withdraw its rows."""
    return f"{fetch.partition}@fallback" if fetch.is_fallback else fetch.partition


def fill_incoming(connection: duckdb.DuckDBPyConnection, source: Source, table: Table, files: Sequence[Pending]) -> int:
    """Replace `incoming.<source>__<table>` by the rows of pending files; without files it goes. Return its rows.

    One transaction: whoever is killed here leaves all of the files in `incoming`, or what was there before.
    """
    name = identifier(source, table)
    target, aside = f'incoming."{name}"', f'incoming."{name}{_ASIDE}"'
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    text = ", ".join(f'"{c.name}" varchar' for c in table.columns)
    with transaction(connection):
        connection.execute(f"drop table if exists {target}")
        connection.execute(f"drop table if exists {aside}")
        if files:
            typed = ", ".join(f'"{c.name}" {c.type}' for c in table.columns)
            connection.execute(f"create table {target} ({typed}, {_STAMPS}, fetched_at timestamptz)")
            connection.execute(f"create table {aside} ({text}, _rule varchar, _reason varchar, _row bigint, {_STAMPS})")
        for file in files:
            fields = connection.execute("select name from parquet_schema(?)", [str(file.path)]).fetchall()
            new = [field for (field,) in fields if field.startswith(landing.NEW_FIELD)]
            for field in new:
                connection.execute(f'alter table {target} add column if not exists "{field}" varchar')
            more = "".join(f', "{field}"' for field in new)
            stamps = (
                "$partition::varchar as _partition, $origin::varchar as _origin, "
                "list_extract($urls, _response + 1) as _source_url, "
                "list_extract($hashes, _response + 1) as _source_sha256, $fetch_id::varchar as _fetch_id"
            )
            values = {
                "partition": raw_partition(file.fetch),
                "origin": file.fetch.origin,
                "urls": [r["url"] for r in file.fetch.responses],
                "hashes": list(file.fetch.bodies),
                "fetch_id": file.fetch.fetch_id,
            }
            connection.execute(
                f"insert into {target} by name select {columns}, {stamps}, $fetched_at::timestamptz as fetched_at"
                f"{more} from read_parquet($path)",
                {**values, "fetched_at": file.fetch.fetched_at, "path": str(file.path)},
            )
            bad = landing.quarantine_path(file.path)
            if bad.exists():
                connection.execute(
                    f"insert into {aside} by name select {columns}, {', '.join(QUARANTINED)}, {stamps} "
                    "from read_parquet($path)",
                    {**values, "path": str(bad)},
                )
    if not files:
        return 0
    row = connection.execute(f"select count(*) from {target}").fetchone()
    return int(row[0]) if row else 0


def in_incoming(connection: duckdb.DuckDBPyConnection, settings: Settings, source: Source, table: Table) -> list[Fetch]:
    """Return the fetches whose rows are in `incoming`, oldest first: what was shown to the gate, and nothing else."""
    name = identifier(source, table)
    exists = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'incoming' and table_name = ?", [name]
    ).fetchone()
    if not exists:
        return []
    shown = {row[0] for row in connection.execute(f'select distinct _fetch_id from incoming."{name}"').fetchall()}
    return [f.fetch for f in pending(connection, settings, source, table) if f.fetch.fetch_id in shown]


def split_incoming(
    connection: duckdb.DuckDBPyConnection, source: Source, table: Table, fetches: Sequence[Fetch]
) -> list[str]:
    """Give each fetch a table of its own in `incoming` and return their names, so that each can be judged alone."""
    name = identifier(source, table)
    names = [f"{name}__{number}" for number in range(len(fetches))]
    for each, fetch in zip(names, fetches, strict=True):
        connection.execute(
            f'create or replace table incoming."{each}" as select * from incoming."{name}" where _fetch_id = $id',
            {"id": fetch.fetch_id},
        )
    return names


def clear_incoming(connection: duckdb.DuckDBPyConnection, source: Source, table: Table) -> None:
    """Drop what was shown to the gate."""
    name = identifier(source, table)
    for (each,) in connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'incoming' "
        "and (table_name = $name or starts_with(table_name, $name || '__'))",
        {"name": name},
    ).fetchall():
        connection.execute(f'drop table incoming."{each}"')


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


def give_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the connection the macros of known_at rules and the calendars they read."""
    from warehouse import calendar

    calendar.give_tables(connection)
    connection.execute((Path(__file__).parent / "sql" / "known_at.sql").read_text())


def _content_hash(table: Table, relation: str) -> str:
    """SQL of a row's content: MD5 over its versioned columns as text, nulls apart from empty text."""
    versioned = [c for c in table.columns if c.is_versioned]
    parts = ", ".join(f'coalesce({relation}."{c.name}"::varchar, chr(0))' for c in versioned)
    return f"md5(concat_ws(chr(31), {parts}))"


def promote(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    fetches: Iterable[Fetch],
    now: datetime,
) -> tuple[int, int]:
    """Append to `raw` what is new in `incoming`, oldest fetch first, one transaction a fetch.

    A row is new when its content differs from the latest version of its key; a key that is missing from a later
    snapshot of its partition gets a tombstone. Returns (new versions, tombstones).
    """
    give_macros(connection)
    total_versions = total_tombstones = 0
    for fetch in sorted(fetches, key=lambda f: f.fetch_id):
        with transaction(connection):
            versions, tombstones = _promote_one(connection, source, table, fetch, now)
        total_versions += versions
        total_tombstones += tombstones
    return total_versions, total_tombstones


def _promote_one(
    connection: duckdb.DuckDBPyConnection, source: Source, table: Table, fetch: Fetch, now: datetime
) -> tuple[int, int]:
    name = identifier(source, table)
    identity = {"source": source.code, "table": table.name, "partition": raw_partition(fetch)}
    arrived = connection.execute(
        f'select count(*) from incoming."{name}" where _fetch_id = $id', {"id": fetch.fetch_id}
    ).fetchone()
    if not arrived or not arrived[0]:
        raise ConfigurationError(
            f"incoming.{name} has no row of fetch {fetch.fetch_id}", expected="the rows that were judged", got="none"
        )
    newer = connection.execute(
        "select max(fetched_at) from ops.loads where source = $source and table_name = $table "
        "and partition_key = $partition",
        identity,
    ).fetchone()
    if newer and newer[0] and newer[0] > fetch.fetched_at:
        # `raw` already knows what came after it; `drypowder replay` restores the order.
        log.warning("too late to load fetch=%s table=%s newest_loaded=%s", fetch.fetch_id, name, newer[0])
        versions = tombstones = 0
    else:
        _note_new_fields(connection, name, fetch, now)
        versions = _add_versions(connection, table, name, fetch)
        tombstones = 0
        if table.is_snapshot and not fetch.is_fallback:
            _note_truncation(connection, table, name, fetch, now)
            tombstones = _add_tombstones(connection, table, name, fetch)
        _note_history(connection, table, name, fetch, now)
        _set_aside(connection, table, name, fetch, now)
    connection.execute(
        "insert into ops.loads (fetch_id, source, table_name, partition_key, fetched_at, row_count, new_versions, "
        "tombstones, body_sha256, loaded_at) values ($fetch_id, $source, $table, $partition, $fetched_at, $rows, "
        "$versions, $tombstones, $bodies, $now)",
        {
            **identity,
            "fetch_id": fetch.fetch_id,
            "fetched_at": fetch.fetched_at,
            "rows": arrived[0],
            "versions": versions,
            "tombstones": tombstones,
            "bodies": list(fetch.bodies),
            "now": now,
        },
    )
    # A good fetch heals its partition: what was held back of it before is of the past.
    connection.execute(
        "delete from ops.held_back where source = $source and table_name = $table and partition_key = $partition "
        "and fetch_id <= $fetch_id",
        {**identity, "fetch_id": fetch.fetch_id},
    )
    return versions, tombstones


def _latest(table: Table, name: str) -> str:
    """SQL of the latest version of every key that the fetch brings or its partition holds, wherever it is now.

    A key is one record even when it moves to another partition, or was brought by a fallback first.
    """
    key = ", ".join(f'"{k}"' for k in table.grain)
    return f"""
        select * from raw."{name}"
        where hash({key}) in (
            select hash({key}) from incoming."{name}" where _fetch_id = $fetch_id
            union all
            select hash({key}) from raw."{name}" where _partition = $partition
        )
        qualify row_number() over (partition by {key} order by ingested_at desc, _fetch_id desc) = 1
    """


def _same_key(table: Table, relation: str) -> str:
    return " and ".join(f'latest."{k}" is not distinct from {relation}."{k}"' for k in table.grain)


def _add_versions(connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch) -> int:
    """Insert the rows whose content is new. A fallback only fills what the latest version leaves open."""
    filled = [
        f'coalesce(latest."{c.name}", arrived."{c.name}") as "{c.name}"' if fetch.is_fallback else f'arrived."{c.name}"'
        for c in table.columns
    ]
    # What fills a gap of the primary's stays in the primary's snapshot.
    partition = "coalesce(latest._partition, arrived._partition)" if fetch.is_fallback else "arrived._partition"
    withdrawn = "and not coalesce(latest._is_deleted, false)" if fetch.is_fallback else ""
    added = [c for c in _columns_new(connection, "incoming", name) if c in _columns_new(connection, "raw", name)]
    into = ", ".join(f'"{c}"' for c in [*(c.name for c in (*table.columns, *BOOKKEEPING)), *added])
    more = "".join(f', "{c}"' for c in added)
    arrived_more = "".join(f', arrived."{c}"' for c in added)
    inserted = connection.execute(
        f"""
        insert into raw."{name}" ({into})
        with arrived as (
            select *, ({table.known_at.sql}) as rule_known_at, ({table.known_at.pit_quality}) as rule_quality
            from incoming."{name}" where _fetch_id = $fetch_id
        ),
        latest as ({_latest(table, name)}),
        merged as (
            select {", ".join(filled)},
                arrived.rule_known_at, arrived.rule_quality, arrived.fetched_at, {partition} as _partition,
                arrived._origin, arrived._source_url, arrived._source_sha256, arrived._fetch_id,
                latest._row_hash as latest_hash, latest._is_deleted as latest_is_deleted,
                latest._partition as latest_partition, latest.known_at as latest_known_at{arrived_more}
            from arrived left join latest on {_same_key(table, "arrived")}
            where true {withdrawn}
        ),
        hashed as (select *, {_content_hash(table, "merged")} as _row_hash from merged)
        select {", ".join(f'"{c.name}"' for c in table.columns)},
            -- the publisher's rule for what we see first; what changes later was not known before we saw it,
            -- nor before the version that it replaces
            case when latest_hash is null then rule_known_at
                else greatest(rule_known_at, fetched_at, latest_known_at) end,
            fetched_at, rule_quality, false, _partition, _origin, _source_url, _source_sha256, _fetch_id,
            _row_hash{more}
        from hashed
        where latest_hash is null or latest_hash <> _row_hash or latest_is_deleted or latest_partition <> _partition
        """,
        {"partition": raw_partition(fetch), "fetch_id": fetch.fetch_id},
    ).fetchone()
    return int(inserted[0]) if inserted else 0


def _vanished(table: Table, name: str) -> str:
    """SQL of the live records of the partition that its new snapshot lacks; `is_before` are those of a past it cut off.

    A row in quarantine has not vanished: it came, and we could not read it. Where even its key could not be read
    nobody knows which record it is, so nothing of that snapshot counts as vanished.
    """
    keys = [(k, table.column(k).type) for k in table.grain]
    same = " and ".join(f'latest."{k}" is not distinct from try_cast(aside."{k}" as {kind})' for k, kind in keys)
    unread = " or ".join(f'("{k}" is not null and try_cast("{k}" as {kind}) is null)' for k, kind in keys)
    required = " or ".join(f'"{k}" is null' for k, _ in keys if table.column(k).required)
    return f"""
        with arrived as (select * from incoming."{name}" where _fetch_id = $fetch_id),
        aside as (select * from incoming."{name}{_ASIDE}" where _fetch_id = $fetch_id),
        latest as ({_latest(table, name)}),
        lacking as (
            select *, ({table.about[1]})::date < (select min(({table.about[0]})::date) from arrived) as is_earlier
            from latest
            where not latest._is_deleted and latest._partition = $partition
                and not exists (select 1 from arrived where {_same_key(table, "arrived")})
                and not exists (select 1 from aside where {same})
                and not exists (select 1 from aside where {unread}{" or " + required if required else ""})
        ),
        vanished as (
            select *, is_earlier and count(*) filter (is_earlier) over () >= {TRUNCATED_ROWS} as is_before from lacking
        )
    """


def _add_tombstones(connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch) -> int:
    """Insert a tombstone for every live record of the partition that its new snapshot lacks.

    What lies before the snapshot's first period was not withdrawn: the publisher cut its past, and ours stays.
    """
    columns = ", ".join(f'latest."{c.name}"' for c in table.columns)
    into = ", ".join(f'"{c.name}"' for c in (*table.columns, *BOOKKEEPING))
    inserted = connection.execute(
        f"""
        insert into raw."{name}" ({into})
        {_vanished(table, name)}
        select {columns},
            greatest($fetched_at::timestamptz, latest.known_at), $fetched_at::timestamptz, latest.pit_quality, true,
            latest._partition, latest._origin, latest._source_url, latest._source_sha256, $fetch_id, latest._row_hash
        from vanished as latest
        where not is_before
        """,
        {"partition": raw_partition(fetch), "fetch_id": fetch.fetch_id, "fetched_at": fetch.fetched_at},
    ).fetchone()
    return int(inserted[0]) if inserted else 0


def _columns_new(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> list[str]:
    """Return a table's columns that no contract knows yet."""
    found = connection.execute(
        "select column_name from duckdb_columns() where schema_name = ? and table_name = ? "
        "and starts_with(column_name, ?) order by 1",
        [schema, name, landing.NEW_FIELD],
    ).fetchall()
    return [column for (column,) in found]


def _note_new_fields(connection: duckdb.DuckDBPyConnection, name: str, fetch: Fetch, now: datetime) -> None:
    """Give `raw` a nullable text column for each field that a publisher added, and announce it in `ops.drift`."""
    known = set(_columns_new(connection, "raw", name))
    for column in _columns_new(connection, "incoming", name):
        if column in known:
            continue
        connection.execute(f'alter table raw."{name}" add column "{column}" varchar')
        connection.execute(
            "insert into ops.drift (source, table_name, column_name, first_fetch_id, noticed_at) "
            "values (?, ?, ?, ?, ?)",
            [fetch.source, fetch.table, column, fetch.fetch_id, now],
        )
        log.warning("the publisher added a field table=%s column=%s", name, column)


_CHANGE = (
    "insert into ops.history_changes (fetch_id, source, table_name, partition_key, kind, row_count, first_period, "
    "last_period, noticed_at) "
)


def _note_truncation(
    connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch, now: datetime
) -> None:
    """Record that a publisher's past begins later than it did; our rows of it stay as they are."""
    connection.execute(
        f"""{_CHANGE}
        {_vanished(table, name)}
        select $fetch_id, $source, $table, $partition, 'truncated', count(*), min(({table.about[0]})::date),
            max(({table.about[1]})::date), $now
        from vanished where is_before having count(*) > 0
        """,
        {**_identity(fetch), "fetch_id": fetch.fetch_id, "now": now},
    )


def _note_history(connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch, now: datetime) -> None:
    """Record what this fetch withdrew and restated of what was known before it."""
    key = ", ".join(f'"{k}"' for k in table.grain)
    connection.execute(
        f"""{_CHANGE}
        with counted as (
            select *, row_number() over (partition by {key} order by ingested_at, _fetch_id) as version
            from raw."{name}" where hash({key}) in (select hash({key}) from raw."{name}" where _fetch_id = $fetch_id)
        )
        select $fetch_id, $source, $table, $partition, if(_is_deleted, 'withdrawn', 'restated'), count(*),
            min(({table.about[0]})::date), max(({table.about[1]})::date), $now
        from counted where _fetch_id = $fetch_id and version > 1 group by all
        """,
        {**_identity(fetch), "fetch_id": fetch.fetch_id, "now": now},
    )


def _identity(fetch: Fetch) -> dict[str, Any]:
    return {"source": fetch.source, "table": fetch.table, "partition": raw_partition(fetch)}


def _set_aside(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    name: str,
    fetch: Fetch,
    now: datetime,
    *,
    whole: str | None = None,
) -> None:
    """Replace what a partition has in quarantine by the bad rows of its fetch; `whole` adds the good ones, with why."""
    text = ", ".join(f'"{c.name}" varchar' for c in table.columns)
    shape = f"{text}, _rule varchar, _reason varchar, _row bigint, {_STAMPS}"
    wanted = [part.split()[0].strip('"') for part in shape.split(", ")]
    there = [column for column, _ in _columns(connection, "quarantine", name)]
    if there and there != wanted:
        connection.execute(f'drop table quarantine."{name}"')  # of an older shape; the archive has what was in it
    connection.execute(f'create table if not exists quarantine."{name}" ({shape})')
    identity = _identity(fetch)
    connection.execute(
        f'delete from quarantine."{name}" where _partition = $partition', {"partition": identity["partition"]}
    )
    connection.execute(
        "delete from ops.quarantine where source = $source and table_name = $table and partition_key = $partition",
        identity,
    )
    connection.execute(
        f'insert into quarantine."{name}" by name select * from incoming."{name}{_ASIDE}" where _fetch_id = $id',
        {"id": fetch.fetch_id},
    )
    if whole is not None:
        columns = ", ".join(f'"{c.name}"::varchar as "{c.name}"' for c in table.columns)
        connection.execute(
            f"insert into quarantine.\"{name}\" by name select {columns}, 'gate' as _rule, $why::varchar as _reason, "
            f'null::bigint as _row, _partition, _origin, _source_url, _source_sha256, _fetch_id from incoming."{name}" '
            "where _fetch_id = $id",
            {"id": fetch.fetch_id, "why": whole},
        )
    connection.execute(
        "insert into ops.quarantine (source, table_name, partition_key, fetch_id, rule, row_count, reason, "
        "quarantined_at) select $source, $table, $partition, $id, _rule, count(*), min(_reason), $now "
        f'from quarantine."{name}" where _fetch_id = $id group by _rule',
        {**identity, "id": fetch.fetch_id, "now": now},
    )


def drop(connection: duckdb.DuckDBPyConnection, source: Source, table: Table) -> None:
    """Drop a raw table and all that is recorded of it, to be made anew by its contract of today."""
    name = identifier(source, table)
    clear_incoming(connection, source, table)
    with transaction(connection):
        connection.execute(f'drop table if exists raw."{name}"')
        connection.execute(f'drop table if exists quarantine."{name}"')
        for records in ("loads", "held_back", "quarantine", "history_changes", "drift"):
            connection.execute(
                f"delete from ops.{records} where source = ? and table_name = ?", [source.code, table.name]
            )


def forget(connection: duckdb.DuckDBPyConnection, fetch: Fetch) -> None:
    """Let a fetch be judged again, as if it had just landed: what it brought already is there and makes no version."""
    with transaction(connection):
        connection.execute("delete from ops.loads where fetch_id = ?", [fetch.fetch_id])
        connection.execute("delete from ops.held_back where fetch_id = ?", [fetch.fetch_id])


def hold_back(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    fetch: Fetch,
    reason: str,
    failures: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """Remember that a fetch did not pass its gate, and keep its rows in `quarantine` until its partition heals."""
    name = identifier(source, table)
    with transaction(connection):
        _note_held_back(connection, fetch, raw_partition(fetch), "incoming", reason, json.dumps(list(failures)), now)
        _set_aside(connection, table, name, fetch, now, whole=reason)


def _note_held_back(
    connection: duckdb.DuckDBPyConnection,
    fetch: Fetch,
    partition: str,
    border: str,
    reason: str,
    failures: str,
    now: datetime,
) -> None:
    connection.execute(
        "insert or replace into ops.held_back (fetch_id, source, table_name, partition_key, held_at, border, reason, "
        "failures) values (?, ?, ?, ?, ?, ?, ?, ?)",
        [fetch.fetch_id, fetch.source, fetch.table, partition, now, border, reason, failures],
    )


def note_refusals(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime, *, internal: bool = False
) -> int:
    """Bring refusals at landing, which are files, into `ops.held_back`; return how many there are."""
    ours = {(s.code, t.name) for s, t in tables_of(internal=internal)}
    refusals = [(f, reason) for f, reason in landing.refusals(settings) if (f.source, f.table) in ours]
    with transaction(connection):
        connection.execute("delete from ops.held_back where border = 'landing'")
        for fetch, reason in refusals:
            failures = json.dumps([{"expectation": "contract", "detail": reason}])
            _note_held_back(connection, fetch, fetch.partition, "landing", reason, failures, now)
    return len(refusals)


def refresh_freshness(connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime) -> None:
    """Rewrite `ops.freshness`: when each table was last asked for, last changed, and its newest known period."""
    archive = Archive(settings.archive)
    rows = []
    for source, table in tables_of(internal=False):
        checked = archive.last_checked(source.code, table.name)
        found = connection.execute(
            f"""select max(ingested_at), (max({table.about[1]}) filter (known_at <= $now))::date,
                string_agg(distinct _origin, ', ' order by _origin)
            from raw."{identifier(source, table)}" """,
            {"now": now},
        ).fetchone() or (None, None, None)
        rows.append(
            (
                source.code,
                table.name,
                checked,
                found[0],
                found[1],
                table.cadence.stale_after_days,
                f"{table.cadence.cron} {table.cadence.timezone}",
                found[2],
            )
        )
    terms = [
        (s.code, t.name, t.licence.name, t.licence.url, t.licence.redistribution, t.licence.attribution)
        for s, t in tables_of(internal=False)
    ]
    with transaction(connection):
        for name, records in (("terms", terms), ("freshness", rows)):
            connection.execute(f"delete from ops.{name}")
            columns = [column.split()[0] for column in OPS[name].split(", ")]
            for record in records:
                connection.execute(
                    f"insert into ops.{name} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})", record
                )
