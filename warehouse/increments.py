"""What a build may keep of the last one: the instant before which nothing that the tables are made of has changed.

After a build that ended well, `build.inputs` holds for each raw table how many rows it had and a digest of them, with
the logic and the day of that build. The next one may keep what was known before the earliest `known_at` of the rows
that came since (METHOD.md, section c), if all the rows of then are still there, and the logic is the same. Where that
cannot be said everything is built anew; the note is dropped when a build begins, so that one that fails leaves none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse import stores

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

NOTE = "build.inputs"
NEWS = "build.news"
"""Which raw tables and models differ from the last build, and the first day that new raw rows are about.

dbt adds its models as it goes (dbt_project/macros/increments.sql).
"""


@dataclass(frozen=True, kw_only=True)
class Increment:
    """What a build has to do: all there is (`since` is None) and why, or what became known since."""

    since: datetime | None
    reason: str

    def __str__(self) -> str:
        """Say it in a few words."""
        if self.since is None:
            return f"everything: {self.reason}"
        return f"what became known since {self.since:%Y-%m-%d %H:%M} UTC: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class _Raw:
    """A raw table now, beside what was noted of it. `first_new` is the earliest known_at of the rows since then."""

    name: str
    rows: int
    digest: str
    rows_then: int
    digest_then: str
    first_new: datetime | None


def begin(connection: duckdb.DuckDBPyConnection, *, logic: str, now: datetime, anew: bool = False) -> Increment:
    """Return what the build that now begins has to do, and forget what the last one was made of."""
    found = Increment(since=None, reason="as asked") if anew else _find(connection, logic, now)
    connection.execute(f"drop table if exists {NOTE}")
    return found


def complete(connection: duckdb.DuckDBPyConnection, *, logic: str, now: datetime) -> None:
    """Note what the tables are made of, once they are built."""
    connection.execute(
        f"create or replace table {NOTE} "
        "(name varchar, row_count bigint, digest varchar, logic varchar, built_as_of timestamptz)"
    )
    for name in _names(connection):
        connection.execute(
            f"insert into {NOTE} select $name, count(*), {_digest(connection, name)}, $logic, $now "
            f'from raw."{name}" as held',
            {"name": name, "logic": logic, "now": now},
        )


def _find(connection: duckdb.DuckDBPyConnection, logic: str, now: datetime) -> Increment:
    there = connection.execute(
        "select 1 from duckdb_tables() where schema_name || '.' || table_name = ?", [NOTE]
    ).fetchone()
    noted = {row[0]: row[1:] for row in connection.execute(f"select * from {NOTE}").fetchall()} if there else {}
    if not noted:
        return Increment(since=None, reason="no build before it ended well")
    [(logic_then, built_as_of)] = {row[2:] for row in noted.values()}
    if logic_then != logic:
        return Increment(since=None, reason="the models, what they call, or what runs them have changed")
    if built_as_of > now:
        return Increment(since=None, reason=f"the last build was as of {built_as_of:%Y-%m-%d %H:%M}, which is later")
    raw = [_compare(connection, name, *noted.get(name, (0, ""))[:2]) for name in _names(connection)]
    for each in raw:
        if each.digest != each.digest_then:
            return Increment(since=None, reason=f"rows of raw.{each.name} that were there are not")
    if gone := sorted(noted.keys() - {each.name for each in raw}):
        return Increment(since=None, reason=f"raw.{gone[0]} is gone")
    new = [each for each in raw if each.rows > each.rows_then]
    connection.execute(f"create or replace table {NEWS} (node varchar, first_period date)")
    rows_then = {each.name: each.rows_then for each in new}
    for source, table in stores.tables_of(internal=False):
        name = stores.identifier(source, table)
        if name in rows_then:
            connection.execute(
                f"insert into {NEWS} select $node, min(({table.about[0]})::date) "
                f'from raw."{name}" where rowid >= $then',
                {"node": f"source.drypowder.{source.code}.{table.name}", "then": rows_then[name]},
            )
    # What was frozen at a cut-off since the last build stands in no table yet.
    since = min([built_as_of, *(each.first_new for each in new if each.first_new is not None)])
    return Increment(
        since=since, reason=f"{sum(each.rows - each.rows_then for each in new):,} rows of {len(new)} tables are new"
    )


def _names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute("select table_name from duckdb_tables() where schema_name = 'raw' order by 1").fetchall()
    return [name for (name,) in found]


def _digest(connection: duckdb.DuckDBPyConnection, name: str, which: str = "true") -> str:
    """SQL of a digest of a raw table's columns and of some of its rows, whatever their order."""
    columns = stores.columns_in(connection, "raw", name)
    told = ", ".join(f'"{c}"' for c in ("known_at", "ingested_at", "pit_quality", "_is_deleted", "_row_hash"))
    shape = str(columns).replace("'", "")
    return f"md5('{shape}' || coalesce(sum(hash({told})) filter ({which}), 0))"


def _compare(connection: duckdb.DuckDBPyConnection, name: str, rows_then: int, digest_then: str) -> _Raw:
    """Look at a raw table, whose rows are only ever added to: those of then are the first."""
    row = connection.execute(
        f"select count(*), {_digest(connection, name, 'rowid < $then')}, min(known_at) filter (rowid >= $then) "
        f'from raw."{name}" as held',
        {"then": rows_then},
    ).fetchone()
    rows, digest, first_new = row or (0, "", None)
    return _Raw(
        name=name,
        rows=rows,
        digest=digest,
        rows_then=rows_then,
        digest_then=digest_then or digest,
        first_new=first_new,
    )
