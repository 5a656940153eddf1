"""What is wrong now, and who has been told: one message for each incident, and one when it is over.

What is wrong is read from where the home says it already (calendars, refused payloads, what a gate held back, notes of
damage, of an upload, of a failed step, of a release that waits) and is stored nowhere else. The ledger only says what
was found when, and who was told: that keeps one incident one message, however often anybody looks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from warehouse import approval, backup, calendar, clock, failures, landing, report, sources, upload
from warehouse import release as releases
from warehouse.archive import write_atomically
from warehouse.errors import BuilderBusy, ConfigurationError, NoRelease, NotDelivered, WarehouseError
from warehouse.pipeline import say, settings_of_home
from warehouse.stores import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from warehouse.pipeline import Progress
    from warehouse.report import Standing
    from warehouse.settings import Settings

log = logging.getLogger(__name__)

LEDGER = "ledger.json"
Kind = Literal[
    "late", "held back", "refused", "quarantined", "damaged", "not uploaded", "not backed up", "failed", "waits"
]
Severity = Literal["critical", "warning"]

SEVERITY: Mapping[Kind, Severity] = {
    "late": "critical",
    "held back": "critical",
    "refused": "critical",
    "damaged": "critical",
    "failed": "critical",
    "waits": "critical",
    "quarantined": "warning",
    "not uploaded": "warning",
    "not backed up": "warning",
}
"""Critical: readers have less than they should, or older. A warning: they have all of it, or all but single rows."""

CHANNELS = {"e-mail": "notify_email", "webhook": "notify_webhook"}
"""How people can be told, and the setting that turns it on."""

_KEPT = 1000
"""Incidents that are over and still in the ledger."""

_LOCK_SECONDS = 60.0
_COMMANDS = {
    "build.load": "drypowder load",
    "build.validate": "drypowder validate",
    "build.transform": "drypowder build",
    "build.check": "drypowder check",
    "build.approve": approval.COMMAND,
    "build.publish": "drypowder publish",
    "maintenance.maintain": "drypowder prune",
    "maintenance.check_archive": "drypowder verify --archive",
    "maintenance.back_up": "drypowder backup",
}
"""What does the same as a task of Airflow's, by hand; of a landing it follows from its name."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Something that is wrong: what, since when, what suffers from it, and what to type."""

    key: str
    """The same as long as it is the same incident, such as `late fiscaldata.auctions`."""
    kind: Kind
    what: str
    since: datetime
    affects: tuple[str, ...] | None = ()
    """Metrics that want it; None where nobody can say yet, for want of a release."""
    command: str = "drypowder doctor"
    """What to type next."""
    log: str = ""

    @property
    def severity(self) -> Severity:
        """Whether readers suffer from it."""
        return SEVERITY[self.kind]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one incident's messages on one channel."""

    opened_at: datetime | None = None
    """When the channel took the message that it has begun."""
    over_at: datetime | None = None
    """When it took the message that it is over."""
    problem: str = ""
    """Why the last try did not succeed."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger."""

    id: str
    """Of this occurrence: a message carries it, so that who gets it twice can see that."""
    incident: Incident
    opened_at: datetime
    over_at: datetime | None = None
    told: Mapping[str, Told] = field(default_factory=dict)
    """By channel."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What somebody is told: that an incident has begun, or that it is over."""

    entry: Entry
    home: str

    @property
    def id(self) -> str:
        """The same at every try."""
        return f"{self.entry.id}.{self.event}"

    @property
    def event(self) -> Literal["opened", "over"]:
        """What it says."""
        return "over" if self.entry.over_at else "opened"

    @property
    def subject(self) -> str:
        """Say it in one line."""
        word = "Over" if self.entry.over_at else self.entry.incident.severity.capitalize()
        return f"[Dry Powder] {word}: {self.entry.incident.key}"

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Say it in full: a heading and a text each."""
        found = self.entry.incident
        return [
            ("What", found.what),
            ("Since", f"{found.since:%Y-%m-%d %H:%M} UTC"),
            *([("Over", f"{self.entry.over_at:%Y-%m-%d %H:%M} UTC")] if self.entry.over_at else []),
            ("Affects", affected_in_words(found.affects)),
            *([] if self.entry.over_at else [("Type next", found.command)]),
            *([("Log", found.log)] if found.log else []),
            ("Home", self.home),
        ]

    @property
    def text(self) -> str:
        """The message as plain text."""
        return "\n".join([self.subject, *(f"{heading}: {text}" for heading, text in self.lines)])

    @property
    def html(self) -> str:
        """The message as an e-mail's body; what comes from outside is quoted."""
        rows = "".join(
            f'<tr><th align="left" valign="top">{heading}</th><td><pre style="margin:0;white-space:pre-wrap">'
            f"{escape(text)}</pre></td></tr>"
            for heading, text in self.lines
        )
        return f'<p><b>{escape(self.subject)}</b></p><table cellpadding="4">{rows}</table>'

    @property
    def document(self) -> dict[str, Any]:
        """The message as JSON; `text` is what chats show."""
        return {"id": self.id, "event": self.event, "home": self.home, "text": self.text, **document(self.entry)}


