"""From landed files to `raw`: rows whose content changed, stamped with when they were known. One writer.

`fill_incoming` shows pending files to the gate; `promote` appends what passed, one transaction a file; `hold_back`
remembers what did not. Every statement that decides what a version is stands in this module.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import landing, sources
from warehouse.archive import Archive, Fetch
from warehouse.contract import BOOKKEEPING, Source, Table
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb

    from warehouse.settings import Settings

SCHEMAS = ("incoming", "raw", "staging", "intermediate", "marts", "metrics", "ops", "quarantine")

_OPS = """
create table if not exists ops.loads (
    fetch_id varchar primary key, source varchar, table_name varchar, "partition" varchar, fetched_at timestamptz,
    row_count bigint, new_versions bigint, tombstones bigint, body_sha256 varchar[], loaded_at timestamptz
);
create table if not exists ops.held_back (
    fetch_id varchar primary key, source varchar, table_name varchar, "partition" varchar, held_at timestamptz,
    border varchar, reason varchar, failures json
);
create table if not exists ops.validations (
    run_id varchar, border varchar, suite varchar, table_name varchar, expectation varchar, column_name varchar,
    severity varchar, success boolean, observed varchar, unexpected_count bigint, row_count bigint, detail varchar,
    validated_at timestamptz
);
create table if not exists ops.freshness (
    source varchar, table_name varchar, last_checked_at timestamptz, last_changed_at timestamptz,
    newest_period_end date, stale_after_days integer, cadence varchar, origin varchar
);
"""


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
    connection.execute(_OPS)
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
    """A landed file that `raw` does not have."""

    fetch: Fetch
    path: Path
    held_back: bool


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
    """Return the files to judge now, oldest first.

    What was held back waits until its table lands something new, then is judged again together with it, unless a
    newer fetch of its partition is among the new.
    """
    settled, held = (
        {row[0] for row in connection.execute(f"select fetch_id from ops.{name}").fetchall()}
        for name in ("loads", "held_back")
    )
    paths = sorted((settings.landing / source.code / table.name).glob("[0-9]*.parquet"))
    files = [
        Pending(fetch=_fetch_of(connection, path), path=path, held_back=path.stem in held)
        for path in paths
        if path.stem not in settled
    ]
    fresh = [f for f in files if not f.held_back]
    if not fresh:
        return []
    superseded = {f.fetch.partition: f.fetch.fetched_at for f in fresh}
    return [
        f
        for f in files
        if not f.held_back or f.fetch.fetched_at > superseded.get(f.fetch.partition, datetime.min.replace(tzinfo=UTC))
    ]


def raw_partition(fetch: Fetch) -> str:
    """Return the partition as `raw` names it: a fallback's is apart, so that neither withdraws the other's rows."""
    return f"{fetch.partition}@fallback" if fetch.is_fallback else fetch.partition


def fill_incoming(connection: duckdb.DuckDBPyConnection, source: Source, table: Table, files: Sequence[Pending]) -> int:
    """Replace `incoming.<source>__<table>` by the rows of pending files; without files it goes. Return its rows."""
    target = f'incoming."{identifier(source, table)}"'
    connection.execute(f"drop table if exists {target}")
    if not files:
        return 0
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    for number, file in enumerate(files):
        select = (
            f"select {columns}, $partition::varchar as _partition, $origin::varchar as _origin, "
            "list_extract($urls, _response + 1) as _source_url, "
            "list_extract($hashes, _response + 1) as _source_sha256, "
            "$fetch_id::varchar as _fetch_id, $is_fallback::boolean as _is_fallback, "
            "$fetched_at::timestamptz as fetched_at from read_parquet($path)"
        )
        connection.execute(
            f"create table {target} as {select}" if number == 0 else f"insert into {target} {select}",
            {
                "partition": raw_partition(file.fetch),
                "origin": file.fetch.origin,
                "urls": [r["url"] for r in file.fetch.responses],
                "hashes": list(file.fetch.bodies),
                "fetch_id": file.fetch.fetch_id,
                "is_fallback": file.fetch.is_fallback,
                "fetched_at": file.fetch.fetched_at,
                "path": str(file.path),
            },
        )
    row = connection.execute(f"select count(*) from {target}").fetchone()
    return int(row[0]) if row else 0


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


def content_hash(table: Table) -> str:
    """SQL of a row's content: MD5 over all its columns as text, nulls apart from empty text."""
    parts = ", ".join(f'coalesce("{c.name}"::varchar, chr(0))' for c in table.columns)
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
        connection.begin()
        try:
            versions, tombstones = _promote_one(connection, source, table, fetch)
            connection.execute(
                "insert into ops.loads select $fetch_id, $source, $table, $partition, $fetched_at, count(*), "
                "$versions, $tombstones, $bodies, $now "
                f'from incoming."{identifier(source, table)}" where _fetch_id = $fetch_id',
                {
                    "fetch_id": fetch.fetch_id,
                    "source": source.code,
                    "table": table.name,
                    "partition": raw_partition(fetch),
                    "fetched_at": fetch.fetched_at,
                    "versions": versions,
                    "tombstones": tombstones,
                    "bodies": list(fetch.bodies),
                    "now": now,
                },
            )
            connection.execute("delete from ops.held_back where fetch_id = ?", [fetch.fetch_id])
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        total_versions += versions
        total_tombstones += tombstones
    connection.execute(f'drop table incoming."{identifier(source, table)}"')
    return total_versions, total_tombstones


