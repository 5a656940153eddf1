"""The pages of a release as text: facts set into templates that escape all they are given."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.contract import BOOKKEEPING, PARSER_SAW
from warehouse.site import drawing, lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jinja2 import Environment

    from warehouse.declarations import Field
    from warehouse.site.lineage import Graph, Node
    from warehouse.site.reading import Facts, Figures, Held, Landed, Shown

TEMPLATES = Path(__file__).parent / "templates"
SIGNS = {
    "fresh": "✓",
    "due": "…",
    "late": "!",
    "held back": "✕",
    "not due": "·",
    "never landed": "-",
    "stale": "!",
    "no value": "-",
}
"""A sign for each state, since a colour alone does not reach everyone."""
MOST_DAYS = 21
_PLOT = (640.0, 170.0)
_SPARK = (120.0, 24.0)
_LONGEST = 90
"""Letters of a sample's value; the rest is cut off."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What lies in a release's folder beside these pages, by its path there; None where it is not."""

    changes: str | None
    dbt: str | None
    incoming: str | None
    outgoing: str | None
    attribution: str | None

    @classmethod
    def of(cls, folder: Path) -> Beside:
        """Look into a release's folder."""

        def first(*names: str) -> str | None:
            return next((name for name in names if (folder / name).is_file()), None)

        return cls(
            changes=first("CHANGES.md", "changes.json"),
            dbt=first("dbt/index.html"),
            incoming=first("quality/incoming/index.html"),
            outgoing=first("quality/release/index.html"),
            attribution=first("ATTRIBUTION.md"),
        )


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """What stands above and below something, in things that have a page."""

    sources: tuple[Landed, ...]
    tables: tuple[Node, ...]
    metrics: tuple[Node, ...]
    more_metrics: tuple[Node, ...]
    """Metrics that are made of it by way of others."""


@dataclass(frozen=True, kw_only=True)
class Affected:
    """What is held back of a landed table, and the metrics that rest on it."""

    name: str
    held: tuple[Held, ...]
    meanwhile: tuple[tuple[str, datetime | None], ...]
    """Partition, and when what is used in its place was fetched."""
    metrics: tuple[tuple[Node, date | None], ...]
    """Metric, and the newest period that it has a value of; those made of the fewest things first."""


def rendered(facts: Facts, beside: Beside) -> dict[str, str]:
    """Return the text of every page by its path in the release."""
    shared = {"facts": facts, "beside": beside, "affected": _affected(facts), "titles": _titles(facts)}

    def page(template: str, depth: int, **given: object) -> str:
        return _environment().get_template(template).render(root="../" * depth, **shared, **given)

    texts = {
        "catalogue/index.html": page("index.html", 1, entries=_entries(facts)),
        "catalogue/assets/style.css": (TEMPLATES / "style.css").read_text(encoding="utf-8"),
        "catalogue/assets/search.js": (TEMPLATES / "search.js").read_text(encoding="utf-8"),
        "quality/index.html": page("quality.html", 1, days=facts.by_day[-MOST_DAYS:], publishers=_publishers(facts)),
    }
    for each in facts.tables:
        node = lineage.table_id(each.name)
        texts[f"catalogue/tables/{each.name}.html"] = page(
            "table.html",
            2,
            table=each,
            around=_around(facts, node),
            picture=lineage.picture(facts.graph, node, facts.rests_on.get(node, ())),
        )
    for metric in facts.metrics:
        node = lineage.metric_id(metric.measured.name)
        texts[f"catalogue/metrics/{metric.measured.name}.html"] = page(
            "metric.html",
            2,
            metric=metric,
            around=_around(facts, node),
            inputs=_inputs(facts.graph, metric),
            picture=lineage.picture(facts.graph, node, facts.rests_on.get(node, ())),
            plots=[(line, drawing.plot(line.points, *(_SPARK if i else _PLOT))) for i, line in enumerate(metric.lines)],
        )
    for source in facts.landed:
        texts[f"catalogue/sources/{source.name}.html"] = page(
            "source.html",
            2,
            landed=source,
            around=_made_of(facts, source.name),
            bookkeeping=BOOKKEEPING,
            parser_saw=PARSER_SAW[source.table.proven],
            held=[each for each in facts.held if each.name == source.name],
        )
    return texts


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(number=drawing.number, instant=_instant, value=_value, words=_words, link=_link)
    made.globals.update(signs=SIGNS, shares=drawing.shares, count=_count)
    return made


# ------------------------------------------------------------------------------------------------------- who reads what


