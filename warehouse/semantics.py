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
from warehouse.querying import HARDENED
from warehouse.release import SEMANTIC_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warehouse.settings import Settings

GROUPS = ("region", "system")
"""Types of entities that hold others, as ai_core does; regions overlap also with each other."""


def query(
    settings: Settings,
    release: Path,
    metrics: Sequence[str],
    *,
    group_by: Sequence[str] = (),
    where: str | None = None,
    grain: str | None = None,
    order: Sequence[str] = (),
    limit: int | None = None,
) -> list[list[str]]:
    """Ask MetricFlow for metrics of a release; return the rows as text, the header first.

    Rows come newest first, then by the other columns of `group_by`, so that `limit` keeps the newest.

    Raises:
        ConfigurationError: the release carries no semantic manifest.
        QueryFailed: the answer would count something twice, or MetricFlow refused the question; its own words say why.
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
    _refuse_double_counting(release, metrics, group_by, where, grain)
    filters = [f"({where})"] if where else []
    if grain:
        filters.append(f"{{{{ Dimension('observation__grain') }}}} = '{grain}'")
    with tempfile.TemporaryDirectory(prefix="drypowder-metrics-") as folder:
        workspace = Path(folder)
        _lay_out(settings, release, workspace)
        result = workspace / "result.csv"
        arguments = ["--metrics", ",".join(metrics), "--csv", str(result)]
        if group_by:
            arguments += ["--group-by", ",".join(group_by)]
        if filters:
            arguments += ["--where", " and ".join(filters)]
        if order or group_by:
            arguments += ["--order", ",".join(order or _newest_first(group_by))]
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


def _newest_first(group_by: Sequence[str]) -> list[str]:
    times = [name for name in group_by if name.startswith(("metric_time", "observation__period_end"))]
    return [*(f"-{name}" for name in times), *(name for name in group_by if name not in times)]


def _refuse_double_counting(
    release: Path, metrics: Sequence[str], group_by: Sequence[str], where: str | None, grain: str | None
) -> None:
    """Refuse what would add weeks to the months they lie in, or members to their group: MetricFlow would.

    The rows that pass the filter are judged and not its text: one entity may have one grain of a metric's two.
    """
    import duckdb

    apart = {name.removeprefix("observation__") for name in group_by} & {"entity_type", "entity_id", "grain"}
    added = f"""
        select
            metric_id,
            list(distinct grain order by grain),
            list(distinct entity_id order by entity_id),
            bool_or(list_contains(?, entity_type))
        from metrics.latest
        where list_contains(?, metric_id) and coalesce(grain = ?, true) and (%s)
        group by {", ".join(["metric_id", *sorted(apart)])}
        order by metric_id
    """
    with duckdb.connect(str(release / "warehouse.duckdb"), read_only=True, config=dict(HARDENED)) as connection:
        for metric, grains in connection.execute(
            "select metric_id, grains from metrics.dim_metric where list_contains(?, metric_id)", [list(metrics)]
        ).fetchall():
            if grain and grain not in grains.split(", "):
                raise QueryFailed(f"{metric} has no such grain", expected=f"one of {grains}", got=grain)
        given = [list(GROUPS), list(metrics), grain]
        try:
            rows = connection.execute(added % _in_sql(where), given).fetchall()
        except duckdb.Error:  # a filter that only MetricFlow understands, or nobody: judge as if there were none
            rows = connection.execute(added % "true", given).fetchall()
    for metric, grains, entities, has_group in rows:
        if len(grains) > 1:
            raise QueryFailed(
                f"{metric} would be added up over periods that overlap",
                expected="one grain",
                got=", ".join(grains),
                remedy="Name one with --grain, or group by observation__grain.",
            )
        if has_group and len(entities) > 1 and "observation__entity_id" not in (where or ""):
            raise QueryFailed(
                f"{metric} would be added up over a group and its members",
                expected="the group or its members",
                got=", ".join(entities),
                remedy="Group by observation__entity_id, or filter, as with "
                "--where \"{{ Dimension('observation__entity_type') }} = 'company'\".",
            )


def _in_sql(where: str | None) -> str:
    """Return MetricFlow's filter over metrics.latest; what it names otherwise than by dimensions does not render."""
    from jinja2 import TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    def dimension(name: str) -> str:
        return name.removeprefix("observation__")

    def time_dimension(_name: str, granularity: str = "day") -> str:
        return f"date_trunc('{granularity}', period_end)"

    try:
        template = SandboxedEnvironment(autoescape=False).from_string(where or "true")
        return template.render(Dimension=dimension, TimeDimension=time_dimension)
    except (TemplateError, TypeError):
        return "true"


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