def document(entry: Entry) -> dict[str, Any]:
    """Return a line of the ledger for machines."""
    found = entry.incident
    return {
        "incident": entry.id,
        "key": found.key,
        "kind": found.kind,
        "severity": found.severity,
        "what": found.what,
        "since": found.since.isoformat(),
        "opened_at": entry.opened_at.isoformat(),
        "over_at": entry.over_at.isoformat() if entry.over_at else None,
        "affects": None if found.affects is None else list(found.affects),
        "command": found.command,
        "log": found.log,
    }


Affected = Callable[[str], tuple[str, ...] | None]
Channel = Callable[[Message, str], None]
"""Delivers a message to what its setting names, or raises."""


# ------------------------------------------------------------------------------------------------- what is wrong now


def now_wrong(settings: Settings) -> list[Incident]:
    """Return everything that is wrong now, by key.

    A day off, a release that is not due, or one that its publisher put off in `release_schedules` is nothing wrong:
    `drypowder status` says in words why a table has nothing new.
    """
    affected = _affected(settings)
    found = [
        *_of_tables(settings, report.standings(settings), affected),
        *_damaged(settings),
        *_not_uploaded(settings),
        *_not_backed_up(settings),
        *_failed(settings, affected),
        *_waiting(settings),
    ]
    return sorted(found, key=lambda each: each.key)


def _of_tables(settings: Settings, tables: Iterable[Standing], affected: Affected) -> Iterator[Incident]:
    now = clock.now(settings)
    held_since, aside_since = _since(settings)
    refused_since: dict[str, datetime] = {}
    for fetch, _ in landing.refusals(settings) if settings.refused.is_dir() else ():
        name = f"{fetch.source}.{fetch.table}"
        refused_since[name] = min(fetch.fetched_at, refused_since.get(name, fetch.fetched_at))
    for each in tables:
        name = f"{each.source}.{each.table}"
        affects = affected(name)
        if each.state == "late":
            cadence = sources.find(each.source, each.table)[1].cadence
            yield Incident(
                key=f"late {name}",
                kind="late",
                what=each.reason,
                since=calendar.late_since(cadence, each.newest_period_end, now) or now,
                affects=affects,
                command=f"drypowder land {each.source} {each.table}",
            )
        gate = [held for held in each.held_back if held["border"] != "landing"]
        if gate:
            yield Incident(
                key=f"held back {name}",
                kind="held back",
                what=_in_words("A gate holds back", gate),
                since=held_since.get(name, now),
                affects=affects,
                command=f"drypowder quarantine list {name}",
            )
        refused = [held for held in each.held_back if held["border"] == "landing"]
        if refused:
            yield Incident(
                key=f"refused {name}",
                kind="refused",
                what=_in_words("Its contract refuses", refused),
                since=refused_since.get(name, now),
                affects=affects,
                command=f"drypowder quarantine list {name}",
            )
        if name in aside_since:
            rows, since = aside_since[name]
            yield Incident(
                key=f"quarantined {name}",
                kind="quarantined",
                what=f"{rows:,} row(s) are set aside; the others of their fetches are in.",
                since=since,
                affects=affects,
                command=f"drypowder quarantine show {name}",
            )


def _in_words(what: str, held: Sequence[Mapping[str, str]]) -> str:
    first = held[0]
    more = f" And {len(held) - 1} more partition(s)." if len(held) > 1 else ""
    return f"{what} {first['partition']}: {first['reason']}{more} Its last good rows stay."


