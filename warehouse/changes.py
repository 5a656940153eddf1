"""What changed from one release to the next: rows, past values with the reason why they moved, and the schema.

All work is DuckDB's, over the two files attached read-only. What a row is one of, and whether a key has versions, is
what dbt's tests hold of the table (`declarations.published`). The words for reasons are those of `metrics.compare`, and
some for what only two releases can show: that the same state of knowledge is told otherwise.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from warehouse import declarations, packing
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import duckdb

    from warehouse.settings import Settings

log = logging.getLogger(__name__)

JSON, PARQUET, PAGE = "changes.json", "changes.parquet", "CHANGES.md"
LARGEST = 10
"""Moved values that are named of each table; `changes.parquet` has all of them."""
REASONS = {
    "restated_by_source": "the source gave another value: it is known since later",
    "revised_vintage": "the same of a source that only gives today's figures: known since we saw it",
    "newly_computable": "NULL before, and news made it a value",
    "no_longer_computable": "a value before, and news made it NULL",
    "withdrawn": "the source took it back",
    "landed_late": "of the same state of knowledge, by the same code: a part of the past landed only now",
    "recomputed": "of the same state of knowledge, by other code; a part of the past may have landed only now as well",
    "redefined": "the metric's formula has another version",
    "removed": "the row is no longer there",
    "undated": "the table does not say when a row was known, so source and code cannot be told apart",
}
"""Every reason that a past value moved, in the order in which they are told."""

_ABOUT_THE_ROW = ("known_at", "known_until", "run_id", "pit_quality", "origin", "source_url", "null_reason", "coverage")
"""Ends of names of columns that say where a row comes from and how whole it is, and are no values themselves."""
_VINTAGES = ("current_vintage", "self_vintage")
_VERSION = "metric_version"
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(.*\)|FLOAT|DOUBLE")
_INEXACT = {"FLOAT", "DOUBLE"}
_SAME_UP_TO = 1e-12
"""Share of a value that is rounding and no change: two threads do not add up in one order every day."""
# A share of the larger of the two, so that billions and ratios can stand in one list.
_SIZE = "abs(value_2 - value_1) / greatest(abs(value_1), abs(value_2))"
COLUMNS = {
    "table_name": ("varchar", "Table of the release."),
    "metric": ("varchar", "metric_id where the table's key has one, else the column."),
    "column_name": ("varchar", "Column whose value moved."),
    "key": ("varchar", "What the row is one of, as JSON."),
    "period_end": ("date", "Last day that the row is about. Null where its table is about no period."),
    "value_1": ("double", "Number in the release before. Null where there was none, and for what is no number."),
    "value_2": ("double", "Number in this release. Null where there is none, and for what is no number."),
    "change": ("double", "value_2 less value_1, in the unit of both. Null where either is, or the unit changed."),
    "text_1": ("varchar", "The same as value_1 of what is no number."),
    "text_2": ("varchar", "The same as value_2 of what is no number."),
    "unit": ("varchar", "Unit of the values, where the table has a column for it; else the column's comment says it."),
    "null_reason_1": ("varchar", "Why there was no value in the release before, where the table says it."),
    "null_reason_2": ("varchar", "Why there is none in this release, where the table says it."),
    "reason": ("varchar", f"Why it moved: {', '.join(REASONS)}."),
    "known_at_1": ("timestamptz", "Since when value_1 was known, where the table says it."),
    "known_at_2": ("timestamptz", "Since when value_2 is known. Null where it is withdrawn or removed."),
    "source_url": ("varchar", "Address that the row of this release was read from, where the table says it."),
}
"""Columns of `changes.parquet`, with type and meaning; its metadata `drypowder_columns` says the same."""


@dataclass
class _Described:
    """A table as its file describes it."""

    comment: str | None
    columns: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Type and comment by name."""


class Edition(Protocol):
    """A release, or the folder that is becoming one."""

    @property
    def id(self) -> str:
        """Calendar version."""

    @property
    def path(self) -> Path:
        """Folder with `warehouse.duckdb`, and `parquet/` where there is one."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What is known of it: `logic` is read, and the digests in `tables`."""


