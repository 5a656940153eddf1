"""What a release's `manifest.json` holds: the one description that its JSON schema is made from.

`Release.manifest` stays the plain document, so that reading a release needs DuckDB alone. A field that newer releases
have has a default here: the schema that goes out with one release lets manifests of older ones pass.
"""
# ruff: noqa: TID253 - classes of msgspec, and only who writes a release imports them

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

SCHEMA = "manifest.schema.json"

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0)]
Instant = Annotated[datetime, Meta(tz=True)]


class Part(msgspec.Struct):
    """Rows that lie in one Parquet file."""

    rows: Count
    digest: Annotated[str, Meta(description="Of the rows, whatever their order.")]


class Contract(msgspec.Struct):
    """What readers of a curated table may rely on."""

    model: Annotated[str, Meta(description="dbt's model, whose latest version is the table of this name.")]
    version: Annotated[int, Meta(ge=1)]
    owner: str
    status: Literal["active", "deprecated", "preview"]
    deprecation_date: Annotated[date | None, Meta(description="Day from which on it may be gone.")]
    use_instead: Annotated[str, Meta(description="What to read when it has gone; empty while it stays.")]
    key: Annotated[list[str], Meta(description="What a row is one of; empty where no test holds it.")]
    consumers: Annotated[list[str], Meta(description="Who is known to read it.")]


class Table(msgspec.Struct):
    """A table of the release."""

    rows: Count
    shape: Annotated[Sha256 | None, Meta(description="Of its columns, types and descriptions.")] = None
    parts: Annotated[
        dict[str, Part] | None, Meta(description="By name of the Parquet file, of which ops has none.")
    ] = None
    cut_by: Annotated[
        str | None, Meta(description="Column of the day whose years the parts are; null of a table of one part.")
    ] = None
    contract: Annotated[Contract | None, Meta(description="Of marts and metrics; ops has none.")] = None


class Licence(msgspec.Struct):
    """What a publisher allows."""

    name: str
    url: str
    redistribution: Literal["free", "attribution"]
    attribution: Annotated[str, Meta(description="What to write beside the figures.")]


class Fetch(msgspec.Struct):
    """The newest load of one partition."""

    partition: str
    fetch_id: str
    fetched_at: str
    rows: Count
    sha256: Annotated[list[Sha256], Meta(description="Of the response bodies, as archived.")]


class SourceTable(msgspec.Struct):
    """A landed table that the release was made of."""

    last_checked_at: Instant | None
    last_changed_at: Instant | None
    newest_period_end: date | None
    stale_after_days: int | None
    origin: Annotated[str | None, Meta(description="Whose bytes: live, recorded, documented or reconstructed.")]
    licence: Annotated[Licence | None, Meta(description="Null where it is in no release.")]
    loads: Annotated[Count, Meta(description="How often it was loaded; ops.loads has them all.")]
    fetches: list[Fetch]


class HeldBack(msgspec.Struct):
    """A partition that a gate or a contract kept out; its last good rows stay."""

    source: str
    table: str
    partition: str
    border: str
    reason: str


class Affected(msgspec.Struct):
    """A metric that rests on a partition that is held back."""

    source: str
    table: str
    partition: str
    metric: str
    last_good_at: str | None
    newest_period_end: str | None
    newest_known_at: str | None


class Suite(msgspec.Struct):
    """The newest verdict of a suite of expectations."""

    border: str
    suite: str
    rows: Count | None
    expectations: Count
    failed: Annotated[list[str], Meta(description="Critical expectations that failed.")]
    warnings: Annotated[list[str], Meta(description="Others that did.")]
    validated_at: str


class Warned(msgspec.Struct):
    """A warning that somebody accepted, as it was shown."""

    suite: str
    table: str
    expectation: str
    column: str | None
    detail: str


class Accepted(msgspec.Struct):
    """Who let this release pass with warnings that the one before did not have."""

    accepted_by: str
    accepted_at: Instant
    because: str
    findings: list[Warned]


class Manifest(msgspec.Struct):
    """What a release is, what it was made of, and the checksum of every file beside this one."""

    id: Annotated[str, Meta(pattern=r"^\d{4}\.\d{2}\.\d{2}\.\d+$", description="Day of the one clock, and a number.")]
    sequence: Annotated[int, Meta(ge=1, description="Order of releases in their home.")]
    created_at: Instant
    run_id: str
    git_commit: Annotated[str | None, Meta(description="With +changes where the checkout differed from it.")]
    fingerprint: Annotated[Sha256, Meta(description="Of all that the content depends on.")]
    transport: Literal["live", "recorded"]
    tables: dict[str, Table]
    sources: dict[str, SourceTable]
    held_back: list[HeldBack]
    suites: list[Suite]
    engines: Annotated[dict[str, str], Meta(description="Version of each package that the tables are computed by.")]
    files: dict[str, Sha256]
    affected_metrics: list[Affected] = []
    accepted: Annotated[list[Accepted], Meta(description="Empty where nobody had to be asked.")] = []
    logic: Annotated[
        Sha256 | None, Meta(description="Of models, sources, gates and engines: with the same, code changed no value.")
    ] = None


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of `manifest.json`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Manifest)}


def write_schema(folder: Path) -> None:
    """Write the schema into the folder that is becoming a release."""
    (folder / SCHEMA).write_bytes(msgspec.json.format(msgspec.json.encode(schema()), indent=1))
