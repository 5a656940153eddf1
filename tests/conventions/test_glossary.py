"""The glossary explains the words that the data use, and all of them."""

from __future__ import annotations

import csv
import re
from typing import get_args

from warehouse.changes import REASONS
from warehouse.contract import PitQuality, Response
from warehouse.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "glossary.md").read_text()
SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"


def seed(name):
    with (SEEDS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def first_cells(heading):
    section = re.search(rf"^{heading}.*?(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| (.+?) \|", section.group(), re.MULTILINE)


def test_ai_core_is_the_seeds():
    members = [row["ticker"] for row in seed("company_universe") if row["universe"] == "ai_hyperscalers"]
    assert f"{', '.join(members)}: the five" in PAGE


def test_every_pit_quality_and_origin_is_explained():
    for value in get_args(PitQuality):
        assert f"| `{value}` | " in PAGE
    origins = re.findall(r"'(\w+)'", Response.__annotations__["origin"])
    assert len(origins) == 4
    for value in origins:
        assert f"| `{value}` | " in PAGE


def test_every_reason_for_a_moved_value_is_explained_in_the_order_of_the_pages():
    words = [word for cell in first_cells("## Why a past value moved") for word in re.findall(r"`(\w+)`", cell)]
    assert words == list(REASONS)


def test_the_indices_have_the_pillars_of_the_seed():
    for index in ("csi", "bti", "cci"):
        pillars = list(dict.fromkeys(r["pillar"] for r in seed("index_components") if r["index_id"] == index))
        assert re.search(rf"\(`{index}`\) \| {', '.join(pillars)} \|", PAGE)


def test_the_reasons_for_nulls_are_some_that_the_models_give():
    given = "".join(
        p.read_text()
        for folder in (PROJECT_ROOT / "dbt_project" / "models", PROJECT_ROOT / "warehouse" / "estimators")
        for p in folder.rglob("*")
        if p.suffix in {".sql", ".py"}
    )
    words = [word for cell in first_cells("## Why a value is NULL") for word in re.findall(r"`(\w+)`", cell)]
    assert len(words) > 20
    for word in words:
        assert re.sub(r"_\d+$", "", word) in given, word