def _promote_one(connection: duckdb.DuckDBPyConnection, source: Source, table: Table, fetch: Fetch) -> tuple[int, int]:
    name = identifier(source, table)
    partition = raw_partition(fetch)
    newer = connection.execute(
        'select max(fetched_at) from ops.loads where source = ? and table_name = ? and "partition" = ?',
        [source.code, table.name, partition],
    ).fetchone()
    if newer and newer[0] and newer[0] > fetch.fetched_at:
        return (
            0,
            0,
        )  # judged again too late: `raw` already knows what came after; `drypowder replay` restores order
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    same_key = " and ".join(f'latest."{k}" is not distinct from arrived."{k}"' for k in table.grain)
    # A fallback may only add, so for it every known key counts, whoever brought it.
    scope = "$partition is not null" if fetch.is_fallback else "_partition = $partition"
    latest = f"""
        select * from raw."{name}" where {scope}
        qualify row_number() over (
            partition by {", ".join(f'"{k}"' for k in table.grain)} order by ingested_at desc, _fetch_id desc
        ) = 1
    """
    revised = "false" if fetch.is_fallback else "latest._row_hash <> arrived._row_hash or latest._is_deleted"
    parameters = {"partition": partition, "fetch_id": fetch.fetch_id}
    versions = connection.execute(
        f"""
        insert into raw."{name}"
        with arrived as (
            select *, {content_hash(table)} as _row_hash, ({table.known_at.sql}) as rule_known_at,
                ({table.known_at.pit_quality}) as rule_quality
            from incoming."{name}" where _fetch_id = $fetch_id
        ),
        latest as ({latest})
        select {", ".join(f"arrived.{c}" for c in columns.split(", "))},
            case when latest._row_hash is null then arrived.rule_known_at
                else greatest(arrived.rule_known_at, arrived.fetched_at) end,
            arrived.fetched_at, arrived.rule_quality, false, arrived._partition, arrived._origin,
            arrived._source_url, arrived._source_sha256, arrived._fetch_id, arrived._row_hash
        from arrived left join latest on {same_key}
        where latest._row_hash is null or {revised}
        """,
        parameters,
    ).fetchone()
    if fetch.is_fallback:
        return int(versions[0]) if versions else 0, 0
    tombstones = connection.execute(
        f"""
        insert into raw."{name}"
        with arrived as (select * from incoming."{name}" where _fetch_id = $fetch_id),
        latest as ({latest})
        select {", ".join(f"latest.{c}" for c in columns.split(", "))},
            $fetched_at::timestamptz, $fetched_at::timestamptz, latest.pit_quality, true, latest._partition,
            latest._origin, latest._source_url, latest._source_sha256, $fetch_id, latest._row_hash
        from latest where not latest._is_deleted and not exists (select 1 from arrived where {same_key})
        """,
        {**parameters, "fetched_at": fetch.fetched_at},
    ).fetchone()
    return int(versions[0]) if versions else 0, int(tombstones[0]) if tombstones else 0


def hold_back(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    fetches: Iterable[Fetch],
    reason: str,
    failures: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """Remember that fetches did not pass their gate, and keep their rows in `quarantine`."""
    name = identifier(source, table)
    connection.begin()
    try:
        for fetch in fetches:
            connection.execute(
                "insert or replace into ops.held_back values (?, ?, ?, ?, ?, 'incoming', ?, ?)",
                [
                    fetch.fetch_id,
                    source.code,
                    table.name,
                    fetch.partition,
                    now,
                    reason,
                    json.dumps(list(failures)),
                ],
            )
        connection.execute(f'create or replace table quarantine."{name}" as select * from incoming."{name}"')
        connection.execute(f'drop table incoming."{name}"')
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def note_refusals(connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime) -> int:
    """Bring refusals at landing, which are files, into `ops.held_back`; return how many there are."""
    connection.execute("delete from ops.held_back where border = 'landing'")
    count = 0
    for path in sorted(settings.refused.glob("*/*/[0-9]*.json")):
        entry = json.loads(path.read_text())
        latest = Archive(settings.archive).latest(entry["source"], entry["table"], entry["partition"])
        if latest is None or latest.fetch_id != entry["fetch_id"]:
            continue  # a later fetch of the partition was good: nothing is held back any more
        connection.execute(
            "insert or replace into ops.held_back values (?, ?, ?, ?, ?, 'landing', ?, ?)",
            [
                entry["fetch_id"],
                entry["source"],
                entry["table"],
                entry["partition"],
                now,
                entry["reason"],
                json.dumps([{"expectation": "contract", "detail": entry["reason"]}]),
            ],
        )
        count += 1
    return count


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
    connection.begin()
    connection.execute("delete from ops.freshness")
    connection.executemany("insert into ops.freshness values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
