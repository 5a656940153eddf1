"""The verbs. Airflow tasks, the command line and tests all call these; none of them knows the others.

Every verb can be run again: what is done already is not done twice, and says so with NothingNew.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from warehouse import approval, clock, landing, sources, upload
from warehouse import release as releases
from warehouse.archive import Archive, Fetch, write_atomically
from warehouse.errors import (
    ConfigurationError,
    ContractViolation,
    DamagedFile,
    EmptyPayload,
    GateClosed,
    NoRelease,
    NotConfigured,
    NotDue,
    NothingNew,
    NotRecorded,
    SourceUnavailable,
    WarehouseError,
)
from warehouse.http import Client, transport
from warehouse.locking import RESTORED, RESTORING, builder_lock
from warehouse.recording import kind_of
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Partition, Response, Source, Table
    from warehouse.http import Transport
    from warehouse.release import Release
    from warehouse.transformation import NodeResult
    from warehouse.validation import Finding, Judge, Verdict

log = logging.getLogger(__name__)

NOT_RECORDED = "not in the recording"
"""How the message of a table ends of which a recording has nothing, as may be meant; the log has the addresses."""

Progress = Callable[[str], None]
"""Told one line whenever something a person would want to see has happened."""

BUILT, PASSED = "built.json", "passed.json"
"""What dbt last built and what last passed the release's gate: the fingerprint of the inputs and logic it was made of.

A gate judges, and a release holds, what was built of all that `raw` holds now; anything else has to be built again.
"""


def settings_of_home(settings: Settings | None) -> Settings:
    """Return the settings, having seen to it that the home is not another transport's.

    Raises:
        ConfigurationError: the home was filled from another transport, or is restored from a backup only in part.
    """
    settings = settings or Settings.from_environment()
    settings.home.mkdir(parents=True, exist_ok=True)
    if (settings.home / RESTORING).exists():
        raise ConfigurationError(
            f"The home {settings.home} is restored from a backup only in part",
            expected="all of it",
            got=(settings.home / RESTORING).read_text(),
            remedy="Run `drypowder restore` again: it goes on where it stopped.",
        )
    for folder in (settings.archive, settings.landing, settings.refused):
        # The builder's alone: rows that may not be passed on pass through them. Readers need releases/ only.
        folder.mkdir(mode=0o700, exist_ok=True)
    remembered = settings.remembered_transport
    if remembered not in {None, settings.transport}:
        raise ConfigurationError(
            f"The home {settings.home} belongs to another transport",
            expected=f"--sources {remembered}, as in its first run",
            got=settings.transport,
            remedy="Give it, or another --home: figures of two transports never share one.",
        )
    return settings


def _remember_transport(settings: Settings) -> None:
    """Write down where the home's figures come from, as soon as there is one."""
    if settings.remembered_transport is None:
        write_atomically(settings.transport_note, json.dumps({"transport": settings.transport}).encode())


def say(progress: Progress | None, line: str) -> None:
    """Tell whoever watches, and the log."""
    log.info(line)
    if progress:
        progress(line)


