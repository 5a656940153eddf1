"""What every metric's declaration must carry: dim_metric, the catalogue, the charts and `explain` read it from there."""

from __future__ import annotations

import csv
import re
from functools import cache

import pytest

from warehouse import yaml_files
from warehouse.settings import PROJECT_ROOT

DBT = PROJECT_ROOT / "dbt_project"
REQUIRED = {
    "version", "claim", "expected_sign", "unit", "polarity", "additivity", "kind", "grain", "formula", "inputs", "owner",
    "expected_lag_days", "freshness_sla_days", "valid_range", "caveats", "golden",
}  # fmt: skip
SUMMED_PARTS = {"observed_numerator": "summed_numerator", "observed_denominator": "summed_denominator"}
LAST_PARTS = {"last_observed_numerator": "last_numerator", "last_observed_denominator": "last_denominator"}
PARTS = SUMMED_PARTS | LAST_PARTS
"""Metrics for MetricFlow alone: the parts that ratios are summed from."""
TRAILING = re.compile(r"_ttm\b|twelve months|\b\d+ (weeks|days)\b", re.IGNORECASE)
"""How a declaration says that its periods overlap. tests/integration/test_parity.py asks the periods themselves."""
NOT_COMPUTED = {"memory_league_rank"}
"""What claims would have to look at and nobody may pass on: they are untestable, and say so."""

MEASURES = {"flow": "summed_value", "stock": "last_value", "ratio": "average_value", "index": "average_value"}


@cache
def declared() -> dict[str, dict]:
    found: dict[str, dict] = {}
    for path in sorted((DBT / "models" / "metrics").glob("*.yml")):
        for metric in (yaml_files.read(path) or {}).get("metrics", []):
            assert metric["name"] not in found, f"{metric['name']} is declared twice"
            if metric["name"] in PARTS:
                assert metric["type_params"]["measure"]["name"] == PARTS[metric["name"]]
                assert not metric.get("config", {}).get("meta"), "dim_metric would list it"
            else:
                found[metric["name"]] = metric
    return found


@cache
def series() -> set[str]:
    with (DBT / "seeds" / "series.csv").open(newline="") as file:
        return {row["series_id"] for row in csv.DictReader(file)}


@cache
def tables() -> set[str]:
    return {p.stem for p in DBT.glob("models/**/*.sql")} | {p.stem for p in DBT.glob("seeds/*.csv")}


@cache
def computed() -> str:
    """Text of every model that ends in observations."""
    return "".join(p.read_text() for p in DBT.glob("models/intermediate/**/*.sql"))


@cache
def composites() -> set[str]:
    with (DBT / "seeds" / "index_components.csv").open(newline="") as file:
        return {row["index_id"] for row in csv.DictReader(file)}


def test_there_are_metrics():
    assert len(declared()) > 50


def test_documents_say_how_many_there_are():
    readme, changelog = ((PROJECT_ROOT / name).read_text() for name in ("README.md", "CHANGELOG.md"))
    assert re.findall(r"(\d+) metrics are declared", readme) == [str(len(declared()))]
    assert re.findall(r"(\d+) metrics instead of fourteen", changelog) == [str(len(declared()))]


@pytest.mark.parametrize("name", sorted(declared()))
def test_a_metric_is_declared_whole(name):
    metric = declared()[name]
    meta = metric["config"]["meta"]
    assert set(meta) >= REQUIRED, f"{name} lacks {sorted(REQUIRED - set(meta))}"
    assert metric["label"].strip()
    assert metric["description"].strip().endswith(".")
    assert "''" not in metric["description"], "a folded text needs no second quote"
    assert meta["polarity"] in {1, -1}
    assert meta["kind"] in {"reported", "state", "announced"}
    assert meta["expected_sign"] in {1, -1, None}
    assert set(meta["claim"]) <= {f"C{n}" for n in range(1, 22)}
    assert meta["caveats"], "what to keep in mind is never nothing"
    assert meta["inputs"], "a figure is made of something"
    low, high = meta["valid_range"]
    assert low < high
    assert re.search(rf"'{name}'", metric["filter"])


