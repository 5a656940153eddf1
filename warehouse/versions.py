"""Which versions of a row there are, and when each was known: the only place that appends to `raw`.

A row is new when its content differs from the latest version of its key; a key that is missing from a later snapshot of
its partition gets a tombstone, unless the publisher cut that past off or its row is in quarantine.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import landing, runs, telemetry
from warehouse.contract import BOOKKEEPING, Source, Table
from warehouse.errors import ConfigurationError
from warehouse.stores import columns_in, identifier, raw_partition, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import duckdb

    from warehouse.archive import Fetch

log = logging.getLogger(__name__)

ASIDE = "__aside"
"""What `incoming.<source>__<table>` is called with it holds the bad rows of the same fetches."""
STAMPS = "_partition varchar, _origin varchar, _source_url varchar, _source_sha256 varchar, _fetch_id varchar"
"""Columns that say where an incoming row comes from."""

TRUNCATED_ROWS = 5
"""So many records that are missing at the start of a snapshot are a past cut off; fewer were withdrawn one by one."""

_CHANGE = (
    "insert into ops.history_changes (fetch_id, source, table_name, partition_key, kind, row_count, first_period, "
    "last_period, noticed_at) "
)


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
        _set_aside_undated(connection, table, name, fetch)
        versions = _add_versions(connection, table, name, fetch)
        tombstones = 0
        if table.is_snapshot and not fetch.is_fallback:
            _note_truncation(connection, table, name, fetch, now)
            tombstones = _add_tombstones(connection, table, name, fetch)
        _note_history(connection, table, name, fetch, now)
        set_aside(connection, table, name, fetch, now)
    connection.execute(
        "insert into ops.loads (fetch_id, source, table_name, partition_key, fetched_at, row_count, new_versions, "
        "tombstones, body_sha256, loaded_at, landed_by, loaded_by) values ($fetch_id, $source, $table, $partition, "
        "$fetched_at, $rows, $versions, $tombstones, $bodies, $now, $landed_by, $loaded_by)",
        {
            **identity,
            "fetch_id": fetch.fetch_id,
            "fetched_at": fetch.fetched_at,
            "rows": arrived[0],
            "versions": versions,
            "tombstones": tombstones,
            "bodies": list(fetch.bodies),
            "now": now,
            "landed_by": fetch.run_id,
            "loaded_by": runs.run_id(),
        },
    )
    connection.executemany(
        "insert into ops.documents (fetch_id, position, url, body_sha256, size_bytes, fetched_at, origin) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        [
            (fetch.fetch_id, position, r["url"], r["sha256"], r["bytes"], r["fetched_at"], r["origin"])
            for position, r in enumerate(fetch.responses, 1)
        ],
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


def _same_key(table: Table, relation: str, other: str = "latest") -> str:
    return " and ".join(f'{other}."{k}" is not distinct from {relation}."{k}"' for k in table.grain)


def _add_versions(connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch) -> int:
    """Insert the rows whose content is new.

    A fallback only fills what the latest version leaves open, and what it filled stays until the primary says more.
    """
    key = ", ".join(f'"{k}"' for k in table.grain)
    fallbacks = (
        "select fetch_id from ops.loads where source = $source and table_name = $table "
        "and ends_with(partition_key, '@fallback')"
    )
    if fetch.is_fallback:
        filled = [f'coalesce(latest."{c.name}", arrived."{c.name}") as "{c.name}"' for c in table.columns]
    else:
        kept = 'case when latest."{0}" = stood_in."{0}" then stood_in."{0}" end'
        filled = [f'coalesce(arrived."{c.name}", {kept.format(c.name)}) as "{c.name}"' for c in table.columns]
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
        stood_in as (
            select * from raw."{name}" where _fetch_id in ({fallbacks})
            qualify row_number() over (partition by {key} order by ingested_at desc, _fetch_id desc) = 1
        ),
        merged as (
            select {", ".join(filled)},
                arrived.rule_known_at, arrived.rule_quality, arrived.fetched_at, {partition} as _partition,
                arrived._origin, arrived._source_url, arrived._source_sha256, arrived._fetch_id,
                latest._row_hash as latest_hash, latest._is_deleted as latest_is_deleted,
                latest._partition as latest_partition, latest.known_at as latest_known_at{arrived_more}
            from arrived
            left join latest on {_same_key(table, "arrived")}
            left join stood_in on {_same_key(table, "arrived", "stood_in")}
            where true {withdrawn}
        ),
        hashed as (select *, {_content_hash(table, "merged")} as _row_hash from merged)
        select {", ".join(f'"{c.name}"' for c in table.columns)},
            -- the publisher's rule for what we see first; what changes later was not known before we saw it,
            -- nor before the version that it replaces
            case when latest_hash is null then rule_known_at
                else greatest(rule_known_at, fetched_at, latest_known_at) end,
            fetched_at,
            case when latest_hash is not null and fetched_at > rule_known_at and rule_quality <> 'current_vintage'
                then 'self_vintage' else rule_quality end,
            false, _partition, _origin, _source_url, _source_sha256, _fetch_id,
            _row_hash{more}
        from hashed
        where latest_hash is null or latest_hash <> _row_hash or latest_is_deleted or latest_partition <> _partition
        """,
        {**_identity(fetch), "fetch_id": fetch.fetch_id},
    ).fetchone()
    return int(inserted[0]) if inserted else 0


