"""Releases: immutable folders that readers open, swapped in by one symbolic link. Two doors: publish and connect."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from warehouse import declarations, packing, sources
from warehouse.archive import write_atomically
from warehouse.errors import NoRelease
from warehouse.querying import HARDENED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

    from warehouse.settings import Settings

MANIFEST = "manifest.json"
ROLLED_BACK = "rolled-back.json"
UNFINISHED = ".building-"
"""How the name of a folder begins that is no release yet, or none any more."""
SEMANTIC_MANIFEST = "semantic_manifest.json"
"""What dbt wrote of the semantic layer when the release was built: MetricFlow reads it."""
_ENGINES = (
    "duckdb",
    "dbt-core",
    "dbt-duckdb",
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "great-expectations",
    "apache-airflow",
    "drypowder",
)


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published release."""

    id: str
    path: Path
    manifest: Mapping[str, Any]
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows over all its tables."""
        return sum(t["rows"] for t in self.manifest["tables"].values())

    def __str__(self) -> str:
        """Say which release it is and how large."""
        return f"release {self.id}: {len(self.manifest['tables'])} tables, {self.rows:,} rows"


def fingerprint(settings: Settings, connection: duckdb.DuckDBPyConnection) -> str:
    """Return a digest of all a release's content depends on: what was loaded, what is held back, the logic.

    Two builds with the same fingerprint give the same tables, so the second need not be published. Of what is held
    back only the partition counts: a publisher's page that stays broken is not news every night.
    """
    rows = connection.execute(
        "select 'loaded', fetch_id from ops.loads union all "
        "select distinct 'held back', concat_ws(' ', source, table_name, partition_key, border) from ops.held_back "
        "order by all"
    ).fetchall()
    return hashlib.sha256(repr((rows, logic(settings))).encode()).hexdigest()


def logic(settings: Settings) -> str:
    """Return a digest of what turns rows of `raw` into a release: models, what they call, gates, engines."""
    digest = hashlib.sha256(repr([(name, version(name)) for name in _ENGINES]).encode())
    files = [
        p
        for folder, patterns in (
            (settings.dbt_project, ("*.sql", "*.py", "*.yml", "*.csv")),
            (settings.project / "expectations", ("*.py",)),
            (
                Path(__file__).parent,
                (
                    "sources/**/*.py",
                    "estimators/**/*.py",
                    "sql/*.sql",
                    "calendar.py",
                    "contract.py",
                    "impact.py",
                    "increments.py",
                    "landing.py",
                    "loading.py",
                    "packing.py",
                    "release.py",
                    "stores.py",
                    "transformation.py",
                    "versions.py",
                    "wire.py",
                ),
            ),
        )
        for pattern in patterns
        for p in sorted(folder.rglob(pattern))
        if not {"target", "logs", "dbt_packages"} & set(p.relative_to(folder).parts)
    ]
    for path in files:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def releases(settings: Settings) -> list[Release]:
    """Return every finished release, oldest first."""
    found = []
    for path in settings.releases.glob("[0-9]*"):
        if (path / MANIFEST).is_file():
            manifest = json.loads((path / MANIFEST).read_text())
            found.append(Release(id=manifest["id"], path=path, manifest=manifest))
    return sorted(found, key=lambda r: r.manifest["sequence"])


def current(settings: Settings) -> Release:
    """Return the release that readers see.

    Raises:
        NoRelease: nothing has been published in this home yet.
    """
    if not settings.current.exists():
        raise NoRelease(
            f"{settings.home} has no release",
            expected=f"a link {settings.current}",
            got="none",
            remedy="After `make demo` it is in --home data/demo; else `drypowder run` makes one.",
        )
    path = settings.current.resolve()
    manifest = json.loads((path / MANIFEST).read_text())
    return Release(id=manifest["id"], path=path, manifest=manifest)


def connect(home: Path | str | None = None, *, internal: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the current release read-only and hardened; the connection sees that release for all its life.

    `home` is the folder that holds `current` (default: WAREHOUSE_HOME, then ./data). Needs duckdb alone. `internal`
    opens the file of what may not be passed on instead, which is no release: close it soon, since a build waits for it.

    Raises:
        NoRelease: there is none.
    """
    import duckdb

    from warehouse.settings import Settings

    settings = Settings.from_environment() if home is None else Settings(home=Path(home))
    if internal:
        if not settings.internal.exists():
            raise NoRelease(
                f"{settings.home} has no internal.duckdb",
                expected="a keyed or private source that has landed",
                got="none",
                remedy="See `drypowder terms` for which those are.",
            )
        return duckdb.connect(str(settings.internal), read_only=True, config=dict(HARDENED))
    found = current(settings)
    return duckdb.connect(str(found.path / "warehouse.duckdb"), read_only=True, config=dict(HARDENED))


