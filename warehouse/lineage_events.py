"""OpenLineage events from a publisher's address to the release, sent where the client's own variables say.

OPENLINEAGE_URL, OPENLINEAGE_CONFIG and OPENLINEAGE__TRANSPORT__* are the client's (docs/observability.md); without any
of them nothing is imported, built or sent. What a step has done is sent when it ends, so that nobody who waits for the
builder waits for a network. A collector that fails is logged once and left alone for the rest of the process: lineage
never fails a run, nor keeps it waiting twice.

A step is an OpenLineage run, whose id is the step's. What it does by table (a table that is judged, a model, a table
that is published) is a run of its own below it, so that a table's ancestors are its own and not its neighbours'.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from warehouse.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from warehouse.settings import Settings

log = logging.getLogger(__name__)

_VARIABLES = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT")
_CLOSING_SECONDS = 10.0
"""How long a transport that sends in the background may take for what it still holds."""


@dataclass(kw_only=True)
class _Told:
    """A step's run, as it is told."""

    client: Any
    run: Any
    job: Any
    parent: dict[str, str]
    """What the runs below it name as their parent."""
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    """Of the runs below it, to be sent when it ends."""


_now: ContextVar[_Told | None] = ContextVar("lineage", default=None)
_is_dead = False


def is_on() -> bool:
    """Whether a step is being told: for what it would cost to find out."""
    return _now.get() is not None


@contextmanager
def telling() -> Iterator[bool]:
    """Give whether a step is being told; what goes wrong inside is logged, and fails nobody."""
    try:
        yield is_on()
    except Exception as error:  # noqa: BLE001
        _give_up(error)


def is_asked_for() -> bool:
    """Whether the client's variables say where events go, and nothing has failed there yet."""
    off = os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true"
    return not off and not _is_dead and any(name.startswith(_VARIABLES) and os.environ[name] for name in os.environ)


def namespace() -> str:
    """Return the namespace of our jobs: the same variable as of Airflow's provider."""
    return os.environ.get("OPENLINEAGE_NAMESPACE") or "drypowder"


# ------------------------------------------------------------------------------------------------------- the runs


def begin(
    run_id: str, step: str, subject: str | None, started_at: datetime, *, of: str, parent: str | None = None
) -> None:
    """Tell that a step has begun, of the run `of`; `parent` is the scheduler's own, `<namespace>/<job>/<run id>`."""
    if not is_asked_for():
        return
    try:
        from openlineage.client import OpenLineageClient
        from openlineage.client.event_v2 import Job, Run
        from openlineage.client.facet_v2 import job_type_job, tags_run

        name = ".".join(filter(None, (step, subject)))
        facets: dict[str, Any] = {
            "tags": tags_run.TagsRunFacet(
                tags=[tags_run.TagsRunFacetFields(key="run_id", value=of, source="drypowder")]
            )
        }
        if above := parent or os.environ.get("OPENLINEAGE_PARENT_ID"):
            facets["parent"] = _parent(*above.rsplit("/", 2))
        kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DRYPOWDER", jobType="TASK")
        logging.getLogger("openlineage").setLevel(logging.WARNING)  # it says at each step where events go
        told = _Told(
            client=OpenLineageClient(),
            run=Run(runId=run_id, facets=facets),
            job=Job(namespace=namespace(), name=name, facets={"jobType": kind}),
            parent={"namespace": namespace(), "name": name, "run_id": run_id},
        )
    except Exception as error:  # noqa: BLE001  (whatever is wrong with a collector or its settings)
        _give_up(error)
        return
    _now.set(told)
    _send(told, _event("START", started_at, told.run, told.job, [], []))


def end(failure: str | None = None) -> None:
    """Tell that the step has ended, with what it read and wrote; `failure` is why, where it failed."""
    told = _now.get()
    if told is None:
        return
    _now.set(None)
    try:
        ended = _event(*_end_of(told.run, failure), told.run, told.job, told.inputs, told.outputs)
        _send(told, *told.events, ended)
        told.client.close(_CLOSING_SECONDS)
    except Exception as error:  # noqa: BLE001
        _give_up(error)


def reads(*datasets: Any) -> None:  # noqa: ANN401
    """Add to what the step reads."""
    if told := _now.get():
        told.inputs += datasets


def writes(*datasets: Any) -> None:  # noqa: ANN401
    """Add to what the step writes."""
    if told := _now.get():
        told.outputs += datasets


def part(name: str, inputs: Sequence[Any], outputs: Sequence[Any], failure: str | None = None) -> None:
    """Tell of what the step has done for one table: a run of its own below the step's."""
    told = _now.get()
    if told is None:
        return
    from openlineage.client.event_v2 import Job, Run

    facets = {"parent": _parent(*told.parent.values())}
    begun = Run(runId=str(uuid4()), facets={**facets})
    ended = Run(runId=begun.runId, facets={**facets})
    job = Job(namespace=namespace(), name=name)
    told.events.append(_event("START", datetime.now(UTC), begun, job, inputs, outputs))
    told.events.append(_event(*_end_of(ended, failure), ended, job, inputs, outputs))


def _parent(namespace: str, name: str, run_id: str) -> Any:  # noqa: ANN401
    from openlineage.client.facet_v2 import parent_run

    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=run_id), job=parent_run.Job(namespace=namespace, name=name)
    )


def _end_of(run: Any, failure: str | None) -> tuple[str, datetime]:  # noqa: ANN401
    """Return how a run ended and when, having given it the message of its failure."""
    if failure is None:
        return "COMPLETE", datetime.now(UTC)
    from openlineage.client.facet_v2 import error_message_run

    run.facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
        message=masked(failure), programmingLanguage="python"
    )
    return "FAIL", datetime.now(UTC)


