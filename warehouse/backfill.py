"""Backfill: any table over any range, resumable, in polite chunks, after saying what it will cost.

What is asked for is what a table's partitions name; what is there already is left alone, so a backfill that was cut
short goes on where it stopped. Where a publisher offers one download for many partitions (`Bulk`), that is the way.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from warehouse import clock, landing, runs, sources, telemetry, wire
from warehouse.archive import Archive
from warehouse.contract import Estimate, Partition, Response
from warehouse.errors import ConfigurationError, ContractViolation, NothingNew, SourceUnavailable
from warehouse.http import Client, transport
from warehouse.pipeline import (
    Attempt,
    is_settled,
    land_all,
    land_responses,
    refuse_unready,
    say,
    settings_of_home,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from warehouse.contract import Source, Table
    from warehouse.http import Transport
    from warehouse.pipeline import Progress
    from warehouse.settings import Settings

CHUNK = 12
"""Partitions landed together: what is lost when a backfill is stopped."""
_MEGABYTES_PER_SECOND = 2.0
"""What a polite download brings, for the estimate alone."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a backfill would do, and what it would cost."""

    source: str
    table: str
    partitions: tuple[Partition, ...]
    there: int
    """Partitions of the range that are landed and settled, and so not asked for."""
    estimate: Estimate
    """Of one partition, or of the one bulk download."""
    measured: int
    """How many archived fetches the estimate rests on; with none it is the contract's."""
    requests_per_second: float
    in_bulk: bool

    @property
    def requests(self) -> int:
        """Requests that will be made."""
        return round(self.estimate.requests * self._times)

    @property
    def rows(self) -> int:
        """Rows that will land."""
        return round(self.estimate.rows * self._times)

    @property
    def megabytes(self) -> float:
        """Megabytes that will be downloaded."""
        return self.estimate.megabytes * self._times

    @property
    def _times(self) -> int:
        """How often the estimate counts: a bulk download comes once, and not at all where nothing is missing."""
        return min(1, len(self.partitions)) if self.in_bulk else len(self.partitions)

    @property
    def minutes(self) -> float:
        """Minutes that it will take at the publisher's rate budget and a polite download speed."""
        return (self.requests / self.requests_per_second + self.megabytes / _MEGABYTES_PER_SECOND) / 60

    def __str__(self) -> str:
        """Say it in a few lines."""
        keys = [p.key for p in self.partitions]
        span = f"{keys[0]} .. {keys[-1]}" if len(keys) > 1 else "".join(keys)
        basis = f"{self.measured} fetch(es) in the archive" if self.measured else "the contract's estimate"
        basis += " of the bulk download" if self.in_bulk else ""
        way = "one bulk download" if self.in_bulk else f"{self.requests_per_second:g} request(s) a second"
        return (
            f"{self.source}.{self.table}: {len(keys)} partition(s) to ask for ({span or 'none'}), {self.there} there\n"
            f"  requests   {self.requests:>12,}   ({way})\n"
            f"  rows       {self.rows:>12,}\n"
            f"  megabytes  {self.megabytes:>12,.1f}\n"
            f"  minutes    {self.minutes:>12,.1f}\n"
            f"  by {basis}"
        )


@dataclass(frozen=True, kw_only=True)
class Backfilled:
    """What a backfill did."""

    plan: Plan
    done: int
    rows: int
    quarantined: int
    failed: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        """Say it in one line."""
        aside = f", {self.quarantined:,} row(s) in QUARANTINE" if self.quarantined else ""
        failed = f", {len(self.failed)} not to be had: {', '.join(self.failed[:5])}" if self.failed else ""
        return (
            f"{self.plan.source}.{self.plan.table}: {self.done} of {len(self.plan.partitions)} partition(s), "
            f"{self.rows:,} rows{aside}{failed} ({self.seconds:.1f} s)"
        )