def _swap(settings: Settings, release_path: Path) -> None:
    """Point `current` at a release. One rename: a reader gets the old folder or the new one."""
    fresh = settings.home / f".current-{uuid4().hex[:8]}"
    fresh.symlink_to(os.path.relpath(release_path, settings.home), target_is_directory=True)
    fresh.replace(settings.current)
    _sync_folder(settings.home)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def rollback(settings: Settings, to: str | None = None) -> Release:
    """Point `current` back at the release before it, or at `to`; nothing is deleted.

    Raises:
        NoRelease: there is no such release, or none before the current one.
    """
    now = current(settings)
    known = releases(settings)
    ids = [r.id for r in known]
    if to is None:
        earlier = ids[: ids.index(now.id)] if now.id in ids else []
        if not earlier:
            raise NoRelease(f"{now.id} has no release before it", expected="an earlier one", got=", ".join(ids))
        to = earlier[-1]
    if to not in ids:
        raise NoRelease(f"There is no release {to}", expected=f"one of {', '.join(ids)}", got=to)
    target = known[ids.index(to)]
    left = {now.manifest["fingerprint"]} if target.manifest["sequence"] < now.manifest["sequence"] else set()
    note = sorted((rolled_back(settings) | left) - {target.manifest["fingerprint"]})
    write_atomically(settings.home / ROLLED_BACK, json.dumps(note).encode())
    _swap(settings, target.path)
    return target


def rolled_back(settings: Settings) -> set[str]:
    """Return the fingerprints of what was rolled back: it is not published again until data or code change."""
    note = settings.home / ROLLED_BACK
    return set(json.loads(note.read_text())) if note.is_file() else set()


def remove_unfinished(settings: Settings) -> int:
    """Delete what killed processes left: folders that are no release yet or no more, links that never took effect."""
    unfinished = [*settings.releases.glob(f"{UNFINISHED}*"), *settings.home.glob(".current-*")]
    for path in unfinished:
        path.unlink() if path.is_symlink() else shutil.rmtree(path)
    return len(unfinished)


def publish(settings: Settings, *, now: datetime, run_id: str) -> Release:
    """Copy marts, metrics and ops into a new folder, settle it on disk, and swap `current` to it.

    The caller holds the builder's lock and has had the tables checked. A process killed at any point leaves either
    the old release current or the new one, never half of one.
    """
    from warehouse import changes, site
    from warehouse.manifest import write_schema

    settings.releases.mkdir(parents=True, exist_ok=True)
    remove_unfinished(settings)
    release_id = _next_id(settings, now)
    building = settings.releases / f"{UNFINISHED}{release_id}"
    building.mkdir()
    _note(settings, release_id, run_id, now)
    before = _to_take_over_from(settings)
    packed = packing.write(
        settings,
        building,
        before.path if before else None,
        before.manifest if before else {},
        json.dumps(_terms()),
    )
    quality = settings.home / "quality"
    if quality.is_dir():
        shutil.copytree(quality, building / "quality")
    semantics = settings.home / "dbt" / SEMANTIC_MANIFEST
    if semantics.is_file():
        shutil.copyfile(semantics, building / SEMANTIC_MANIFEST)
    (building / "ATTRIBUTION.md").write_text(_attribution(release_id))
    declared = declarations.published(settings.dbt_project)
    tables = {
        name: asdict(each) | ({"contract": declared[name].contract} if name in declared else {})
        for name, each in packed.items()
    }
    becoming = Release(id=release_id, path=building, manifest={"logic": logic(settings), "tables": tables})
    changes.write(
        becoming, current(settings) if settings.current.exists() else None, settings, terms=json.dumps(_terms())
    )
    write_schema(building)
    passed = accepted(settings)
    # Links to what lies there by now, so it comes last.
    site.write(settings, building, release_id, now, tables, accepted=passed)
    manifest = _manifest(settings, building, release_id, now, run_id, tables, before) | {"accepted": passed}
    (building / MANIFEST).write_text(json.dumps(manifest, indent=1, default=str))
    for path in sorted(building.rglob("*")):
        if path.is_file() and path.stat().st_nlink == 1:  # another name of the last release's file is settled already
            _sync_file(path)
            path.chmod(0o444)
    for path in [building, *(p for p in building.rglob("*") if p.is_dir())]:
        _sync_folder(path)
    final = settings.releases / release_id
    building.rename(final)
    _sync_folder(settings.releases)
    _swap(settings, final)
    return Release(id=release_id, path=final, manifest=manifest)


