"""The one place where the warehouse's outcomes become Airflow's."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from warehouse.errors import (
    ArchiveDamaged,
    ConfigurationError,
    ContractViolation,
    DamagedFile,
    GateClosed,
    NothingNew,
    NotRecorded,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk.definitions.context import Context

P = ParamSpec("P")
R = TypeVar("R")


def airflow_outcomes(verb: Callable[P, R]) -> Callable[P, R]:
    """Tell Airflow what a verb's exception means.

    Nothing new, or nothing recorded: skipped, so no asset event and nothing downstream. A refused contract, a
    closed gate, a wrong setting, an archive that lost something or a file that the next `load` has to rebuild: failed
    for good, since another try gives the same answer. Whatever else is raised (an outage, a busy builder) passes
    through, and Airflow's retries take it from there.
    """

    @wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except (NothingNew, NotRecorded) as outcome:
            raise AirflowSkipException(str(outcome)) from outcome
        except (ArchiveDamaged, ContractViolation, DamagedFile, GateClosed, ConfigurationError) as outcome:
            raise AirflowFailException(str(outcome)) from outcome

    return told


def note_failure(context: Context) -> None:
    """Note that a task has failed for good: `drypowder incidents` and `watch` say so until it succeeds.

    Called in the task's own process; where that was killed, in the DAG processor, which knows no exception.
    """
    from warehouse import failures

    task = context["ti"]
    error = context.get("exception")
    told = error if isinstance(error, BaseException) else None
    failures.note(f"{task.dag_id}.{task.task_id}", told, log=task.log_url)


def note_success(context: Context) -> None:
    """Note that a task does not fail any more; that it had nothing to do is no failure either."""
    from warehouse import failures

    failures.forget(f"{context['ti'].dag_id}.{context['ti'].task_id}")


NOTED: dict[str, Any] = {
    "on_failure_callback": note_failure,
    "on_success_callback": note_success,
    "on_skipped_callback": note_success,
}
"""Default arguments of every DAG whose failures somebody has to hear of."""