@dataclass(frozen=True, kw_only=True)
class SchemaChange:
    """One thing that a consumer's query may notice."""

    table: str
    column: str | None
    kind: str
    """new_table, dropped_table, new_column, dropped_column, type, or description, which is where units are."""
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Say it in a line."""
        name = f"{self.table}.{self.column}" if self.column else self.table
        words = self.kind.replace("_", " ")
        if self.before is None or self.after is None:
            told = self.after or self.before
            return f"{words} {name}" + (f" ({told})" if told else "")
        return f"{words} of {name}: {self.before} -> {self.after}"


@dataclass(frozen=True, kw_only=True)
class Movement:
    """Values of one metric, in one column, that moved for one reason."""

    metric: str
    column: str
    reason: str
    values: int
    filled: int
    """Of them, those that were NULL before."""
    emptied: int
    """Of them, those that are NULL now."""
    first_period: date | None
    last_period: date | None


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One past value that moved. Numbers are numbers in the unit of their column, everything else is text."""

    metric: str
    column: str
    key: str
    period_end: date | None
    before: float | str | None
    after: float | str | None
    change: float | None
    unit: str | None
    reason: str
    known_at_before: datetime | None
    known_at_after: datetime | None
    source_url: str | None


@dataclass(frozen=True, kw_only=True)
class TableChanges:
    """What is different in the rows of one table."""

    name: str
    key: tuple[str, ...]
    """What rows were matched by, with known_at where a key has versions; empty where no key is declared."""
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    """Rows of the same key and state of knowledge with another value."""
    moved: int
    """Past values that moved."""
    movements: tuple[Movement, ...] = ()
    largest: tuple[Moved, ...] = ()

    @property
    def more(self) -> int:
        """Moved values that are not named in `largest`."""
        return self.moved - len(self.largest)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What one release says of another."""

    before: str | None
    """None for the first release of a home."""
    after: str
    is_same_code: bool = False
    """Whether both were made by the same models, sources and engines."""
    schema: tuple[SchemaChange, ...] = ()
    tables: tuple[TableChanges, ...] = ()
    """Tables in both with rows that differ."""
    same: int = 0
    """Tables in both without any."""
    problem: str | None = None
    """Why the two could not be compared, if they could not."""

    @property
    def moved(self) -> int:
        """Past values that moved, over all tables."""
        return sum(t.moved for t in self.tables)


def compare(before: Edition, after: Edition, settings: Settings, *, table: str = "", largest: int = LARGEST) -> Changes:
    """Return what is different in `after`, of all tables or of `table`; at most `largest` moved values of each.

    Raises:
        ConfigurationError: neither release has such a table.
        duckdb.Error: one of the two files cannot be read.
    """
    with _working(settings) as connection:
        return _Comparison(connection, before, after, settings).run(table, largest)


def write(after: Edition, before: Edition | None, settings: Settings, *, terms: str) -> Changes:
    """Write `changes.json`, `changes.parquet` and `CHANGES.md` into the folder that is becoming a release.

    A release before that cannot be read any more keeps none from being published: it says that instead. `terms` go into
    the Parquet file's metadata `drypowder_terms`, as into that of every other.
    """
    import duckdb
    import msgspec

    described = {name: {"type": kind, "unit": "", "description": text} for name, (kind, text) in COLUMNS.items()}
    meanings = msgspec.json.encode(described).decode()
    found = Changes(before=before.id if before else None, after=after.id)
    with _working(settings) as connection:
        if before:
            try:
                found = _Comparison(connection, before, after, settings).run()
            except duckdb.Error as error:
                log.warning("not compared before=%s: %s", before.id, error)
                connection.execute("delete from moved")
                found = Changes(before=before.id, after=after.id, problem=str(error).partition("\n")[0])
        connection.execute(
            f"copy (from moved order by table_name, metric, period_end, key, column_name, reason) "
            f"to {_text(after.path / PARQUET)} (format parquet, compression zstd, "
            f"kv_metadata {{drypowder_terms: {_text(terms)}, drypowder_columns: {_text(meanings)}}})"
        )
    (after.path / JSON).write_bytes(document(found))
    (after.path / PAGE).write_text(page(found))
    return found


def document(found: Changes) -> bytes:
    """Return what `changes.json` holds, and `drypowder diff --json` prints."""
    import msgspec

    tables = [{**asdict(t), "more": t.more} for t in found.tables]
    return msgspec.json.format(msgspec.json.encode({**asdict(found), "moved": found.moved, "tables": tables}), indent=1)


@contextmanager
def _working(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database in memory for what moved; what does not fit goes to a folder that is gone afterwards."""
    import duckdb

    with (
        TemporaryDirectory() as folder,
        duckdb.connect(config={**settings.duckdb_config, "temp_directory": folder}) as connection,
    ):
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create table moved ({', '.join(f'{name} {kind}' for name, (kind, _) in COLUMNS.items())})")
        yield connection


