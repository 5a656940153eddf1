"""Every curated table says what readers may rely on, and nothing breaks what they were promised."""

from __future__ import annotations

import re
import shutil
import tomllib
from datetime import date

import pytest

from warehouse import declarations, lifecycle, yaml_files
from warehouse.settings import PROJECT_ROOT

DBT = PROJECT_ROOT / "dbt_project"
TODAY = date(2026, 11, 29)
"""For what does not hang on the day; `drypowder contracts check` asks the clock."""


def exposures():
    return yaml_files.read(DBT / "models" / declarations.EXPOSURES)["exposures"]


def test_every_curated_table_has_an_owner_and_a_version_and_most_have_a_key():
    found = declarations.published(DBT)
    groups = {each["name"] for each in yaml_files.read(DBT / "models" / "_groups.yml")["groups"]}
    assert len(found) > 40
    for name, each in found.items():
        assert each.owner in groups, name
        assert each.version >= 1
        assert each.status in {"active", "deprecated", "preview"}
    # Its rows are facts to be held, which several metrics may share.
    assert {name for name, each in found.items() if not each.key} == {"metrics.golden_checks"}


def test_the_released_contract_is_that_of_this_version_and_nothing_breaks_it():
    version = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["version"]
    found = lifecycle.check(PROJECT_ROOT, TODAY)
    assert found.release == version, "the version changed: run `drypowder contracts release` and commit what it writes"
    assert [str(each) for each in found.differences if each.breaks] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: loading_ratio", "name: weight_ratio", "column loading_ratio is gone, perhaps renamed to weight_ratio"),
        ("data_type: double", "data_type: float", "the type of loading_ratio was double and is float"),
        ("unit: ratio", "unit: percent", "the unit of loading_ratio was ratio and is percent"),
        (
            "[index_id, parameter_set, ",
            "[index_id, ",
            "a row was one (index_id, parameter_set, weight_version, component_id)",
        ),
        ("name: fct_index_weights", "name: fct_weights", "marts.fct_index_weights.v1 is gone"),
    ],
)
def test_a_planted_break_of_the_contract_fails_and_says_what_to_do(tmp_path, old, new, said):
    for folder in ("dbt_project", "docs/contracts"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("target", "logs"))
    path = tmp_path / "dbt_project" / "models" / "marts" / "index" / "_marts_index.yml"
    before, begin, rest = path.read_text().partition("  - name: fct_index_weights")
    mine, following, after = rest.partition("\n  - name: ")
    changed = (begin + mine).replace(old, new)
    assert changed != begin + mine
    path.write_text(before + changed + following + after)
    [broken] = lifecycle.check(tmp_path, TODAY).broken
    assert broken.table == "marts.fct_index_weights"
    assert said in broken.what
    assert "`versions:`" in broken.remedy or "`deprecation_date`" in broken.remedy


def test_exposures_and_groups_stand_in_one_place():
    for path in DBT.glob("models/**/*.yml"):
        if path.name != declarations.EXPOSURES:
            assert not re.search(r"^exposures:", path.read_text(), re.MULTILINE), path
    assert len(exposures()) >= 4


@pytest.mark.parametrize("exposure", exposures(), ids=lambda each: each["name"])
def test_an_exposure_names_the_tables_that_its_file_reads(exposure):
    text = (PROJECT_ROOT / exposure["config"]["meta"]["read_in"]).read_text()
    tables = set(declarations.published(DBT))
    read = set(re.findall(r"\b(?:marts|metrics)\.\w+", text)) & tables
    if re.search(r"\bmetrics\.(as_of|compare)\(", text):
        read.add("metrics.metric_observations")  # what those macros read
    named = {re.fullmatch(r"ref\('(\w+)'\)", each).group(1) for each in exposure["depends_on"]}
    assert read
    assert {each.partition(".")[2] for each in read} == named


def test_make_check_compares_the_contracts():
    assert "drypowder contracts check" in (PROJECT_ROOT / "Makefile").read_text()
