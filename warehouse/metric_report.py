"""What a person reads of metrics in a terminal: their list, a definition, and what a figure was made of."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from warehouse.provenance import Declared, Node


def print_provenance(node: Node, console: Console) -> None:
    """Print a figure as a tree of what it was made of, then the documents that it rests on."""
    tree = Tree(_figure(node))
    _grow(tree, node, node.details.get("parameter_set", "default"))
    _print_whole(tree, console)
    documents = list(node.documents())
    if documents:
        console.print("\nDocuments", style="bold")
    for each in documents:
        digest = f"archive sha256 {each.sha256}" if each.sha256 else "no archived answer: a log kept by hand"
        console.print(f"  {each.url}\n    {digest}", markup=False, highlight=False, soft_wrap=True)


def _print_whole(shown: Tree | Grid, console: Console) -> None:
    """Print a tree or a table, nothing cut off: wrapped in a terminal, one line a figure in a file or a pipe."""
    if console.is_terminal:
        console.print(shown)
        return
    needed = console.measure(shown, options=console.options.update(max_width=100_000)).maximum
    Console(width=max(needed, console.width), file=console.file).print(shown)


def _grow(tree: Tree, node: Node, parameter_set: str) -> None:
    for each in node.inputs:
        _grow(tree.add(_figure(each, parameter_set)), each, parameter_set)


def _figure(node: Node, parameter_set: str = "default") -> Text:
    """Say a figure, or a row, in a line: of which parameter set it is only where that is not the one asked about."""
    usual = {("coverage", 1.0), ("parameter_set", parameter_set)}
    line = Text(node.name, style="bold")
    if node.entity:
        line.append(f" {node.entity}", style="not bold")
    if node.period_end:
        line.append(f" {node.period_end}", style="not bold")
    if node.unit:
        said = f" = {node.value:,.6g} {node.unit}" if node.value is not None else " = NULL"
        line.append(said + (f" since {node.since}" if node.since else ""), style="cyan not bold")
    if node.null_reason:
        line.append(f" ({node.null_reason})", style="yellow not bold")
    if node.known_at:
        line.append(f"  known {node.known_at.astimezone(UTC):%Y-%m-%d %H:%M}Z", style="dim not bold")
    shown = ", ".join(f"{k} {v}" for k, v in node.details.items() if v is not None and (k, v) not in usual)
    if shown:
        line.append(f"  {shown}", style="dim not bold")
    return line


def print_metrics(found: Sequence[Declared], console: Console) -> None:
    """Print one line per metric."""
    grid = Grid("Metric", "What", "Unit", "Kind", "Claims", "Entities", "Newest", "Nulls because")
    for each in found:
        grid.add_row(
            each.metric_id,
            each.label,
            each.unit,
            each.kind,
            each.claims,
            str(each.entities),
            str(each.newest_period_end or "none"),
            each.nulls_because,
        )
    _print_whole(grid, console)


def print_metric(found: Declared, others: Mapping[str, Declared], console: Console) -> None:
    """Print one metric's definition, and its inputs down to series and tables."""
    console.print(Text(found.label, style="bold"), Text(f"({found.metric_id}, version {found.metric_version})"))
    console.print(found.description, markup=False)
    for name, said in (
        ("Formula", found.formula),
        ("Unit", f"{found.unit}; {'higher is tighter' if found.polarity > 0 else 'higher is looser'}"),
        ("Kind", f"{found.kind}; {found.additivity}; grain {found.grains}"),
        ("Claims", found.claims),
        ("Caveats", found.caveats),
        ("Owner", found.owner),
        (
            "Fresh",
            (
                (
                    f"newest {found.newest_period_end}, known {found.newest_known_at}; "
                    if found.newest_period_end
                    else "no value yet; "
                )
                + f"expected {found.expected_lag_days} days after its period, stale after {found.freshness_sla_days}"
            ),
        ),
        ("Nulls", found.nulls_because or "none among the newest"),
    ):
        console.print(Text(f"  {name:8} ", style="bold").append(str(said), style="not bold"), soft_wrap=True)
    tree = Tree(found.metric_id)
    _grow_inputs(tree, found, others, frozenset())
    _print_whole(tree, console)


def _grow_inputs(tree: Tree, metric: Declared, others: Mapping[str, Declared], above: frozenset[str]) -> None:
    for each in metric.inputs:
        branch = tree.add(f"{each}  {others[each].label}" if each in others else each)
        if each in others and each not in above:
            _grow_inputs(branch, others[each], others, above | {metric.metric_id})
