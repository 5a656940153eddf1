"""What the pages say, read from a release's own file in few queries, and from the declarations it was built by."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from warehouse import calendar, declarations, impact, sources, stores
from warehouse.declarations import Field, Published
from warehouse.site import lineage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import duckdb

    from warehouse.contract import Source, Table
    from warehouse.declarations import Measured
    from warehouse.settings import Settings

MOST_SAMPLES = 5
"""Rows shown of a table."""
MOST_LINES = 6
"""Entities drawn of a metric, its main one first."""
MOST_STRETCHES = 90
"""Stretches of a line: where there are more periods, each stretch is drawn by its lowest and its highest value."""
MOST_FIGURES = 12
"""Rows shown of a metric's newest values, and of each of its scenarios."""

_OF_BUILDER = "the builder (warehouse/stores.py)"
_UNIT = re.compile(r" Unit: ([^.]+)\.$")


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A publisher's table, and how it stands in the release."""

    source: Source
    table: Table
    state: str
    """As `drypowder status` calls it."""
    reason: str
    last_checked_at: datetime | None = None
    last_changed_at: datetime | None = None
    newest_period_end: date | None = None
    origin: str = ""
    loads: int = 0
    rows: int = 0
    """Rows of all its loads, of which those are versions that differ from the one before."""
    quarantined: int = 0

    @property
    def name(self) -> str:
        """How it is called: `<source>.<table>`."""
        return f"{self.source.code}.{self.table.name}"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A partition that is not in marts and metrics, because landing or a gate refused it."""

    name: str
    partition: str
    border: str
    reason: str
    held_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Wanting:
    """A metric that rests on something held back, and the newest that it has all the same."""

    name: str
    """The landed table, `<source>.<table>`."""
    partition: str
    metric: str
    last_good_at: datetime | None
    """When what is used in its place was fetched; None where there is none."""
    newest_period_end: date | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A table of the release, or a macro that is read like one."""

    published: Published
    rows: int | None
    """None of a macro."""
    newest_known_at: datetime | None
    files: tuple[str, ...] = ()
    """Its Parquet files, by their path in the release."""
    header: tuple[str, ...] = ()
    sample: tuple[tuple[Any, ...], ...] = ()

    @property
    def name(self) -> str:
        """Schema and name, without a macro's parameters."""
        return self.published.name.partition("(")[0]

    @property
    def owner(self) -> str:
        """Who answers for it, as it is declared."""
        return self.published.owner or (_OF_BUILDER if self.schema == "ops" else "")

    @property
    def schema(self) -> str:
        """The schema it is in."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Line:
    """Values of one entity of a metric over time, oldest first; None where there was no value, which is not zero."""

    entity: str
    grain: str
    points: tuple[tuple[date, float | None], ...]
    periods_each: int
    """Periods that its lowest and its highest value stand for; 1 where each is drawn."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a release has of a metric."""

    measured: Measured
    rows: int = 0
    values: int = 0
    entities: int = 0
    newest_period_end: date | None = None
    newest_known_at: datetime | None = None
    origins: str = ""
    age_days: int | None = None
    null_reasons: str = ""
    lines: tuple[Line, ...] = ()
    newest: tuple[Mapping[str, Any], ...] = ()
    goldens: tuple[Mapping[str, Any], ...] = ()
    scenarios: tuple[Mapping[str, Any], ...] = ()

    @property
    def state(self) -> str:
        """Whether its newest value is of an age that its declaration allows."""
        if self.age_days is None:
            return "no value"
        return "stale" if self.age_days > self.measured.meta["freshness_sla_days"] else "fresh"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How many expectations of a severity held at a border, in the last run of each suite."""

    border: str
    severity: str
    held: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the pages of a release say."""

    release_id: str
    now: datetime
    rows: int
    landed: tuple[Landed, ...]
    held: tuple[Held, ...]
    wanting: tuple[Wanting, ...]
    tables: tuple[Shown, ...]
    metrics: tuple[Figures, ...]
    claims: Mapping[str, str]
    parameter_sets: Mapping[str, str]
    judged: tuple[Judged, ...]
    failures: tuple[Mapping[str, Any], ...]
    """Expectations of the last run of each suite that did not hold, critical ones first."""
    by_day: tuple[tuple[date, int, int, int], ...]
    """Day, fetches loaded, their rows, and new versions among them; oldest first."""
    notes: tuple[str, ...]
    accepted: tuple[Mapping[str, Any], ...] = ()
    """Who let the release pass with new warnings, as in its manifest."""
    graph: lineage.Graph
    rests_on: Mapping[str, frozenset[str]]
    """Landed tables behind each table and metric of the graph, by its id."""


