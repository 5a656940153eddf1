"""What did not get into `raw`: rows set aside one by one, whole fetches that a gate held back, payloads refused.

Nothing here is lost: the bytes are in the archive. `replay` reads them again under today's contract and rules, which is
the way back after either was mended; `discard` says that the rows are rightly left out.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse import clock, landing, sources, stores, upkeep, versions
from warehouse.archive import write_atomically
from warehouse.errors import ConfigurationError, NothingNew
from warehouse.locking import builder_lock
from warehouse.pipeline import settings_of_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Source, Table
    from warehouse.pipeline import Progress
    from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One reason why rows of one partition are not in `raw`."""

    table: str
    partition: str
    border: str
    """`row` (single rows), `incoming` (the gate held the fetch back) or `landing` (the contract refused it)."""
    rule: str
    rows: int | None
    """None where nobody could count them: the payload could not be read."""
    reason: str
    since: datetime
    fetch_id: str


def entries(settings: Settings | None = None, table: str | None = None) -> list[Entry]:
    """Return what is in quarantine, of one table ('source.table') or of all."""
    settings = settings_of_home(settings)
    found: list[Entry] = []
    for refused, reason in landing.refusals(settings):
        found.append(
            Entry(
                table=f"{refused.source}.{refused.table}",
                partition=refused.partition,
                border="landing",
                rule="contract",
                rows=None,
                reason=reason,
                since=refused.fetched_at,
                fetch_id=refused.fetch_id,
            )
        )
    for _, connection in _files(settings):
        rows = connection.execute(
            "select source || '.' || table_name, partition_key, if(rule = 'gate', 'incoming', 'row'), rule, row_count, "
            "reason, quarantined_at, fetch_id from ops.quarantine where discarded_at is null order by all"
        ).fetchall()
        names = ("table", "partition", "border", "rule", "rows", "reason", "since", "fetch_id")
        found += [Entry(**dict(zip(names, row, strict=True))) for row in rows]
    return [e for e in found if table is None or e.table == table]


def rows(table: str, settings: Settings | None = None, *, limit: int = 100) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names and values of a table's quarantined rows: rule, reason, the row as text, where its body is.

    Raises:
        ConfigurationError: there is no such table.
    """
    settings = settings_of_home(settings)
    source, declared = _find(table)
    name = stores.identifier(source, declared)
    for internal, connection in _files(settings):
        if internal is not declared.is_internal or not _exists(connection, name):
            continue
        columns = ", ".join(f'"{c.name}"' for c in declared.columns)
        cursor = connection.execute(
            f"select _rule as rule, _reason as reason, {columns}, _row as row_number, _partition as partition, "
            f'_source_url as source_url, _source_sha256 as body_sha256 from quarantine."{name}" '
            "order by _fetch_id, _row limit ?",
            [limit],
        )
        return [c[0] for c in cursor.description or []], cursor.fetchall()
    return [], []


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What a replay of the quarantine brought back."""

    fetches: int
    rows: int
    remaining: int
    seconds: float

    def __str__(self) -> str:
        """Say it in one line."""
        left = (
            f"{self.remaining} reason(s) remain: `drypowder quarantine list`" if self.remaining else "nothing remains"
        )
        return (
            f"read {self.fetches} fetch(es) again, {self.rows:,} new version(s) in raw, {left} ({self.seconds:.1f} s)"
        )


def replay(
    table: str | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    allow_fewer: bool = False,
) -> Recovered:
    """Rebuild from the archive the tables that have something in quarantine, by today's contracts, rules and gates.

    All of a table's fetches are read again in their order, so that what is recovered is known since when it could be,
    and equals what `drypowder replay` gives.

    Raises:
        GateClosed: a table would end with fewer rows than it has now, and `allow_fewer` is not set.
    """
    started = time.monotonic()
    settings = settings_of_home(settings)
    names = {e.table for e in entries(settings, table)}
    chosen = frozenset(stores.identifier(*_find(name)) for name in names)
    if not chosen:
        raise NothingNew("Nothing is in quarantine, so there is nothing to read again")
    before = sum(count for name, count in upkeep.raw_rows(settings).items() if name in chosen)
    again = upkeep.replay(settings, progress, allow_fewer=allow_fewer, only=chosen)
    after = sum(count for name, count in upkeep.raw_rows(settings).items() if name in chosen)
    return Recovered(
        fetches=again.files,
        rows=after - before,
        remaining=len(entries(settings, table)),
        seconds=time.monotonic() - started,
    )


def discard(table: str, settings: Settings | None = None) -> int:
    """Leave a table's quarantined rows out for good and return how many; the archive keeps their bytes.

    Equal rows that come again are left out too.

    Raises:
        ConfigurationError: there is no such table, or it has no row in quarantine.
    """
    settings = settings_of_home(settings)
    source, declared = _find(table)
    name = stores.identifier(source, declared)
    with (
        builder_lock(settings, "quarantine discard"),
        stores.open_warehouse(settings, internal=declared.is_internal) as connection,
        stores.transaction(connection),
    ):
        count = 0
        if _exists(connection, name):
            row = connection.execute(f"select count(*) from quarantine.\"{name}\" where _rule <> 'gate'").fetchone()
            count = int(row[0]) if row else 0
        if not count:
            raise ConfigurationError(
                f"{table} has no single row in quarantine",
                expected="rows set aside",
                got="none",
                remedy="What a gate held back or a contract refused heals with the next good fetch.",
            )
        digests = connection.execute(
            f"select distinct {versions.digest_of_row(declared)} from quarantine.\"{name}\" where _rule <> 'gate'"
        ).fetchall()
        note = stores.discarded_note(settings, source.code, declared.name)
        known = set(json.loads(note.read_text())) if note.is_file() else set()
        write_atomically(note, json.dumps(sorted(known | {digest for (digest,) in digests})).encode())
        connection.execute(f"delete from quarantine.\"{name}\" where _rule <> 'gate'")
        connection.execute(
            "update ops.quarantine set discarded_at = ? where source = ? and table_name = ? and rule <> 'gate'",
            [clock.now(settings), source.code, declared.name],
        )
    return count


def _find(table: str) -> tuple[Source, Table]:
    code, _, name = table.partition(".")
    return sources.find(code, name)


def _files(settings: Settings) -> Iterator[tuple[bool, Any]]:
    """Open each of the builder's files that there is, one after the other, for reading."""
    for internal in stores.areas(settings):
        if stores.file_of(settings, internal=internal).exists():
            with (
                builder_lock(settings, "quarantine"),
                stores.open_warehouse(settings, internal=internal, may_differ=True) as connection,
            ):
                yield internal, connection


def _exists(connection: Any, name: str) -> bool:  # noqa: ANN401
    found = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'quarantine' and table_name = ?", [name]
    ).fetchone()
    return found is not None
