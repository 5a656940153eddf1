"""What the builder's file remembers of its own doings: steps, releases, and how late each period came to readers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from warehouse import calendar, telemetry
from warehouse.stores import OPS, tables_of, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

    from warehouse.settings import Settings

_STEP = tuple(column.split()[0] for column in OPS["steps"].split(", "))


def note_steps(connection: duckdb.DuckDBPyConnection, settings: Settings, *, internal: bool = False) -> int:
    """Bring the steps that have ended, which are files, into `ops.steps`; return how many there were.

    Those of tables that are internal go into the internal file, once there is one: no release names such a table.
    """
    private = {f"{source.code}.{table.name}" for source, table in tables_of(internal=True)}
    files = [(path, json.loads(path.read_text())) for path in sorted(settings.steps.glob("*.json"))]
    found = [(path, step) for path, step in files if (step["subject"] in private) is internal]
    if found:
        with transaction(connection):  # whoever comes after a kill finds them there, by their id
            connection.executemany(
                f"insert or ignore into ops.steps ({', '.join(_STEP)}) values ({', '.join('?' * len(_STEP))})",
                [[step[name] for name in _STEP] for _, step in found],
            )
        for path, _ in found:
            path.unlink(missing_ok=True)
    return len(found)


def note_release(
    connection: duckdb.DuckDBPyConnection,
    before: Sequence[Mapping[str, Any]],
    release_id: str,
    run_id: str,
    now: datetime,
) -> None:
    """Write what a release that is being made will say of itself and of those before it, and what is new in it.

    `before` are the manifests of the releases that there are; what `ops.releases` knows of one that was deleted stays.
    """
    # Each statement is good alone, and all of it can be done again: whoever is killed in between is mended by the next.
    for manifest in before:
        connection.execute(
            "insert or replace into ops.releases (release_id, run_id, published_at, table_count, row_count, "
            "held_back_count, git_commit) values (?, ?, ?, ?, ?, ?, ?)",
            [
                manifest["id"],
                manifest["run_id"],
                manifest["created_at"],
                len(manifest["tables"]),
                sum(table["rows"] for table in manifest["tables"].values()),
                len(manifest["held_back"]),
                manifest["git_commit"],
            ],
        )
    connection.execute("delete from ops.releases where row_count is null")  # one that never came to be
    that_was = "release_id in (select release_id from ops.releases)"
    connection.execute(f"delete from ops.release_lag where not ({that_was})")
    connection.execute(
        f"update ops.loads set release_id = $id where release_id is null or not ({that_was})", {"id": release_id}
    )
    connection.execute(
        "insert into ops.releases (release_id, run_id, published_at) values (?, ?, ?)", [release_id, run_id, now]
    )
    _note_lag(connection, release_id, now)


def _note_lag(connection: duckdb.DuckDBPyConnection, release_id: str, now: datetime) -> None:
    tables = {(source.code, table.name): table for source, table in tables_of(internal=False)}
    known = {
        row[:2]: row[2]
        for row in connection.execute(
            "select source, table_name, max(expected_at) from ops.release_lag group by all"
        ).fetchall()
    }
    for code, name, newest, newest_known_at in connection.execute(
        "select source, table_name, newest_period_end, newest_known_at from ops.freshness "
        "where newest_period_end is not null order by all"
    ).fetchall():
        if (code, name) not in tables:
            continue
        due = calendar.newest_covered(tables[code, name].cadence, newest)
        period, expected = (due.period_end, due.due_at) if due else (newest, newest_known_at)
        if expected is None or ((code, name) in known and expected <= known[code, name]):
            continue
        # Of its first release nobody knows how long it was waited for.
        lag = (now - expected) / timedelta(seconds=1) if (code, name) in known else None
        connection.execute(
            "insert into ops.release_lag (source, table_name, period_end, expected_at, release_id, published_at, "
            "lag_seconds) values (?, ?, ?, ?, ?, ?, ?)",
            [code, name, period, expected, release_id, now, lag],
        )


def send_lag(connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Send the lag of what a release has first."""
    for source, table, seconds in connection.execute(
        "select source, table_name, lag_seconds from ops.release_lag where release_id = ? and lag_seconds is not null",
        [release_id],
    ).fetchall():
        telemetry.RELEASE_LAG.send(seconds, source=source, table=table)