def plan(
    source: str,
    table: str,
    first: date | None = None,
    last: date | None = None,
    settings: Settings | None = None,
    *,
    bulk: bool = False,
) -> Plan:
    """Return what a backfill of the range would ask for. Nothing is asked for.

    Raises:
        ConfigurationError: there is no such table, the range is the wrong way round or holds no partition, or the
            publisher offers no bulk download.
    """
    settings = settings_of_home(settings)
    declared_source, declared = sources.find(source, table)
    now = clock.now(settings)
    if first and last and first > last:
        raise ConfigurationError("The range ends before it starts", expected="from <= to", got=f"{first} to {last}")
    if bulk and declared.bulk is None:
        raise ConfigurationError(
            f"{source}.{table} has no bulk download", expected="a table with one", got="none in its contract"
        )
    named = declared.partitions(now)
    wanted = [p for p in named if _overlaps(p, first, last)]
    if not wanted:
        periods = [p.period for p in named if p.period]
        reach = f"{min(periods)[0]} to {max(p[1] for p in periods)}" if periods else "no partition now"
        raise ConfigurationError(
            f"{source}.{table} has nothing in that range", expected=reach, got=f"{first or 'start'} to {last or 'now'}"
        )
    archive = Archive(settings.archive)
    missing = [p for p in wanted if not _is_there(settings, archive, source, table, p, now)]
    measured = None if bulk else _measured(archive, source, table)
    estimate = measured[0] if measured else declared.estimate
    if bulk and declared.bulk:
        # A snapshot without an end never settles, so what a bulk download has to bring is what never came.
        missing = [p for p in wanted if archive.latest(source, table, p.key) is None]
        # The download comes whole; of its rows land those of what is missing.
        estimate = declared.bulk.estimate
        estimate = replace(estimate, rows=round(estimate.rows * len(missing) / len(named)))
    return Plan(
        source=source,
        table=table,
        partitions=tuple(missing),
        there=len(wanted) - len(missing),
        estimate=estimate,
        measured=measured[1] if measured else 0,
        requests_per_second=declared_source.requests_per_second,
        in_bulk=bulk,
    )


def _is_there(
    settings: Settings, archive: Archive, source: str, table: str, partition: Partition, now: datetime
) -> bool:
    """Whether a partition is settled, or came in order within the last day: what resuming need not ask again."""
    if is_settled(settings, archive, source, table, partition, now):
        return True
    latest = archive.latest(source, table, partition.key)
    is_recent = latest is not None and now - latest.fetched_at < timedelta(days=1)
    return latest is not None and is_recent and landing.is_whole(settings, latest)


def _overlaps(partition: Partition, first: date | None, last: date | None) -> bool:
    if partition.period is None:
        return True
    return not ((first and partition.period[1] < first) or (last and partition.period[0] > last))


def _measured(archive: Archive, source: str, table: str) -> tuple[Estimate, int] | None:
    """Return the mean cost of the table's archived fetches and how many there are; rows are the contract's to guess."""
    fetches = list(archive.fetches(source, table))
    if not fetches:
        return None
    declared = sources.find(source, table)[1].estimate
    requests = sum(len(f.responses) for f in fetches) / len(fetches)
    megabytes = sum(r["bytes"] for f in fetches for r in f.responses) / len(fetches) / 1e6
    rows = declared.rows * megabytes / declared.megabytes if declared.megabytes else declared.rows
    return Estimate(requests=requests, rows=round(rows), megabytes=megabytes), len(fetches)


def backfill(
    made: Plan,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    using: Transport | None = None,
) -> Iterator[int | Backfilled]:
    """Do what a plan says, yielding after each chunk how many of its partitions are done, and the result at the end.

    Raises:
        NotConfigured, ConfigurationError: as `land`.
        SourceUnavailable: the bulk download is not to be had.
        ContractViolation: the bulk download is no zip; a spoilt member of it is named in the result.
    """
    started = time.monotonic()
    settings = settings_of_home(settings)
    source, table = sources.find(made.source, made.table)
    refuse_unready(settings, source, table)
    link = using or transport(settings)
    done = rows = quarantined = 0
    failed: list[str] = []
    way = _in_bulk if made.in_bulk else _in_chunks
    turns = way(settings, source, table, made.partitions, link, progress)
    telemetry.configure(settings)
    for attempts in runs.turns(turns):
        failed += [a.partition for a in attempts if a.outcome in {"unavailable", "refused"}]
        rows += sum(a.rows for a in attempts)
        quarantined += sum(a.quarantined for a in attempts)
        done += len(attempts)
        yield done
    yield Backfilled(
        plan=made,
        done=done - len(failed),
        rows=rows,
        quarantined=quarantined,
        failed=tuple(failed),
        seconds=time.monotonic() - started,
    )