def _affected(settings: Settings) -> Affected:
    """Return who knows the metrics that rest on a landed table, as the current release has noted them."""
    if not settings.current.exists():
        return lambda _: None
    rows = _ask(
        settings,
        "metric_sources",
        "select source || '.' || table_name, list(metric_id order by metric_id) from ops.metric_sources group by 1",
    )
    found = {name: tuple(metrics) for name, metrics in rows}
    return lambda name: found.get(name, ())


def _since(settings: Settings) -> tuple[dict[str, datetime], dict[str, tuple[int, datetime]]]:
    """Return since when a gate holds back a table, and how many rows are set aside of it since when."""
    held = _ask(
        settings,
        "held_back",
        "select source || '.' || table_name, min(held_at) from ops.held_back where border <> 'landing' group by 1",
    )
    aside = _ask(
        settings,
        "quarantine",
        "select source || '.' || table_name, sum(row_count)::bigint, min(quarantined_at) from ops.quarantine "
        "where discarded_at is null and rule <> 'gate' group by 1",
    )
    return (
        {name: at.astimezone(UTC) for name, at in held if at},
        {name: (rows, at.astimezone(UTC)) for name, rows, at in aside if at},
    )


def _ask(settings: Settings, table: str, sql: str) -> list[tuple[Any, ...]]:
    """Return what the current release's records say; nothing where there is no release, or one of before they were."""
    try:
        connection = releases.connect(settings.home)
    except NoRelease:
        return []
    with connection:
        there = connection.execute(
            "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = ?", [table]
        ).fetchone()
        return connection.execute(sql).fetchall() if there else []


def _damaged(settings: Settings) -> Iterator[Incident]:
    note = settings.home / DAMAGED
    try:
        said, at = note.read_text(), datetime.fromtimestamp(note.stat().st_mtime, UTC)
    except FileNotFoundError:
        return
    yield Incident(
        key="damaged warehouse",
        kind="damaged",
        what=f"The builder's file cannot be read, and the next build rebuilds it from the archive: {said}",
        since=at,
        command="drypowder replay",
    )


def _not_uploaded(settings: Settings) -> Iterator[Incident]:
    try:
        failed = upload.failed(settings)
    except ConfigurationError:  # `drypowder doctor` says what is wrong with the address, which may hold a secret
        return
    if failed:
        since, problem = failed
        yield Incident(
            key="not uploaded release", kind="not uploaded", what=problem, since=since, command="drypowder upload"
        )


def _not_backed_up(settings: Settings) -> Iterator[Incident]:
    try:
        since = backup.last_made(settings)
    except ConfigurationError:  # as above
        return
    if problem := backup.trouble(settings):
        yield Incident(
            key="not backed up home",
            kind="not backed up",
            what=f"{problem}.",
            since=since or clock.now(settings),
            command=backup.trying_now(settings),
        )


def _failed(settings: Settings, affected: Affected) -> Iterator[Incident]:
    for each in failures.noted(settings):
        parts = [each.what, each.expected and f"expected {each.expected}", each.got and f"got {each.got}"]
        said = "; ".join(part.rstrip(".\n ") for part in parts if part)
        table = each.task.removeprefix("ingest__").removesuffix(".land").split("__", 1)
        is_landing = each.task.startswith("ingest__") and len(table) > 1
        yield Incident(
            key=f"failed {each.task}",
            kind="failed",
            what=f"{f'{each.error}: ' if each.error else ''}{said}.{f' {each.remedy}' if each.remedy else ''}",
            since=each.at,
            affects=affected(".".join(table)) if is_landing else (),
            command=f"drypowder land {' '.join(table)}" if is_landing else _COMMANDS.get(each.task, "drypowder doctor"),
            log=each.log,
        )


def _waiting(settings: Settings) -> Iterator[Incident]:
    question = approval.noted(settings)
    if question:
        yield Incident(
            key="waits release",
            kind="waits",
            what=f"A release waits for a person who accepts {question.news}:\n{question}",
            since=question.asked_at,
            command=approval.COMMAND,
        )


def affected_in_words(metrics: Sequence[str] | None, most: int = 8) -> str:
    """Say which metrics want it."""
    if metrics is None:
        return "nobody yet: there is no release"
    if not metrics:
        return "no metric"
    more = f" and {len(metrics) - most} more" if len(metrics) > most else ""
    return f"{len(metrics)} metric(s): {', '.join(metrics[:most])}{more}"


# ------------------------------------------------------------------------------------------------------- the ledger


