"""The nightly run in one process, and its first step, which mends the builder's file where it is damaged.

A process killed at the wrong moment can leave a file that DuckDB cannot read (docs/decisions/0016-damage.md). The
archive has all that the file was made of, so that nobody needs to be woken for that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from warehouse import pipeline, runs, sources, upkeep, upload
from warehouse import release as releases
from warehouse.errors import DamagedFile, NothingNew, WarehouseError
from warehouse.locking import builder_lock
from warehouse.pipeline import say, settings_of_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from warehouse.pipeline import Loaded, Progress
    from warehouse.release import Release
    from warehouse.settings import Settings


@runs.step
def load(
    settings: Settings | None = None, progress: Progress | None = None, *, retry_held_back: bool = False
) -> Loaded:
    """Fill `incoming` with what has landed (`pipeline.load`); a file that is damaged is rebuilt first.

    Before that, a release whose upload is outstanding is uploaded: a run that finds nothing new ends here.

    Raises:
        NothingNew: no file is pending, and what `raw` holds has been published.
    """
    settings = settings_of_home(settings)
    upload.attempt(settings, partial(say, progress))
    with builder_lock(settings, "load"):
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
    for source, table in sources.tables():
        yield _step(
            run,
            f"land {source.code}.{table.name}",
            partial(pipeline.land, source.code, table.name, settings, progress),
        )
    for name, verb in (
        ("load", load),
        ("validate", pipeline.validate),
        ("build", pipeline.build),
        ("check", pipeline.check),
        ("publish", pipeline.publish),
    ):
        step = _step(run, name, partial(verb, settings, progress))
        yield step
        if step.outcome == "nothing new":
            return
        if step.error:
            raise step.error


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