def _run_id(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"


# ---------------------------------------------------------------------------------------------------------- land


@dataclass(frozen=True, kw_only=True)
class Landed:
    """What became of a table's partitions."""

    source: str
    table: str
    rows: int
    files: int
    unchanged: int
    unavailable: tuple[str, ...]
    refused: tuple[str, ...]
    quarantined: int
    seconds: float

    def __str__(self) -> str:
        """Say it in one line."""
        parts = [f"{self.rows:,} rows in {self.files} file(s)", f"{self.unchanged} unchanged"]
        if self.quarantined:
            parts.append(f"{self.quarantined:,} row(s) in QUARANTINE")
        if self.unavailable:
            parts.append(f"{len(self.unavailable)} unavailable")
        if self.refused:
            parts.append(f"{len(self.refused)} REFUSED")
        return f"{self.source}.{self.table}: {', '.join(parts)} ({self.seconds:.1f} s)"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What became of one partition."""

    partition: str
    outcome: Literal["landed", "unchanged", "unavailable", "refused"]
    rows: int = 0
    quarantined: int = 0
    added: tuple[str, ...] = ()
    """Fields that the publisher added and the contract does not know."""
    requests: int = 0
    size: int = 0
    """Bytes received."""
    error: WarehouseError | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        parts = [f"{self.partition} {self.outcome}"]
        if self.rows:
            parts.append(f"{self.rows:,} rows")
        if self.quarantined:
            parts.append(f"{self.quarantined:,} row(s) in QUARANTINE")
        if self.added:
            parts.append(f"NEW FIELD(S) {', '.join(self.added)} landed as text, no contract knows them yet")
        said = ", ".join(parts)
        return f"{said}: {self.error}" if self.error else said


def land(
    source: str,
    table: str,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    refetch: bool = False,
    only_when_due: bool = False,
    using: Transport | None = None,
) -> Landed:
    """Fetch a table's partitions, keep the bytes, and land what changed.

    A partition that is not to be had or is refused leaves the others alone. What no longer changes, lies before the
    table's lookback (a backfill's) or watches a table that has nothing new is not asked for; `refetch` asks all the
    same. `only_when_due` leaves a publisher alone on days when it does not publish. `using` replaces the transport that
    the settings name.

    Raises:
        NotDue: the publisher does not publish today, and what it has was landed before.
        NotConfigured: the source needs a key that the settings have not.
        NothingNew: every partition that answered was as we have it.
        SourceUnavailable: no partition answered, and trying again may help.
        NotRecorded: no partition is in the recording.
        ContractViolation: nothing landed, and at least one payload was refused.
    """
    started = time.monotonic()
    settings = settings_of_home(settings)
    declared_source, declared = sources.find(source, table)
    now = clock.now(settings)
    refuse_unready(settings, declared_source, declared)
    archive = Archive(settings.archive)
    if only_when_due and settings.sources == "live":
        _refuse_undue(settings, archive, declared_source, declared, now)
    link = using or transport(settings)
    asked = [
        p
        for p in declared.partitions(now)
        if refetch or _is_wanted(settings, archive, declared_source, declared, p, now)
    ]
    attempts = land_all(settings, declared_source, declared, asked, link, progress)
    result = Landed(
        source=source,
        table=table,
        rows=sum(a.rows for a in attempts),
        files=sum(a.outcome == "landed" for a in attempts),
        unchanged=sum(a.outcome == "unchanged" for a in attempts),
        unavailable=tuple(a.partition for a in attempts if a.outcome == "unavailable"),
        refused=tuple(a.partition for a in attempts if a.outcome == "refused"),
        quarantined=sum(a.quarantined for a in attempts),
        seconds=time.monotonic() - started,
    )
    if not result.files:
        raise _why_nothing_landed(result, attempts)
    return result


def land_all(
    settings: Settings,
    source: Source,
    table: Table,
    partitions: Sequence[Partition],
    link: Transport,
    progress: Progress | None = None,
) -> list[Attempt]:
    """Land these partitions, several at once, and return what became of each, in their order."""
    archive = Archive(settings.archive)

    def attempt(partition: Partition) -> Attempt:
        done = land_partition(settings, archive, link, source, table, partition)
        if isinstance(done.error, NotRecorded):
            say(progress, f"{source.code}.{table.name} {partition.key} is not in the recording")
        else:
            say(progress, f"{source.code}.{table.name} {done}")
        return done

    with ThreadPoolExecutor(settings.threads) as pool:
        return list(pool.map(attempt, partitions))


def refuse_unready(settings: Settings, source: Source, table: Table) -> None:
    """Refuse to ask for a table that lacks what it needs: a key, or a live check of a parser that saw only documents.

    Raises:
        NotConfigured: it needs a key that the settings have not.
        ConfigurationError: its parser has seen no real response yet, or what had landed has yet to be rebuilt.
    """
    if is_to_be_rebuilt(settings):
        raise ConfigurationError(
            f"What had landed in {settings.home} is not there: it was restored from a backup",
            expected="all of it, or all is asked for again",
            got="its archive",
            remedy="Run `drypowder replay` (or `drypowder run`, which begins with it).",
        )
    if table.credential and not getattr(settings, table.credential):
        variable = settings.__dataclass_fields__[table.credential].metadata["variable"]
        raise NotConfigured(
            f"{source.code}.{table.name} is optional and needs a key", expected=f"{variable}", got="none is set"
        )
    _refuse_unproven(settings, source, table)


def is_to_be_rebuilt(settings: Settings) -> bool:
    """Whether a home was restored from a backup, so that `replay` has yet to make of its archive what is not in one."""
    return (settings.home / RESTORED).exists()


def _refuse_undue(settings: Settings, archive: Archive, source: Source, table: Table, now: datetime) -> None:
    """Leave a publisher alone on a day without a publication, once its past is here and nothing is outstanding."""
    from warehouse import calendar

    asked_at = archive.last_checked(source.code, table.name)
    if asked_at is None:
        return
    newest = None
    with suppress(NoRelease):
        published = releases.current(settings).manifest["sources"].get(f"{source.code}.{table.name}", {})
        newest = published.get("newest_period_end")
    reason = calendar.not_due_today(
        table.cadence, now, asked_at=asked_at, newest_period_end=date.fromisoformat(newest) if newest else None
    )
    if reason:
        raise NotDue(f"{source.code}.{table.name} is not due today. {reason}")


def _is_wanted(
    settings: Settings, archive: Archive, source: Source, table: Table, partition: Partition, now: datetime
) -> bool:
    """Whether the regular run asks for a partition."""
    if table.lookback_days is not None and partition.period:
        reach = (now - timedelta(days=table.lookback_days)).date()
        if partition.period[1] < reach:
            return False
    if is_settled(settings, archive, source.code, table.name, partition, now):
        return False
    token = token_of(archive, source, partition)
    latest = archive.latest(source.code, table.name, partition.key) if token else None
    return latest is None or latest.token != token or not landing.is_whole(settings, latest)


def token_of(archive: Archive, source: Source, partition: Partition) -> str | None:
    """Return what the table that a partition watches says now, or None when it watches none or none was fetched."""
    if partition.watch is None:
        return None
    watched = archive.latest(source.code, partition.watch.table, partition.watch.partition)
    return None if watched is None else partition.watch.token(archive.responses(watched)[0])


def _refuse_unproven(settings: Settings, source: Source, table: Table) -> None:
    """Land nothing live through a parser that has seen only documentation, before it has passed a live check here."""
    if settings.sources != "live" or table.proven != "documented":
        return
    if f"{source.code}.{table.name}" not in live_checks(settings):
        raise ConfigurationError(
            f"The parser of {source.code}.{table.name} was written to documentation and has seen no real response",
            expected="a live check that passed on this machine",
            got="none",
            remedy=f"Run `drypowder check-live {source.code}.{table.name}` once.",
        )


def live_checks(settings: Settings) -> dict[str, str]:
    """Return which tables passed their live check on this home, and when."""
    note = settings.home / "live-checks.json"
    return dict(json.loads(note.read_text())) if note.is_file() else {}


def is_settled(
    settings: Settings, archive: Archive, source: str, table: str, partition: Partition, now: datetime
) -> bool:
    """Whether a partition was fetched, from its primary, after its content had stopped changing, and is in order.

    What was archived and not landed, refused, or held back by the gate is not settled: it is asked for again.
    """
    if partition.closes_at is None or now < partition.closes_at:
        return False
    latest = archive.latest(source, table, partition.key)
    if latest is None or latest.is_fallback or latest.fetched_at < partition.closes_at:
        return False
    return landing.is_whole(settings, latest)


def land_partition(
    settings: Settings,
    archive: Archive,
    link: Transport,
    source: Source,
    table: Table,
    partition: Partition,
) -> Attempt:
    """Fetch one partition, keep what came, and land it unless it is what landed last."""
    client = Client(link, source.requests_per_second)
    _catch_up(settings, archive, source, table, partition)
    token = token_of(archive, source, partition)  # of before the fetch: what is filed meanwhile is asked for again
    try:
        responses = list(partition.fetch(client))
        _refuse_cut_text(archive, source, table, partition, responses)
    except (SourceUnavailable, ContractViolation) as error:
        refused = isinstance(error, ContractViolation)
        if client.seen:
            _remember_transport(settings)
            seen = Fetch.of(source.code, table.name, partition.key, table.licence.name, client.seen)
            archive.keep(seen, [r.file or r.body for r in client.seen], usable=False)
            if refused:
                landing.refuse(settings, seen, error)
        return Attempt(
            partition=partition.key,
            outcome="refused" if refused else "unavailable",
            requests=len(client.seen),
            error=error,
        )
    return land_responses(settings, archive, source, table, partition, responses, token)


def _refuse_cut_text(
    archive: Archive, source: Source, table: Table, partition: Partition, responses: Sequence[Response]
) -> None:
    """Refuse text that ends without a line end where the answer before it had one: it may end inside its last number.

    A body without a length, or a file that the publisher is still writing, looks whole to everybody else.
    """
    if not responses or _ends_a_line(responses[-1]):
        return
    before = archive.latest(source.code, table.name, partition.key)
    if before is not None and _ends_a_line(archive.responses(before)[-1]):
        raise ContractViolation(
            f"{responses[-1].url} ends inside a line",
            expected="a line end, as in the answer before it",
            got=repr(responses[-1].body[-30:]),
            remedy="It may be cut inside its last number; try again later.",
        )


def _ends_a_line(response: Response) -> bool:
    """Whether a body's last line is whole; of what is no text, its format says so."""
    with response.open() as body:
        kind = kind_of(body.read(1000))
        body.seek(-min(response.size, 4), os.SEEK_END)
        end = body.read()
    return kind != "text" or b"\n" in end