def _set_aside_undated(connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch) -> None:
    """Move rows for which the rule of known_at gives no instant to the bad ones: nobody could ever see them."""
    undated = (
        f"select * exclude (rule_known_at) from (select *, rowid as id, ({table.known_at.sql}) as rule_known_at "
        f'from incoming."{name}" where _fetch_id = $id) where rule_known_at is null or not isfinite(rule_known_at)'
    )
    text = ", ".join(f'"{c.name}"::varchar as "{c.name}"' for c in table.columns)
    moved = connection.execute(
        f"insert into incoming.\"{name}{ASIDE}\" by name select {text}, 'no_known_at' as _rule, "
        "'The rule of known_at gives no instant for its dates.' as _reason, null::bigint as _row, _partition, _origin, "
        f"_source_url, _source_sha256, _fetch_id from ({undated})",
        {"id": fetch.fetch_id},
    ).fetchone()
    if moved and moved[0]:
        connection.execute(
            f'delete from incoming."{name}" where rowid in (select id from ({undated}))', {"id": fetch.fetch_id}
        )


def _vanished(table: Table, name: str) -> str:
    """SQL of the live records of the partition that its new snapshot lacks; `is_before` are those of a past it cut off.

    A past is a series': one of many in a file may be cut while the others stay whole.

    A row in quarantine has not vanished: it came, and we could not read it. Where even its key could not be read
    nobody knows which record it is, so nothing of that snapshot counts as vanished.
    """
    series = ", ".join(f'"{k}"' for k in table.series)
    same_series = " and ".join(f'latest."{k}" is not distinct from starts."{k}"' for k in table.series) or "true"
    return f"""
        with arrived as (select * from incoming."{name}" where _fetch_id = $fetch_id),
        aside as (select * from incoming."{name}{ASIDE}" where _fetch_id = $fetch_id),
        starts as (
            select {series + ", " if series else ""}min(({table.about[0]})::date) as starts_on
            from arrived {"group by " + series if series else ""}
        ),
        latest as ({_latest(table, name)}),
        lacking as (
            select latest.*, coalesce(({table.about[1]})::date < starts.starts_on, false) as is_earlier
            from latest left join starts on {same_series}
            where not latest._is_deleted and latest._partition = $partition
                and not exists (select 1 from arrived where {_same_key(table, "arrived")})
                and not exists (select 1 from aside where {may_be_aside(table, "latest")})
        ),
        vanished as (
            select
                *,
                is_earlier and count(*) filter (is_earlier) over ({"partition by " + series if series else ""})
                    >= {TRUNCATED_ROWS} as is_before
            from lacking
        )
    """


