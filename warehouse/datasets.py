"""Superset's datasets, generated: the columns from where they are declared, the figures from superset/measures.yaml.

A dataset has an identity of its own in every Superset, derived from its name (`identity`), so that charts can name it.
Its rows are those that were known at the end of the day that a dashboard's filter `as_of` names, computed with the
parameters that its filter `parameter_set` names; without them what is known now, by default parameters
(superset/knowledge.py).
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import TYPE_CHECKING, Any

import yaml

from warehouse import stores, yaml_files
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from warehouse.declarations import Published

NOTE = "# Generated from the declarations and superset/measures.yaml by `make generate`. Do not edit.\n"
MEASURES = "superset/measures.yaml"
FOLDER = "superset/assets/datasets"
EVENTS = "superset/thesis_events.yaml"

_OURS = uuid.UUID("5f1d7b6e-5d0c-5b58-9a3e-3f0f6a3f0d01")

AS_OF = "{{ as_of(filter_values('as_of', remove_filter=True)) }}"
SET = "{{ parameter_set(filter_values('parameter_set', remove_filter=True)) }}"

EARLIER = "{{ earlier(filter_values('earlier', remove_filter=True), filter_values('as_of', remove_filter=True)) }}"

ROWS = {
    "ops.validations": stores.LAST_RUNS,
    # A set has rows of those metrics alone that it changes: the others are as they are by default.
    "metrics.as_of": f"""\
select figures.*, dim_metric.label
from (
    select * from metrics.as_of({AS_OF}, parameters := {SET})
    union all
    select * from metrics.as_of({AS_OF})
    where {SET} <> 'default' and metric_id not in (select metric_id from metrics.as_of({AS_OF}, parameters := {SET}))
) as figures
join metrics.dim_metric using (metric_id)""",
    "metrics.compare": f"select * from metrics.compare({EARLIER}, {AS_OF}, parameters := {SET})",
    "metrics.known_twice": f"""\
select *, 'later: ' || strftime({AS_OF}, '%Y-%m-%d') as known_on
from metrics.as_of({AS_OF}, parameters := {SET})
union all
select *, 'earlier: ' || strftime({EARLIER}, '%Y-%m-%d')
from metrics.as_of({EARLIER}, parameters := {SET})""",
    # Of every metric, also where nothing of it has ever been computed.
    "metrics.newest": f"""\
select
    dim_metric.metric_id, label, dim_metric.unit, entity_type, entity_id, grain,
    arg_max(value, period_end) as newest_value,
    max(period_end) filter (value is not null) as newest_period,
    max(known_at) filter (value is not null) as newest_known,
    case
        when count(known.metric_id) = 0 then 'not_landed'
        else nullif(arg_max(coalesce(null_reason, ''), period_end), '')
    end as missing_because,
    string_agg(distinct origin, ', ' order by origin) as made_of
from metrics.dim_metric
left join metrics.as_of({AS_OF}, parameters := {SET}) as known on dim_metric.metric_id = known.metric_id
group by all""",
    "metrics.moves": f"""\
with known as (
    select metric_id, entity_id, grain, unit, period_end, value
    from metrics.as_of({AS_OF}, parameters := {SET}) where value is not null
), newest as (
    select * from known
    qualify row_number() over (partition by metric_id, entity_id, grain order by period_end desc) = 1
)
select
    newest.metric_id, label, newest.entity_id, newest.unit, newest.period_end, newest.value,
    known.period_end as period_end_before, known.value as value_before, newest.value - known.value as change
from newest
asof join known
    on newest.metric_id = known.metric_id and newest.entity_id = known.entity_id and newest.grain = known.grain
    and newest.period_end - 7 >= known.period_end
join metrics.dim_metric on newest.metric_id = dim_metric.metric_id""",
    "metrics.metric_observations": f"""\
select * from metrics.metric_observations
where known_at <= {AS_OF} and parameter_set = metrics.known_set({SET})""",
    "metrics.known_days": """\
select distinct strftime(timezone('America/New_York', known_at), '%Y-%m-%d') as as_of, as_of as earlier
from metrics.metric_observations""",
    # The release's own row is the one whose size it does not know: two releases of one instant are told apart.
    "metrics.shown": f"""\
select
    (select release_id from ops.releases where row_count is null) as release_id,
    (select published_at from ops.releases where row_count is null) as published_at,
    {AS_OF} as as_of, {SET} as parameter_set,
    max(known_at) as newest_known_at, max(period_end) filter (value is not null) as newest_period_end,
    count(value) as figure_count, string_agg(distinct origin, ', ' order by origin) as origins