def look(settings: Settings) -> list[Entry]:
    """Look what is wrong now, note what is new or over, and return the ledger, oldest first."""
    found = {each.key: each for each in now_wrong(settings)}
    now = _wall_clock()
    with _ledger(settings) as entries:
        for position, entry in enumerate(entries):
            if entry.over_at is None:
                entries[position] = _seen_again(entry, found.pop(entry.incident.key, None), now)
        entries += [Entry(id=uuid4().hex[:12], incident=each, opened_at=now) for each in found.values()]
        over = [entry for entry in entries if entry.over_at]
        dropped = {entry.id for entry in over[: max(len(over) - _KEPT, 0)]}
        entries[:] = [entry for entry in entries if entry.id not in dropped]
        return list(entries)


def _seen_again(entry: Entry, found: Incident | None, now: datetime) -> Entry:
    if found is None:
        return replace(entry, over_at=now)
    return replace(entry, incident=replace(found, since=min(found.since, entry.incident.since)))


def ledger(settings: Settings) -> list[Entry]:
    """Return what the ledger says, oldest first, without looking anew."""
    try:
        lines = json.loads((settings.incidents / LEDGER).read_bytes())
    except FileNotFoundError:
        return []
    return [_entry(each) for each in lines]


@contextmanager
def _ledger(settings: Settings) -> Iterator[list[Entry]]:
    """Give the ledger to change, alone, and write it if it was changed."""
    from filelock import FileLock, Timeout

    settings.incidents.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(settings.incidents / "ledger.lock", timeout=_LOCK_SECONDS):
            entries = ledger(settings)
            before = list(entries)
            yield entries
            if entries != before:
                text = json.dumps([asdict(each) for each in entries], indent=1, default=lambda at: at.isoformat())
                write_atomically(settings.incidents / LEDGER, text.encode())
    except Timeout as error:
        raise BuilderBusy(
            f"Another process has held {settings.incidents / 'ledger.lock'} for {_LOCK_SECONDS:.0f} s",
            expected="a moment",
            got="a process that hangs",
            remedy="End it; the lock goes with it.",
        ) from error


