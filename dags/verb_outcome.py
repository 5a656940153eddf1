"""The one place where the warehouse's outcomes become Airflow's."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from task_run import as_this_task

from warehouse.errors import (
    ConfigurationError,
    ContractViolation,
    DamagedFile,
    GateClosed,
    NothingNew,
    NotRecorded,
)

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def airflow_outcomes(verb: Callable[P, R]) -> Callable[P, R]:
    """Tell Airflow what a verb's exception means.

    Nothing new, or nothing recorded: skipped, so no asset event and nothing downstream. A refused contract, a
    closed gate, a wrong setting or a file that the next `load` has to rebuild: failed for good, since another try
    gives the same answer. Whatever else is
    raised (an outage, a busy builder) passes through, and Airflow's retries take it from there.
    """

    @wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with as_this_task():
                return verb(*args, **kwargs)
        except (NothingNew, NotRecorded) as outcome:
            raise AirflowSkipException(str(outcome)) from outcome
        except (ContractViolation, DamagedFile, GateClosed, ConfigurationError) as outcome:
            raise AirflowFailException(str(outcome)) from outcome

    return told