@dataclass(frozen=True, kw_only=True)
class _Key:
    """What a row of a table is one of, and whether a key has a row for each state of knowledge."""

    columns: tuple[str, ...]
    has_versions: bool


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column that both releases have."""

    name: str
    types: tuple[str, str]

    @property
    def is_number(self) -> bool:
        return all(_NUMBER.fullmatch(t) for t in self.types)

    @property
    def is_value(self) -> bool:
        """Whether it says something of what the row is about, and not of the row."""
        return self.name != _VERSION and not any(f"_{self.name}".endswith(f"_{end}") for end in _ABOUT_THE_ROW)

    def of(self, row: str) -> str:
        """Return its value as it is compared and told: a number as a double, all else as text."""
        return f'{row}."{self.name}"::{"double" if self.is_number else "varchar"}'

    def differs(self, before: str, after: str) -> str:
        """Return the condition that it is not the same; rounding is no difference."""
        exact = f"{before} is distinct from {after}"
        if not (self.is_number and _INEXACT & set(self.types)):
            return exact
        return (
            f"({exact} and coalesce(abs({before} - {after}) > {_SAME_UP_TO} * greatest(abs({before}), abs({after})), "
            "true))"
        )


class _Comparison:
    """Two releases attached to one connection, as `earlier` and `later`; what moves is added to its table `moved`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, before: Edition, after: Edition, settings: Settings
    ) -> None:
        self.connection, self.before, self.after = connection, before, after
        for name, side in (("earlier", before), ("later", after)):
            connection.execute(f"attach {_text(side.path / packing.DATABASE)} as {name} (read_only)")
        self.described = {name: self._describe(name) for name in ("earlier", "later")}
        self.keys = {
            name: _Key(columns=each.key, has_versions=each.has_versions)
            for name, each in declarations.published(settings.dbt_project).items()
            if each.key
        }
        logic = (before.manifest.get("logic"), after.manifest.get("logic"))
        self.is_same_code = logic[0] is not None and logic[0] == logic[1]

    def run(self, table: str = "", largest: int = LARGEST) -> Changes:
        earlier, later = self.described["earlier"], self.described["later"]
        named = [name for name in sorted({*earlier, *later}) if table in {"", name, name.partition(".")[2]}]
        if not named:
            raise ConfigurationError(
                f"Neither {self.before.id} nor {self.after.id} has a table {table}",
                expected="one that `drypowder tables` lists",
                got=table,
            )
        shared = [name for name in named if name in earlier and name in later]
        found = [self._table(name, largest, where) for name in shared if (where := self._where(name)) is not None]
        differ = tuple(t for t in found if t.added or t.removed or t.changed or t.moved)
        return Changes(
            before=self.before.id,
            after=self.after.id,
            is_same_code=self.is_same_code,
            schema=tuple(c for c in _schema_changes(earlier, later) if c.table in named),
            tables=differ,
            same=len(shared) - len(differ),
        )

    def _describe(self, catalogue: str) -> dict[str, _Described]:
        """Return the tables of a release with their comments and columns."""
        found = {
            name: _Described(comment)
            for name, comment in self.connection.execute(
                "select schema_name || '.' || table_name, comment from duckdb_tables() where database_name = ? "
                "order by 1",
                [catalogue],
            ).fetchall()
        }
        for name, *column in self.connection.execute(
            "select schema_name || '.' || table_name, column_name, data_type, comment from duckdb_columns() "
            "where database_name = ? and not internal order by 1, column_index",
            [catalogue],
        ).fetchall():
            if name in found:
                found[name].columns[column[0]] = (column[1], column[2])
        return found

    def _where(self, name: str) -> str | None:
        """Return the condition of the rows of a table that can differ, by the digests in the manifests; None of none.

        Rows of parts with equal digests need not be read. Every part that differs is read on both sides, so a row that
        went from one to another is in both.
        """
        one, other = (
            packing.Packed.of(side.manifest.get("tables", {}).get(name, {})) for side in (self.before, self.after)
        )
        if one is None or other is None:
            return "true"
        if one == other:
            return None
        # What is compared of a row is found by its key, and by the key without known_at: neither leads out of a part
        # that is cut by a column of both.
        key = self.keys.get(name)
        is_cut_alike = one.shape == other.shape and one.cut_by == other.cut_by and one.cut_by != "known_at"
        if not is_cut_alike or (key and one.cut_by not in key.columns):
            return "true"
        return one.within(one.differing(other))

    def _table(self, name: str, largest: int, where: str) -> TableChanges:
        for side in ("earlier", "later"):
            self.connection.execute(
                f"create or replace temp view {side}_rows as select * from {side}.{name} where {where}"
            )
        earlier, later = (self.described[side][name].columns for side in ("earlier", "later"))
        columns = [_Column(name=c, types=(earlier[c][0], later[c][0])) for c in earlier if c in later]
        key = self.keys.get(name)
        if key and key.has_versions:
            key = replace(key, columns=(*(c for c in key.columns if c != "known_at"), "known_at"))
        # A key of other types, or that one of the two does not have, matches nothing: of rows one can say that much.
        alike = {c.name for c in columns if c.is_number or c.types[0] == c.types[1]}
        key = key if key and {*key.columns} <= alike else None
        if key:
            added, removed, changed = self._touch(key, columns)
            if removed or changed or key.has_versions:
                self._pair(key, columns)
                self._unpivot(name, key, columns)
        else:
            added, removed, changed = (*self._rows_only(columns), 0)
        counted = self.connection.execute(
            f"select (select count(*) from earlier.{name}), (select count(*) from later.{name}), "
            "(select count(*) from moved where table_name = ?)",
            [name],
        ).fetchone()
        rows_before, rows_after, moved = counted or (0, 0, 0)
        return TableChanges(
            name=name,
            key=key.columns if key else (),
            rows_before=rows_before,
            rows_after=rows_after,
            added=added,
            removed=removed,
            changed=changed,
            moved=moved,
            movements=self._movements(name),
            largest=self._largest(name, largest),
        )

    def _rows_only(self, columns: Sequence[_Column]) -> tuple[int, int]:
        """Return how many rows came and went of a table that says nothing of what a row is one of."""
        names = ", ".join(f'"{c.name}"' for c in columns)
        sides = [f"select {names} from {side}_rows" for side in ("earlier", "later")]
        counts = self.connection.execute(
            f"select (select count(*) from ({sides[1]} except all {sides[0]})), "
            f"(select count(*) from ({sides[0]} except all {sides[1]}))"
        ).fetchone()
        return (counts[0], counts[1]) if counts else (0, 0)

    def _touch(self, key: _Key, columns: Sequence[_Column]) -> tuple[int, int, int]:
        """Fill `touched` with the keys and states of knowledge that differ; return rows added, removed and changed."""
        values = [c for c in columns if c.name not in key.columns and c.is_value]
        differs = " or ".join(c.differs(c.of("b"), c.of("a")) for c in values) or "false"
        has_ended = _ended("b", "a") if _can_end(key, columns) else "false"
        keys = ", ".join(f'coalesce(b."{c}", a."{c}") as "{c}"' for c in key.columns)
        self.connection.execute(f"""
            create or replace temp table touched as
            select {keys}, b.is_there is not null as is_in_1, a.is_there is not null as is_in_2,
                is_in_1 and is_in_2 and ({differs}) as is_changed
            from (select *, true as is_there from earlier_rows) as b
            full join (select *, true as is_there from later_rows) as a on {_same("b", "a", key.columns)}
            where b.is_there is null or a.is_there is null or ({differs}) or {has_ended}
        """)
        counts = self.connection.execute(
            "select count(*) filter (not is_in_1), count(*) filter (not is_in_2), count(*) filter (is_changed) "
            "from touched"
        ).fetchone()
        return (counts[0], counts[1], counts[2]) if counts else (0, 0, 0)

    def _pair(self, key: _Key, columns: Sequence[_Column]) -> None:
        """Fill `pairs` with rows of before and after that tell otherwise, and with what made them."""
        same = "landed_late" if self.is_same_code else "recomputed"
        names = {c.name for c in columns}
        row = [_row(side, columns) for side in ("b", "a")]
        if key.has_versions or "known_at" not in names:
            cause = f"'{same}'" if key.has_versions else "'undated'"
        else:
            cause = f"case when a.known_at > b.known_at then 'news' else '{same}' end"
        # Of a table of what is newest, a row about another period is no past value that moved.
        is_snapshot = "period_end" in names and not any(c.name in key.columns and "DATE" in c.types for c in columns)
        about_the_same = "a.period_end is not distinct from b.period_end" if is_snapshot else "true"
        self.connection.execute(f"""
            create or replace temp table pairs as
            select {cause} as cause, {row[0]} as b, {row[1]} as a
            from touched
            inner join earlier_rows as b on {_same("touched", "b", key.columns)}
            inner join later_rows as a on {_same("touched", "a", key.columns)}
            where touched.is_changed and {about_the_same}
        """)
        if not key.has_versions:
            self.connection.execute(f"""
                insert into pairs
                select 'removed', {row[0]}, null
                from touched inner join earlier_rows as b on {_same("touched", "b", key.columns)}
                where not touched.is_in_2
            """)
            return
        subject = key.columns[:-1]
        ended = _ended("b", "a") if _can_end(key, columns) else "false"
        order = ", ".join(f'"{c}"' for c in subject)
        newest = [
            f"select *, true as is_there from {side}_rows as side semi join news on {_same('side', 'news', subject)} "
            f"qualify row_number() over (partition by {order} order by known_at desc) = 1"
            for side in ("earlier", "later")
        ]
        # What the later release says of the state of knowledge that was the newest: the step from the one to the other
        # is told above, and what the source did since is the rest.
        self.connection.execute(f"""
            insert into pairs
            with news as (
                select distinct {order} from touched
            ), b as ({newest[0]}), a as ({newest[1]})
            select
                case
                    when a.is_there is null then 'removed'
                    when a.known_at = b.known_at then 'withdrawn'
                    when told.is_there then 'news'
                    else '{same}'
                end,
                case when told.is_there then {_row("told", columns)} else {row[0]} end,
                case when a.is_there and a.known_at <> b.known_at then {row[1]} end
            from b
            left join a on {_same("b", "a", subject)}
            left join (select *, true as is_there from later_rows) as told on {_same("b", "told", key.columns)}
            where a.is_there is null or a.known_at <> b.known_at or {ended}
        """)

    def _unpivot(self, name: str, key: _Key, columns: Sequence[_Column]) -> None:
        """Add what is in `pairs` to `moved`, one row a value."""
        names = [c.name for c in columns]
        subject = [c for c in key.columns if c != "known_at" or not key.has_versions]
        told = ", ".join(f"'{c}': b.\"{c}\"" for c in subject)
        days = [c.name for c in columns if c.name in subject and set(c.types) == {"DATE"}]
        period = next((c for c in ("period_end", *reversed(days)) if c in names), None)

        def of(row: str, column: str, otherwise: str = "null") -> str:
            return f'{row}."{column}"' if column in names else otherwise

        for column in self._moving([c for c in columns if c.name not in key.columns and c.is_value]):
            before, after = (f'{row}."{column.name}"' for row in ("b", "a"))
            is_other_unit = f"{of('b', 'unit')} is distinct from {of('a', 'unit')}"
            figures = [before, after, f"case when not ({is_other_unit}) then {after} - {before} end", "null", "null"]
            self.connection.execute(f"""
                insert into moved
                select '{name}', {of("b", "metric_id") if "metric_id" in subject else f"'{column.name}'"},
                    '{column.name}', to_json({{{told}}})::varchar,
                    {of("b", period) + "::date" if period else "null"},
                    {", ".join(figures if column.is_number else ["null", "null", "null", before, after])},
                    {f"coalesce({of('a', 'unit')}, {of('b', 'unit')})" if column.is_number else "null"},
                    {of("b", "null_reason")}, {of("a", "null_reason")},
                    case
                        when cause in ('removed', 'withdrawn') then cause
                        when {of("b", _VERSION)} is distinct from {of("a", _VERSION)} then 'redefined'
                        when cause <> 'news' then cause
                        when {before} is not null and {of("a", "null_reason", "''")} = 'withdrawn' then 'withdrawn'
                        when {before} is null and {str(column.is_number).lower()} then 'newly_computable'
                        when {after} is null and {str(column.is_number).lower()} then 'no_longer_computable'
                        when {of("a", "pit_quality", "''")} in {_VINTAGES} then 'revised_vintage'
                        else 'restated_by_source'
                    end,
                    {of("b", "known_at")}::timestamptz, {of("a", "known_at")}::timestamptz,
                    {of("a", "source_url")}
                from pairs
                where {column.differs(before, after)}
            """)

    def _moving(self, columns: Sequence[_Column]) -> list[_Column]:
        """Return those columns of `pairs` that differ at all: most of a wide table do not."""
        if not columns:
            return []
        asked = ", ".join(f"""bool_or({c.differs(f'b."{c.name}"', f'a."{c.name}"')})""" for c in columns)
        found = self.connection.execute(f"select {asked} from pairs").fetchone() or ()
        return [column for column, differs in zip(columns, found, strict=True) if differs]

    def _movements(self, name: str) -> tuple[Movement, ...]:
        rows = self.connection.execute(
            "select metric, column_name, reason, count(*), count(*) filter (value_1 is null and text_1 is null), "
            "count(*) filter (value_2 is null and text_2 is null), min(period_end), max(period_end) "
            "from moved where table_name = ? group by metric, column_name, reason "
            "order by list_position(?, reason), count(*) desc, metric, column_name",
            [name, list(REASONS)],
        ).fetchall()
        return tuple(
            Movement(
                metric=metric,
                column=column,
                reason=reason,
                values=values,
                filled=filled,
                emptied=emptied,
                first_period=first,
                last_period=last,
            )
            for metric, column, reason, values, filled, emptied, first, last in rows
        )

    def _largest(self, name: str, count: int) -> tuple[Moved, ...]:
        """Return the values that moved most: numbers that are still numbers first, then what is or was NULL."""
        rows = self.connection.execute(
            "select metric, column_name, key, period_end, value_1, text_1, "
            "value_2, text_2, change, unit, reason, known_at_1, known_at_2, source_url "
            "from moved where table_name = ? "
            f"order by {_SIZE} is null, coalesce(value_1, value_2) is null, {_SIZE} desc, period_end desc, key, "
            "column_name, reason limit ?",
            [name, count],
        ).fetchall()
        return tuple(
            Moved(
                metric=row[0],
                column=row[1],
                key=row[2],
                period_end=row[3],
                before=row[5] if row[4] is None else row[4],
                after=row[7] if row[6] is None else row[6],
                change=row[8],
                unit=row[9],
                reason=row[10],
                known_at_before=row[11],
                known_at_after=row[12],
                source_url=row[13],
            )
            for row in rows
        )


