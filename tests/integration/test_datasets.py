"""What Superset's datasets promise of a release, asked of one."""

from __future__ import annotations

import pytest
import yaml

import warehouse
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

DATASETS = [yaml.safe_load(p.read_text()) for p in sorted((PROJECT_ROOT / "superset/assets/datasets").glob("*.yaml"))]


def test_every_dataset_is_a_table_of_the_release_with_these_columns_and_figures(built):
    assert DATASETS
    with warehouse.connect(built.home) as connection:
        for dataset in DATASETS:
            table = f"{dataset['schema']}.{dataset['table_name']}"
            there = {row[0]: row[1] for row in connection.execute(f"describe {table}").fetchall()}
            own = {c["column_name"] for c in dataset["columns"] if "expression" not in c}
            assert own == set(there), table
            for column in dataset["columns"]:
                if "expression" in column:
                    found = connection.execute(f"select typeof({column['expression']}) from {table}").fetchall()
                    assert {kind for (kind,) in found} <= {column["type"]}, (table, column["column_name"])
            for figure in dataset["metrics"]:
                connection.execute(f"select {figure['expression']} from {table}").fetchone()
