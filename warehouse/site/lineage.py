"""What is made of what: publishers' tables, dbt's models and seeds, series, metrics; and a picture of a part of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from warehouse.declarations import Measured

Kind = Literal["source", "seed", "step", "table", "series", "metric"]

PUBLISHED = frozenset({"marts", "metrics"})
"""Schemas of dbt that are in a release."""
MOST_STEPS = 26
"""Nodes up to which a picture shows every step; with more it shows what has a page."""
MOST_NODES = 44
"""Nodes up to which a picture shows each of a publisher's tables; with more it shows publishers."""
WIDEST = 1040
"""Width up to which a picture shows every step."""
_SWEEPS = 6
_LONGER = "Where one is made of another both directly and by way of a third, the longer way is drawn."

_NODE_HEIGHT, _ROW, _GAP, _LETTER, _PAD, _MARGIN = 24, 32, 44, 6.7, 18, 8
_MOST_LETTERS = 34


@dataclass(frozen=True, kw_only=True)
class Node:
    """Something that is made of other things, or that others are made of."""

    id: str
    kind: Kind
    name: str
    """What a reader calls it: `marts.fct_auctions`, `fiscaldata.auctions`, `capex_ttm`."""


@dataclass(frozen=True)
class Graph:
    """Nodes by their id, and what each is made of directly."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def above(self, start: str) -> frozenset[str]:
        """Return the ids of all that a node is made of."""
        if start not in self._above:
            self._above[start] = _reached(start, self.parents)
        return self._above[start]

    @cached_property
    def _children(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for child, its in self.parents.items():
            for each in its:
                found[each].add(child)
        return found

    @cached_property
    def _above(self) -> dict[str, frozenset[str]]:
        return {}

    def below(self, start: str) -> frozenset[str]:
        """Return the ids of all that is made of a node."""
        return _reached(start, self._children)

    def of(self, ids: Iterable[str], kind: Kind) -> list[Node]:
        """Return the nodes of a kind among these, by name."""
        found = (self.nodes[each] for each in ids if each in self.nodes)
        return sorted((n for n in found if n.kind == kind), key=lambda n: n.name)


@dataclass(frozen=True, kw_only=True)
class Box:
    """A node where a picture has it, in its units."""

    node: Node
    x: float
    y: float
    width: float
    height: float = _NODE_HEIGHT

    @property
    def label(self) -> str:
        """Its name, cut where it is very long."""
        return self.node.name if len(self.node.name) <= _MOST_LETTERS else f"{self.node.name[: _MOST_LETTERS - 1]}…"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing of what something is made of, from left to right."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    curves: tuple[str, ...]
    """Paths, in SVG's words."""
    left_out: str
    """What it does not show, as a sentence; empty where it shows every step."""


def source_id(name: str) -> str:
    """Return the id of a landed table, which is called `<source>.<table>`."""
    return f"source:{name}"


def metric_id(name: str) -> str:
    """Return the id of a metric."""
    return f"metric:{name}"


def table_id(name: str) -> str:
    """Return the id of a model or seed, with or without its schema; the builder's records are in no graph."""
    return name if name.startswith("ops.") else f"table:{name.rpartition('.')[2]}"


def graph(
    manifest: Mapping[str, Any], metrics: Iterable[Measured], series: Iterable[Mapping[str, str]], landed: Iterable[str]
) -> Graph:
    """Return what dbt's manifest, the metrics' declarations and the seed `series` say of who reads what.

    `landed` are the names of the publishers' tables, `<source>.<table>`.
    """
    nodes = {source_id(name): Node(id=source_id(name), kind="source", name=name) for name in landed}
    parents: dict[str, frozenset[str]] = {}
    ours = {unique: _ours(each) for unique, each in {**manifest["sources"], **manifest["nodes"]}.items()}
    for unique, node in ours.items():
        if node:
            nodes[node.id] = node
            above = (ours.get(each) for each in manifest["parent_map"].get(unique, ()))
            parents[node.id] = frozenset(each.id for each in above if each)
    for row in series:
        node = Node(id=f"series:{row['series_id']}", kind="series", name=row["series_id"])
        nodes[node.id], parents[node.id] = node, frozenset({source_id(row["source_table"])})
    for metric in metrics:
        node = Node(id=metric_id(metric.name), kind="metric", name=metric.name)
        nodes[node.id] = node
        parents[node.id] = frozenset(map(_input, metric.meta.get("inputs", ())))
    known = {child: frozenset(p for p in its if p in nodes) for child, its in parents.items()}
    return Graph(nodes=nodes, parents=known)