def may_be_aside(table: Table, known: str) -> str:
    """SQL that is true where a row of `aside` may be the record of the relation `known`: its key, or one unreadable."""
    keys = [(k, table.column(k).type) for k in table.grain]
    same = " and ".join(f'{known}."{k}" is not distinct from try_cast(aside."{k}" as {kind})' for k, kind in keys)
    unread = [f'(aside."{k}" is not null and try_cast(aside."{k}" as {kind}) is null)' for k, kind in keys]
    unread += [f'aside."{k}" is null' for k, _ in keys if table.column(k).required]
    return f"({same}) or {' or '.join(unread)}"


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
            greatest($fetched_at::timestamptz, latest.known_at), $fetched_at::timestamptz, 'self_vintage', true,
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


def _note_truncation(
    connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch, now: datetime
) -> None:
    """Record, once, that a publisher's past begins later than it did; our rows of it stay as they are."""
    connection.execute(
        f"""{_CHANGE}
        {_vanished(table, name)},
        cut as (
            select count(*) as row_count, min(({table.about[0]})::date) as first_period,
                max(({table.about[1]})::date) as last_period
            from vanished where is_before
        )
        select $fetch_id, $source, $table, $partition, 'truncated', row_count, first_period, last_period, $now
        from cut
        where row_count > 0 and not exists (
            select 1 from ops.history_changes as said
            where said.source = $source and said.table_name = $table and said.partition_key = $partition
                and said.kind = 'truncated' and said.row_count >= cut.row_count
                and said.last_period >= cut.last_period
        )
        """,
        {**_identity(fetch), "fetch_id": fetch.fetch_id, "now": now},
    )


def _note_history(connection: duckdb.DuckDBPyConnection, table: Table, name: str, fetch: Fetch, now: datetime) -> None:
    """Record what this fetch withdrew and restated of what was known before it."""
    key = ", ".join(f'"{k}"' for k in table.grain)
    connection.execute(
        f"""{_CHANGE}
        with compared as (
            select *, lag(_row_hash) over versions_of_a_key as hash_before
            from raw."{name}" where hash({key}) in (select hash({key}) from raw."{name}" where _fetch_id = $fetch_id)
            window versions_of_a_key as (partition by {key} order by ingested_at, _fetch_id)
        )
        select $fetch_id, $source, $table, $partition, if(_is_deleted, 'withdrawn', 'restated'), count(*),
            min(({table.about[0]})::date), max(({table.about[1]})::date), $now
        from compared
        where _fetch_id = $fetch_id and hash_before is not null and (_is_deleted or hash_before <> _row_hash)
        group by all
        """,
        {**_identity(fetch), "fetch_id": fetch.fetch_id, "now": now},
    )


def _identity(fetch: Fetch) -> dict[str, Any]:
    return {"source": fetch.source, "table": fetch.table, "partition": raw_partition(fetch)}


def digest_of_row(table: Table) -> str:
    """SQL of what tells a bad row again: its rule and its text."""
    parts = ", ".join(f'coalesce("{c.name}", chr(0))' for c in table.columns)
    return f"md5(concat_ws(chr(31), _rule, {parts}))"


def set_aside(
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
    shape = f"{text}, _rule varchar, _reason varchar, _row bigint, {STAMPS}"
    wanted = [part.split()[0].strip('"') for part in shape.split(", ")]
    there = [column for column, _ in columns_in(connection, "quarantine", name)]
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
    discarded = "select digest from ops.discarded where source = $source and table_name = $table"
    connection.execute(
        f'insert into quarantine."{name}" by name select * from incoming."{name}{ASIDE}" where _fetch_id = $id '
        f"and {digest_of_row(table)} not in ({discarded})",
        {"id": fetch.fetch_id, "source": fetch.source, "table": fetch.table},
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
    if telemetry.is_on():
        for rule, count in connection.execute(
            "select rule, row_count from ops.quarantine where source = $source and table_name = $table "
            "and partition_key = $partition",
            identity,
        ).fetchall():
            telemetry.QUARANTINED.send(count, source=fetch.source, table=fetch.table, rule=rule)
