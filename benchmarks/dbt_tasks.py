"""dbt as one task of ours against a task a model of Cosmos's watcher mode, under the same Airflow on the same input.

Cosmos is no dependency: put it on the path, `PYTHONPATH=<its folder> python -m benchmarks.dbt_tasks`.
Its watcher mode runs dbt once, in a producer task, and has a task a model, seed or test that watches for its end. Each
turn has a fresh copy of one home whose `raw` is filled, and the two take turns.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from warehouse import nightly, stores, transformation
from warehouse.headless_airflow import HeadlessAirflow
from warehouse.settings import PROJECT_ROOT, Settings

RUNS = 3

OURS = """
from airflow.sdk import dag, task

@dag(schedule=None)
def ours():
    @task
    def transform():
        from airflow.sdk import get_current_context
        from warehouse import pipeline

        built = pipeline.build()
        get_current_context()["ti"].xcom_push(key="nodes", value=built.by_node())
        return built.rows

    transform()

ours()
"""

COSMOS = """
import os
import airflow  # Cosmos does not import before it
from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior

project = os.environ["WAREHOUSE_PROJECT"] + "/dbt_project"
dag = DbtDag(
    dag_id="cosmos",
    schedule=None,
    project_config=ProjectConfig(
        dbt_project_path=project, manifest_path=os.environ["MANIFEST"], install_dbt_deps=False
    ),
    profile_config=ProfileConfig(
        profile_name="drypowder", target_name="warehouse", profiles_yml_filepath=project + "/profiles.yml"
    ),
    execution_config=ExecutionConfig(
        execution_mode=ExecutionMode.WATCHER, invocation_mode=InvocationMode.DBT_RUNNER
    ),
    render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_EACH),
    operator_args={
        "dbt_cmd_flags": ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"],
        "append_env": True,
    },
)
"""


def filled(home: Path) -> tuple[Settings, Path]:
    """Return a home whose `raw` holds the sample, not yet built but once, and dbt's manifest of the project."""
    settings = Settings(home=home, sources=f"recorded:{PROJECT_ROOT / 'sample'}")
    for step in nightly.steps(settings):
        if step.error:
            raise step.error
    manifest = home.parent / "manifest.json"
    shutil.copy(home / "dbt" / "manifest.json", manifest)
    return settings, manifest


def as_if_not_built(settings: Settings) -> None:
    """Drop what dbt has made, so that a build makes all of it."""
    with stores.open_warehouse(settings) as connection:
        made = connection.execute(
            "select schema_name from duckdb_schemas() where database_name = current_database() and not internal "
            "and schema_name not in ('main', 'raw', 'ops', 'incoming', 'quarantine')"
        ).fetchall()
        for (schema,) in made:
            connection.execute(f'drop schema "{schema}" cascade')


def turn(dag: str, folder: Path, environment: dict[str, str], *, parallel: int) -> tuple[float, str, float]:
    """Return the seconds from start to end of one run, how it ended, and the most memory of all processes in GB."""
    with HeadlessAirflow(
        home=folder / f"airflow-{dag}", project=folder / "project", environment=environment,
        parallel_tasks=parallel, triggerer=True,
    ) as running:  # fmt: skip
        running.wait_for_dags({dag})
        started = time.monotonic()
        run = running.api.post(f"dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"]
        while (state := running.api.get(f"dags/{dag}/dagRuns/{run}")["state"]) not in {"success", "failed"}:
            running.check_alive()
            time.sleep(0.5)
        took = time.monotonic() - started
        with closing(sqlite3.connect(running.home / "airflow.db")) as database:
            states = dict(database.execute("select state, count(*) from task_instance group by state"))
        return took, f"{state}; tasks {states}", running.peak_rss_bytes / 2**30


def main() -> None:
    if find_spec("cosmos") is None:
        sys.exit(__doc__)
    folder = Path(tempfile.mkdtemp())
    settings, manifest = filled(folder / "home")
    as_if_not_built(settings)
    project = folder / "project"
    project.mkdir()
    (project / "deploy").symlink_to(PROJECT_ROOT / "deploy")  # its settings; all else is read from the checkout
    (project / "dags").mkdir()
    (project / "dags" / "ours.py").write_text(OURS)
    (project / "dags" / "cosmos_watcher.py").write_text(COSMOS)
    seconds: dict[str, list[float]] = {"ours": [], "cosmos": []}
    for number in range(RUNS):
        for dag, found in seconds.items():
            home = folder / f"{dag}-{number}"
            shutil.copytree(settings.home, home, symlinks=True)
            mine = Settings(home=home, sources=settings.sources)
            environment = {
                **{k: v for k, v in transformation.environment(mine, "benchmark").items() if k not in os.environ},
                **mine.as_environment(),
                "WAREHOUSE_DUCKDB": str(mine.warehouse),
                "WAREHOUSE_PROJECT": str(PROJECT_ROOT),
                "MANIFEST": str(manifest),
            }
            took, ended, memory = turn(dag, folder, environment, parallel=4 if dag == "cosmos" else 2)
            found.append(took)
            print(f"run {number + 1} {dag:<7}{took:>7.1f} s, {ended}, at most {memory:.1f} GB", flush=True)
            shutil.rmtree(home)
    ours, cosmos = (statistics.median(found) for found in seconds.values())
    print(f"\nmedian of {RUNS}: ours {ours:.1f} s, Cosmos {cosmos:.1f} s: {cosmos / ours:.2f} times")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
