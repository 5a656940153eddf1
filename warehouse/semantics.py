"""MetricFlow on a release: the semantic layer's own command, on a private copy, since it opens its file for writing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.errors import ConfigurationError, QueryFailed
from warehouse.release import SEMANTIC_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warehouse.settings import Settings


def query(
    settings: Settings,
    release: Path,
    metrics: Sequence[str],
    *,
    group_by: Sequence[str] = (),
    where: str | None = None,
    order: Sequence[str] = (),
    limit: int | None = None,
) -> list[list[str]]:
    """Ask MetricFlow for metrics of a release; return the rows as text, the header first.

    Raises:
        ConfigurationError: the release carries no semantic manifest.
        QueryFailed: MetricFlow refused the question; its own words say why.
    """
    import csv

    manifest = release / SEMANTIC_MANIFEST
    if not manifest.is_file():
        raise ConfigurationError(
            f"{release} has no {SEMANTIC_MANIFEST}",
            expected="a release built by this version",
            got="an older one",
            remedy="Run `drypowder build`, `check` and `publish` once.",
        )
    with tempfile.TemporaryDirectory(prefix="drypowder-metrics-") as folder:
        workspace = Path(folder)
        _lay_out(settings, release, workspace)
        result = workspace / "result.csv"
        arguments = ["--metrics", ",".join(metrics), "--csv", str(result)]
        if group_by:
            arguments += ["--group-by", ",".join(group_by)]
        if where:
            arguments += ["--where", where]
        if order:
            arguments += ["--order", ",".join(order)]
        if limit:
            arguments += ["--limit", str(limit)]
        done = subprocess.run(  # noqa: S603  (our own interpreter; the arguments are MetricFlow's to judge)
            [sys.executable, "-c", "from dbt_metricflow.cli.main import cli; cli()", "query", *arguments],
            cwd=workspace / "project",
            env=_environment(workspace),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not result.is_file():
            raise QueryFailed(
                "MetricFlow did not answer",
                got=_in_short(done.stdout + done.stderr),
                remedy="`drypowder metrics list` shows the metrics; dimensions are observation__entity_id, "
                "observation__grain, metric_time__quarter and the like.",
            )
        with result.open(newline="") as file:
            return list(csv.reader(file))


def _lay_out(settings: Settings, release: Path, workspace: Path) -> None:
    """Copy what MetricFlow needs: the release's file, the project's declarations, the manifest of its build."""
    shutil.copyfile(release / "warehouse.duckdb", workspace / "warehouse.duckdb")
    (workspace / "warehouse.duckdb").chmod(0o600)
    shutil.copytree(
        settings.dbt_project,
        workspace / "project",
        ignore=shutil.ignore_patterns("target", "logs", "*.csv", "*.sql"),
    )
    (workspace / "project" / "target").mkdir()
    shutil.copyfile(release / SEMANTIC_MANIFEST, workspace / "project" / "target" / SEMANTIC_MANIFEST)


def _environment(workspace: Path) -> dict[str, str]:
    return {
        **os.environ,
        "WAREHOUSE_DUCKDB": str(workspace / "warehouse.duckdb"),
        "DBT_PROFILES_DIR": str(workspace / "project"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "COLUMNS": "200",
    }


def _in_short(said: str) -> str:
    lines = [line.strip() for line in said.replace("\r", "\n").splitlines()]
    kept = [line for line in lines if line and not line.startswith(("⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"))]
    return "\n".join(kept[:20])