@runs.step
def land_day(
    source: str,
    table: str,
    day: date,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    using: Transport | None = None,
) -> Backfilled:
    """Land the partitions that hold one day of the past, if they are not there: one run of an Airflow backfill.

    Raises:
        NothingNew: they are there, or the table has none of that day.
        SourceUnavailable: none of them is to be had.
        NotConfigured, ConfigurationError: as `land`.
    """
    settings = settings_of_home(settings)
    _, declared = sources.find(source, table)
    if not any(_overlaps(partition, day, day) for partition in declared.partitions(clock.now(settings))):
        raise NothingNew(f"{source}.{table} has no partition of {day}")
    made = plan(source, table, day, day, settings)
    if not made.partitions:
        raise NothingNew(f"{source}.{table} has all {made.there} partition(s) of {day}")
    *_, last = backfill(made, settings, progress, using=using)
    result = cast("Backfilled", last)
    if not result.done:
        raise SourceUnavailable(f"{source}.{table}: nothing of {day} is to be had", got=", ".join(result.failed))
    return result


def _in_chunks(
    settings: Settings,
    source: Source,
    table: Table,
    partitions: Sequence[Partition],
    link: Transport,
    progress: Progress | None,
) -> Iterator[list[Attempt]]:
    """Land partitions a chunk at a time, each chunk's at once."""
    for start in range(0, len(partitions), CHUNK):
        yield land_all(settings, source, table, partitions[start : start + CHUNK], link, progress)


def _in_bulk(
    settings: Settings,
    source: Source,
    table: Table,
    partitions: Sequence[Partition],
    link: Transport,
    progress: Progress | None,
) -> Iterator[list[Attempt]]:
    """Land the members of a bulk download one by one, and say what became of each."""
    for attempt in _members(settings, source, table, partitions, link) if partitions else ():
        say(progress, f"{source.code}.{table.name} {attempt}")
        yield [attempt]


def _members(
    settings: Settings, source: Source, table: Table, partitions: Sequence[Partition], link: Transport
) -> Iterator[Attempt]:
    """Land the members of a bulk download, each as the answer that its own address would give.

    The archive keeps the members that are ours and the download's checksum, not the download: it is rebuilt every
    night, and all but our part of it is of others.
    """
    bulk = table.bulk
    if bulk is None:
        raise ConfigurationError(f"{source.code}.{table.name} has no bulk download")
    archive = Archive(settings.archive)
    wanted = {p.key: p for p in partitions}
    # Of before the download, as for a fetch: what is filed meanwhile is asked for again.
    tokens = {p.key: token_of(archive, source, p) for p in partitions}
    answer = Client(link, source.requests_per_second)(bulk.url, expect="zip")
    wire.member_names(answer)
    with answer.open() as body, zipfile.ZipFile(body) as members:
        for entry in members.infolist():
            key = bulk.partition(entry.filename)
            partition = wanted.pop(key, None) if key else None
            if partition is None:
                continue
            try:
                content = wire.read_member(members, entry, answer.url)
            except ContractViolation as error:
                yield Attempt(partition=partition.key, outcome="refused", error=error)
                continue
            response = Response(
                url=bulk.member_url(entry.filename),
                body=content,
                sha256=hashlib.sha256(content).hexdigest(),
                fetched_at=answer.fetched_at,
                origin=answer.origin,
                headers={"x-bulk-url": answer.url, "x-bulk-sha256": answer.sha256},
            )
            yield land_responses(settings, archive, source, table, partition, [response], tokens[partition.key])
    for key in wanted:
        yield Attempt(
            partition=key,
            outcome="unavailable",
            error=ConfigurationError(
                f"{answer.url} has no member of {key}", remedy="Ask for it alone: `drypowder land`."
            ),
        )