def _text(value: Path | str) -> str:
    """Return a text or a path as SQL has it."""
    return f"'{packing.quoted(value)}'"


def _same(one: str, other: str, columns: Sequence[str]) -> str:
    """Return the condition that two rows are of one key; a NULL in it is the same as a NULL."""
    return " and ".join(f'{one}."{c}" is not distinct from {other}."{c}"' for c in columns)


def _row(side: str, columns: Sequence[_Column]) -> str:
    """Return a row as one struct, its values as they are compared."""
    return "{" + ", ".join(f"'{c.name}': {c.of(side) if c.is_value else f'{side}.{c.name}'}" for c in columns) + "}"


def _can_end(key: _Key, columns: Sequence[_Column]) -> bool:
    return key.has_versions and any(c.name == "known_until" for c in columns)


def _ended(before: str, after: str) -> str:
    return f"({before}.known_until is null and {after}.known_until is not null)"


def _schema_changes(earlier: Mapping[str, _Described], later: Mapping[str, _Described]) -> Iterator[SchemaChange]:
    """Yield what differs in tables, columns, types and comments, by table."""
    for table in sorted({*earlier, *later}):
        if table not in earlier or table not in later:
            kind = "new_table" if table in later else "dropped_table"
            yield SchemaChange(table=table, column=None, kind=kind, before=None, after=None)
            continue
        before, after = earlier[table], later[table]
        if before.comment != after.comment:
            yield SchemaChange(table=table, column=None, kind="description", before=before.comment, after=after.comment)
        for column in {**before.columns, **after.columns}:
            was, is_now = before.columns.get(column), after.columns.get(column)
            if was is None or is_now is None:
                kind = "new_column" if was is None else "dropped_column"
                yield SchemaChange(
                    table=table, column=column, kind=kind, before=was and was[0], after=is_now and is_now[0]
                )
                continue
            for kind, one, other in zip(("type", "description"), was, is_now, strict=True):
                if one != other:
                    yield SchemaChange(table=table, column=column, kind=kind, before=one, after=other)