def read(
    settings: Settings,
    database: Path,
    release_id: str,
    now: datetime,
    tables: Mapping[str, Mapping[str, Any]],
    *,
    accepted: Sequence[Mapping[str, Any]] = (),
) -> Facts:
    """Return the facts of a release whose file is `database`; `tables` are its rows by table, as in its manifest."""
    import duckdb

    dbt = settings.dbt_project
    blocks = declarations.blocks(dbt)
    measured = declarations.metrics(dbt)
    with duckdb.connect(str(database), read_only=True, config=settings.duckdb_config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        held = _held(connection)
        landed = _landed(connection, now, {each.name for each in held})
        manifest = _manifest(settings)
        graph = _graph(settings, manifest, measured, landed)
        shown = _tables(connection, database.parent, tables, declarations.published(dbt))
        return Facts(
            release_id=release_id,
            now=now,
            rows=sum(each["rows"] for each in tables.values()),
            landed=landed,
            held=held,
            wanting=_wanting(connection),
            tables=(*shown, *_macros(declarations.macros(dbt, blocks))),
            metrics=_metrics(connection, measured, now) if measured else (),
            claims={c["claim_id"]: c["statement"] for c in declarations.seed(dbt, "claims")} if measured else {},
            parameter_sets=_parameter_sets(connection) if measured else {},
            judged=_judged(connection),
            failures=_failures(connection),
            by_day=tuple(
                connection.execute(
                    "select loaded_at::date, count(*), sum(row_count)::bigint, sum(new_versions)::bigint "
                    "from ops.loads group by 1 order by 1"
                ).fetchall()
            ),
            notes=_notes(connection),
            accepted=tuple(accepted),
            graph=graph,
            rests_on=_rests_on(connection, settings, manifest, measured, graph),
        )


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, given: object = None) -> list[dict[str, Any]]:
    found = connection.execute(sql, given)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _manifest(settings: Settings) -> dict[str, Any] | None:
    """Return what dbt wrote of the project when it last built it in full; None where it left nothing in this home."""
    path = settings.home / "dbt" / "manifest.json"
    return json.loads(path.read_bytes()) if path.is_file() else None


def _graph(
    settings: Settings, manifest: Mapping[str, Any] | None, measured: Sequence[Measured], landed: Sequence[Landed]
) -> lineage.Graph:
    if manifest is None:
        return lineage.Graph()
    return lineage.graph(
        manifest, measured, declarations.seed(settings.dbt_project, "series"), [each.name for each in landed]
    )


def _rests_on(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    manifest: Mapping[str, Any] | None,
    measured: Sequence[Measured],
    graph: lineage.Graph,
) -> dict[str, frozenset[str]]:
    """Return the landed tables behind metrics as the release has noted them, and behind tables by the same law."""
    found: dict[str, set[str]] = defaultdict(set)
    for metric, source, table in connection.execute("from ops.metric_sources").fetchall():
        found[lineage.metric_id(metric)].add(f"{source}.{table}")
    if manifest is not None:
        series = {row["series_id"]: row["source_table"] for row in declarations.seed(settings.dbt_project, "series")}
        behind = impact.Lineage(manifest, series, {each.name: each.meta.get("inputs", ()) for each in measured})
        for each in graph.of(graph.nodes, "table"):
            found[each.id].update(behind.of_model(each.name.partition(".")[2]))
    return {node: frozenset(names) for node, names in found.items()}


