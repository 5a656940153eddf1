"""What breaks a promise to readers of curated tables, what does not, and what the message says to do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from typer.testing import CliRunner

from warehouse import cli, declarations, lifecycle, yaml_files
from warehouse.errors import ConfigurationError, GateClosed
from warehouse.lifecycle import Column, Contract
from warehouse.settings import Settings

TODAY = date(2026, 11, 29)
SOON, LATER = date(2027, 1, 1), date(2027, 6, 1)
PRICE = Column(type="double", unit="USD", said="aaaaaaaa")
DAY = Column(type="date", unit="", said="bbbbbbbb")
WAS = Contract(
    table="marts.toys",
    key=("toy", "day"),
    has_versions=False,
    deprecation_date=None,
    columns={"day": DAY, "price": PRICE},
)
TO_GO = replace(WAS, deprecation_date=LATER)
MOVED = replace(TO_GO, table="marts.toys_v1")
SECOND = replace(WAS, columns={"day": DAY, "cost": PRICE})


def columns(**changed):
    """Return the contract with other columns; None takes one away."""
    given = {**WAS.columns, **changed}
    return {"marts.toys.v1": replace(WAS, columns={name: each for name, each in given.items() if each})}


def now(**changed):
    return {"marts.toys.v1": replace(WAS, **changed)}


BREAKS = {
    "a dropped column": (WAS, columns(price=None), "column price is gone"),
    "a renamed column": (WAS, columns(price=None, cost=PRICE), "price is gone, perhaps renamed to cost"),
    "another type": (
        WAS,
        columns(price=replace(PRICE, type="decimal(18,2)")),
        "type of price was double and is decimal",
    ),
    "another unit": (WAS, columns(price=replace(PRICE, unit="EUR")), "the unit of price was USD and is EUR"),
    "no unit any more": (WAS, columns(price=replace(PRICE, unit="")), "the unit of price was USD and is none"),
    "a unit where none was": (WAS, columns(day=replace(DAY, unit="days")), "the unit of day was none and is days"),
    "a finer grain": (WAS, now(key=("toy", "day", "shop")), "was one (toy, day) and is one (toy, day, shop)"),
    "a coarser grain": (WAS, now(key=("toy",)), "was one (toy, day) and is one (toy)"),
    "a key that no test holds": (WAS, now(key=()), "was one (toy, day) and is held by no test"),
    "states of knowledge": (WAS, now(has_versions=True), "is one (toy, day) and state of knowledge"),
    "a dropped table": (WAS, {}, "marts.toys.v1 is gone; nobody was told before"),
    "a renamed table": (WAS, {"marts.games.v1": replace(WAS, table="marts.games")}, "marts.toys.v1 is gone"),
    "a table dropped too early": (TO_GO, {}, "is gone; it was promised until 2027-06-01"),
    "a version in place of another": (WAS, {"marts.toys.v2": SECOND}, "marts.toys.v1 is gone"),
    "a version beside one that has no last day": (
        WAS,
        {"marts.toys.v1": replace(WAS, table="marts.toys_v1"), "marts.toys.v2": SECOND},
        "what was marts.toys is marts.toys_v1; who names no version reads another one",
    ),
    "too short a notice": (WAS, now(deprecation_date=SOON), "in less than 90 days"),
    "a new version that is to go at once": (
        WAS,
        {"marts.toys.v1": MOVED, "marts.toys.v2": replace(SECOND, deprecation_date=SOON)},
        "in less than 90 days",
    ),
    "a last day brought forward": (TO_GO, now(deprecation_date=date(2027, 5, 1)), "was promised until 2027-06-01"),
}
ALLOWED = {
    "nothing": (WAS, now(), None),
    "a new column": (WAS, columns(colour=replace(DAY, type="varchar")), "column colour is new"),
    "a new table": (WAS, {**now(), "marts.games.v1": replace(WAS, table="marts.games")}, "marts.games.v1 is new"),
    "other words": (WAS, columns(price=replace(PRICE, said="cccccccc")), "price is described in other words"),
    "another order of columns": (WAS, now(columns={"price": PRICE, "day": DAY}), "another order"),
    "another order of the key": (WAS, now(key=("day", "toy")), None),
    "a key where none was held": (replace(WAS, key=()), now(), "a test now holds that a row is one (toy, day)"),
    "a new version with the old one beside it": (
        WAS,
        {"marts.toys.v1": MOVED, "marts.toys.v2": SECOND},
        "and the old one goes on 2027-06-01",
    ),
    "a deprecation in time": (WAS, now(deprecation_date=LATER), "is to go on 2027-06-01"),
    "a last day put off": (TO_GO, now(deprecation_date=date(2028, 1, 1)), "is to go on 2028-01-01, later than"),
    "a table that stays after all": (TO_GO, now(), "was to go on 2027-06-01 and stays"),
    "a table gone when its day has come": (replace(WAS, deprecation_date=TODAY), {}, "as announced for 2026-11-29"),
}


@pytest.mark.parametrize(("before", "after", "what"), BREAKS.values(), ids=BREAKS)
def test_what_breaks(before, after, what):
    found = list(lifecycle.differences({"marts.toys.v1": before}, after, TODAY))
    broken = [each for each in found if each.breaks]
    assert any(what in each.what for each in broken), found
    assert all(each.remedy for each in broken)
    assert all(str(each).startswith("BREAKS marts.toys") for each in broken)


@pytest.mark.parametrize(("before", "after", "what"), ALLOWED.values(), ids=ALLOWED)
def test_what_does_not(before, after, what):
    found = list(lifecycle.differences({"marts.toys.v1": before}, after, TODAY))
    assert not [each for each in found if each.breaks]
    assert any(what in each.what for each in found) if what else found == []


YAML = """
models:
  - name: toys
    description: One row per toy.
    latest_version: 2
    data_tests: [{unique_together: {arguments: {columns: [toy]}}}]
    columns:
      - {name: toy, data_type: varchar, description: Its name.}
      - {name: cost, data_type: double, description: What it costs., config: {meta: {unit: USD}}}
    versions:
      - v: 1
        deprecation_date: 2027-06-01
        columns: [{include: all, exclude: [cost]}, {name: price, data_type: double, description: Its price.}]
      - {v: 2}
      - v: 3
        data_tests: [{versions_do_not_overlap: {arguments: {key: [toy]}}}]
        columns: [{include: [toy]}]
      - {v: 4, columns: [{name: size, data_type: integer, description: How large.}]}
  - name: games
    description: One row per game.
    deprecation_date: 2027-06-01
    config: {group: others, meta: {use_instead: marts.toys}}
    columns: [{name: game, data_type: text, description: Its name.}]
