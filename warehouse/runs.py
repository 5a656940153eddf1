"""Who does what in which run: one id through all that a run logs, records, measures and tells others.

A run is a `drypowder run`, a verb on the command line, or a run of a DAG, whose tasks are processes of their own and
share its id. A step is one verb of it. Each step that ends leaves a file under `steps/`, since landing opens no
database; who has the builder's lock next brings them into `ops.steps` (warehouse/history.py).
"""

from __future__ import annotations

import inspect
import json
import logging
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar
from uuid import uuid4

from warehouse import lineage_events, telemetry
from warehouse.errors import NothingNew, NotRecorded, SourceUnavailable
from warehouse.masking import masked
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

Outcome = Literal["done", "nothing new", "not recorded", "unavailable", "failed"]
BAD: frozenset[Outcome] = frozenset({"unavailable", "failed"})

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a step belongs to. The scheduler's names are None where nothing but a person called the verb."""

    id: str
    dag_id: str | None = None
    dag_run_id: str | None = None
    task_id: str | None = None
    try_number: int | None = None
    parent: str | None = None
    """The scheduler's own OpenLineage run that this is a part of: `<namespace>/<job>/<run id>`."""

    @property
    def fields(self) -> dict[str, str | int]:
        """What every log line carries of it."""
        named = {"run_id": self.id, "dag_id": self.dag_id, "dag_run_id": self.dag_run_id, "task_id": self.task_id}
        return {name: value for name, value in (named | {"try_number": self.try_number}).items() if value is not None}


@dataclass(kw_only=True)
class Step:
    """One verb while it runs. Its id is that of its OpenLineage run, too."""

    run: Run
    name: str
    subject: str | None
    id: str = field(default_factory=lambda: str(uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    lock_wait: float = 0.0
    """Seconds that it waited for the builder's lock."""


_run: ContextVar[Run | None] = ContextVar("run", default=None)
_step: ContextVar[Step | None] = ContextVar("step", default=None)


def new_id() -> str:
    """Return an id for a run that begins now, by the clock on the wall."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"


def run_id() -> str:
    """Return the id of the run that this is a part of; outside of all, a new one."""
    run = _run.get()
    return run.id if run else new_id()


def step_id() -> str | None:
    """Return the id of the step that this is a part of, or None outside of all."""
    step = _step.get()
    return step.id if step else None


@contextmanager
def under(run: Run) -> Iterator[None]:
    """Make all that happens inside a part of this run."""
    from structlog.contextvars import bound_contextvars

    token = _run.set(run)
    try:
        with bound_contextvars(**run.fields):  # of Airflow's log lines, too
            yield
    finally:
        _run.reset(token)


def turns(found: Iterator[T]) -> Iterator[T]:
    """Yield what an iterator finds, having looked as a part of one run; who takes it in between is none."""
    run = _run.get() or Run(id=new_id())
    while True:
        with under(run):
            each = next(found, None)
        if each is None:
            return
        yield each


def waited_for_lock(seconds: float) -> None:
    """Note how long the step had to wait for the builder's lock."""
    if step := _step.get():
        step.lock_wait += seconds


def step(verb: Callable[P, R]) -> Callable[P, R]:
    """Make a verb a step of its run: named in every log line, timed, recorded, told to OpenLineage.

    A verb inside a verb is part of it, and no step of its own.
    """
    signature = inspect.signature(verb)

    @wraps(verb)
    def observed(*args: P.args, **kwargs: P.kwargs) -> R:
        if _step.get() is not None:
            return verb(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        settings = given.get("settings") or Settings.from_environment()
        telemetry.configure(settings)
        subject = f"{given['source']}.{given['table']}" if "source" in given else None
        with under(_run.get() or Run(id=new_id())), _observed(settings, verb.__name__, subject) as ended:
            result = verb(*args, **kwargs)
            ended["rows"] = getattr(result, "rows", None)
            return result

    return observed


@contextmanager
def _observed(settings: Settings, name: str, subject: str | None) -> Iterator[dict[str, Any]]:
    from structlog.contextvars import bound_contextvars

    step = Step(run=_run.get() or Run(id=new_id()), name=name, subject=subject)
    token = _step.set(step)
    started = time.monotonic()
    ended: dict[str, Any] = {"rows": None}
    error: BaseException | None = None
    of_lines = {"step": name, "subject": subject} if subject else {"step": name}
    with bound_contextvars(**of_lines):
        lineage_events.begin(step.id, name, subject, step.started_at, of=step.run.id, parent=step.run.parent)
        try:
            yield ended
        except BaseException as raised:
            error = raised
            raise
        finally:
            _step.reset(token)
            _end(settings, step, time.monotonic() - started, ended["rows"], error)


def outcome_of(error: BaseException | None) -> Outcome:
    """Return in a word how a verb ended."""
    if error is None:
        return "done"
    if isinstance(error, NothingNew):
        return "nothing new"
    if isinstance(error, NotRecorded):  # which is a kind of unavailable
        return "not recorded"
    return "unavailable" if isinstance(error, SourceUnavailable) else "failed"


def _end(settings: Settings, step: Step, seconds: float, rows: int | None, error: BaseException | None) -> None:
    """Tell everybody that a step has ended. What goes wrong in that is logged, and is not the verb's failure."""
    outcome = outcome_of(error)
    facts = {"outcome": outcome, "seconds": round(seconds, 3), "rows": rows}
    is_news = outcome in BAD
    message = masked(str(error)) if is_news else None
    log.log(
        logging.ERROR if outcome == "failed" else logging.INFO,
        "%s: %s%s",
        " ".join(filter(None, (step.name, step.subject))),
        outcome,
        f", {message}" if message else "",
        extra=facts,
    )
    telemetry.STEP.send(seconds, step=step.name, outcome=outcome)
    record = {
        "step_id": step.id,
        "run_id": step.run.id,
        "step": step.name,
        "subject": step.subject,
        "started_at": step.started_at.isoformat(),
        "seconds": round(seconds, 3),
        "lock_wait_seconds": round(step.lock_wait, 3),
        "outcome": outcome,
        "error": type(error).__name__ if is_news else None,
        "message": message,
        "row_count": rows,
        "dag_id": step.run.dag_id,
        "dag_run_id": step.run.dag_run_id,
        "task_id": step.run.task_id,
        "try_number": step.run.try_number,
    }
    path = settings.steps / f"{step.started_at:%Y%m%dT%H%M%S%fZ}-{step.id}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(record))
        partial.replace(path)
    except OSError as fault:
        log.warning("not recorded step=%s: %s", step.name, fault)
    lineage_events.end(message)
