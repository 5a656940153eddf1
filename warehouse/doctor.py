"""What is wrong with this installation, and what to type."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

from warehouse import clock, release
from warehouse.errors import NoRelease, WarehouseError
from warehouse.locking import REBUILDING, RESTORED
from warehouse.stores import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from warehouse.settings import Settings

_FREE_GB = 5
_LEEWAY = timedelta(minutes=1)
"""Clocks of two machines, and ntpd's corrections, differ by less."""
_PINS = {"duckdb": "1.5.6", "dbt-core": "1.11.", "apache-airflow": "3.3.", "great-expectations": "1.24."}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    state: Literal["ok", "note", "wrong"]
    what: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for everything that has to be right; each carries what to type when it is not."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _home,
        _transport,
        _clock,
        _lock,
        _builders_file,
        _generated,
        _release,
        _upload,
        _backup,
        _incidents,
    )
    for check in checks:
        yield from check(settings)


def _python(_: Settings) -> Iterator[Finding]:
    found = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    if (3, 11) <= sys.version_info < (3, 13):
        yield Finding(state="ok", what=found)
    else:
        yield Finding(state="wrong", what=f"{found}; 3.11 or 3.12 is needed", remedy="Install one, then `make setup`.")


def _packages(_: Settings) -> Iterator[Finding]:
    for name, wanted in _PINS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Finding(state="wrong", what=f"{name} is not installed", remedy="make setup")
            continue
        if found.startswith(wanted):
            yield Finding(state="ok", what=f"{name} {found}")
        else:
            yield Finding(state="wrong", what=f"{name} is {found}, the lock says {wanted}", remedy="make setup")


def _home(settings: Settings) -> Iterator[Finding]:
    parent = next(p for p in (settings.home.resolve(), *settings.home.resolve().parents) if p.exists())
    if not os.access(parent, os.W_OK):
        yield Finding(
            state="wrong", what=f"{parent} cannot be written", remedy="Set WAREHOUSE_HOME to a folder you own."
        )
        return
    free = shutil.disk_usage(parent).free / 1e9
    state: Literal["ok", "note"] = "ok" if free >= _FREE_GB else "note"
    yield Finding(
        state=state,
        what=f"home {settings.home}, {free:.0f} GB free",
        remedy="" if state == "ok" else f"Free some: {_FREE_GB} GB are enough for a year.",
    )


def _transport(settings: Settings) -> Iterator[Finding]:
    try:
        now = clock.now(settings)
    except WarehouseError as error:
        yield Finding(state="wrong", what=str(error))
        return
    yield Finding(state="ok", what=f"sources {settings.sources}, clock {now:%Y-%m-%d %H:%M} UTC")
    if settings.sources == "live" and "@" not in (settings.contact or ""):
        yield Finding(
            state="wrong",
            what="WAREHOUSE_CONTACT is missing, so publishers cannot be asked",
            remedy="echo \"WAREHOUSE_CONTACT='Your Name you@example.org'\" >> .env",
        )


def _clock(settings: Settings) -> Iterator[Finding]:
    """See whether something was fetched in what is now the future: what comes before that instant is not loaded."""
    from warehouse import sources
    from warehouse.archive import Archive

    archive, now = Archive(settings.archive), clock.now(settings)
    asked = {f"{s.code}.{t.name}": archive.last_checked(s.code, t.name) for s, t in sources.tables()}
    ahead = {name: at for name, at in asked.items() if at and at > now + _LEEWAY}
    if settings.sources == "live" and ahead:
        yield Finding(
            state="wrong",
            what=f"{len(ahead)} table(s), such as {min(ahead)}, were fetched in the future, as late as "
            f"{max(ahead.values()):%Y-%m-%d %H:%M} UTC: the clock was ahead, and what they publish waits until then",
            remedy="Set the machine's clock right. After that instant the next runs load what waited; "
            "`drypowder replay` then gives every fetch its place.",
        )


def _lock(settings: Settings) -> Iterator[Finding]:
    note = settings.home / "builder.lock.json"
    if note.is_file():
        yield Finding(
            state="note",
            what=f"a builder is at work, or was killed: {note.read_text()}",
            remedy="If that process is gone, the lock is free already; the next run removes the note.",
        )


def _builders_file(settings: Settings) -> Iterator[Finding]:
    note = settings.home / DAMAGED
    if note.is_file():
        yield Finding(
            state="wrong",
            what=f"the builder's file cannot be read: {note.read_text()}",
            remedy="The next run rebuilds it from the archive; `drypowder replay` does so now.",
        )
    if (settings.home / REBUILDING).is_file():
        yield Finding(
            state="note",
            what="a replay or migration is at work, or was killed",
            remedy="If it was killed, the next verb that builds puts back what stood before it.",
        )

    if (settings.home / RESTORED).is_file():
        yield Finding(
            state="wrong",
            what="this home was restored from a backup, and its builder's files are not rebuilt yet",
            remedy="drypowder replay",
        )


def _generated(settings: Settings) -> Iterator[Finding]:
    from warehouse import catalogue

    stale = catalogue.stale(settings.project)
    if stale:
        yield Finding(state="wrong", what=f"{len(stale)} generated file(s) are stale", remedy="make generate")
    else:
        yield Finding(state="ok", what="generated files are fresh")


def _release(settings: Settings) -> Iterator[Finding]:
    try:
        found = release.current(settings)
    except NoRelease as error:
        yield Finding(state="note", what=str(error))
        return
    problems = release.verify(found)
    if problems:
        yield Finding(
            state="wrong",
            what=f"{found.id}: {'; '.join(problems[:3])}",
            remedy="drypowder rollback",
        )
    else:
        yield Finding(state="ok", what=f"{found}, checksums right")
    with release.connect(settings.home) as connection:
        connection.execute("select count(*) from metrics.metric_observations")


def _upload(settings: Settings) -> Iterator[Finding]:
    from warehouse import upload

    try:
        problem = upload.outstanding(settings)
    except WarehouseError as error:
        yield Finding(state="wrong", what=str(error))
        return
    if problem:
        yield Finding(state="note", what=problem, remedy="The next run tries again; `drypowder upload` does so now.")
    elif settings.upload:
        yield Finding(state="ok", what=f"uploaded to {settings.upload}")


def _backup(settings: Settings) -> Iterator[Finding]:
    from warehouse import backup

    if problem := backup.trouble(settings):
        yield Finding(state="wrong", what=problem, remedy=backup.trying_now(settings))
    elif place := backup.regular(settings):
        yield Finding(state="ok", what=f"backed up to {place}")


def _incidents(settings: Settings) -> Iterator[Finding]:
    from warehouse import incidents

    for channel, (count, problem) in incidents.undelivered(settings).items():
        yield Finding(
            state="wrong",
            what=f"{count} message(s) of incidents were not delivered by {channel}: {problem}",
            remedy="The next watch tries again; see the connection in AIRFLOW_CONN_... and `drypowder incidents`.",
        )
    still = [each for each in incidents.ledger(settings) if each.over_at is None]
    if still:
        yield Finding(
            state="note", what=f"{len(still)} incident(s) were open at the last look", remedy="drypowder incidents"
        )