@pytest.mark.parametrize("name", sorted(declared()))
def test_its_measure_is_its_additivity_s(name):
    metric = declared()[name]
    if metric["type"] == "simple":
        measure = metric["type_params"]["measure"]
        used = measure["name"] if isinstance(measure, dict) else measure
        assert used == MEASURES[metric["config"]["meta"]["additivity"]]
    else:
        used = metric["type_params"].get("metrics") or [
            metric["type_params"]["numerator"],
            metric["type_params"]["denominator"],
        ]
        last = is_trailing(name) or any(additivity(each) == "stock" for each in metric["config"]["meta"]["inputs"])
        assert [each["name"] for each in used] == list(LAST_PARTS if last else SUMMED_PARTS)
        assert additivity(name) == "ratio"


def additivity(name: str) -> str | None:
    return declared()[name]["config"]["meta"]["additivity"] if name in declared() else None


def is_trailing(name: str) -> bool:
    meta = declared()[name]["config"]["meta"]
    return bool(TRAILING.search(" ".join([name, meta["formula"], declared()[name]["description"], *meta["caveats"]])))


def test_what_is_of_a_trailing_window_is_no_flow():
    # Its periods overlap, so a sum of them counts a quarter several times over.
    trailing = {name for name in declared() if is_trailing(name)}
    assert {"capex_ttm", "funding_gap", "bathtub_pipe", "demand_external"} <= trailing
    assert not {"capex_q", "private_gross"} & trailing
    assert {name for name in trailing if additivity(name) == "flow"} == set()


@pytest.mark.parametrize("name", sorted(declared()))
def test_its_inputs_exist(name):
    for each in declared()[name]["config"]["meta"]["inputs"]:
        kind, _, reference = each.rpartition(":")
        if kind == "series":
            assert reference in series(), f"{name} reads series {reference}, which seed series has not"
        elif kind == "table":
            assert reference.rpartition(".")[2] in tables(), f"{name} reads table {reference}, which there is not"
        else:
            assert reference in declared(), f"{name} reads metric {reference}, which is not declared"
            assert reference != name


@pytest.mark.parametrize("name", sorted(declared()))
def test_it_is_computed_somewhere(name):
    stem = name.removesuffix("_pca").removesuffix("_ciss")
    if stem in composites():
        return
    assert any(f"'{each}'" in computed() for each in {name, name.removesuffix("_ttm")}), name


def test_composites_and_claims_read_what_is_declared():
    with (DBT / "seeds" / "index_components.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for index_id in ("csi", "bti", "cci"):
        made_of = [
            ("series:" if r["kind"] == "series" else "") + r["reference"] for r in rows if r["index_id"] == index_id
        ]
        for name in (index_id, f"{index_id}_pca", f"{index_id}_ciss"):
            assert declared()[name]["config"]["meta"]["inputs"] == made_of, name
    for row in rows:
        known = series() if row["kind"] == "series" else set(declared())
        assert row["reference"] in known, row
        assert row["scale_by"] in {"", *series()}, row
    with (DBT / "seeds" / "claims.csv").open(newline="") as file:
        claims = {row["claim_id"] for row in csv.DictReader(file)}
    with (DBT / "seeds" / "claim_conditions.csv").open(newline="") as file:
        conditions = list(csv.DictReader(file))
    assert {c["claim_id"] for c in conditions} == claims == {f"C{n}" for n in range(1, 22)}
    for condition in conditions:
        if condition["metric_id"] in NOT_COMPUTED:
            continue
        meta = declared()[condition["metric_id"]]["config"]["meta"]
        assert condition["grain"] in meta["grain"], condition
        if meta["expected_sign"] is not None:
            # What supports a claim is the move that the metric's declaration expects.
            expected = {1: "above", -1: "below"}[meta["expected_sign"]]
            supporting = {
                "supports": expected,
                "scope": expected,
                "contradicts": {"above": "below", "below": "above"}[expected],
            }
            assert condition["comparison"] == supporting[condition["side"]], condition
    for row in rows:
        if row["kind"] == "metric":
            assert row["grain"] in declared()[row["reference"]]["config"]["meta"]["grain"], row
    for claim in claims:
        sides = {c["side"] for c in conditions if c["claim_id"] == claim}
        assert sides >= {"supports", "contradicts"}, f"{claim} cannot fail" if "contradicts" not in sides else claim