def _wanting(connection: duckdb.DuckDBPyConnection) -> tuple[Wanting, ...]:
    rows = _rows(
        connection,
        "select source || '.' || table_name as name, partition_key as partition, metric_id as metric, last_good_at, "
        "newest_period_end from ops.affected_metrics order by all",
    )
    return tuple(Wanting(**row) for row in rows)


def _held(connection: duckdb.DuckDBPyConnection) -> tuple[Held, ...]:
    rows = _rows(
        connection,
        "select source || '.' || table_name as name, partition_key as partition, border, reason, held_at "
        "from ops.held_back order by all",
    )
    return tuple(Held(**row) for row in rows)


def _landed(connection: duckdb.DuckDBPyConnection, now: datetime, held: set[str]) -> tuple[Landed, ...]:
    """Return every table of the registry that a release may name, as of this one."""
    facts: dict[str, dict[str, Any]] = {}
    for row in _rows(
        connection,
        "select f.source || '.' || f.table_name as name, last_checked_at, last_changed_at, newest_period_end, "
        "coalesce(origin, '') as origin, count(l.fetch_id) as loads, coalesce(sum(l.row_count), 0)::bigint as rows, "
        "coalesce((select sum(q.row_count) from ops.quarantine as q where q.source = f.source "
        "and q.table_name = f.table_name and discarded_at is null), 0)::bigint as quarantined "
        "from ops.freshness as f left join ops.loads as l on l.source = f.source and l.table_name = f.table_name "
        "group by all",
    ):
        facts[row.pop("name")] = row
    return tuple(
        _standing(source, table, now, facts.get(f"{source.code}.{table.name}"), held)
        for source, table in sources.tables()
        if not table.is_internal
    )


def _standing(source: Source, table: Table, now: datetime, facts: Mapping[str, Any] | None, held: set[str]) -> Landed:
    facts = facts or {}
    state, reason = calendar.state_of(
        table.cadence, facts.get("newest_period_end"), now, facts.get("last_changed_at") is not None
    )
    if f"{source.code}.{table.name}" in held:
        return Landed(source=source, table=table, state="held back", reason=reason, **facts)
    return Landed(source=source, table=table, state=state, reason=reason, **facts)


# ------------------------------------------------------------------------------------------------------- tables


def _tables(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    tables: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Published],
) -> list[Shown]:
    """Return the release's tables: columns and words as its file has them, key and units as they were declared."""
    said = dict(connection.execute("select schema_name || '.' || table_name, comment from duckdb_tables()").fetchall())
    columns: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for name, *column in connection.execute(
        "select schema_name || '.' || table_name, column_name, lower(data_type), coalesce(comment, '') "
        "from duckdb_columns() where not internal order by schema_name, table_name, column_index"
    ).fetchall():
        columns[name].append((column[0], column[1], column[2]))
    known = _newest_known_at(connection, [name for name, its in columns.items() if "known_at" in {c[0] for c in its}])
    return [
        replace(
            _table(connection, name, said.get(name) or "", columns[name], declared.get(name), known),
            rows=tables[name]["rows"],
            files=tuple(str(p.relative_to(folder)) for p in sorted(folder.glob(f"parquet/{name.replace('.', '/')}/*"))),
        )
        for name in sorted(tables)
    ]


def _newest_known_at(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, datetime]:
    asked = " union all ".join(f"select '{name}', max(known_at) from {name}" for name in names)
    return dict(connection.execute(asked).fetchall()) if asked else {}