def land_responses(
    settings: Settings,
    archive: Archive,
    source: Source,
    table: Table,
    partition: Partition,
    responses: Sequence[Response],
    token: str | None = None,
) -> Attempt:
    """Keep what came of a partition, and land it unless it is what landed last."""
    _remember_transport(settings)
    fetch = Fetch.of(source.code, table.name, partition.key, table.licence.name, responses, token=token)
    archive.keep(fetch, [r.file or r.body for r in responses])
    if landing.newest_digest(settings, fetch) == fetch.digest:
        landing.heal(settings, fetch)
        done = Attempt(partition=partition.key, outcome="unchanged")
    else:
        done = _land(settings, table, partition, fetch, responses)
    return replace(done, requests=len(responses), size=sum(r.size for r in responses))


def _land(
    settings: Settings, table: Table, partition: Partition, fetch: Fetch, responses: Sequence[Response]
) -> Attempt:
    try:
        landed = landing.land(settings, table, fetch, responses)
    except EmptyPayload as error:
        # Nothing has happened yet in a stretch of the calendar, or just now in a moving window.
        if not table.is_snapshot or (partition.closes_at and landing.newest_digest(settings, fetch) is None):
            landing.note_empty(settings, fetch)
            landing.heal(settings, fetch)
            return Attempt(partition=partition.key, outcome="unchanged")
        landing.refuse(settings, fetch, error)
        return Attempt(partition=partition.key, outcome="refused", error=error)
    except ContractViolation as error:
        landing.refuse(settings, fetch, error)
        return Attempt(partition=partition.key, outcome="refused", error=error)
    return Attempt(
        partition=partition.key,
        outcome="landed",
        rows=landed.rows,
        quarantined=landed.quarantined,
        added=landed.added,
    )