_LINES = 40
"""Rows of a table of the page: what a person reads in a minute."""


def page(found: Changes) -> str:
    """Return `CHANGES.md`: what a person reads in a minute."""
    if found.before is None:
        return f"# Release {found.after}\n\nThis is the first release of its home: there is none to compare it with.\n"
    lines = [f"# What release {found.after} changes of {found.before}", "", summary(found), ""]
    if found.problem:
        return "\n".join(lines)
    lines += ["## Tables, columns, types and units", ""]
    lines += [f"- {_cell(str(change))}" for change in found.schema] or ["As before."]
    lines += ["", "## Rows", "", *_rows_of(found), "", "## Past values that moved", ""]
    moves = [(t.name, m) for t in found.tables for m in t.movements]
    moves.sort(key=lambda each: (list(REASONS).index(each[1].reason), -each[1].values, each[0], each[1].metric))
    lines += _grid(
        ("Table", "Metric", "Reason", "Values", "NULL before", "NULL now", "Periods"),
        [
            (name, _label(m), m.reason, f"{m.values:,}", f"{m.filled:,}", f"{m.emptied:,}", _periods(m))
            for name, m in moves
        ],
        f"in {JSON}",
    )
    named = {m.reason for _, m in moves}
    lines += ["", *(f"- `{reason}`: {meaning}." for reason, meaning in REASONS.items() if reason in named)]
    lines += ["", "## The largest of them", ""]
    lines += _grid(
        ("Table", "Column", "Row", "Before", "After", "Reason"),
        [
            (t.name, m.column, plain(m.key), shown(m.before), shown(m.after), m.reason)
            for t in found.tables
            for m in t.largest[:_LARGEST_ON_PAGE]
        ],
        f"in {JSON}, and all in {PARQUET}",
    )
    lines += ["", f"## Columns of {PARQUET}", "", "| Column | Type | Meaning |", "| --- | --- | --- |"]
    lines += [f"| {name} | {kind} | {meaning} |" for name, (kind, meaning) in COLUMNS.items()]
    return "\n".join(lines) + "\n"