def _table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    said: str,
    columns: Sequence[tuple[str, str, str]],
    declared: Published | None,
    known: Mapping[str, datetime],
) -> Shown:
    units = {c.name: c.unit for c in declared.columns} if declared else {}
    # What was known last is what a reader looks for first.
    order = " order by known_at desc nulls last" if name in known else ""
    found = connection.execute(f"select * from {name}{order} limit {MOST_SAMPLES}")
    return Shown(
        published=replace(
            declared or Published(name=name, subject="", description="", key=(), has_versions=False, columns=()),
            description=said,
            columns=tuple(
                Field(name=c, type=kind, unit=units.get(c, ""), description=_UNIT.sub("", meaning))
                for c, kind, meaning in columns
            ),
        ),
        rows=None,
        newest_known_at=known.get(name),
        header=tuple(column[0] for column in found.description or ()),
        sample=tuple(found.fetchall()),
    )


def _macros(declared: Sequence[Published]) -> list[Shown]:
    return [Shown(published=each, rows=None, newest_known_at=None) for each in declared]


# ------------------------------------------------------------------------------------------------------- metrics


def _metrics(connection: duckdb.DuckDBPyConnection, measured: Sequence[Measured], now: datetime) -> tuple[Figures, ...]:
    facts = {row.pop("metric_id"): row for row in _rows(connection, _OF_METRICS, [now.date()])}
    lines, newest = _lines(connection), _by_metric(connection, _NEWEST, [MOST_FIGURES])
    goldens = _by_metric(connection, "select * from metrics.golden_checks order by all")
    scenarios = _by_metric(connection, _SCENARIOS, [MOST_FIGURES])
    return tuple(
        Figures(
            measured=each,
            lines=tuple(lines[each.name]),
            newest=tuple(newest[each.name]),
            goldens=tuple(goldens[each.name]),
            scenarios=tuple(scenarios[each.name]),
            **facts.get(each.name, {}),
        )
        for each in measured
    )


