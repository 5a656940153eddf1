"""A release that waits for a person: its gate has warnings that the release which readers see does not have.

The gate writes them down (`note`), `publish` asks whether they were accepted (`refuse_unaccepted`), and `accept`
records who did, when, why, and of which findings. What is accepted is one content with one set of findings: whatever
lands, is held back or is changed in the code in between asks again. What is critical never comes this far.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from warehouse import release as releases
from warehouse import stores
from warehouse.archive import write_atomically
from warehouse.errors import ApprovalNeeded, ConfigurationError, GateClosed, NoRelease
from warehouse.locking import builder_lock
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from warehouse.validation import Finding

NOTE = "new-warnings.json"
"""In the home: what the release's gate found that the current release does not have; gone once it is published."""

COMMAND = 'drypowder accept --by "YOUR NAME" --because "WHY"'


@dataclass(frozen=True, kw_only=True)
class Warned:
    """A warning of the release's gate, as it is shown to who decides."""

    suite: str
    table: str
    expectation: str
    column: str | None
    detail: str

    def __str__(self) -> str:
        """Say it in a line."""
        column = f".{self.column}" if self.column else ""
        return f"{self.table}{column}: {self.expectation}: {self.detail}"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a person is asked to accept."""

    id: str
    """Digest of the content and of the findings: an answer names it."""
    fingerprint: str
    asked_at: datetime
    current: str | None
    """The release that readers see meanwhile; None where there is none."""
    findings: tuple[Warned, ...]

    @property
    def news(self) -> str:
        """Say what the findings are new against."""
        count = f"{len(self.findings)} warning(s)"
        return f"{count} that release {self.current} does not have" if self.current else f"{count} of a first release"

    def __str__(self) -> str:
        """Say it as a list."""
        return "\n".join(f"- {each}" for each in self.findings)


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """Who let a release with new warnings pass, when and why."""

    question: str
    accepted_by: str
    accepted_at: datetime
    because: str
    findings: tuple[Warned, ...]

    @property
    def rows(self) -> int:
        """Number of findings, for a progress table."""
        return len(self.findings)

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.accepted_by} accepted {len(self.findings)} warning(s): {self.because}"


def note(settings: Settings, content: str, warnings: Iterable[Finding]) -> Question | None:
    """Write down which warnings of the content are new against the current release; None where none is."""
    try:
        current = releases.current(settings)
    except NoRelease:
        current = None
    known = {
        (suite["suite"], expectation)
        for suite in (current.manifest.get("suites", ()) if current else ())
        if suite["border"] == "release"
        for expectation in suite["warnings"]
    }
    found = tuple(
        Warned(
            suite=each.suite,
            table=each.table,
            expectation=each.expectation,
            column=each.column,
            detail=each.detail or str(each.observed),
        )
        for each in warnings
        if (each.suite, each.expectation) not in known
    )
    if not found:
        forget(settings)
        return None
    keys = sorted((each.suite, each.expectation, each.column or "") for each in found)
    question = Question(
        id=hashlib.sha256(repr((content, keys)).encode()).hexdigest()[:16],
        fingerprint=content,
        asked_at=datetime.now(UTC),
        current=current.id if current else None,
        findings=found,
    )
    before = noted(settings)
    asked_at = before.asked_at if before and before.id == question.id else question.asked_at
    document = asdict(question) | {"asked_at": asked_at.isoformat()}
    write_atomically(settings.home / NOTE, json.dumps(document, indent=1).encode())
    return question


def forget(settings: Settings) -> None:
    """Say that nobody needs to be asked: it was published, or the gate found nothing new, or something worse."""
    (settings.home / NOTE).unlink(missing_ok=True)


def noted(settings: Settings) -> Question | None:
    """Return what the gate found that is new; None where that is nothing, or settings ask nobody."""
    if settings.approval == "off":
        return None
    try:
        entry = json.loads((settings.home / NOTE).read_bytes())
    except FileNotFoundError:
        return None
    findings = tuple(Warned(**each) for each in entry["findings"])
    return Question(**entry | {"asked_at": datetime.fromisoformat(entry["asked_at"]), "findings": findings})


def unanswered(settings: Settings | None = None) -> Question | None:
    """Return what has to be accepted before the last build can be published; None where nothing has to."""
    settings = settings or Settings.from_environment()
    question = noted(settings)
    if question is None:
        return None
    with builder_lock(settings, "approve"), stores.open_warehouse(settings) as connection:
        return None if accepted(connection, question.fingerprint, question.id) else question


def accept(settings: Settings | None = None, *, by: str, because: str, question: str | None = None) -> Acceptance:
    """Record that a person lets the new warnings of the last build pass; `publish` comes after.

    `question` is the id of what was shown, where that was some time ago.

    Raises:
        ConfigurationError: nothing waits, or nobody says who accepts it or why.
        GateClosed: what was shown is not what would be published.
    """
    settings = settings or Settings.from_environment()
    asked = noted(settings)
    if asked is None:
        raise ConfigurationError(
            "No release waits for a person",
            expected="WAREHOUSE_APPROVAL=warnings, and warnings that the current release does not have",
            got=f"WAREHOUSE_APPROVAL={settings.approval}",
        )
    if not by.strip() or not because.strip():
        raise ConfigurationError(
            "An acceptance says who and why",
            expected="a name and a reason",
            got=f"by {by.strip()!r}, because {because.strip()!r}",
            remedy=COMMAND,
        )
    with builder_lock(settings, "accept"), stores.open_warehouse(settings) as connection:
        content = releases.fingerprint(settings, connection)
        if asked.fingerprint != content or question not in {None, asked.id}:
            raise GateClosed(
                "What was shown is not what would be published now, so it cannot be accepted any more",
                expected=f"findings {asked.id}"
                if question not in {None, asked.id}
                else "the data and code of the check",
                got=f"findings {question}" if question not in {None, asked.id} else "other data or code",
                remedy="Run `drypowder run`, which checks it again and shows what it finds.",
            )
        acceptance = Acceptance(
            question=asked.id,
            accepted_by=by.strip(),
            accepted_at=datetime.now(UTC).replace(microsecond=0),
            because=because.strip(),
            findings=asked.findings,
        )
        _record(connection, content, acceptance)
    return acceptance


def refuse_unaccepted(settings: Settings, connection: duckdb.DuckDBPyConnection, content: str) -> None:
    """Let nothing out that has new warnings which nobody has accepted.

    Raises:
        ApprovalNeeded: there are such; the message names them and what to type.
    """
    question = noted(settings)
    if question is None or question.fingerprint != content or accepted(connection, content, question.id):
        return
    raise ApprovalNeeded(
        f"The release waits for a person who accepts {question.news}:\n{question}",
        remedy=f"\nThe current release stays. Look, then type `{COMMAND}`, then `drypowder publish`.",
    )


def accepted(connection: duckdb.DuckDBPyConnection, content: str, question: str | None = None) -> list[Acceptance]:
    """Return who accepted findings of a content, newest last; of one question or of all that were asked of it."""
    rows = connection.execute(
        "select question, accepted_by, accepted_at, because, findings from ops.acceptances "
        "where fingerprint = $content and question = coalesce($question, question) order by accepted_at",
        {"content": content, "question": question},
    ).fetchall()
    return [
        Acceptance(
            question=row[0],
            accepted_by=row[1],
            accepted_at=row[2],
            because=row[3],
            findings=tuple(Warned(**each) for each in json.loads(row[4])),
        )
        for row in rows
    ]


def _record(connection: duckdb.DuckDBPyConnection, content: str, acceptance: Acceptance) -> None:
    values: Sequence[Any] = (
        content,
        acceptance.question,
        acceptance.accepted_by,
        acceptance.accepted_at,
        acceptance.because,
        json.dumps([asdict(each) for each in acceptance.findings]),
    )
    connection.execute(
        "insert into ops.acceptances (fingerprint, question, accepted_by, accepted_at, because, findings) "
        "values (?, ?, ?, ?, ?, ?)",
        values,
    )
