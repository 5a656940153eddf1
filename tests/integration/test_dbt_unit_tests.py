"""What the dbt project says its models do, on rows made for it: a build does not ask again, since they judge no data."""

from __future__ import annotations

import pytest

from warehouse import yaml_files
from warehouse.settings import PROJECT_ROOT
from warehouse.transformation import run_dbt

pytestmark = pytest.mark.slow


def test_every_model_does_what_its_unit_tests_say(built, copied):
    declared = [
        each["name"]
        for path in (PROJECT_ROOT / "dbt_project" / "models").rglob("*.yml")
        for each in (yaml_files.read(path) or {}).get("unit_tests", [])
    ]
    results = run_dbt(copied(built), "unit-tests", "test", "--resource-type", "unit_test")
    passed = [r.node.rpartition(".")[2] for r in results if r.node.startswith("unit_test.") and r.status == "pass"]
    assert sorted(passed) == sorted(declared)
