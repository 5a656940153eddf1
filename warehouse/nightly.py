"""The nightly run in one process, and its first step, which mends the builder's file where it is damaged.

A process killed at the wrong moment can leave a file that DuckDB cannot read (docs/decisions/0016-damage.md). The
archive has all that the file was made of, so that nobody needs to be woken for that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from warehouse import failures, pipeline, runs, sources, upkeep, upload
from warehouse import release as releases
from warehouse.errors import DamagedFile, NothingNew, WarehouseError
from warehouse.locking import builder_lock
from warehouse.pipeline import say, settings_of_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from warehouse.pipeline import Loaded, Progress
    from warehouse.release import Release
    from warehouse.settings import Settings


BUILD = ("build.load", "build.validate", "build.transform", "build.check", "build.approve", "build.publish")
"""The steps after landing, as the scheduler calls them."""


@runs.step
def load(
    settings: Settings | None = None, progress: Progress | None = None, *, retry_held_back: bool = False
) -> Loaded:
    """Fill `incoming` with what has landed (`pipeline.load`); what is damaged, or not yet rebuilt, is rebuilt first.

    Before that, a release whose upload is outstanding is uploaded: a run that finds nothing new ends here.

    Raises:
        NothingNew: no file is pending, and what `raw` holds has been published.
    """
    settings = settings_of_home(settings)
    upload.attempt(settings, partial(say, progress))
    with builder_lock(settings, "load"):
        if pipeline.is_to_be_rebuilt(settings):
            say(progress, str(upkeep.replay(settings, progress)))
        try:
            return _load(settings, progress, retry_held_back=retry_held_back)
        except NothingNew:
            # What is loaded is published, perhaps by hand while a run of the scheduler's failed over it.
            for task in BUILD:
                failures.forget(task, settings)
            raise


def _load(settings: Settings, progress: Progress | None, *, retry_held_back: bool) -> Loaded:
    try:
        return pipeline.load(settings, progress, retry_held_back=retry_held_back)
    except DamagedFile as damage:
        say(progress, f"{damage.what}: rebuilding it from the archive")
        say(progress, str(upkeep.replay(settings, progress)))
        return pipeline.load(settings, progress, retry_held_back=retry_held_back)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of `run` as it ended."""

    name: str
    outcome: runs.Outcome
    detail: str
    seconds: float
    rows: int = 0
    error: WarehouseError | None = field(default=None, repr=False)


def steps(settings: Settings | None = None, progress: Progress | None = None) -> Iterator[Step]:
    """Run everything in one process, yielding each step as it ends; a failed `land` does not stop the others.

    Raises:
        WarehouseError: a step after landing failed.
    """
    settings = settings_of_home(settings)
    run = runs.Run(id=runs.new_id())
    if pipeline.is_to_be_rebuilt(settings):
        step = _step(run, "replay", partial(upkeep.replay, settings, progress))
        yield step
        if step.error:
            raise step.error
    for source, table in sources.tables():
        yield _watched(
            settings,
            run,
            f"ingest__{source.code}__{table.name}.land",
            f"land {source.code}.{table.name}",
            partial(pipeline.land, source.code, table.name, settings, progress),
        )
    for name, task, verb in (
        ("load", "load", load),
        ("validate", "validate", pipeline.validate),
        ("build", "transform", pipeline.build),
        ("check", "check", pipeline.check),
        ("publish", "publish", pipeline.publish),
    ):
        step = _watched(settings, run, f"build.{task}", name, partial(verb, settings, progress))
        yield step
        if step.outcome == "nothing new":
            return
        if step.error:
            raise step.error


def _watched(settings: Settings, run: runs.Run, task: str, name: str, verb: Callable[[], Any]) -> Step:
    """Run a step; note that it failed, or that it no longer does, under the name that Airflow has for it.

    An outage is not noted: a table that does not come says so when it is late.
    """
    try:
        step = _step(run, name, verb)
    except Exception as error:
        failures.note(task, error, settings)
        raise
    if step.outcome == "failed":
        failures.note(task, step.error, settings)
    elif step.outcome != "unavailable":
        failures.forget(task, settings)
    return step


def _step(run: runs.Run, name: str, verb: Callable[[], Any]) -> Step:
    started = time.monotonic()
    try:
        with runs.under(run):
            result = verb()
    except WarehouseError as error:
        outcome = runs.outcome_of(error)
        return Step(
            name=name,
            outcome=outcome,
            detail=str(error),
            seconds=time.monotonic() - started,
            error=error if outcome in runs.BAD else None,
        )
    return Step(
        name=name,
        outcome="done",
        detail=str(result),
        seconds=time.monotonic() - started,
        rows=result.rows,
    )


def run(settings: Settings | None = None, progress: Progress | None = None) -> Release:
    """Land, load, validate, build, check and publish in one process.

    Raises:
        NothingNew: the current release already holds all there is.
    """
    settings = settings_of_home(settings)
    last: Step | None = None
    for last in steps(settings, progress):
        say(progress, f"{last.name}: {last.outcome}, {last.detail}")
    if last and last.outcome == "nothing new":
        raise NothingNew(last.detail)
    return releases.current(settings)