def _around(facts: Facts, node: str) -> Upstream:
    """Return what stands around a table or a metric."""
    graph, rests_on = facts.graph, facts.rests_on.get(node, frozenset())
    below = graph.below(node)
    direct = {child for child, its in graph.parents.items() if node in its}
    return Upstream(
        sources=tuple(each for each in facts.landed if each.name in rests_on),
        tables=tuple(graph.of(below, "table")),
        metrics=tuple(graph.of(direct & below, "metric")),
        more_metrics=tuple(graph.of(below - direct, "metric")),
    )


def _made_of(facts: Facts, source: str) -> Upstream:
    """Return what rests on a landed table."""
    found = [node for node, names in facts.rests_on.items() if source in names]
    return Upstream(
        sources=(),
        tables=tuple(facts.graph.of(found, "table")),
        metrics=tuple(facts.graph.of(found, "metric")),
        more_metrics=(),
    )


def _inputs(graph: Graph, metric: Figures) -> list[Node]:
    return [
        graph.nodes[each]
        for each in sorted(graph.parents.get(lineage.metric_id(metric.measured.name), ()))
        if each in graph.nodes
    ]


def _affected(facts: Facts) -> list[Affected]:
    """Return what is held back by table, with all metrics that rest on it."""
    return [_affected_by(facts, name) for name in sorted({each.name for each in facts.held})]


def _affected_by(facts: Facts, name: str) -> Affected:
    wanting = [each for each in facts.wanting if each.name == name]
    newest = {lineage.metric_id(each.metric): each.newest_period_end for each in wanting}
    metrics = sorted(facts.graph.of(newest, "metric"), key=lambda metric: len(facts.graph.above(metric.id)))
    return Affected(
        name=name,
        held=tuple(each for each in facts.held if each.name == name),
        meanwhile=tuple(sorted({(each.partition, each.last_good_at) for each in wanting}, key=str)),
        metrics=tuple((metric, newest[metric.id]) for metric in metrics),
    )


def _publishers(facts: Facts) -> list[tuple[str, list[Landed]]]:
    """Return the publishers with their tables."""
    found: dict[str, list[Landed]] = {}
    for each in facts.landed:
        found.setdefault(each.source.title, []).append(each)
    return list(found.items())


def _titles(facts: Facts) -> dict[str, str]:
    return {each.measured.name: each.measured.label for each in facts.metrics}


# ------------------------------------------------------------------------------------------------------- search


def _entries(facts: Facts) -> list[tuple[str, str, str, str]]:
    """Return what can be found: kind, name, page, and what it says of itself."""
    found = []
    for table in facts.tables:
        page = f"tables/{table.name}.html"
        found.append(("table", table.name, page, table.published.description))
        found += _columns(table, page)
    for metric in facts.metrics:
        name, said = metric.measured.name, f"{metric.measured.label}. {metric.measured.description}"
        found.append(("metric", name, f"metrics/{name}.html", f"{said} Unit: {metric.measured.meta['unit']}."))
    for each in facts.landed:
        page = f"sources/{each.name}.html"
        found.append(("source", each.name, page, f"{each.source.title}. {each.table.description}"))
        landed = f"raw.{each.source.code}__{each.table.name}"
        found += [
            ("column", f"{landed}.{c.name}", f"{page}#{c.name}", _said(c.description, c.unit))
            for c in each.table.columns
        ]
    return found


def _columns(table: Shown, page: str) -> Iterable[tuple[str, str, str, str]]:
    for column in table.published.columns:
        yield "column", f"{table.name}.{column.name}", f"{page}#{column.name}", _of_field(column)


def _of_field(column: Field) -> str:
    return _said(column.description, column.unit)


def _said(description: str, unit: str | None) -> str:
    return f"{description} Unit: {unit}." if unit else description


# ------------------------------------------------------------------------------------------------------- in words


def _instant(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def _value(value: object) -> str:
    """Write a cell of a sample; NULL is said and is not the empty text."""
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return _instant(value) if value.tzinfo else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date | bool | int):
        return str(value)
    text = drawing.number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _words(states: Sequence[Any]) -> str:
    """Count what stands how: `2 fresh, 1 late`."""
    counted = Counter(each.state for each in states)
    return ", ".join(f"{counted[state]} {state}" for state in SIGNS if counted[state])


def _count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


_PAGES = {"table": "tables", "metric": "metrics", "source": "sources"}


def _link(node: Node) -> str:
    """Return the page of a node, from the catalogue's folder; empty where it has none."""
    has_page = node.kind in _PAGES and (node.kind != "source" or "." in node.name)
    return f"{_PAGES[node.kind]}/{node.name}.html" if has_page else ""