def _catch_up(settings: Settings, archive: Archive, source: Source, table: Table, partition: Partition) -> None:
    """Land the newest archived fetch if whoever fetched it was killed before it landed: no version may be lost."""
    latest = archive.latest(source.code, table.name, partition.key)
    if latest and not landing.has_landed(settings, latest) and not landing.was_refused(settings, latest):
        _land(settings, table, partition, latest, archive.responses(latest))


def _why_nothing_landed(result: Landed, attempts: Sequence[Attempt]) -> WarehouseError:
    """Return the one outcome of a table none of whose partitions landed; the worst one wins."""
    name = f"{result.source}.{result.table}"
    refused = next((a.error for a in attempts if a.outcome == "refused"), None)
    if refused:
        return refused
    away = [a.error for a in attempts if a.outcome == "unavailable"]
    lasting = [e for e in away if not isinstance(e, NotRecorded)]
    if lasting and lasting[0]:
        return lasting[0]
    if away and not result.unchanged and away[0]:
        log.info("%s: none of %d partition(s) is in the recording; the first is %s", name, len(away), away[0].got)
        return NotRecorded(f"{name}: {NOT_RECORDED}")
    missing = f" and {len(away)} not in the recording" if away else ""
    return NothingNew(f"{name}: nothing new, {result.unchanged} partition(s) unchanged{missing}")