"""
EXPOSURES = """
exposures:
  - {name: shop, label: The shop, depends_on: [ref('toys')]}
  - {name: old_shop, label: The old shop, depends_on: ["ref('toys', v=1)", ref('games')]}
"""


@pytest.fixture
def project(tmp_path):
    for name, text in {
        "dbt_project.yml": "name: toy\nmodels: {toy: {+group: all, marts: {+group: toymakers, wood: {+group: carvers}}}}",
        "models/marts/_marts.yml": YAML,
        "models/marts/wood/_wood.yml": "models: [{name: logs, description: Logs.}]",
        "models/metrics/_metrics.yml": "models: [{name: prices, description: Prices.}]",
        "models/_exposures.yml": EXPOSURES,
    }.items():
        path = tmp_path / "dbt_project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def edit(project, old, new):
    path = project / "dbt_project" / "models" / "marts" / "_marts.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_versions_are_tables_of_their_own(project):
    found = declarations.published(project / "dbt_project")
    assert {
        n: (e.version, e.status, e.use_instead, e.consumers) for n, e in found.items() if e.model == "marts.toys"
    } == {
        "marts.toys": (2, "active", "", ("The shop",)),
        "marts.toys_v1": (1, "deprecated", "marts.toys", ("The old shop",)),
        "marts.toys_v3": (3, "preview", "", ()),
        "marts.toys_v4": (4, "preview", "", ()),
    }
    assert (found["marts.toys"].key, found["marts.toys"].has_versions) == (("toy",), False)
    assert found["marts.toys_v3"].contract["key"] == ["toy", "known_at"]
    assert found["marts.games"].contract == {
        "model": "marts.games",
        "version": 1,
        "owner": "others",
        "status": "deprecated",
        "deprecation_date": "2027-06-01",
        "use_instead": "marts.toys",
        "key": [],
        "consumers": ["The old shop"],
    }


def test_an_owner_is_that_of_the_nearest_folder(project):
    found = declarations.published(project / "dbt_project")
    assert {name: each.owner for name, each in found.items() if each.version == 1} == {
        "marts.toys_v1": "toymakers",
        "marts.games": "others",
        "marts.logs": "carvers",
        "metrics.prices": "all",
    }


def test_columns_and_tests_of_a_version_are_those_that_dbt_gives_it(project):
    import dbt.cli.main  # noqa: F401  (its modules import each other in this order only)
    from dbt.contracts.graph.unparsed import UnparsedModelUpdate

    [model, _] = json.loads(json.dumps(yaml_files.loaded(YAML), default=str))["models"]
    of_dbt = UnparsedModelUpdate.from_dict(
        {**model, "original_file_path": "", "yaml_key": "models", "package_name": "toy"}
    )
    found = {e.version: e for e in declarations.published(project / "dbt_project").values() if e.model == "marts.toys"}
    assert set(found) == {1, 2, 3, 4}
    for number, each in found.items():
        assert [c.name for c in each.columns] == [c.name for c in of_dbt.get_columns_for_version(number)]
        assert ("versions_do_not_overlap" in str(of_dbt.get_tests_for_version(number))) == each.has_versions


def test_a_preview_is_no_promise(project):
    found = lifecycle.contracts(declarations.published(project / "dbt_project").values())
    assert {name for name in found if "toys" in name} == {"marts.toys.v1", "marts.toys.v2"}


def test_what_is_released_is_what_is_compared_with(project):
    assert lifecycle.release(project, TODAY) is None
    assert lifecycle.check(project, TODAY).differences == ()
    edit(project, "data_type: text", "data_type: varchar")  # another word for the same type
    assert lifecycle.check(project, TODAY).differences == ()
    edit(project, "unit: USD", "unit: USD million")
    edit(project, "{name: game,", "{name: size, data_type: integer, description: How large.}, {name: game,")
    found = lifecycle.check(project, TODAY)
    assert {str(each)[:60] for each in found.differences} == {
        "allows marts.games: column size is new.",
        "BREAKS marts.toys: the unit of cost was USD and is USD milli",
    }
    with pytest.raises(GateClosed, match="unit of cost"):
        lifecycle.release(project, TODAY)
    edit(project, "unit: USD million", "unit: USD")
    assert [each.what for each in lifecycle.release(project, TODAY).differences] == ["column size is new"]
    assert lifecycle.check(project, TODAY).differences == ()


def test_a_contract_edited_by_hand_is_refused(project):
    with pytest.raises(ConfigurationError, match="no released contract"):
        lifecycle.check(project, TODAY)
    lifecycle.release(project, TODAY)
    path = project / lifecycle.RELEASED
    path.write_text(path.read_text().replace("unit: USD", "unit: EUR"))
    with pytest.raises(ConfigurationError, match="was edited"):
        lifecycle.check(project, TODAY)


@pytest.mark.parametrize(
    ("today", "breaks", "said"),
    [
        (date(2027, 5, 31), False, "goes on 2027-06-01: use marts.toys instead; read by The old shop"),
        (date(2027, 6, 1), True, "was to go on 2027-06-01, which has come; read by The old shop"),
    ],
)
def test_a_table_that_is_to_go_is_said_before_its_day_and_breaks_from_then_on(project, today, breaks, said):
    lifecycle.release(project, TODAY)
    found = lifecycle.check(project, today)
    assert {each.table: (each.breaks, each.what) for each in found.deprecations} == {
        "marts.toys_v1": (breaks, said),
        "marts.games": (breaks, said),
    }
    assert len(found.broken) == (2 if breaks else 0)


def test_a_table_that_is_to_go_names_what_to_use_instead(project):
    edit(project, "meta: {use_instead: marts.toys}", "meta: {}")
    found = lifecycle.deprecations(declarations.published(project / "dbt_project").values(), TODAY)
    assert [(each.table, each.what) for each in found if each.breaks] == [
        ("marts.games", "is deprecated and does not say what to use instead")
    ]


def test_a_release_owes_rows_where_a_version_stands_now_until_its_day(project):
    declared = declarations.published(project / "dbt_project")
    entry = {"model": "marts.toys", "version": 1, "deprecation_date": None}
    gone = {"model": "marts.old", "version": 1, "deprecation_date": "2026-11-29"}
    published = {
        "marts.toys": {"rows": 10, "contract": entry},  # the first version, before there was a second
        "marts.games": {"rows": 20},  # of a release that said nothing of contracts
        "marts.old": {"rows": 30, "contract": gone},
        "marts.older": {"rows": 40},
    }
    owed = {"marts.toys_v1": 10, "marts.games": 20, "marts.older": 40}
    late = {"marts.toys_v1": {"rows": 5, "contract": {**entry, "deprecation_date": "2026-11-01"}}}
    assert lifecycle.still_owed(late, declared, TODAY) == {"marts.toys_v1": 5}  # it is still made
    assert lifecycle.still_owed(published, declared, TODAY) == owed
    assert lifecycle.still_owed(published, declared, date(2026, 11, 28)) == {**owed, "marts.old": 30}


def test_the_command_says_what_differs_and_fails_when_something_breaks(project, monkeypatch):
    settings = Settings(home=project / "home", project=project, now=f"{TODAY}T00:00:00Z")
    monkeypatch.setattr(cli, "_settings", lambda: settings)

    def run(*words):
        return CliRunner().invoke(cli.app, ["contracts", *words])

    assert run("release").exit_code == 0
    found = run("check")
    assert found.exit_code == 0
    assert "marts.toys_v1: goes on 2027-06-01" in found.output
    assert "Nothing breaks the contract" in found.output
    edit(project, "unit: USD", "unit: EUR")
    found = run("check")
    assert found.exit_code == 1
    assert "BREAKS marts.toys: the unit of cost was USD and is EUR. Give the model `versions:`" in found.output
    assert isinstance(run("release").exception, GateClosed)