def _entry(line: Mapping[str, Any]) -> Entry:
    def instants(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
        return {**values, **{name: values[name] and datetime.fromisoformat(values[name]) for name in names}}

    incident = instants(line["incident"], "since")
    told = {channel: Told(**instants(each, "opened_at", "over_at")) for channel, each in line["told"].items()}
    return Entry(
        **instants(line, "opened_at", "over_at")
        | {"incident": Incident(**incident | {"affects": _tuple(incident["affects"])}), "told": told}
    )


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _wall_clock() -> datetime:
    """Return when people are told, which no recording decides."""
    return datetime.now(UTC).replace(microsecond=0)


# ------------------------------------------------------------------------------------------------------ telling people


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a look found, and who was told."""

    open: int
    critical: int
    told: int
    channels: tuple[str, ...]
    undelivered: int

    @property
    def rows(self) -> int:
        """Number of messages delivered, for a progress table."""
        return self.told

    def __str__(self) -> str:
        """Say it in one line."""
        whom = f"{self.told} message(s) by {' and '.join(self.channels)}" if self.channels else "nobody is told"
        failed = f", {self.undelivered} NOT DELIVERED" if self.undelivered else ""
        return f"{self.open} incident(s) open, {self.critical} critical; {whom}{failed}"


def watch(
    channels: Mapping[str, Channel] | None = None, settings: Settings | None = None, progress: Progress | None = None
) -> Watched:
    """Look what is wrong, and tell every channel that is on what it has not been told: what began, and what is over.

    What was over before anybody was told of it is not told. What could not be delivered is told the next time; a
    process that dies between a delivery and the ledger makes the same message, with the same id, come twice.

    Raises:
        BuilderBusy: another process is telling people.
        NotDelivered: a channel did not take a message; all others were tried.
    """
    from filelock import FileLock, Timeout

    settings = settings_of_home(settings)
    settings.incidents.mkdir(mode=0o700, exist_ok=True)
    channels = {name: deliver for name, deliver in (channels or {}).items() if getattr(settings, CHANNELS[name])}
    try:
        with FileLock(settings.incidents / "watch.lock", timeout=0):
            entries = look(settings)
            told, problems = _tell(settings, entries, channels, progress)
    except Timeout as error:
        raise BuilderBusy(f"Another process tells people of {settings.home}", expected="one", got="two") from error
    still = [entry.incident for entry in entries if entry.over_at is None]
    result = Watched(
        open=len(still),
        critical=sum(each.severity == "critical" for each in still),
        told=told,
        channels=tuple(channels),
        undelivered=len(problems),
    )
    for each in still:
        log.info("open key=%s since=%s", each.key, each.since.isoformat())
    if still and not channels:
        log.warning("nobody is told: neither WAREHOUSE_NOTIFY_EMAIL nor WAREHOUSE_NOTIFY_WEBHOOK is set")
    say(progress, str(result))
    if problems:
        raise NotDelivered(
            f"{len(problems)} message(s) were not delivered",
            expected="a channel that takes them",
            got="; ".join(sorted(set(problems))),
            remedy="The next watch tries again. See `drypowder doctor`.",
        )
    return result


def _tell(
    settings: Settings, entries: Iterable[Entry], channels: Mapping[str, Channel], progress: Progress | None
) -> tuple[int, list[str]]:
    told, problems = 0, []
    for entry in entries:
        for name, deliver in channels.items():
            if not _is_owed(entry, name):
                continue
            message = Message(entry=entry, home=str(settings.home.resolve()))
            problem = ""
            try:
                deliver(message, getattr(settings, CHANNELS[name]))
            except Exception as error:  # noqa: BLE001  (whatever a channel raises, the others are told)
                problem = _without_secrets(error)
                log.error("not delivered channel=%s key=%s: %s", name, entry.incident.key, problem)  # noqa: TRY400
                problems.append(f"{name}: {problem}")
            else:
                told += 1
                say(progress, f"told {name}: {message.subject}")
            _note(settings, entry.id, name, message.event, problem)
    return told, problems


def _is_owed(entry: Entry, channel: str) -> bool:
    """Whether a channel has yet to be told how the incident stands."""
    told = entry.told.get(channel)
    if entry.over_at is None:
        return told is None or told.opened_at is None
    return told is not None and told.over_at is None


def _note(settings: Settings, entry_id: str, channel: str, event: Literal["opened", "over"], problem: str) -> None:
    with _ledger(settings) as entries:
        for position, entry in enumerate(entries):
            if entry.id == entry_id:
                told = replace(entry.told.get(channel, Told()), problem=problem)
                if not problem:
                    now = _wall_clock()
                    told = replace(told, opened_at=now) if event == "opened" else replace(told, over_at=now)
                entries[position] = replace(entry, told={**entry.told, channel: told})


def _without_secrets(error: BaseException) -> str:
    """Say what kind of error it was: a library's own words may quote an address, and with it a token."""
    if isinstance(error, WarehouseError):
        return str(error)
    each: BaseException | None = error
    while each is not None:
        code = getattr(each, "smtp_code", None) or getattr(getattr(each, "response", None), "status_code", None)
        if code:
            return f"{type(error).__name__}, answer {code}"
        each = each.__cause__ or each.__context__
    return type(error).__name__


def undelivered(settings: Settings) -> dict[str, tuple[int, str]]:
    """Return, by channel that is on, how many messages it owes somebody, and why the last was not delivered."""
    found: dict[str, tuple[int, str]] = {}
    for entry in ledger(settings):
        for channel, told in entry.told.items():
            if told.problem and getattr(settings, CHANNELS.get(channel, ""), None):
                found[channel] = (found.get(channel, (0, ""))[0] + 1, told.problem)
    return found


def print_entries(entries: Sequence[Entry], console: Console) -> None:
    """Print incidents, oldest first: what, since when, what it affects, what to type, who was told."""
    from rich.padding import Padding
    from rich.text import Text

    if not entries:
        console.print("Nothing is wrong.", style="green")
    for entry in entries:
        found = entry.incident
        state = f"over {entry.over_at:%Y-%m-%d %H:%M}" if entry.over_at else found.severity
        style = "dim" if entry.over_at else {"critical": "bold red", "warning": "yellow"}[found.severity]
        console.print(Text(f"{found.key}  {state}, since {found.since:%Y-%m-%d %H:%M} UTC", style=style))
        told = ", ".join(
            f"{channel} {f'NOT: {each.problem}' if each.problem else 'told'}" for channel, each in entry.told.items()
        )
        said = [
            found.what,
            f"Affects {affected_in_words(found.affects)}.",
            "" if entry.over_at else f"Type: {found.command}",
            found.log and f"Log: {found.log}",
            told and f"Messages: {told}",
        ]
        for line in filter(None, said):
            console.print(Padding(Text(line), (0, 0, 0, 4), expand=False))
