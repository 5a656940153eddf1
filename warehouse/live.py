"""The publishers themselves, live: check that every endpoint answers as promised, and record what they answer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import clock, sources
from warehouse.archive import Archive, write_atomically
from warehouse.errors import ConfigurationError, ContractViolation, SourceUnavailable
from warehouse.http import Client
from warehouse.pipeline import land_partition, live_checks, say
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from warehouse.contract import Partition, Table
    from warehouse.http import Transport
    from warehouse.pipeline import Progress

_TRIES = 4
"""Newest partitions that are tried for one that has rows yet."""


@dataclass(frozen=True, kw_only=True)
class LiveCheck:
    """Whether one table's endpoint answers today with what its contract promises."""

    table: str
    passed: bool
    detail: str
    seconds: float
    """From the first request to the landed rows: the publisher's latency and ours."""
    requests: int = 0
    megabytes: float = 0.0
    drift: tuple[str, ...] = ()
    """Fields that the publisher has and the contract does not know."""
    quarantined: int = 0
    is_skipped: bool = False
    """Whether it was not asked for, since it needs a key or a folder that the user has not given."""


def check_live(
    source: str | None = None, settings: Settings | None = None, *, using: Transport | None = None
) -> Iterator[LiveCheck]:
    """Ask every endpoint (or one source's) for its newest partition, live, and cast the answer; nothing is kept.

    `source` may be a source's code or 'source.table'. The answer says whether the shape is the contract's, how long it
    took, how much came, which new fields it has, and how many rows would go to quarantine.

    A pass is remembered in the home: it unlocks tables whose parser was proven on documentation only.
    """
    from tempfile import TemporaryDirectory

    from warehouse.http import LiveTransport

    settings = settings or Settings.from_environment()
    wanted = [(s, t) for s, t in sources.tables() if source in {None, s.code, f"{s.code}.{t.name}"}]
    if not wanted:
        raise ConfigurationError(
            f"There is no source {source!r}", expected=f"one of {', '.join(sources.sources())}", got=repr(source)
        )
    link = using or LiveTransport(settings)
    for declared_source, table in wanted:
        name = f"{declared_source.code}.{table.name}"
        started = time.monotonic()
        partitions = table.partitions(clock.now(settings))
        why = _why_not_asked(settings, table, partitions)
        if why:
            yield LiveCheck(table=name, passed=False, detail=why, seconds=0.0, is_skipped=True)
            continue
        with TemporaryDirectory(prefix="drypowder-live-") as scratch:
            elsewhere = replace(settings, home=Path(scratch))
            for newest in list(reversed(partitions))[:_TRIES]:
                done = land_partition(elsewhere, Archive(elsewhere.archive), link, declared_source, table, newest)
                if done.outcome != "unchanged":  # a stretch of the calendar in which nothing has happened yet
                    break
        passed = done.outcome == "landed"
        if passed:
            passes = {**live_checks(settings), name: clock.now(settings).isoformat()}
            write_atomically(settings.home / "live-checks.json", json.dumps(passes, indent=1).encode())
        yield LiveCheck(
            table=name,
            passed=passed,
            detail=f"{done.rows:,} rows of {newest.key}" if passed else f"{newest.key}: {done.error or done.outcome}",
            seconds=time.monotonic() - started,
            requests=done.requests,
            megabytes=done.size / 1e6,
            drift=done.added,
            quarantined=done.quarantined,
        )


def _why_not_asked(settings: Settings, table: Table, partitions: Sequence[Partition]) -> str | None:
    """Return why a table cannot be asked for here, or None."""
    if table.credential and not getattr(settings, table.credential):
        return f"optional: set {settings.__dataclass_fields__[table.credential].metadata['variable']} to ask for it"
    return None if partitions else "nothing to ask for: its folder is not set or empty"


@dataclass(frozen=True, kw_only=True)
class RecordingMade:
    """What was written to a recording."""

    responses: int
    unavailable: tuple[str, ...]
    """Partitions that did not answer, or whose answers were refused while they were asked for."""
    seconds: float

    @property
    def rows(self) -> int:
        """Number of responses."""
        return self.responses

    def __str__(self) -> str:
        """Say it in one line."""
        missing = f"; unavailable: {', '.join(self.unavailable)}" if self.unavailable else ""
        return f"recorded {self.responses} response(s){missing} ({self.seconds:.1f} s)"


def record(
    source: str,
    folder: Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    using: Transport | None = None,
) -> RecordingMade:
    """Ask a source for everything, live, and write its responses as a recording; credentials stay out of it.

    A partition that is not to be had, or whose answers break the contract while they are asked for, is named and left
    out.

    Raises:
        SourceUnavailable, ContractViolation: not one partition was to be had; of the last one.
    """
    from warehouse import recording
    from warehouse.http import LiveTransport

    started = time.monotonic()
    settings = settings or Settings.from_environment()
    if source not in sources.sources():
        raise ConfigurationError(
            f"There is no source {source!r}", expected=f"one of {', '.join(sources.sources())}", got=repr(source)
        )
    declared = sources.sources()[source]
    link = using or LiveTransport(settings)
    count, unavailable, last = 0, [], None
    for table in declared.tables:
        for partition in table.partitions(clock.now(settings)):
            client = Client(link, declared.requests_per_second)
            try:
                list(partition.fetch(client))
            except (SourceUnavailable, ContractViolation) as error:
                unavailable.append(f"{table.name}/{partition.key}")
                last = error
                say(progress, f"{source}.{table.name} {partition.key}: {error}")
                continue
            for response in client.seen:  # also a listing or a checksum that the fetch read and did not hand on
                recording.append(folder, response)
            count += len(client.seen)
            say(progress, f"{source}.{table.name} {partition.key}: {len(client.seen)} response(s)")
    if not count and last:
        raise last
    return RecordingMade(responses=count, unavailable=tuple(unavailable), seconds=time.monotonic() - started)
