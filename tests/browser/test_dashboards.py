"""Superset's dashboards as git says them, on a release of the sample: in a real browser, and brought back to git."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
import yaml

from warehouse import yaml_files
from warehouse.datasets import identity
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.browser

TITLES = {yaml_files.read(path)["slice_name"] for path in (PROJECT_ROOT / "superset/assets/charts").rglob("*.yaml")}


ALL = {"q": "(page_size:100)"}
"""Superset lists twenty at a time, and a hundred at most."""


def chart_of(api, title):
    (found,) = [c for c in api.get("/chart/", params=ALL).json()["result"] if c["slice_name"] == title]
    return found["id"]


def dashboards_of(api, chart):
    return [each["id"] for each in api.get(f"/chart/{chart}").json()["result"]["dashboards"]]


def test_what_superset_has_is_what_git_says_and_saying_it_again_changes_nothing(git):
    _, sync = git
    assert "0 added or changed, 0 deleted." in sync("apply")
    assert sync("export") == "0 file(s) written.\n"


def test_a_chart_that_leaves_git_leaves_superset_and_an_analysts_own_stays(git, api):
    assets, sync = git
    body = {"slice_name": "mine", "datasource_id": 1, "datasource_type": "table", "viz_type": "table", "params": "{}"}
    mine = api.post("/chart/", json=body)
    assert mine.status_code == 201, mine.text
    path = assets / "charts" / "health" / "releases.yaml"
    title = yaml_files.read(path)["slice_name"]
    dashboard = yaml_files.read(assets / "dashboards" / "health.yaml")
    (name,) = [
        n
        for n, e in dashboard["position"].items()
        if isinstance(e, dict) and e.get("meta", {}).get("sliceName") == title
    ]
    row = dashboard["position"][name]["parents"][-1]
    dashboard["position"][row]["children"].remove(name)
    del dashboard["position"][name]
    whole = (assets / "dashboards" / "health.yaml").read_text(), path.read_text()
    (assets / "dashboards" / "health.yaml").write_text(yaml.safe_dump(dashboard, sort_keys=False))
    path.unlink()
    theirs = api.post("/dashboard/", json={"dashboard_title": "theirs"}).json()["id"]
    shown = chart_of(api, title)
    api.put(f"/chart/{shown}", json={"dashboards": [theirs, *dashboards_of(api, shown)]}).raise_for_status()
    said = sync("apply", fails=True)
    assert f"Dashboard 'theirs' uses chart {title!r}" in said
    assert "Nothing was changed" in said
    api.delete(f"/dashboard/{theirs}").raise_for_status()

    assert f"deleted chart {title!r}" in sync("apply")

    assert len(TITLES) < 100
    titles = {c["slice_name"] for c in api.get("/chart/", params=ALL).json()["result"]}
    assert titles == (TITLES - {title}) | {"mine"}
    (assets / "dashboards" / "health.yaml").write_text(whole[0])
    path.write_text(whole[1])
    assert f"added   chart {title!r}" in sync("apply")
    assert UUID(api.get(f"/chart/{chart_of(api, 'mine')}").json()["result"]["uuid"]).version == 4
    api.delete(f"/chart/{mine.json()['id']}")


def test_a_dataset_that_leaves_git_stays_while_an_analysts_chart_shows_it(git, api):
    assets, sync = git
    path = assets / "datasets" / "other.yaml"
    document = yaml_files.read(assets / "datasets" / "ops__held_back.yaml")
    told = {"table_name": "documents", "uuid": identity("datasets", "ops.documents"), "metrics": [], "columns": []}
    path.write_text(yaml.safe_dump(document | told, sort_keys=False))
    assert "added   dataset 'documents'" in sync("apply")
    [dataset] = [d for d in api.get("/dataset/", params=ALL).json()["result"] if d["table_name"] == "documents"]
    body = {"slice_name": "theirs", "datasource_id": dataset["id"], "datasource_type": "table", "viz_type": "table"}
    theirs = api.post("/chart/", json=body | {"params": "{}"}).json()["id"]
    path.unlink()
    assert "Slice 'theirs' uses dataset 'documents', which git no longer has" in sync("apply", fails=True)
    api.delete(f"/chart/{theirs}").raise_for_status()
    assert "deleted dataset 'documents'" in sync("apply")


def test_what_was_changed_of_ours_in_superset_is_taken_back_and_what_was_lost_is_named(git, api):
    _, sync = git
    title = "What is held back, and why?"
    chart = chart_of(api, title)
    api.put(f"/chart/{chart}", json={"cache_timeout": 86400, "description": "mine"}).raise_for_status()
    [dataset] = [d for d in api.get("/dataset/", params=ALL).json()["result"] if d["table_name"] == "held_back"]
    path = f"/dataset/{dataset['id']}"
    metrics = [
        {k: m[k] for k in ("id", "metric_name", "expression")} for m in api.get(path).json()["result"]["metrics"]
    ]
    changes = {"main_dttm_col": "held_at", "metrics": [*metrics, {"metric_name": "theirs", "expression": "count(*)"}]}
    api.put(path, json=changes).raise_for_status()

    said = sync("apply")

    assert f"changed chart {title!r}\n" in said
    assert "changed dataset 'held_back', without theirs\n" in said
    assert api.get(f"/chart/{chart}").json()["result"]["cache_timeout"] is None
    assert api.get(path).json()["result"]["main_dttm_col"] is None
    assert "0 added or changed" in sync("apply")


def test_the_events_that_charts_mark_are_those_of_git(git, api):
    _, sync = git
    [layer] = api.get("/annotation_layer/").json()["result"]
    path = f"/annotation_layer/{layer['id']}/annotation/"
    first, *_ = api.get(path).json()["result"]
    api.delete(f"{path}{first['id']}").raise_for_status()
    theirs = {"short_descr": "theirs", "start_dttm": "2026-01-01T00:00:00", "end_dttm": "2026-01-01T00:00:00"}
    api.post(path, json=theirs).raise_for_status()

    said = sync("apply")

    assert f"added   event {first['short_descr']!r}" in said
    assert "deleted event 'theirs'" in said
    assert "event" not in sync("apply")


def test_an_analysts_own_dashboard_is_not_replaced_by_ours_of_the_same_name(git, api):
    assets, sync = git
    ours = yaml_files.read(assets / "dashboards" / "health.yaml")
    (assets / "dashboards" / "other.yaml").write_text(
        yaml.safe_dump(ours | {"slug": "taken", "uuid": identity("dashboards", "taken")}, sort_keys=False)
    )
    theirs = api.post("/dashboard/", json={"dashboard_title": "theirs", "slug": "taken"}).json()["id"]
    assert "Dashboard 'theirs' has the name of ours: rename it" in sync("apply", fails=True)
    assert api.get(f"/dashboard/{theirs}").json()["result"]["dashboard_title"] == "theirs"
    api.delete(f"/dashboard/{theirs}").raise_for_status()
    assert "0 deleted" in sync("apply")
    (assets / "dashboards" / "other.yaml").unlink()
    assert "1 deleted" in sync("apply")


def test_what_is_edited_in_superset_comes_back_as_a_change_of_that_alone(git, api):
    assets, sync = git
    before = {path: path.read_text() for path in assets.rglob("*.yaml")}
    path = assets / "charts" / "health" / "held-back.yaml"
    chart = chart_of(api, yaml_files.loaded(before[path])["slice_name"])
    params = json.loads(api.get(f"/chart/{chart}").json()["result"]["params"])
    edited = api.put(f"/chart/{chart}", json={"params": json.dumps(params | {"page_length": 25})})
    assert edited.status_code == 200, edited.text

    assert sync("export") == "wrote charts/health/held-back.yaml\n1 file(s) written.\n"

    after = {path: path.read_text() for path in assets.rglob("*.yaml")}
    assert {p for p in after if after[p] != before[p]} == {path}
    old, new = yaml_files.loaded(before[path]), yaml_files.loaded(after[path])
    assert new == old | {"params": old["params"] | {"page_length": 25}}
    assert len(after[path].splitlines()) == len(before[path].splitlines())
    path.write_text(before[path])
    assert "1 added or changed" in sync("apply")