def accepted(settings: Settings) -> list[dict[str, Any]]:
    """Return who accepted warnings of what the builder's file holds now, when, why, and of which findings."""
    import duckdb

    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(
            "select accepted_by, accepted_at, because, findings from ops.acceptances where fingerprint = ? "
            "order by accepted_at",
            [fingerprint(settings, connection)],
        ).fetchall()
    names = ("accepted_by", "accepted_at", "because", "findings")
    return [
        dict(zip(names, (by, at.isoformat(), because, json.loads(findings)), strict=True))
        for by, at, because, findings in rows
    ]


def _note(settings: Settings, release_id: str, run_id: str, now: datetime) -> None:
    """Bring what the builder's file says of steps and releases up to this one, which then carries it."""
    from warehouse import history, stores

    with stores.open_warehouse(settings) as connection:
        history.note_steps(connection, settings)
        history.note_release(connection, [each.manifest for each in releases(settings)], release_id, run_id, now)
        connection.execute("checkpoint")


def _terms() -> dict[str, dict[str, str]]:
    """Return what each landed table's publisher allows, of those that may be in a release."""
    return {
        f"{source.code}.{table.name}": {
            "name": table.licence.name,
            "url": table.licence.url,
            "redistribution": table.licence.redistribution,
            "attribution": table.licence.attribution,
        }
        for source, table in sources.tables()
        if not table.is_internal
    }


def _attribution(release_id: str) -> str:
    """Return the page that goes with a release wherever it goes: whom to name, and what they allow."""
    lines = [
        f"# Whom to name beside figures of release {release_id}",
        "",
        (
            "Marts and metrics are made of these sources; the same stands in manifest.json, in `ops.terms` and in the "
            "metadata `drypowder_terms` of every Parquet file."
        ),
        "",
        "| Table | Passing on | Licence | Write beside it |",
        "| --- | --- | --- | --- |",
    ]
    for name, each in _terms().items():
        lines.append(f"| {name} | {each['redistribution']} | [{each['name']}]({each['url']}) | {each['attribution']} |")
    return "\n".join(lines) + "\n"


def _next_id(settings: Settings, now: datetime) -> str:
    """Return a calendar version: the day of the one clock, then a number within it."""
    day = f"{now:%Y.%m.%d}"
    taken = [int(p.name.rsplit(".", 1)[1]) for p in settings.releases.glob(f"{day}.*")]
    return f"{day}.{max(taken, default=0) + 1}"


_AFFECTED = ("source", "table", "partition", "metric", "last_good_at", "newest_period_end", "newest_known_at")


