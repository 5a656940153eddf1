"""From landed files to the gate: what waits is shown in `incoming`, and what does not pass is remembered.

`fill_incoming` shows pending files, `warehouse.versions.promote` appends what passed to `raw`, `hold_back` keeps the
rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse import landing
from warehouse.archive import Archive, Fetch
from warehouse.errors import ConfigurationError
from warehouse.stores import OPS, identifier, raw_partition, tables_of, transaction
from warehouse.versions import ASIDE, STAMPS, set_aside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from warehouse.contract import Source, Table
    from warehouse.settings import Settings

QUARANTINED = ("_rule", "_reason", "_row")
"""Columns that say of a row in quarantine what it breaks, why that is wrong, and where in the payload it stands."""


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
    """Return the files to judge now, oldest first: neither loaded nor held back, nor from before what was loaded.

    What a good fetch healed is of the past, and what `raw` knows more of comes too late; a replay restores the order.
    """
    judged = {
        row[0]
        for row in connection.execute(
            "select fetch_id from ops.loads union all select fetch_id from ops.held_back"
        ).fetchall()
    }
    newest = dict(
        connection.execute(
            "select partition_key, max(fetch_id) from ops.loads where source = ? and table_name = ? group by all",
            [source.code, table.name],
        ).fetchall()
    )
    paths = sorted(landing.files(settings, source.code, table.name), key=lambda p: p.name)
    found = [Pending(fetch=_fetch_of(connection, path), path=path) for path in paths if path.stem not in judged]
    return [each for each in found if each.fetch.fetch_id > newest.get(raw_partition(each.fetch), "")]


def fields_of(connection: duckdb.DuckDBPyConnection, file: Pending) -> set[str]:
    """Return the columns of a landed file."""
    return {name for (name,) in connection.execute("select name from parquet_schema(?)", [str(file.path)]).fetchall()}


def fill_incoming(connection: duckdb.DuckDBPyConnection, source: Source, table: Table, files: Sequence[Pending]) -> int:
    """Replace `incoming.<source>__<table>` by the rows of pending files; without files it goes. Return its rows.

    One transaction: whoever is killed here leaves all of the files in `incoming`, or what was there before.
    """
    name = identifier(source, table)
    target, aside = f'incoming."{name}"', f'incoming."{name}{ASIDE}"'
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    text = ", ".join(f'"{c.name}" varchar' for c in table.columns)
    with transaction(connection):
        connection.execute(f"drop table if exists {target}")
        connection.execute(f"drop table if exists {aside}")
        if files:
            typed = ", ".join(f'"{c.name}" {c.type}' for c in table.columns)
            connection.execute(f"create table {target} ({typed}, {STAMPS}, fetched_at timestamptz)")
            connection.execute(f"create table {aside} ({text}, _rule varchar, _reason varchar, _row bigint, {STAMPS})")
        for file in files:
            fields = fields_of(connection, file)
            new = [field for field in fields if field.startswith(landing.NEW_FIELD)]
            lacking = [c.name for c in table.columns if c.name not in fields]
            if lacking:
                raise ConfigurationError(
                    f"{file.path} was landed under another contract of {source.code}.{table.name}",
                    expected=f"its columns {lacking}",
                    got=sorted(fields),
                    remedy="Run `drypowder migrate --apply`: it lands the table again from the archive.",
                )
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
        set_aside(connection, table, name, fetch, now, whole=reason)


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
                string_agg(distinct _origin, ', ' order by _origin), max(known_at) filter (known_at <= $now)
            from raw."{identifier(source, table)}" """,
            {"now": now},
        ).fetchone() or (None, None, None, None)
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
                found[3],
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
