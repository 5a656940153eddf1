"""From landed files to `raw`: rows whose content changed, stamped with when they were known. One writer.

`fill_incoming` shows pending files to the gate; `promote` appends what passed, one transaction a file; `hold_back`
remembers what did not. Every statement that decides what a version is stands in this module.
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
    "freshness": "source varchar, table_name varchar, last_checked_at timestamptz, last_changed_at timestamptz, "
    "newest_period_end date, stale_after_days integer, cadence varchar, origin varchar",
}
"""The builder's own records. A home made before a column was added gets it when it is opened."""


def identifier(source: Source, table: Table) -> str:
    """Return the name of a landed table inside `incoming`, `raw` and `quarantine`."""
    return f"{source.code}__{table.name}"


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the builder's file with its schemas and raw tables in place, and close it.

    The caller holds the builder's lock: DuckDB allows one writing process per file.
    """
    import duckdb

    settings.home.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        str(settings.warehouse),
        read_only=read_only,
        config=settings.duckdb_config,
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if not read_only:
            _prepare(connection)
        yield connection
    finally:
        connection.close()


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for table_name, columns in OPS.items():
        connection.execute(f"create table if not exists ops.{table_name} ({columns})")
        for column in columns.replace(" primary key", "").split(", "):
            connection.execute(f"alter table ops.{table_name} add column if not exists {column}")
    for source, table in sources.tables():
        name = identifier(source, table)
        ddl = ", ".join(f'"{c.name}" {c.type}' for c in (*table.columns, *BOOKKEEPING))
        connection.execute(f'create table if not exists raw."{name}" ({ddl})')
        connection.execute(f"create or replace temp table promised ({ddl})")
        columns = "select column_name, data_type from duckdb_columns() where {} order by column_index"
        expected = connection.execute(columns.format("database_name = 'temp' and table_name = 'promised'")).fetchall()
        got = connection.execute(columns.format(f"schema_name = 'raw' and table_name = '{name}'")).fetchall()
        connection.execute("drop table promised")
        if got != expected:
            raise ConfigurationError(
                f"raw.{name} has other columns than its contract",
                expected=sorted(set(expected) - set(got)) or "the same columns in another order",
                got=sorted(set(got) - set(expected)),
                remedy="Run `drypowder replay`: it rebuilds landing and raw from the archive.",
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
    target = f'incoming."{identifier(source, table)}"'
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    with transaction(connection):
        connection.execute(f"drop table if exists {target}")
        for number, file in enumerate(files):
            select = (
                f"select {columns}, $partition::varchar as _partition, $origin::varchar as _origin, "
                "list_extract($urls, _response + 1) as _source_url, "
                "list_extract($hashes, _response + 1) as _source_sha256, "
                "$fetch_id::varchar as _fetch_id, $fetched_at::timestamptz as fetched_at from read_parquet($path)"
            )
            connection.execute(
                f"create table {target} as {select}" if number == 0 else f"insert into {target} {select}",
                {
                    "partition": raw_partition(file.fetch),
                    "origin": file.fetch.origin,
                    "urls": [r["url"] for r in file.fetch.responses],
                    "hashes": list(file.fetch.bodies),
                    "fetch_id": file.fetch.fetch_id,
                    "fetched_at": file.fetch.fetched_at,
                    "path": str(file.path),
                },
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
    """Give the connection the macros of known_at rules and the calendar they read."""
    import numpy as np
    import pandas as pd
    from pandas.tseries.holiday import USFederalHolidayCalendar

    days = pd.date_range("1970-01-01", "2049-12-31", freq="D")
    holidays = USFederalHolidayCalendar().holidays(days[0], days[-1]).to_numpy().astype("datetime64[D]")
    dates = days.to_numpy().astype("datetime64[D]")
    following = {
        f"next_{n}": pd.to_datetime(
            np.busday_offset(dates, n, roll="backward", holidays=holidays).astype("datetime64[s]")
        )
        for n in range(1, 6)
    }
    frame = pd.DataFrame({"calendar_date": days, **following})
    connection.register("business_days", frame)
    connection.execute(
        "create or replace temp table business_calendar as select calendar_date::date as calendar_date, "
        "[next_1::date, next_2::date, next_3::date, next_4::date, next_5::date] as next_business_days "
        "from business_days"
    )
    connection.unregister("business_days")
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
        versions = _add_versions(connection, table, name, fetch)
        tombstones = 0 if fetch.is_fallback else _add_tombstones(connection, table, name, fetch)
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
    inserted = connection.execute(
        f"""
        insert into raw."{name}"
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
                latest._partition as latest_partition, latest.known_at as latest_known_at
            from arrived left join latest on {_same_key(table, "arrived")}
            where true {withdrawn}
        ),
        hashed as (select *, {_content_hash(table, "merged")} as _row_hash from merged)
        select {", ".join(f'"{c.name}"' for c in table.columns)},
            -- the publisher's rule for what we see first; what changes later was not known before we saw it,
            -- nor before the version that it replaces
            case when latest_hash is null then rule_known_at
                else greatest(rule_known_at, fetched_at, latest_known_at) end,
            fetched_at, rule_quality, false, _partition, _origin, _source_url, _source_sha256, _fetch_id, _row_hash
        from hashed
        where latest_hash is null or latest_hash <> _row_hash or latest_is_deleted or latest_partition <> _partition
        """,
        {"partition": raw_partition(fetch), "fetch_id": fetch.fetch_id},
    ).fetchone()
    return int(inserted[0]) if inserted else 0


def _add_tombstones(connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch) -> int:
    """Insert a tombstone for every live record of the partition that its new snapshot lacks."""
    columns = ", ".join(f'latest."{c.name}"' for c in table.columns)
    inserted = connection.execute(
        f"""
        insert into raw."{name}"
        with arrived as (select * from incoming."{name}" where _fetch_id = $fetch_id),
        latest as ({_latest(table, name)})
        select {columns},
            greatest($fetched_at::timestamptz, latest.known_at), $fetched_at::timestamptz, latest.pit_quality, true,
            latest._partition, latest._origin, latest._source_url, latest._source_sha256, $fetch_id, latest._row_hash
        from latest
        where not latest._is_deleted and latest._partition = $partition
            and not exists (select 1 from arrived where {_same_key(table, "arrived")})
        """,
        {"partition": raw_partition(fetch), "fetch_id": fetch.fetch_id, "fetched_at": fetch.fetched_at},
    ).fetchone()
    return int(inserted[0]) if inserted else 0


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
        connection.execute(
            f'create table if not exists quarantine."{name}" as select * from incoming."{name}" where false'
        )
        connection.execute(f'delete from quarantine."{name}" where _partition = ?', [raw_partition(fetch)])
        connection.execute(
            f'insert into quarantine."{name}" by name select * from incoming."{name}" where _fetch_id = ?',
            [fetch.fetch_id],
        )


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


def note_refusals(connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime) -> int:
    """Bring refusals at landing, which are files, into `ops.held_back`; return how many there are."""
    refusals = landing.refusals(settings)
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
    for source, table in sources.tables():
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
    with transaction(connection):
        connection.execute("delete from ops.freshness")
        connection.executemany(
            "insert into ops.freshness (source, table_name, last_checked_at, last_changed_at, newest_period_end, "
            "stale_after_days, cadence, origin) values (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
