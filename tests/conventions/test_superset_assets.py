"""What Superset shows, as git has it: figures come from datasets alone, and everything that is named is there."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from warehouse import yaml_files
from warehouse.datasets import DATABASE, MEASURES, generated, identity
from warehouse.declarations import Field, Published
from warehouse.errors import ConfigurationError
from warehouse.settings import PROJECT_ROOT

ASSETS = PROJECT_ROOT / "superset" / "assets"


def read(kind):
    return {path.relative_to(ASSETS).as_posix(): yaml_files.read(path) for path in (ASSETS / kind).rglob("*.yaml")}


DATABASES, DATASETS, CHARTS, DASHBOARDS = (read(kind) for kind in ("databases", "datasets", "charts", "dashboards"))


def on(dashboard):
    return {
        e["meta"]["uuid"]: e["meta"]
        for e in dashboard["position"].values()
        if isinstance(e, dict) and e["type"] == "CHART"
    }


def test_every_asset_is_recognised_as_ours_and_no_two_are_one():
    found = [each["uuid"] for kind in (DATABASES, DATASETS, CHARTS, DASHBOARDS) for each in kind.values()]
    assert {UUID(each).version for each in found} == {5}
    assert len(set(found)) == len(found)


def test_the_one_database_is_the_release_read_only_and_without_files():
    (database,) = DATABASES.values()
    assert database["uuid"] == DATABASE
    assert database["sqlalchemy_uri"] == "duckdb:///{WAREHOUSE_HOME}/current/warehouse.duckdb"
    assert database["extra"]["engine_params"]["connect_args"] == {
        "read_only": True,
        "config": {"enable_external_access": False, "lock_configuration": True},
    }
    assert not [may for may in ("allow_ctas", "allow_cvas", "allow_dml", "allow_csv_upload") if database[may]]
    assert {each["database_uuid"] for each in DATASETS.values()} == {DATABASE}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_defines_no_figure_and_shows_columns_that_are_there(name):
    chart = CHARTS[name]
    (dataset,) = [each for each in DATASETS.values() if each["uuid"] == chart["dataset_uuid"]]
    figures = {each["metric_name"] for each in dataset["metrics"]}
    columns = {each["column_name"] for each in dataset["columns"]}
    params = chart["params"]
    shown = [*params.get("metrics", []), *([params["metric"]] if "metric" in params else [])]
    assert shown or params["all_columns"]
    assert set(shown) <= figures, "a chart takes its figures from superset/measures.yaml, by name"
    grouped = [*params.get("groupby", []), *([params["x_axis"]] if "x_axis" in params else [])]
    ordered = [json.loads(each)[0] for each in params.get("order_by_cols", [])]
    filtered = [each["subject"] for each in params.get("adhoc_filters", [])]
    assert {*params.get("all_columns", []), *grouped, *ordered, *filtered} <= columns
    assert {each["expressionType"] for each in params.get("adhoc_filters", [])} <= {"SIMPLE"}
    assert {params[name] for name in ("x_axis_sort",) if name in params} <= figures | columns
    # Where else Superset takes a figure or a column: look at it here before a chart of ours uses it.
    assert not {"percent_metrics", "timeseries_limit_metric", "metrics_b", "columns", "series", "size"} & params.keys()


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_a_question_and_says_what_it_is_made_of(name):
    chart = CHARTS[name]
    assert chart["slice_name"].endswith("?")
    assert chart["description"].startswith("Source: ")
    assert chart["certified_by"] == "Dry Powder"


def test_every_chart_is_on_a_dashboard_by_its_own_name_and_every_dashboard_shows_what_is_there():
    charts = {each["uuid"]: each["slice_name"] for each in CHARTS.values()}
    shown = {uuid: meta["sliceName"] for dashboard in DASHBOARDS.values() for uuid, meta in on(dashboard).items()}
    assert shown == charts


def test_no_dataset_is_left_of_a_table_that_is_none_any_more():
    measured = yaml_files.read(PROJECT_ROOT / MEASURES)
    assert {Path(name).stem for name in DATASETS} == {name.replace(".", "__") for name in measured}
    named = {each["uuid"] for each in DATASETS.values()}
    assert named == {identity("datasets", name) for name in measured}


@pytest.mark.parametrize("said", ["", "{known_at: date_dya}"], ids=["not said", "misspelt"])
def test_a_dataset_that_does_not_say_from_when_a_row_was_known_is_refused(tmp_path, said):
    (tmp_path / "superset").mkdir()
    (tmp_path / MEASURES).write_text(f"marts.fct_new: {said}\n")
    day = Field(name="date_day", type="date", unit="", description="The day.")
    new = Published(name="marts.fct_new", subject="", description="New.", key=(), has_versions=False, columns=(day,))
    with pytest.raises(ConfigurationError, match=r"from when a row of marts\.fct_new was known"):
        generated(tmp_path, [new])


def test_a_dataset_of_no_table_of_a_release_is_refused(tmp_path):
    (tmp_path / "superset").mkdir()
    (tmp_path / MEASURES).write_text("raw.board__h15:\n")
    with pytest.raises(ConfigurationError, match=r"names raw\.board__h15.*marts, metrics or ops"):
        generated(tmp_path, [])