def _event(
    state: str,
    at: datetime,
    run: Any,  # noqa: ANN401
    job: Any,  # noqa: ANN401
    inputs: Sequence[Any],
    outputs: Sequence[Any],
) -> Any:  # noqa: ANN401
    from openlineage.client.event_v2 import RunEvent, RunState

    return RunEvent(
        eventType=RunState[state],
        eventTime=at.isoformat(),
        run=run,
        job=job,
        inputs=list(inputs),
        outputs=list(outputs),
        producer=producer(),
    )


def _send(told: _Told, *events: Any) -> None:  # noqa: ANN401
    for event in events:
        if _is_dead:
            return
        try:
            told.client.emit(event)
        except Exception as error:  # noqa: BLE001  (of any transport)
            _give_up(error)


def _give_up(error: Exception) -> None:
    global _is_dead  # noqa: PLW0603  (a process has one collector)
    _is_dead = True
    log.warning("no more lineage from this process: %s: %s", type(error).__name__, error)


def producer() -> str:
    """Return who made an event, as the URI that the specification wants."""
    return f"urn:drypowder:{version('drypowder')}"


# --------------------------------------------------------------------------------------------------- the datasets


def address(url: str) -> Any:  # noqa: ANN401
    """Return what stands at a publisher's address, whatever it is asked for."""
    from openlineage.client.event_v2 import InputDataset

    parts = urlsplit(url)
    return InputDataset(namespace=f"{parts.scheme}://{parts.netloc}", name=parts.path.strip("/") or "/")


def addresses(urls: Iterable[str]) -> list[Any]:
    """Return what stands at publishers' addresses, each once."""
    return [address(url) for url in sorted({url.partition("?")[0] for url in urls})]


def landed(settings: Settings, source: str, table: str) -> tuple[str, str]:
    """Return namespace and name of a landed table: the folder of its files."""
    return "file", str(settings.landing.resolve() / source / table)


def in_builder(file: Path, schema: str, table: str) -> tuple[str, str]:
    """Return namespace and name of a table in one of the builder's files, as dbt's integration names it."""
    return f"duckdb://{file.resolve()}", f"{file.stem}.{schema}.{table}"


def in_current(settings: Settings, table: str) -> tuple[str, str]:
    """Return namespace and name of `<schema>.<table>` as readers find it, whichever release that is."""
    return f"duckdb://{settings.current.absolute()}/warehouse.duckdb", f"warehouse.{table}"


def read(name: tuple[str, str], findings: Iterable[Any] = ()) -> Any:  # noqa: ANN401
    """Return a dataset that is read, with what its gate has found."""
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    assertions = [
        quality.Assertion(
            assertion=each.expectation,
            success=each.success,
            column=each.column,
            severity="error" if each.severity == "critical" else "warn",
            actual=each.observed,
            description=None if each.success else each.detail,
        )
        for each in findings
    ]
    facet: dict[str, Any] = {"dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(assertions=assertions)}
    return InputDataset(namespace=name[0], name=name[1], inputFacets=facet if assertions else {})


def written(
    name: tuple[str, str],
    *,
    columns: Iterable[tuple[str, str, str]] = (),
    rows: int | None = None,
    size: int | None = None,
    files: int | None = None,
    of_version: str | None = None,
) -> Any:  # noqa: ANN401
    """Return a dataset that is written: its columns as (name, type, description), and how much was written."""
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import dataset_version_dataset, output_statistics_output_dataset, schema_dataset

    facets: dict[str, Any] = {}
    if fields := [schema_dataset.SchemaDatasetFacetFields(name=n, type=t, description=d) for n, t, d in columns]:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields)
    if of_version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=of_version)
    much = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=rows, size=size, fileCount=files
    )
    return OutputDataset(
        namespace=name[0], name=name[1], facets=facets, outputFacets={} if rows is None else {"outputStatistics": much}
    )


# ------------------------------------------------------------------------------------------------------------ dbt


def dbt(settings: Settings, results: Sequence[Mapping[str, Any]]) -> None:
    """Tell of every model and its tests, by OpenLineage's own reading of dbt's manifest and of what became of nodes."""
    told = _now.get()
    if told is None or _is_dead:
        return
    path = settings.home / "dbt" / "manifest.json"
    try:
        from openlineage.common.provider.dbt.facets import ParentRunMetadata
        from openlineage.common.provider.dbt.processor import DbtArtifactProcessor

        manifest = json.loads(path.read_bytes())
        for source in manifest["sources"].values():
            source["name"] = source["identifier"]  # the table in `raw`, whose name says its source

        class OfThisBuild(DbtArtifactProcessor):  # type: ignore[misc]  # of a library without types
            """Reads what dbt did from our note of it: a build of what is new writes no run_results.json."""

            def get_dbt_metadata(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], None]:
                happened = {"metadata": manifest["metadata"], "args": {"which": "build"}, "results": list(results)}
                return manifest, happened, {"type": "duckdb", "path": str(settings.warehouse.resolve())}, None

            def dbt_run_run_facet(self) -> dict[str, Any]:
                return {}

        processor = OfThisBuild(producer=producer(), job_namespace=namespace(), skip_errors=True)
        processor.dbt_run_metadata = ParentRunMetadata(
            run_id=told.parent["run_id"], job_name=told.parent["name"], job_namespace=told.parent["namespace"]
        )
        told.events += processor.parse().events()
    except Exception as error:  # noqa: BLE001
        log.warning("no lineage of this build: %s: %s", type(error).__name__, error)
