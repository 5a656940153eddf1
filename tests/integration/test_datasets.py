"""What Superset's datasets promise of a release, asked of one, and what their figures say of rows that are known."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest
import yaml

import warehouse
from warehouse import stores
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

DATASETS = {
    f"{each['schema']}.{each['table_name']}": each
    for each in (yaml.safe_load(p.read_text()) for p in (PROJECT_ROOT / "superset/assets/datasets").glob("*.yaml"))
}


def rows_of(name):
    """Return what a dataset selects from: a table, or a query in brackets."""
    return f"({DATASETS[name]['sql']})" if "sql" in DATASETS[name] else name


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_a_table_of_the_release_with_these_columns_and_figures(built, name):
    with warehouse.connect(built.home) as connection:
        there = {row[0]: row[1] for row in connection.execute(f"describe from {rows_of(name)}").fetchall()}
        own = {c["column_name"]: c["type"] for c in DATASETS[name]["columns"] if "expression" not in c}
        assert own == {
            column: kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for column, kind in there.items()
        }
        for column in DATASETS[name]["columns"]:
            if "expression" in column:
                described = connection.execute(
                    f"describe select {column['expression']} from {rows_of(name)}"
                ).fetchone()
                assert described[1] == column["type"], column["column_name"]
        for figure in DATASETS[name]["metrics"]:
            connection.execute(f"select {figure['expression']} from {rows_of(name)}").fetchone()


ROWS = {
    "ops.freshness": """
        (last_changed_at, newest_period_end, stale_after_days) values
        (now(), current_date - 10, 3), (now(), current_date - 3, 3), (now(), null, 3), (null, null, 3)""",
    "ops.held_back": "(fetch_id) values ('a'), ('b')",
    "ops.quarantine": """
        (rule, row_count, discarded_at) values ('positive', 2, null), ('positive', 4, now()), ('gate', 500, null)""",
    "ops.validations": """
        (run_id, step_id, suite, success, validated_at) values
        ('1', '1', 'a', false, '2026-01-01'), ('1', '1', 'b', false, '2026-01-01'),
        ('2', '2', 'a', true, '2026-01-02'), ('2', '2', 'a', false, '2026-01-02')""",
    "ops.releases": "(release_id, published_at) values ('1', '2026-01-01 12:00:00Z'), ('2', '2026-01-02 12:00:00Z')",
    "ops.release_lag": "(lag_seconds) values (3600), (7200), (36000), (null)",
    "ops.steps": """
        (step_id, seconds, lock_wait_seconds, outcome) values
        ('1', 1, 0, 'done'), ('2', 4, 1, 'failed'), ('3', 2, 0, 'unavailable'), ('4', 0, 0, 'nothing new')""",
}
FIGURES = {
    "ops.freshness": {"tables": 3, "tables_overdue": 1, "days_overdue": [7, 0, None, None]},
    "ops.held_back": {"fetches_held_back": 2},
    "ops.quarantine": {"rows_set_aside": 2},
    "ops.validations": {"checks": 3, "checks_failed": 2},
    "ops.releases": {"releases": 2, "newest_release": datetime(2026, 1, 2, 12, tzinfo=UTC)},
    "ops.release_lag": {"median_lag_hours": 2, "lag_hours": [1, 2, 10, None]},
    "ops.steps": {
        "steps": 4, "median_seconds": 1.5, "longest_seconds": 4, "steps_failed": 2,
        "lock_wait_share": [0, 0.25, 0, None],
    },
}  # fmt: skip


def test_every_figure_is_what_it_says_of_rows_that_are_known():
    assert FIGURES.keys() == DATASETS.keys()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; create schema ops")
        for name, dataset in DATASETS.items():
            connection.execute(f"create table {name} ({stores.OPS[dataset['table_name']]})")
            connection.execute(f"insert into {name} {ROWS[name]}")
            found = {}
            for figure in dataset["metrics"]:
                (value,) = connection.execute(f"select {figure['expression']} from {rows_of(name)}").fetchone()
                found[figure["metric_name"]] = value
            for column in dataset["columns"]:
                if "expression" in column:
                    values = connection.execute(f"select {column['expression']} from {rows_of(name)} order by rowid")
                    found[column["column_name"]] = [value for (value,) in values.fetchall()]
            assert found == FIGURES[name]