def _parameter_sets(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(connection.execute("select parameter_set, description from metrics.parameter_sets").fetchall())


def _by_metric(
    connection: duckdb.DuckDBPyConnection, sql: str, given: object = None
) -> defaultdict[str, list[dict[str, Any]]]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(connection, sql, given):
        found[row["metric_id"]].append(row)
    return found


_OF_METRICS = """
with reasons as (
    select metric_id, array_to_string(list(reason order by n desc, reason)[:4], ', ') as null_reasons
    from (
        select metric_id, split_part(null_reason, ':', 1) as reason, count(*) as n
        from metrics.latest where value is null group by 1, 2
    )
    group by metric_id
)
select
    metric_id,
    count(*) as rows,
    count(value) as values,
    count(distinct entity_id) filter (value is not null) as entities,
    max(period_end) filter (value is not null) as newest_period_end,
    max(known_at) filter (value is not null) as newest_known_at,
    string_agg(distinct origin, ', ' order by origin) filter (value is not null) as origins,
    ?::date - max(period_end) filter (value is not null) as age_days,
    coalesce(any_value(null_reasons), '') as null_reasons
from metrics.latest left join reasons using (metric_id)
group by metric_id
"""

_NEWEST = """
with of_entities as (
    select metric_id, entity_id, grain, period_end, value, known_at, origin from metrics.latest
    where value is not null
    qualify row_number() over (partition by metric_id, entity_type, entity_id order by period_end desc, grain) = 1
)
select * from of_entities
qualify row_number() over (partition by metric_id order by period_end desc, entity_id) <= ?
order by metric_id, period_end desc, entity_id
"""

_SCENARIOS = """
select metric_id, parameter_set, entity_id, grain, period_end, default_value, scenario_value, difference,
    default_null_reason, scenario_null_reason
from metrics.sensitivity
qualify
    row_number() over (partition by metric_id, parameter_set order by abs(difference) desc nulls last, entity_id) <= ?
order by metric_id, parameter_set, abs(difference) desc nulls last, entity_id
"""

_LINES = """
with counted as (
    select metric_id, entity_type, entity_id, grain, count(value) as n
    from metrics.latest group by all having count(value) > 1
), finest as (  -- of a metric with several grains the one with most values is drawn
    select metric_id, arg_max(grain, n) as grain
    from (select metric_id, grain, sum(n) as n from counted group by all) group by metric_id
), chosen as (
    select c.* from counted as c semi join finest as f on c.metric_id = f.metric_id and c.grain = f.grain
    qualify row_number() over (
        partition by c.metric_id
        order by entity_type in ('system', 'region') desc, n desc, entity_id
    ) <= ?
), placed as (
    select
        l.metric_id, l.entity_id, l.grain, l.period_end, l.value, c.entity_type, c.n,
        ceil(count(*) over a_line / ?)::integer as each,
        row_number() over (a_line order by l.period_end) - 1 as place,
        l.period_end = max(l.period_end) filter (l.value is not null) over a_line as is_newest
    from metrics.latest as l join chosen as c using (metric_id, entity_type, entity_id, grain)
    window a_line as (partition by l.metric_id, l.entity_type, l.entity_id, l.grain)
), kept as (  -- the extremes of each stretch, and the newest: what a thinned line says is then true of the whole one
    select *, count(value) over stretch as values_there from placed
    window stretch as (partition by metric_id, entity_type, entity_id, grain, place // each)
    qualify is_newest
        or period_end = arg_min(period_end, value) over stretch
        or period_end = arg_max(period_end, value) over stretch
        or (values_there = 0 and period_end = max(period_end) over stretch)
)
select metric_id, entity_id, grain, each, period_end, value
from kept
order by metric_id, entity_type in ('system', 'region') desc, n desc, entity_id, period_end
"""


def _lines(connection: duckdb.DuckDBPyConnection) -> defaultdict[str, list[Line]]:
    points: dict[tuple[str, str, str, int], list[tuple[date, float | None]]] = defaultdict(list)
    for metric, entity, grain, each, end, value in connection.execute(
        _LINES, [MOST_LINES, float(MOST_STRETCHES)]
    ).fetchall():
        points[metric, entity, grain, each].append((end, value))
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for (metric, entity, grain, each), its in points.items():
        found[metric].append(Line(entity=entity, grain=grain, points=tuple(its), periods_each=each))
    return found


# ------------------------------------------------------------------------------------------------------- quality


def _judged(connection: duckdb.DuckDBPyConnection) -> tuple[Judged, ...]:
    rows = _rows(
        connection,
        f"select border, severity, count(*) filter (success) as held, count(*) filter (not success) as failed "
        f"from ({stores.LAST_RUNS}) group by border, severity order by border, severity",
    )
    return tuple(Judged(**row) for row in rows)


def _failures(connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, Any], ...]:
    return tuple(
        _rows(
            connection,
            "select border, severity, table_name, expectation, column_name, detail, observed, unexpected_count, "
            f"row_count from ({stores.LAST_RUNS}) where not success "
            "order by severity <> 'critical', border, table_name, expectation",
        )
    )


def _notes(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return what else a reader should know, as sentences: rows set aside, new fields, a past that was changed."""
    said = [
        f"{row['n']:,} row(s) of {row['name']} are in quarantine under rule {row['rule']}: {row['reason']}"
        for row in _rows(
            connection,
            "select source || '.' || table_name as name, rule, any_value(reason) as reason, "
            "sum(row_count)::bigint as n from ops.quarantine where discarded_at is null group by all order by all",
        )
    ]
    said += [
        f"{row['name']} has a field that no contract knows yet: {row['column_name']}."
        for row in _rows(
            connection, "select source || '.' || table_name as name, column_name from ops.drift order by all"
        )
    ]
    said += [
        f"{row['name']}: its publisher changed its past ({row['kind']}, {row['n']:,} rows, {row['noticed']})."
        for row in _rows(
            connection,
            "select source || '.' || table_name as name, kind, sum(row_count)::bigint as n, "
            "max(noticed_at)::date as noticed from ops.history_changes group by all "
            "order by noticed desc, name, kind limit 10",
        )
    ]
    return tuple(said)
