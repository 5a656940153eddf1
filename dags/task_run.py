"""Which run of which DAG a task belongs to, as the warehouse is told it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.log import mask_secret

from warehouse import lineage_events, masking, runs

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextmanager
def as_this_task() -> Iterator[None]:
    """Let a verb's lines, records and events carry this DAG run and task; outside of Airflow it is a run of its own."""
    try:
        task: Any = get_current_context()["ti"]
    except RuntimeError:
        yield
        return
    for secret in masking.known():
        mask_secret(secret)  # in tracebacks, which Airflow logs itself
    run = runs.Run(
        id=f"{task.dag_id}/{task.run_id}",
        dag_id=task.dag_id,
        dag_run_id=task.run_id,
        task_id=task.task_id,
        try_number=task.try_number,
        parent=_openlineage_run(task),
    )
    with runs.under(run):
        yield


def _openlineage_run(task: Any) -> str | None:  # noqa: ANN401
    """Return what Airflow's own OpenLineage provider calls this try of this task, if lineage is wanted."""
    if not lineage_events.is_asked_for():
        return None
    try:
        from airflow.providers.openlineage.plugins.macros import lineage_parent_id

        return str(lineage_parent_id(task))
    except Exception as error:  # noqa: BLE001  (lineage never fails a run)
        log.warning("no parent run for lineage: %s", error)
        return None