def _manifest(
    settings: Settings,
    building: Path,
    release_id: str,
    now: datetime,
    run_id: str,
    tables: Mapping[str, Mapping[str, Any]],
    before: Release | None = None,
) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect(str(settings.warehouse), read_only=True)
    try:
        loads = connection.execute(
            "select source || '.' || table_name, count(*) over (partition by source, table_name), partition_key, "
            "fetch_id, fetched_at::varchar, row_count, body_sha256 from ops.loads qualify row_number() over "
            "(partition by source, table_name, partition_key order by fetch_id desc) = 1 order by 1, partition_key"
        ).fetchall()
        freshness = connection.execute("select * from ops.freshness order by all").fetchall()
        held = connection.execute(
            "select source, table_name, partition_key, border, reason from ops.held_back order by all"
        ).fetchall()
        affected = connection.execute(
            "select source, table_name, partition_key, metric_id, last_good_at::varchar, newest_period_end::varchar, "
            "newest_known_at::varchar from ops.affected_metrics order by all"
        ).fetchall()
        suites = connection.execute(
            "select border, suite, row_count, count(*), "
            "list(expectation) filter (not success and severity = 'critical'), "
            "list(expectation) filter (not success and severity <> 'critical'), validated_at::varchar "
            "from ops.validations group by border, suite, row_count, validated_at, run_id, step_id "
            "qualify row_number() over (partition by suite order by max(rowid) desc) = 1 order by 1, 2"
        ).fetchall()
        content = fingerprint(settings, connection)
    finally:
        connection.close()
    licences = _terms()
    return {
        "id": release_id,
        "sequence": 1 + max((r.manifest["sequence"] for r in releases(settings)), default=0),
        "created_at": now.isoformat(),
        "run_id": run_id,
        "git_commit": _git_commit(settings.project),
        "fingerprint": content,
        "logic": logic(settings),
        "transport": settings.sources.partition(":")[0],
        "tables": tables,
        "sources": {
            f"{row[0]}.{row[1]}": {
                "last_checked_at": row[2] and row[2].isoformat(),
                "last_changed_at": row[3] and row[3].isoformat(),
                "newest_period_end": row[4] and row[4].isoformat(),
                "stale_after_days": row[5],
                "origin": row[7],
                "licence": licences.get(f"{row[0]}.{row[1]}"),
                **_loads(loads, f"{row[0]}.{row[1]}"),
            }
            for row in freshness
        },
        "held_back": [dict(zip(("source", "table", "partition", "border", "reason"), h, strict=True)) for h in held],
        "affected_metrics": [dict(zip(_AFFECTED, each, strict=True)) for each in affected],
        "suites": [
            {
                "border": suite[0],
                "suite": suite[1],
                "rows": suite[2],
                "expectations": suite[3],
                "failed": suite[4] or [],
                "warnings": suite[5] or [],
                "validated_at": suite[6],
            }
            for suite in suites
        ],
        "engines": {name: version(name) for name in _ENGINES},
        "files": _checksums(building, before),
    }


def _loads(loads: Sequence[tuple[Any, ...]], name: str) -> dict[str, Any]:
    """Return how often a table was loaded, and the newest load of each partition; `ops.loads` has them all."""
    names = ("partition", "fetch_id", "fetched_at", "rows", "sha256")
    of_table = [load for load in loads if load[0] == name]
    return {
        "loads": of_table[0][1] if of_table else 0,
        "fetches": [dict(zip(names, load[2:], strict=True)) for load in of_table],
    }


def _to_take_over_from(settings: Settings) -> Release | None:
    """Return the newest release, if this version of DuckDB wrote it."""
    newest = releases(settings)[-1:]
    return newest[0] if newest and newest[0].manifest["engines"]["duckdb"] == version("duckdb") else None


def _checksums(building: Path, before: Release | None) -> dict[str, str]:
    """Return the SHA-256 of every file; of one that is the last release's by another name, the one noted there."""
    found = {}
    for path in sorted(each for each in building.rglob("*") if each.is_file()):
        name = str(path.relative_to(building))
        same = before.path / name if before else None
        if before and same and path.stat().st_nlink > 1 and same.is_file() and same.samefile(path):
            found[name] = before.manifest["files"][name]
        else:
            found[name] = packing.checksum(path)
    return found


def _git_commit(project: Path) -> str | None:
    """Return the checkout's commit, with `+changes` when it differs from it; None outside a checkout."""
    try:
        commit = subprocess.run(  # noqa: S603
            ["git", "-C", str(project), "describe", "--always", "--abbrev=40", "--dirty=+changes"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip()


def verify(release: Release) -> list[str]:
    """Return what differs between a release and its manifest; an empty list means that nothing does."""
    problems = []
    for name, expected in release.manifest["files"].items():
        path = release.path / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif packing.checksum(path) != expected:
            problems.append(f"{name} has changed since it was published")
    return problems
