"""A mart gets a second version in a copy of the project: both are served until the first one's day, then one is."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import date

import duckdb
import pytest
import yaml

from tests.drills import in_drills
from tests.integration.conftest import cli
from warehouse import lifecycle, pipeline, release, yaml_files
from warehouse.errors import GateClosed
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

V1 = """with newer as (

    select * from {{ ref('fct_index_weights', v=2) }}

)

select
    index_id,
    parameter_set,
    weight_version,
    component_id,
    weight_ratio as loading_ratio,
    n_obs,
    first_used_on
from newer
"""
LAST_DAY = "2027-06-01"


@pytest.fixture
def project(tmp_path):
    """Copy what a build reads of the project."""
    for folder in ("dbt_project", "docs/contracts", "expectations"):
        shutil.copytree(
            PROJECT_ROOT / folder, tmp_path / "project" / folder, ignore=shutil.ignore_patterns("target", "logs")
        )
    return tmp_path / "project"


def declare(project, change):
    """Let `change` edit the declaration of fct_index_weights."""
    path = project / "dbt_project" / "models" / "marts" / "index" / "_marts_index.yml"
    document = yaml_files.read(path)
    [model] = [each for each in document["models"] if each["name"] == "fct_index_weights"]
    change(model)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def rename(model):
    [column] = [each for each in model["columns"] if each["name"] == "loading_ratio"]
    column["name"] = "weight_ratio"
    return {**column, "name": "loading_ratio"}


def add_a_version(model):
    loading = rename(model)
    first = {
        "v": 1,
        "deprecation_date": LAST_DAY,
        "columns": [{"include": "all", "exclude": ["weight_ratio"]}, loading],
    }
    model.update({"latest_version": 2, "versions": [first, {"v": 2}]})


def remove_the_first(model):
    model["versions"] = [{"v": 2}]


def build(settings):
    """Publish what is declared, and return the release and the gate's warnings."""
    said = []
    pipeline.build(settings)
    pipeline.check(settings, said.append)
    return pipeline.publish(settings), said


def contract(settings, table):
    return release.current(settings).manifest["tables"][table]["contract"]


@in_drills
def test_both_versions_are_served_until_the_first_one_s_day_and_then_one(built, copied, project):
    settings = replace(copied(built), project=project)
    index = project / "dbt_project" / "models" / "marts" / "index"
    with release.connect(settings.home) as before:
        rows = before.execute("from marts.fct_index_weights order by all").fetchall()
    assert len(rows) > 100

    # A reader's column goes: a change in place breaks the contract, whoever asks.
    text = (index / "fct_index_weights.sql").read_text()
    assert text.count("as loading_ratio") == 1
    (index / "fct_index_weights.sql").write_text(text.replace("as loading_ratio", "as weight_ratio"))
    declare(project, rename)
    with pytest.raises(GateClosed, match="loading_ratio is gone, perhaps renamed to weight_ratio") as refused:
        pipeline.check(settings)
    assert "Give the model `versions:`" in str(refused.value)

    # As a second version it goes out, and the first beside it.
    (index / "fct_index_weights.sql").rename(index / "fct_index_weights_v2.sql")
    (index / "fct_index_weights_v1.sql").write_text(V1)
    shutil.copyfile(
        PROJECT_ROOT / "dbt_project" / "models" / "marts" / "index" / "_marts_index.yml", index / "_marts_index.yml"
    )
    declare(project, add_a_version)
    published, warnings = build(settings)
    assert release.verify(published) == []
    with release.connect(settings.home) as now:
        assert now.execute("from marts.fct_index_weights_v1 order by all").fetchall() == [
            # dbt gives the columns in the order in which the version declares them
            (*row[:4], *row[5:], row[4])
            for row in rows
        ]
        assert now.execute(
            "select index_id, parameter_set, weight_version, component_id, weight_ratio, n_obs, first_used_on "
            "from marts.fct_index_weights order by all"
        ).fetchall() == sorted(rows)
    first, second = contract(settings, "marts.fct_index_weights_v1"), contract(settings, "marts.fct_index_weights")
    assert (first["version"], first["status"], first["deprecation_date"]) == (1, "deprecated", LAST_DAY)
    assert (second["version"], second["status"], second["deprecation_date"]) == (2, "active", None)
    assert first["use_instead"] == "marts.fct_index_weights"
    assert first["model"] == second["model"] == "marts.fct_index_weights"
    parquet = published.path / "parquet" / "marts" / "fct_index_weights_v1" / "all.parquet"
    metadata = dict(duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{parquet}')").fetchall())
    assert json.loads(metadata["drypowder_contract"]) == first
    assert any(f"goes on {LAST_DAY}: use marts.fct_index_weights instead" in line for line in warnings)
    listed = cli(settings, "tables").stdout
    assert re.search(rf"fct_index_weights_v1 +361 +1 +Goes on {LAST_DAY}: use marts.fct_index_weights instead", listed)

    # The project is released, so that readers are promised both.
    assert {str(each) for each in lifecycle.release(project, date(2026, 9, 12)).differences} > {
        "allows marts.fct_index_weights: marts.fct_index_weights.v2 is new."
    }

    # When its day has come the gate only says so, and `drypowder contracts check` fails (tests/unit/test_lifecycle.py).
    later = replace(settings, now="2027-06-01T00:00:00Z")
    said = []
    pipeline.check(later, said.append)
    assert any(f"was to go on {LAST_DAY}, which has come" in line for line in said)

    # Removed then, it is in no release any more, and the gate does not miss it.
    (index / "fct_index_weights_v1.sql").unlink()
    declare(project, remove_the_first)
    build(later)
    assert "marts.fct_index_weights_v1" not in release.current(later).manifest["tables"]
    assert contract(later, "marts.fct_index_weights")["version"] == 2
