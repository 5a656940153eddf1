"""What a build may keep of the last one: the instant before which nothing that the tables are made of has changed.

After a build that ended well, `build.inputs` holds for each raw table how many rows it had and a digest of them, with
the logic and the day of that build. The next one may keep what was known before the earliest `known_at` of the rows
that came since (docs/method.md, section c), if all the rows of then are still there, and the logic is the same. Where
that cannot be said everything is built anew; the note is dropped when a build begins, so that one that fails leaves
none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from warehouse import stores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

NOTE = "build.inputs"
NEWS = "build.news"
"""Which raw tables and models differ from the last build, and the first day that new raw rows are about.

dbt adds its models as it goes (dbt_project/macros/increments.sql).
"""


_NOTED = {
    "name": "varchar",
    "row_count": "bigint",
    "digest": "varchar",
    "logic": "varchar",
    "built_as_of": "timestamptz",
    "whole_as_of": "timestamptz",
}

WHOLE_AFTER = timedelta(days=30)
"""After which everything is built anew: files of tables that only grow become loose, and so might what we believe."""


GROWS_OVER = timedelta(days=366)
"""What reaches back further, as a source that lands for the first time does, costs no less to add than to build."""


@dataclass(frozen=True, kw_only=True)
class _Raw:
    """A raw table now, beside what was noted of it. `first_new` is the earliest known_at of the rows since then."""

    name: str
    rows: int
    digest: str
    rows_then: int
    is_as_then: bool
    first_new: datetime | None


@dataclass(frozen=True, kw_only=True)
class Increment:
    """What a build has to do: all there is (`since` is None), or what became known since; and `raw` as it is now.

    `whole_as_of` is the clock of the last build of everything, this one if it is.
    """

    since: datetime | None
    reason: str
    whole_as_of: datetime
    raw: tuple[_Raw, ...] = field(repr=False)

    def __str__(self) -> str:
        """Say it in a few words."""
        if self.since is None:
            return f"everything: {self.reason}"
        return f"what became known since {self.since:%Y-%m-%d %H:%M} UTC: {self.reason}"


def begin(connection: duckdb.DuckDBPyConnection, *, logic: str, now: datetime, anew: bool = False) -> Increment:
    """Return what the build that now begins has to do, and forget what the last one was made of."""
    # A note of another shape is of another logic, and says nothing.
    is_readable = [name for name, _ in stores.columns_in(connection, *NOTE.split("."))] == list(_NOTED)
    noted = {row[0]: row[1:] for row in connection.execute(f"from {NOTE}").fetchall()} if is_readable else {}
    shapes = stores.columns_by_table(connection, "raw")
    raw = tuple(_compare(connection, name, shapes[name], *noted.get(name, (0, None))[:2]) for name in sorted(shapes))
    since, reason = (None, "as asked") if anew else _decide(noted, raw, logic, now)
    whole_as_of = next(iter(noted.values()))[-1] if since else now
    if since is not None:
        _tell(connection, raw)
    connection.execute(f"drop table if exists {NOTE}")
    return Increment(since=since, reason=reason, whole_as_of=whole_as_of, raw=raw)


def complete(connection: duckdb.DuckDBPyConnection, increment: Increment, *, logic: str, now: datetime) -> None:
    """Note what the tables are made of, once they are built."""
    connection.execute(
        f"create or replace table {NOTE} ({', '.join(f'{name} {kind}' for name, kind in _NOTED.items())})"
    )
    connection.executemany(
        f"insert into {NOTE} values (?, ?, ?, ?, ?, ?)",
        [(each.name, each.rows, each.digest, logic, now, increment.whole_as_of) for each in increment.raw],
    )


def _decide(
    noted: Mapping[str, tuple[int, str, str, datetime, datetime]], raw: Sequence[_Raw], logic: str, now: datetime
) -> tuple[datetime | None, str]:
    """Return since when, if the last build may be kept, and why or why not."""
    if not noted:
        return None, "no build before it ended well"
    [(logic_then, built_as_of, whole_as_of)] = {row[2:] for row in noted.values()}
    names = {each.name for each in raw}
    for applies, why in (
        (logic_then != logic, "the models, what they call, or what runs them have changed"),
        (built_as_of > now, f"the last build was as of {built_as_of:%Y-%m-%d %H:%M}, which is later"),
        (now - whole_as_of > WHOLE_AFTER, f"the last build of everything was as of {whole_as_of:%Y-%m-%d}"),
        *((not each.is_as_then, f"rows of raw.{each.name} that were there are not") for each in raw),
        *((name not in names, f"raw.{name} is gone") for name in sorted(noted)),
    ):
        if applies:
            return None, why
    new = [each for each in raw if each.rows > each.rows_then]
    # What was frozen at a cut-off since the last build stands in no table yet.
    since = min([built_as_of, *(each.first_new for each in new if each.first_new is not None)])
    if now - since > GROWS_OVER:
        return None, f"what is new reaches back to {since:%Y-%m-%d}"
    return since, f"{sum(each.rows - each.rows_then for each in new):,} rows of {len(new)} tables are new"


def _tell(connection: duckdb.DuckDBPyConnection, raw: Sequence[_Raw]) -> None:
    """Write down which raw tables have new rows, and what these are about."""
    connection.execute(f"create or replace table {NEWS} (node varchar, first_period date)")
    rows_then = {each.name: each.rows_then for each in raw if each.rows > each.rows_then}
    for source, table in stores.tables_of(internal=False):
        name = stores.identifier(source, table)
        if name in rows_then:
            connection.execute(
                f"insert into {NEWS} select $node, min(({table.about[0]})::date) "
                f'from raw."{name}" where rowid >= $then',
                {"node": f"source.drypowder.{source.code}.{table.name}", "then": rows_then[name]},
            )


def _compare(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    shape: Sequence[tuple[str, str]],
    rows_then: int,
    digest_then: str | None,
) -> _Raw:
    """Look once at a raw table, whose rows are only ever added to: those of then are the first."""
    row = "hash(known_at, ingested_at, pit_quality, _is_deleted, _row_hash)"
    rows, total, total_then, first_new = connection.execute(
        f"select count(*), coalesce(sum({row}), 0), coalesce(sum({row}) filter (rowid < $then), 0), "
        f'min(known_at) filter (rowid >= $then) from raw."{name}"',
        {"then": rows_then},
    ).fetchone() or (0, 0, 0, None)
    digest, as_then = (sha256(repr((shape, each)).encode()).hexdigest() for each in (total, total_then))
    return _Raw(
        name=name,
        rows=rows,
        digest=digest,
        rows_then=rows_then,
        is_as_then=digest_then in {None, as_then},
        first_new=first_new,
    )