_LARGEST_ON_PAGE = 2
_PLAIN = str.maketrans("", "", '{}"')


def summary(found: Changes) -> str:
    """Return in two or three sentences how much changed."""
    if found.before is None:
        return f"{found.after} is the first release."
    if found.problem:
        return f"What changed is not known: {found.before} could not be compared ({found.problem})."
    added, removed = (sum(getattr(t, name) for t in found.tables) for name in ("added", "removed"))
    return (
        f"{found.moved:,} past values moved, {added:,} rows came and {removed:,} went, in {len(found.tables)} tables; "
        f"{found.same} are the same. {len(found.schema)} changes of the schema. "
        f"Models, sources and engines are {'the same' if found.is_same_code else 'not known to be the same'}."
    )


def plain(key: str) -> str:
    """Return a row's key without JSON's marks."""
    return key.translate(_PLAIN)


def shown(value: float | str | None) -> str:
    """Return a value as it is printed: a NULL by its name, a number to seven digits."""
    if value is None:
        return "NULL"
    return value if isinstance(value, str) else f"{value:,.7g}"


def _rows_of(found: Changes) -> list[str]:
    return _grid(
        ("Table", "Before", "After", "Added", "Removed", "Changed", "Values moved"),
        [
            (t.name, *(f"{n:,}" for n in (t.rows_before, t.rows_after, t.added, t.removed, t.changed, t.moved)))
            for t in found.tables
        ],
        f"in {JSON}",
        limit=len(found.tables),
    )


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], more: str, *, limit: int = _LINES) -> list[str]:
    """Return a Markdown table of the first rows, and where the others are."""
    if not rows:
        return ["None."]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows[:limit]]
    return lines + ([f"\nAnd {len(rows) - limit:,} more {more}."] if len(rows) > limit else [])


def _cell(text: str) -> str:
    """Return a text on one line of a table, cut where it is long."""
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= _WIDEST else f"{flat[:_WIDEST]}..."


_WIDEST = 200


def _label(movement: Movement) -> str:
    """Return the metric, with the column where it is not its value."""
    return movement.metric if movement.column in ("value", movement.metric) else f"{movement.metric}, {movement.column}"


def _periods(movement: Movement) -> str:
    if movement.first_period is None:
        return ""
    return f"{movement.first_period} to {movement.last_period}"