# ---------------------------------------------------------------------------------------------------------- load


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What waits for its gate."""

    rows: int
    files: int
    tables: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        """Say it in one line."""
        return f"incoming: {self.rows:,} rows, {self.files} file(s), {len(self.tables)} table(s) ({self.seconds:.1f} s)"


def load(
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    retry_held_back: bool = False,
    only: frozenset[str] | None = None,
) -> Loaded:
    """Fill `incoming` with landed files that `raw` does not have: of each partition the oldest.

    `retry_held_back` judges again what a gate held back, as after a fix. `only` names the fetches to take: a replay's,
    whose order what lands meanwhile must not disturb.

    Raises:
        NothingNew: no file is pending, and what `raw` holds has been published.
    """
    from warehouse import loading, stores

    started = time.monotonic()
    settings = settings_of_home(settings)
    rows, files = 0, 0
    filled: list[str] = []
    refused, unpublished = 0, False
    with builder_lock(settings, "load"):
        for internal in stores.areas(settings):
            with stores.open_warehouse(settings, internal=internal) as connection:
                if retry_held_back:
                    connection.execute("delete from ops.held_back where border = 'incoming'")
                refused += loading.note_refusals(connection, settings, clock.now(settings), internal=internal)
                for source, table in stores.tables_of(internal=internal):
                    waiting = loading.pending(connection, settings, source, table)
                    waiting = [w for w in waiting if only is None or w.fetch.fetch_id in only]
                    waiting = list({w.fetch.partition: w for w in reversed(waiting)}.values())[::-1]
                    count = loading.fill_incoming(connection, source, table, waiting)
                    if waiting:
                        name = stores.identifier(source, table)
                        say(progress, f"incoming.{name}: {count:,} rows of {len(waiting)} file(s)")
                        rows, files, filled = rows + count, files + len(waiting), [*filled, name]
                if not internal:
                    unpublished = _is_unpublished(settings, connection)
    if not files and not unpublished:
        held = f"; {refused} payload(s) refused" if refused else ""
        raise NothingNew(f"Nothing to load: no landed file waits, and nothing loaded is unpublished{held}")
    return Loaded(rows=rows, files=files, tables=tuple(filled), seconds=time.monotonic() - started)


def is_waiting(settings: Settings | None = None) -> bool:
    """Whether there is something for a build to do: a file to judge, what is loaded but not published, or damage."""
    from warehouse import loading, stores

    settings = settings_of_home(settings)
    with builder_lock(settings, "look"), suppress(DamagedFile):
        for internal in stores.areas(settings):
            with stores.open_warehouse(settings, internal=internal) as connection:
                tables = stores.tables_of(internal=internal)
                if any(loading.pending(connection, settings, s, t) for s, t in tables):
                    return True
                if not internal and _is_unpublished(settings, connection):
                    return True
        return False
    return True  # a build mends it


def _note(settings: Settings, name: str, content: str) -> None:
    write_atomically(settings.home / name, json.dumps({"fingerprint": content}).encode())


def _require(settings: Settings, connection: Any, name: str, what: str, verb: str) -> str:  # noqa: ANN401
    """Return the fingerprint of all that is loaded, if the note is of it; else the gate stays closed."""
    content = releases.fingerprint(settings, connection)
    note = settings.home / name
    if not note.is_file() or json.loads(note.read_text())["fingerprint"] != content:
        raise GateClosed(
            what,
            expected=f"a `drypowder {verb}` since the last change of data or code",
            got="one of other inputs" if note.is_file() else "none that succeeded",
            remedy=f"Run `drypowder {verb}`.",
        )
    return content


def _is_unpublished(settings: Settings, connection: Any) -> bool:  # noqa: ANN401  (DuckDB, not imported here)
    """Whether what was loaded, or the logic applied to it, differs from the current release."""
    loaded = connection.execute("select 1 from ops.loads limit 1").fetchone()
    if loaded is None:
        return False
    content = releases.fingerprint(settings, connection)
    if content in releases.rolled_back(settings):
        return False
    try:
        return bool(releases.current(settings).manifest["fingerprint"] != content)
    except NoRelease:
        return True


# ------------------------------------------------------------------------------------------------------ validate


@dataclass(frozen=True, kw_only=True)
class Validated:
    """What passed its gate and what was held back."""

    rows: int
    promoted: tuple[str, ...]
    held_back: tuple[str, ...]
    warnings: int
    seconds: float
    judged: frozenset[str] = frozenset()
    """Partitions, by table; the later verdict of one counts."""

    def __str__(self) -> str:
        """Say it in one line."""
        held = f"; HELD BACK: {', '.join(self.held_back)}" if self.held_back else ""
        return (
            f"raw: {self.rows:,} new versions in {len(self.promoted)} table(s), "
            f"{self.warnings} warning(s){held} ({self.seconds:.1f} s)"
        )

    def __add__(self, other: Validated) -> Validated:
        """Return both together."""
        return Validated(
            rows=self.rows + other.rows,
            promoted=tuple(dict.fromkeys(self.promoted + other.promoted)),
            held_back=(*(p for p in self.held_back if p not in other.judged), *other.held_back),
            warnings=self.warnings + other.warnings,
            seconds=self.seconds + other.seconds,
            judged=self.judged | other.judged,
        )


def validate(settings: Settings | None = None, progress: Progress | None = None, *, waiting: bool = True) -> Validated:
    """Judge `incoming` by its expectations; promote to `raw` what passes and hold the rest back.

    A table that fails a critical expectation stops only itself: its last good rows stay. Then what waits behind the
    oldest file of a partition is loaded and judged likewise, unless `waiting` is false: each fetch is compared with
    what the one before it left, and a replay judges as the nights did.
    """
    started = time.monotonic()
    settings = settings_of_home(settings)
    judges: dict[bool, Judge] = {}
    behind = _behind(settings) if waiting else frozenset()
    total = _validate_loaded(settings, judges, progress)
    with suppress(NothingNew):
        while behind and load(settings, progress, only=behind).files:
            total += _validate_loaded(settings, judges, progress)
    if False in judges:
        # A release carries the quality report, and samples of what failed stand in it.
        judges[False].write_docs(settings.home / "quality" / "incoming", "Dry Powder: what came in")
    return replace(total, seconds=time.monotonic() - started)


def _behind(settings: Settings) -> frozenset[str]:
    """Return the fetches that wait behind those in `incoming`; what lands from now on waits for the next run."""
    from warehouse import loading, stores

    found: set[str] = set()
    with builder_lock(settings, "look"):
        for internal in stores.areas(settings):
            with stores.open_warehouse(settings, internal=internal) as connection:
                for source, table in stores.tables_of(internal=internal):
                    waiting = loading.pending(connection, settings, source, table)
                    if len(waiting) > 1:  # of most tables nothing waits behind
                        loaded = {f.partition for f in loading.in_incoming(connection, settings, source, table)}
                        found.update(w.fetch.fetch_id for w in waiting if w.fetch.partition in loaded)
    return frozenset(found)


def _validate_loaded(settings: Settings, judges: dict[bool, Judge], progress: Progress | None) -> Validated:
    """Judge and promote what is in `incoming`; `judges` gets one an area, by whether it is the internal one."""
    from warehouse import loading, stores

    now = clock.now(settings)
    run_id = _run_id(now)
    total = Validated(rows=0, promoted=(), held_back=(), warnings=0, seconds=0.0)
    with builder_lock(settings, "validate"):
        for internal in stores.areas(settings):
            with stores.open_warehouse(settings, internal=internal) as connection:
                shown = {
                    (source.code, table.name): fetches
                    for source, table in stores.tables_of(internal=internal)
                    if (fetches := loading.in_incoming(connection, settings, source, table))
                }
            verdicts = _judge_incoming(settings, judges, shown, internal=internal) if shown else {}
            with stores.open_warehouse(settings, internal=internal) as connection:
                _record(connection, run_id, "incoming", [v for found in verdicts.values() for v in found], now)
                for key, found in verdicts.items():
                    total += _promote_or_hold_back(settings, connection, key, shown[key], found, now, progress)
                if not internal:
                    loading.refresh_freshness(connection, settings, now)
    return total


def _promote_or_hold_back(
    settings: Settings,
    connection: Any,  # noqa: ANN401
    key: tuple[str, str],
    fetches: Sequence[Fetch],
    verdicts: Sequence[Verdict],
    now: datetime,
    progress: Progress | None,
) -> Validated:
    """Do with each of a table's fetches what its verdict says, oldest first: a later good one heals its partition."""
    from warehouse import loading, stores, versions

    source, table = sources.find(*key)
    name = ".".join(key)
    new = gone = 0
    held_back: dict[str, str] = {}
    for finding in [f for v in verdicts for f in v.warnings]:
        say(progress, f"warning {name}: {_in_words(finding)}")
    # Neighbours that pass are promoted together: what their rules of known_at read is set up once.
    for is_good, group in groupby(_sort_out(fetches, verdicts), key=lambda pair: not pair[1]):
        judged = list(group)
        if is_good:
            added, withdrawn = versions.promote(connection, source, table, [fetch for fetch, _ in judged], now)
            new, gone = new + added, gone + withdrawn
            for fetch, _ in judged:
                landing.release(settings, fetch)
                held_back.pop(fetch.partition, None)
            continue
        for fetch, failures in judged:
            reason = "; ".join(_in_words(f) for f in failures)
            loading.hold_back(connection, source, table, fetch, reason, [asdict(f) for f in failures], now)
            landing.hold(settings, fetch)
            held_back[fetch.partition] = reason
            log.error("held back table=%s partition=%s reason=%s", name, fetch.partition, reason)
            say(progress, f"HELD BACK {name} {fetch.partition}: {reason}")
    promoted = len(held_back) < len({f.partition for f in fetches})
    if promoted:
        say(progress, f"raw.{stores.identifier(source, table)}: {new:,} new version(s), {gone:,} tombstone(s)")
    stores.clear_incoming(connection, source, table)
    return Validated(
        rows=new + gone,
        promoted=(name,) if promoted else (),
        held_back=tuple(f"{name}/{partition}" for partition in held_back),
        warnings=sum(len(v.warnings) for v in verdicts),
        seconds=0.0,
        judged=frozenset(f"{name}/{fetch.partition}" for fetch in fetches),
    )