def _ours(node: Mapping[str, Any]) -> Node | None:
    """Return what dbt has as a source, seed or model; None for its tests and operations."""
    name, schema, kind = node["name"], node["schema"], node["resource_type"]
    if kind == "source":
        return Node(id=source_id(f"{node['source_name']}.{name}"), kind="source", name=f"{node['source_name']}.{name}")
    if kind == "seed":
        return Node(id=table_id(name), kind="seed", name=name)
    if kind == "model" and schema in PUBLISHED:
        return Node(id=table_id(name), kind="table", name=f"{schema}.{name}")
    return Node(id=table_id(name), kind="step", name=name) if kind == "model" else None


def _input(declared: str) -> str:
    kind, _, name = declared.rpartition(":")
    return {"table": table_id(name), "series": f"series:{name}"}.get(kind, metric_id(name))


def picture(whole: Graph, target: str, rests_on: Collection[str]) -> Picture | None:
    """Draw what a node is made of: every step where they are few, else what has a page, else publishers too.

    `rests_on` are the landed tables that count, as `<source>.<table>`; dbt knows only that a model reads
    fct_observations, which has every series. None where it is made of nothing that is known.
    """
    roots = {source_id(name) for name in rests_on} | {i for i, n in whole.nodes.items() if n.kind == "seed"}
    counted = {i for i in whole.above(target) if i in roots or roots & whole.above(i)}
    if not counted:
        return None
    shown = _part(whole, {target, *counted})
    steps = sum(n.kind == "step" for n in shown.nodes.values())
    if len(shown.nodes) <= MOST_STEPS and ((every := _drawn(shown, "")).width <= WIDEST or not steps):
        return every
    said = [_LONGER]
    if steps:
        shown = _without(shown, lambda n: n.kind == "step" and n.id != target)
        said.append(f"{steps} steps between them are not shown.")
    if len(shown.nodes) > MOST_NODES:
        series = sum(n.kind == "series" for n in shown.nodes.values())
        shown = _by_publisher(_without(shown, lambda n: n.kind == "series" and n.id != target))
        said += [f"{series} series are not shown."] if series else []
        said.append("Sources are publishers.")
    return _drawn(_longer_ways(shown), " ".join(said))