from metrics.as_of({AS_OF}, parameters := {SET})""",
}
"""Which rows a dataset has, where its table alone does not say it."""

_TEMPORAL = ("DATE", "TIMESTAMP", "TIMESTAMPTZ")

_DOCUMENT = {
    "type": "VARCHAR",
    "description": "A link to what the figure was taken from, where that is one document on the web.",
    "expression": (
        "case when regexp_matches(source_url, '^https?://[^\\s,\"<>]+$') "
        'then \'<a href="\' || source_url || \'" target="_blank" rel="noopener">document</a>\' end'
    ),
}


def identity(kind: str, name: str) -> str:
    """Return the UUID of an asset of ours: of version 5, which no asset made in a browser has."""
    return str(uuid.uuid5(_OURS, f"{kind}/{name}"))


DATABASE = identity("databases", "release")


def generated(project: Path, published: Iterable[Published]) -> dict[Path, str]:
    """Return every dataset's path and text; `published` are the tables and macros of a release.

    Raises:
        ConfigurationError: measures.yaml names a table that is not in a release.
    """
    measures: dict[str, dict[str, Any]] = yaml_files.read(project / MEASURES)
    tables = {each.name.partition("(")[0]: each for each in published}
    files = {}
    for name, given in measures.items():
        more = given or {}
        schema, _, table = name.partition(".")
        rows = ROWS.get(name, "")
        like = more.get("like", name)  # whose columns it has
        if like in tables:
            description = tables[name].description if name in tables else more["description"]
            columns = [_column(f.name, f.type, f.description, f.unit) for f in tables[like].columns]
            if not rows:
                rows = _known(tables[name], more.get("known_at", "known_at"), every_set=more.get("every_set", False))
        elif schema == "ops" and table in stores.OPS:
            description = stores.MEANINGS[table]
            columns = [_column(*column.split()[:2]) for column in stores.OPS[table].split(", ")]
        elif rows:
            description, columns = more["description"], []
        else:
            raise ConfigurationError(
                f"{MEASURES} names {name}",
                expected="a table of a release: marts, metrics or ops",
                got="none of that name",
            )
        for other, names in more.get("from", {}).items():
            columns += [
                _column(f.name, f.type, f.description, f.unit) for f in tables[other].columns if f.name in names
            ]
        own = more.get("columns", {})
        if any(column["column_name"] == "source_url" for column in columns):
            own = {"document": _DOCUMENT, **own}
        figures = {c: _only(c, called, tables[name]) for c, called in more.get("figures", {}).items()}
        figures |= more.get("metrics", {})
        columns += [
            _column(column, each["type"], each["description"], expression=each.get("expression", ""))
            for column, each in own.items()
        ]
        files[project / FOLDER / f"{schema}__{table}.yaml"] = _document(name, description, rows, columns, figures)
    return files


def events(project: Path, seeded: Iterable[Mapping[str, str]]) -> dict[Path, str]:
    """Return the file of the events that charts mark, which are those that dbt seeds."""
    marked = [
        {
            "title": each["title"],
            "day": date.fromisoformat(each["announced_at"][:10]),
            "told": f"{each['source_name']} ({each['certainty']}): {each['source_url']}",
        }
        for each in seeded
    ]
    note = "# Generated from dbt_project/seeds/events.csv by `make generate`. Do not edit.\n"
    return {project / EVENTS: note + yaml.safe_dump(marked, sort_keys=False, width=120, allow_unicode=True)}


def _only(column: str, called: str, table: Published) -> dict[str, Any]:
    """Return the figure that is a column's value, and nothing where a chart would mix several."""
    (field,) = [each for each in table.columns if each.name == column]
    told = f"{field.description} Unit: {field.unit}." if field.unit else field.description
    return {"expression": f"case when count(*) = 1 then max({column}) end", "description": told, "called": called}


def _known(table: Published, known_at: str | None, *, every_set: bool) -> str:
    """Return the query for the rows of a table that were known, of one parameter set where it has several.

    `known_at` is the column that says it: an instant, or a day by whose end a row was known; None of what has no past.

    Raises:
        ConfigurationError: the table has no such column.
    """
    types, conditions = {each.name: each.type for each in table.columns}, []
    if known_at and known_at not in types:
        raise ConfigurationError(
            f"{MEASURES} does not say from when a row of {table.name} was known",
            expected=f"`known_at:` with one of its columns, or without any: {', '.join(types)}",
            got=known_at,
        )
    if known_at and types[known_at].upper() == "DATE":
        conditions.append(f"{known_at} <= cast(timezone('America/New_York', {AS_OF}) as date)")
    elif known_at:
        conditions.append(f"{known_at} <= {AS_OF}")
    if "known_until" in types:
        conditions.append(f"(known_until is null or known_until > {AS_OF})")
    if "parameter_set" in types and not every_set:
        asked = f"select max(parameter_set) from {table.name} where parameter_set = metrics.known_set({SET})"
        conditions.append(f"parameter_set = coalesce(({asked}), 'default')")
    where = "\n    and ".join(conditions)
    return f"select * from {table.name}\nwhere {where}" if conditions else ""


def _column(name: str, kind: str, description: str = "", unit: str = "", expression: str = "") -> dict[str, Any]:
    told = f"{description} Unit: {unit}." if unit else description
    kind = kind.upper().replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
    return {
        "column_name": name,
        "verbose_name": name.replace("_", " "),
        "is_dttm": kind in _TEMPORAL,
        "is_active": True,
        "type": kind,
        "groupby": True,
        "filterable": True,
        **({"expression": expression} if expression else {}),
        **({"description": told} if told else {}),
    }


def _document(name: str, description: str, rows: str, columns: list[dict[str, Any]], metrics: Mapping[str, Any]) -> str:
    schema, _, table = name.partition(".")
    document = {
        "table_name": table,
        "description": description,
        "offset": 0,
        "schema": schema,
        **({"sql": rows} if rows else {}),
        "filter_select_enabled": True,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": identity("datasets", name),
        "metrics": [
            {
                "metric_name": metric,
                "verbose_name": given.get("called", metric.replace("_", " ")),
                "expression": given["expression"],
                "description": given["description"],
                **({"d3format": given["format"]} if "format" in given else {}),
            }
            for metric, given in metrics.items()
        ],
        "columns": columns,
        "version": "1.0.0",
        "database_uuid": DATABASE,
    }
    return NOTE + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)