def _sort_out(fetches: Sequence[Fetch], verdicts: Sequence[Verdict]) -> Iterator[tuple[Fetch, Sequence[Finding]]]:
    """Yield each fetch, oldest first, with what failed of it; one verdict is of all of them, more are one for each."""
    alike = len(verdicts) == 1 and verdicts[0].passed
    failures: list[Sequence[Finding]] = [()] * len(fetches) if alike else [v.failures for v in verdicts]
    yield from sorted(zip(fetches, failures, strict=True), key=lambda pair: pair[0].fetch_id)


def _in_words(finding: Any) -> str:  # noqa: ANN401
    where = f" on {finding.column}" if finding.column else ""
    return f"{finding.expectation}{where}: {finding.detail or finding.observed}"


def _judge_incoming(
    settings: Settings,
    judges: dict[bool, Judge],
    shown: Mapping[tuple[str, str], Sequence[Fetch]],
    *,
    internal: bool,
) -> dict[tuple[str, str], list[Verdict]]:
    """Judge each table's fetches together; where that fails, each by itself, so that a bad one stops only itself."""
    from expectations import incoming_suites
    from warehouse import loading, stores
    from warehouse.validation import Judge

    suites = incoming_suites()
    file = stores.file_of(settings, internal=internal)
    if internal not in judges:
        judges[internal] = Judge(settings.duckdb_config)
    together = judges[internal].judge(file, [suites[key] for key in shown])
    verdicts = {key: [verdict] for key, verdict in zip(shown, together, strict=True)}
    apart = {key: found for key, found in verdicts.items() if not found[0].passed and len(shown[key]) > 1}
    if not apart:
        return verdicts
    alone = []
    with stores.open_warehouse(settings, internal=internal) as connection:
        for key in apart:
            names = loading.split_incoming(connection, *sources.find(*key), shown[key])
            for name, fetch in zip(names, shown[key], strict=True):
                suite = suites[key]
                alone.append(replace(suite, name=f"{suite.name}.{fetch.fetch_id}", table=f"incoming.{name}"))
    found = iter(judges[internal].judge(file, alone))
    return verdicts | {key: [next(found) for _ in shown[key]] for key in apart}


