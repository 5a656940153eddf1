"""OpenLineage events as they came over the wire: read by the classes that its client makes them of, and as a graph."""

from __future__ import annotations

import pkgutil
from collections import defaultdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attr
from openlineage.client import generated
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.common.provider.dbt import facets as of_dbt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MODULES = [import_module(f"{generated.__name__}.{each.name}") for each in pkgutil.iter_modules(generated.__path__)]
FACETS = {
    kind._get_schema(): kind  # noqa: SLF001  (the one place where a class says which facet it is)
    for module in (*_MODULES, of_dbt)
    for name, kind in vars(module).items()
    if name.endswith("Facet") and attr.has(kind)
}
"""Every facet that the package has, by the address of its schema."""


def _facets(found: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Any]:
    return {name: _facet(given) for name, given in (found or {}).items()}


def _facet(given: Mapping[str, Any]) -> Any:
    kind = FACETS[given["_schemaURL"]]
    values = {name: value for name, value in given.items() if name not in {"_producer", "_schemaURL", "_deleted"}}
    assert given["_producer"]
    return kind(**values)


def read(event: Mapping[str, Any]) -> RunEvent:
    """Return the event; one that is not of the specification's shape fails, and so does a facet that nobody knows."""
    assert set(event) <= {"eventType", "eventTime", "run", "job", "inputs", "outputs", "producer", "schemaURL"}
    run, job = event["run"], event["job"]
    return RunEvent(
        eventType=RunState[event["eventType"]],
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=Run(runId=run["runId"], facets=_facets(run.get("facets"))),
        job=Job(namespace=job["namespace"], name=job["name"], facets=_facets(job.get("facets"))),
        inputs=[
            InputDataset(
                each["namespace"], each["name"], _facets(each.get("inputFacets")), facets=_facets(each.get("facets"))
            )
            for each in event.get("inputs", [])
        ],
        outputs=[
            OutputDataset(
                each["namespace"], each["name"], _facets(each.get("outputFacets")), facets=_facets(each.get("facets"))
            )
            for each in event.get("outputs", [])
        ],
    )


def ancestors(events: Iterable[Mapping[str, Any]], dataset: tuple[str, str]) -> set[tuple[str, str]]:
    """Return all that a dataset was made of, by the events alone."""
    made_of = defaultdict(set)
    for event in events:
        for each in event.get("outputs", []):
            made_of[each["namespace"], each["name"]] |= {(i["namespace"], i["name"]) for i in event.get("inputs", [])}
    found: set[tuple[str, str]] = set()
    waiting = {dataset}
    while waiting:
        new = set().union(*(made_of[each] for each in waiting)) - found
        found |= new
        waiting = new
    return found