def _reached(start: str, edges: Mapping[str, Collection[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = [each for each in edges.get(waiting.pop(), ()) if each not in found]
        found.update(fresh)
        waiting += fresh
    return frozenset(found)


def _part(whole: Graph, ids: Collection[str]) -> Graph:
    return Graph(
        nodes={i: whole.nodes[i] for i in sorted(ids)},
        parents={i: frozenset(p for p in whole.parents.get(i, ()) if p in ids) for i in sorted(ids)},
    )


def _without(whole: Graph, is_dropped: Callable[[Node], bool]) -> Graph:
    """Leave nodes out and join what lies on either side of them."""
    dropped = {i for i, node in whole.nodes.items() if is_dropped(node)}

    def kept_above(node: str) -> set[str]:
        found, seen, waiting = set(), {node}, [node]
        while waiting:
            for each in whole.parents.get(waiting.pop(), ()):
                if each not in dropped:
                    found.add(each)
                elif each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return found

    kept = [i for i in whole.nodes if i not in dropped]
    return Graph(nodes={i: whole.nodes[i] for i in kept}, parents={i: frozenset(kept_above(i)) for i in kept})


def _by_publisher(whole: Graph) -> Graph:
    """Let each publisher's tables be one node."""

    def merged(node: str) -> str:
        return source_id(whole.nodes[node].name.partition(".")[0]) if whole.nodes[node].kind == "source" else node

    nodes, parents = {}, {}
    for each, node in whole.nodes.items():
        new = merged(each)
        nodes[new] = Node(id=new, kind="source", name=new.partition(":")[2]) if node.kind == "source" else node
        parents[new] = frozenset(merged(p) for p in whole.parents.get(each, ()))
    return Graph(nodes=nodes, parents=parents)


def _longer_ways(whole: Graph) -> Graph:
    """Leave out each line that others say already: a picture of all of them is a web."""
    above = {each: whole.above(each) for each in whole.nodes}
    parents = {
        each: frozenset(p for p in its if not any(p in above[other] for other in its if other != p))
        for each, its in whole.parents.items()
    }
    return Graph(nodes=whole.nodes, parents=parents)


def _drawn(shown: Graph, left_out: str) -> Picture:
    columns = _columns(shown)
    boxes: dict[str, Box] = {}
    tallest = max(map(len, columns))
    x = float(_MARGIN)
    for column in columns:
        width = max(min(len(shown.nodes[i].name), _MOST_LETTERS) for i in column) * _LETTER + _PAD
        top = _MARGIN + (tallest - len(column)) * _ROW / 2
        for place, each in enumerate(column):
            boxes[each] = Box(node=shown.nodes[each], x=x, y=top + place * _ROW, width=width)
        x += width + _GAP
    curves = [
        _curve(boxes[parent], boxes[child]) for child in shown.nodes for parent in sorted(shown.parents.get(child, ()))
    ]
    return Picture(
        width=x - _GAP + _MARGIN,
        height=tallest * _ROW - (_ROW - _NODE_HEIGHT) + 2 * _MARGIN,
        boxes=tuple(boxes.values()),
        curves=tuple(curves),
        left_out=left_out,
    )


def _curve(left: Box, right: Box) -> str:
    x1, y1, x2, y2 = left.x + left.width, left.y + left.height / 2, right.x, right.y + right.height / 2
    bend = max(24.0, (x2 - x1) / 2)
    return f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"


def _columns(shown: Graph) -> list[list[str]]:
    """Return the nodes by column, each right of all that it is made of, ordered so that few lines cross."""
    depth = _depths(shown)
    columns: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for each in shown.nodes:
        columns[depth[each]].append(each)
    neighbours: dict[str, set[str]] = defaultdict(set)
    for child, its in shown.parents.items():
        for parent in its:
            neighbours[child].add(parent)
            neighbours[parent].add(child)
    # Each node goes to the mean height of its neighbours, from the left and from the right in turn.
    for sweep in range(_SWEEPS):
        for fixed, moved in pairwise(columns if sweep % 2 == 0 else columns[::-1]):
            _order(moved, fixed, neighbours)
    return columns


def _order(moved: list[str], fixed: Sequence[str], neighbours: Mapping[str, Collection[str]]) -> None:
    height = {each: place / len(fixed) for place, each in enumerate(fixed)}
    own = {each: place / len(moved) for place, each in enumerate(moved)}

    def mean(node: str) -> float:
        found = [height[each] for each in neighbours.get(node, ()) if each in height]
        return sum(found) / len(found) if found else own[node]

    moved.sort(key=mean)


def _depths(shown: Graph) -> dict[str, int]:
    """Return how many steps each node is from the left: one more than the furthest of what it is made of."""
    depth: dict[str, int] = {}

    def of(node: str, above: frozenset[str]) -> int:
        if node not in depth:
            its = [of(each, above | {node}) for each in shown.parents.get(node, ()) if each not in above | {node}]
            depth[node] = 1 + max(its, default=-1)
        return depth[node]

    for each in shown.nodes:
        of(each, frozenset())
    return depth