def _record(
    connection: Any,  # noqa: ANN401
    run_id: str,
    border: str,
    verdicts: Sequence[Verdict],
    now: datetime,
) -> None:
    rows = [
        (
            run_id,
            border,
            f.suite,
            f.table,
            f.expectation,
            f.column,
            f.severity,
            f.success,
            f.observed,
            f.unexpected_count,
            f.row_count,
            f.detail,
            now,
        )
        for verdict in verdicts
        for f in verdict.findings
    ]
    if rows:
        connection.executemany(
            "insert into ops.validations (run_id, border, suite, table_name, expectation, column_name, severity, "
            "success, observed, unexpected_count, row_count, detail, validated_at) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )


# --------------------------------------------------------------------------------------------------------- build


@dataclass(frozen=True, kw_only=True)
class Built:
    """What dbt did, node by node."""

    nodes: tuple[NodeResult, ...] = field(repr=False)
    unchanged: int
    seconds: float

    @property
    def rows(self) -> int:
        """Number of nodes, for a progress table."""
        return len(self.nodes)

    @property
    def tests(self) -> int:
        """Number of dbt tests."""
        return sum(node.node.startswith("test.") for node in self.nodes)

    @property
    def models(self) -> int:
        """Number of models, seeds and whatever else dbt built."""
        return self.rows - self.tests

    @property
    def warnings(self) -> int:
        """Number of nodes with a warning."""
        return sum(node.status == "warn" for node in self.nodes)

    def by_node(self) -> dict[str, dict[str, Any]]:
        """Return status, seconds and dbt's message of every node, the slowest first."""
        slowest = sorted(self.nodes, key=lambda node: -node.seconds)
        return {n.node: {"status": n.status, "seconds": round(n.seconds, 3), "message": n.message} for n in slowest}

    def __str__(self) -> str:
        """Say it in one line."""
        unchanged = f" ({self.unchanged} unchanged)" if self.unchanged else ""
        return (
            f"dbt: {self.models} models{unchanged}, {self.tests} tests, {self.warnings} warning(s) "
            f"({self.seconds:.1f} s)"
        )


def build(settings: Settings | None = None, progress: Progress | None = None, *, anew: bool = False) -> Built:
    """Transform `raw` into marts and metrics with dbt, and run dbt's tests on them.

    Where that gives the same, tables grow by what became known since the last build; with `anew` all are built.

    Raises:
        GateClosed: a model or a test failed; the current release stays.
        NothingNew: nothing has ever been loaded.
    """
    from warehouse import declarations, impact, increments, stores
    from warehouse.transformation import UNCHANGED, run_dbt

    started = time.monotonic()
    settings = settings_of_home(settings)
    now = clock.now(settings)
    with builder_lock(settings, "build"):
        for note in (BUILT, PASSED):
            (settings.home / note).unlink(missing_ok=True)
        with stores.open_warehouse(settings) as connection:
            row = connection.execute("select count(*) from ops.loads").fetchone()
            if not row or not row[0]:
                raise NothingNew("Nothing has been loaded, so there is nothing to build")
            content, logic = releases.fingerprint(settings, connection), releases.logic(settings)
            increment = increments.begin(connection, logic=logic, now=now, anew=anew)
        say(progress, f"building {increment}")
        results = run_dbt(
            settings,
            _run_id(now),
            "build",
            # They judge the logic and not the data: `make test` runs them, and seeds are part of it.
            *("--exclude-resource-type", "unit_test"),
            *("--exclude-resource-type", "exposure"),  # who reads what is nothing to build
            *(("--exclude-resource-type", "seed") if increment.since else ()),
            since=increment.since,
            progress=progress,
        )
        with stores.open_warehouse(settings) as connection:
            if increment.since is None:  # else the project is the one of then
                stores.drop_all_but(connection, declarations.CURATED, declarations.published(settings.dbt_project))
                impact.note_sources(connection, settings)
            impact.note_affected(connection)
            increments.complete(connection, increment, logic=logic, now=now)
        _note(settings, BUILT, content)
    return Built(
        nodes=tuple(results),
        unchanged=sum(r.message.startswith(UNCHANGED) for r in results),
        seconds=time.monotonic() - started,
    )


# --------------------------------------------------------------------------------------------------------- check


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the release's gate found."""

    expectations: int
    warnings: int
    seconds: float
    waits: bool = False
    """Whether somebody has to accept new warnings before it is published."""

    @property
    def rows(self) -> int:
        """Number of expectations, for a progress table."""
        return self.expectations

    def __str__(self) -> str:
        """Say it in one line."""
        waits = f"; it WAITS for a person: `{approval.COMMAND}`" if self.waits else ""
        return (
            f"release gate: {self.expectations} expectations, {self.warnings} warning(s) ({self.seconds:.1f} s){waits}"
        )


def check(settings: Settings | None = None, progress: Progress | None = None) -> Checked:
    """Judge marts and metrics as they would go out.

    Raises:
        GateClosed: a critical expectation failed, or the released contract of curated tables is broken; yesterday's
            release stays, and the message names what failed.
    """
    from expectations.release import release_suites
    from warehouse import declarations, lifecycle, stores
    from warehouse.validation import judge

    started = time.monotonic()
    settings = settings_of_home(settings)
    now = clock.now(settings)
    with builder_lock(settings, "check"):
        (settings.home / PASSED).unlink(missing_ok=True)
        promised = lifecycle.check(settings.project, now.date())
        if broken := [each for each in promised.differences if each.breaks]:
            raise GateClosed(
                f"The tables break the contract of release {promised.release}", got="\n".join(map(str, broken))
            )
        with stores.open_warehouse(settings) as connection:
            content = _require(settings, connection, BUILT, "The tables are not built of what `raw` holds now", "build")
        try:
            published = {
                name: entry
                for name, entry in releases.current(settings).manifest["tables"].items()
                if not name.startswith("ops.")  # logs of runs, which may start anew
            }
        except NoRelease:
            published = {}
        verdicts = judge(
            settings.warehouse,
            release_suites(
                lifecycle.still_owed(published, declarations.published(settings.dbt_project), now.date()),
                now,
                {each.table: str(each) for each in promised.deprecations},
            ),
            docs=settings.home / "quality" / "release",
            title="Dry Powder: what goes out",
            config=settings.duckdb_config,
        )
        with stores.open_warehouse(settings) as connection:
            _record(connection, _run_id(now), "release", verdicts, now)
        warnings = [f for v in verdicts for f in v.warnings]
        for finding in warnings:
            say(progress, f"warning {finding.table}: {_in_words(finding)}")
        failures = [f for v in verdicts for f in v.failures]
        if failures:
            approval.forget(settings)  # what is critical nobody can accept
            named = "\n".join(f"  {f.table}: {_in_words(f)}" for f in failures)
            raise GateClosed(
                f"The release failed {len(failures)} critical expectation(s)\n{named}",
                remedy=f"The current release stays. See {settings.home}/quality/release/index.html.",
            )
        approval.note(settings, content, warnings)
        _note(settings, PASSED, content)
        question = approval.unanswered(settings)
    for each in question.findings if question else ():
        say(progress, f"new, and to be accepted: {each}")
    return Checked(
        expectations=sum(len(v.findings) for v in verdicts),
        warnings=len(warnings),
        seconds=time.monotonic() - started,
        waits=question is not None,
    )


# ------------------------------------------------------------------------------------------------------- publish


def publish(settings: Settings | None = None, progress: Progress | None = None) -> Release:
    """Publish what `check` let through as a new release and make it current; then upload it, where settings say so.

    Raises:
        GateClosed: the last build has not been checked, or did not pass.
        ApprovalNeeded: it has warnings that the current release does not have, and nobody has accepted them.
        NothingNew: the current release already holds exactly this.
    """
    from warehouse import stores

    settings = settings_of_home(settings)
    now = clock.now(settings)
    with builder_lock(settings, "publish"):
        with stores.open_warehouse(settings) as connection:
            if not _is_unpublished(settings, connection):
                raise NothingNew(f"Nothing changed since {releases.current(settings).id}, so nothing is published")
            passed = "What was built last has not passed the release's gate"
            approval.refuse_unaccepted(settings, connection, _require(settings, connection, PASSED, passed, "check"))
            connection.execute("checkpoint")
        started = time.monotonic()
        with stores.damage_noted(settings.warehouse):
            published = releases.publish(settings, now=now, run_id=_run_id(now))
        approval.forget(settings)
    published = releases.Release(
        id=published.id,
        path=published.path,
        manifest=published.manifest,
        seconds=time.monotonic() - started,
    )
    say(progress, f"published {published} in {published.path}")
    upload.attempt(settings, partial(say, progress))  # not under the lock: nobody waits for a network
    return published
