"""Steps that failed and that nobody will try again by himself: one note each in the home, until the step succeeds.

The rest of what is wrong stands in the home already, where it happened; that a task has failed only
its scheduler knows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from warehouse import landing
from warehouse.archive import write_atomically
from warehouse.errors import ApprovalNeeded, ContractViolation, DamagedFile, WarehouseError
from warehouse.masking import masked
from warehouse.settings import Settings
from warehouse.stores import DAMAGED

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 2000
"""Characters kept of each part of a message: a log has the rest."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A step that failed: the four parts of its error, and where its log is."""

    task: str
    """DAG and task, such as `build.transform`; `drypowder run` calls its steps the same."""
    at: datetime
    error: str
    """Name of the exception's class."""
    what: str
    expected: str = ""
    got: str = ""
    remedy: str = ""
    log: str = ""


def note(task: str, error: BaseException | None, settings: Settings | None = None, *, log: str = "") -> Failure | None:
    """Write down that a step failed for good. What the home tells of itself is not written down a second time.

    `error` is None where nobody knows: the process was killed, or its machine was lost.
    """
    settings = settings or Settings.from_environment()
    cause = _cause(error)
    if _is_told(settings, task, cause):
        return None
    parts = {name: masked(part)[:_LONGEST] for name, part in _parts(cause).items()}
    before = next((each.at for each in noted(settings) if each.task == task), None)
    found = Failure(
        task=task,
        at=before or datetime.now(UTC),  # since when it fails, whatever the newest reason is
        error=type(cause).__name__ if cause else "",
        log=log,
        **parts,
    )
    settings.incidents.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(_path(settings, task), json.dumps(asdict(found) | {"at": found.at.isoformat()}, indent=1).encode())
    return found


def forget(task: str, settings: Settings | None = None) -> None:
    """Say that the step has succeeded."""
    _path(settings or Settings.from_environment(), task).unlink(missing_ok=True)


def noted(settings: Settings) -> list[Failure]:
    """Return what has failed and not succeeded since, by name."""
    found = []
    for path in sorted((settings.incidents / "failed").glob("[!.]*.json")):
        try:
            entry = json.loads(path.read_bytes())
        except FileNotFoundError:  # it succeeded meanwhile
            continue
        found.append(Failure(**entry | {"at": datetime.fromisoformat(entry["at"])}))
    return found


def _path(settings: Settings, task: str) -> Path:
    return settings.incidents / "failed" / f"{quote(task, safe='')}.json"


def _cause(error: BaseException | None) -> BaseException | None:
    """Return our own error where another one only carries it."""
    each = error
    while each is not None:
        if isinstance(each, WarehouseError):
            return each
        each = each.__cause__
    return error


def _parts(error: BaseException | None) -> dict[str, str]:
    if error is None:
        return {"what": "It ended without a word: its process was killed, or its machine was lost"}
    if not isinstance(error, WarehouseError):
        return {"what": str(error)}
    parts = {"what": error.what, "expected": error.expected, "got": error.got, "remedy": error.remedy}
    return {name: str(part) for name, part in parts.items() if part is not None}


def _is_told(settings: Settings, task: str, error: BaseException | None) -> bool:
    """Whether the home says by itself what went wrong, and no longer than it is wrong."""
    if isinstance(error, ApprovalNeeded):
        return True
    if isinstance(error, DamagedFile):
        return (settings.home / DAMAGED).is_file()
    if isinstance(error, ContractViolation):
        tables = {(refused.source, refused.table) for refused, _ in landing.refusals(settings)}
        return any(f"{source}__{table}" in task or f"{source}.{table}" in task for source, table in tables)
    return False
