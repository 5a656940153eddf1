"""What changed between two releases: rows, past values with their reason, and the schema."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict
from types import SimpleNamespace

import duckdb
import jsonschema
import msgspec
import pytest
from rich.console import Console

from warehouse import change_report, changes, declarations, manifest, packing, release
from warehouse.changes import PAGE, PARQUET, Changes
from warehouse.errors import ConfigurationError, NoRelease, QueryFailed
from warehouse.settings import Settings

MODELS = """
models:
  - name: versioned
    description: ""
    data_tests:
      - versions_do_not_overlap: {arguments: {key: [metric_id, entity_id, period_end]}}
  - name: daily
    description: ""
    data_tests:
      - unique_together: {arguments: {columns: [date_day, parameter_set]}}
  - name: undated
    description: ""
    data_tests:
      - unique_together: {arguments: {columns: [date_day]}}
  - name: newest
    description: ""
    data_tests:
      - unique_together: {arguments: {columns: [metric_id]}}
  - name: keyless
    description: ""
"""
VERSIONED = """
create table marts.versioned (
    metric_id varchar, entity_id varchar, period_end date, value double, unit varchar, null_reason varchar,
    pit_quality varchar, metric_version integer, known_at timestamptz, known_until timestamptz, run_id varchar,
    source_url varchar
)
"""
JAN, FEB, MAR = (f"2026-0{n}-10 12:00:00+00" for n in (1, 2, 3))


@pytest.fixture
def settings(tmp_path):
    models = tmp_path / "project" / "dbt_project" / "models" / "marts"
    models.mkdir(parents=True)
    (models / "_marts.yml").write_text(MODELS)
    return Settings(home=tmp_path, project=tmp_path / "project")


@pytest.fixture
def released(tmp_path):
    """Write a release of these statements by hand; of the same code unless another is named."""

    def _released(name, *statements, logic="the same", tables=None):
        folder = tmp_path / "releases" / name
        folder.mkdir(parents=True)
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            connection.execute("set timezone = 'UTC'; create schema marts; create schema metrics")
            for statement in statements:
                connection.execute(statement)
        return SimpleNamespace(id=name, path=folder, manifest={"logic": logic, "tables": tables or {}})

    return _released


def state(value, known_at, known_until=None, **given):
    """Return one version of one figure of the versioned table."""
    row = {
        "metric_id": "m",
        "entity_id": "e",
        "period_end": "2025-12-31",
        "value": value,
        "unit": "usd_bn",
        "null_reason": "missing_input: x" if value is None else None,
        "pit_quality": "exact",
        "metric_version": 1,
        "known_at": known_at,
        "known_until": known_until,
        "run_id": known_at,
        "source_url": "https://example.org/1",
    } | given
    values = ", ".join("null" if v is None else f"'{v}'" for v in row.values())
    return f"insert into marts.versioned values ({values})"


@pytest.fixture
def moved(settings, released):
    """Return what moved from some versions of a figure to others."""

    def _moved(before, after, logic=("the same", "the same")):
        found = changes.compare(
            released("1", VERSIONED, *before, logic=logic[0]),
            released("2", VERSIONED, *after, logic=logic[1]),
            settings,
        )
        return [(m.column, m.before, m.after, m.reason) for t in found.tables for m in t.largest]

    return _moved


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param([state(1, JAN)], [state(1, JAN)], [], id="the same"),
        pytest.param([state(1, JAN)], [state(1, JAN, FEB), state(1, FEB)], [], id="said again"),
        pytest.param(
            [state(1, JAN)],
            [state(1, JAN, FEB), state(1.5, FEB)],
            [("value", 1, 1.5, "restated_by_source")],
            id="a later known_at",
        ),
        pytest.param(
            [state(1, JAN)],
            [state(1, JAN, FEB), state(9, FEB, MAR), state(1.5, MAR)],
            [("value", 1, 1.5, "restated_by_source")],
            id="restated twice is told once",
        ),
        pytest.param(
            [state(1, JAN)],
            [state(1, JAN, FEB), state(1.5, FEB, pit_quality="self_vintage")],
            [("value", 1, 1.5, "revised_vintage")],
            id="a vintage",
        ),
        pytest.param([state(1, JAN)], [state(1.5, JAN)], [("value", 1, 1.5, "landed_late")], id="the same known_at"),
        pytest.param([state(1, JAN)], [state(1 + 1e-14, JAN)], [], id="rounding"),
        pytest.param(
            [state(1, JAN)], [state(1 + 1e-11, JAN)], [("value", 1, 1 + 1e-11, "landed_late")], id="more than rounding"
        ),
        pytest.param([state(0, JAN)], [state(1e-14, JAN)], [("value", 0, 1e-14, "landed_late")], id="zero is exact"),
        pytest.param(
            [state(1, JAN)],
            [state(1.5, JAN, metric_version=2)],
            [("value", 1, 1.5, "redefined")],
            id="another formula",
        ),
        pytest.param(
            [state(1, JAN, FEB), state(3, FEB)],
            [state(2, JAN, FEB), state(3, FEB)],
            [("value", 1, 2, "landed_late")],
            id="a version that was superseded already",
        ),
        pytest.param(
            [state(1, JAN)],
            [state(2, JAN, FEB), state(5, FEB)],
            [("value", 2, 5, "restated_by_source"), ("value", 1, 2, "landed_late")],
            id="ours and the source's are told apart",
        ),
        pytest.param([state(None, JAN)], [state(None, JAN)], [], id="NULL is NULL"),
        pytest.param([state(None, JAN)], [state(0, JAN)], [("value", None, 0, "landed_late")], id="NULL is not zero"),
        pytest.param(
            [state(None, JAN)],
            [state(None, JAN, FEB), state(2, FEB)],
            [("value", None, 2, "newly_computable")],
            id="NULL to a number",
        ),
        pytest.param(
            [state(2, JAN)],
            [state(2, JAN, FEB), state(None, FEB)],
            [("value", 2, None, "no_longer_computable")],
            id="and back",
        ),
        pytest.param(
            [state(2, JAN)],
            [state(2, JAN, FEB), state(None, FEB, null_reason="withdrawn")],
            [("value", 2, None, "withdrawn")],
            id="withdrawn by a version",
        ),
        pytest.param(
            [state(2, JAN)],
            [state(2, JAN, FEB)],
            [("unit", "usd_bn", None, "withdrawn"), ("value", 2, None, "withdrawn")],
            id="withdrawn by an end",
        ),
        pytest.param(
            [state(2, JAN)],
            [],
            [("unit", "usd_bn", None, "removed"), ("value", 2, None, "removed")],
            id="a row that is gone",
        ),
        pytest.param([], [state(2, JAN)], [], id="a new period moves nothing"),
        pytest.param(
            [state(1, FEB)], [state(2, JAN)], [("value", 1, 2, "landed_late")], id="known earlier is not the source"
        ),
        pytest.param(
            [state(1, JAN)], [state(2, FEB)], [("value", 1, 2, "landed_late")], id="nor is a version that is gone"
        ),
        pytest.param(
            [state(1, JAN, FEB), state(2, FEB)], [state(1, JAN)], [("value", 2, 1, "landed_late")], id="nor the newest"
        ),
        pytest.param([state(1, FEB)], [state(1, JAN)], [], id="known earlier with the same value"),
        pytest.param(
            [state(1, JAN, entity_id=None)],
            [state(1, JAN, FEB, entity_id=None), state(2, FEB, entity_id=None)],
            [("value", 1, 2, "restated_by_source")],
            id="a NULL in the key",
        ),
        pytest.param([state(1, JAN)], [state(1, JAN, source_url="elsewhere", run_id="2")], [], id="another address"),
    ],
)
def test_a_past_value_moves_for_a_reason(moved, before, after, told):
    assert sorted(moved(before, after), key=str) == sorted(told, key=str)


@pytest.mark.parametrize("logic", [("old", "new"), (None, None)], ids=["changed", "not known"])
def test_what_our_code_changed_is_recomputed(moved, logic):
    assert moved([state(1, JAN)], [state(1.5, JAN)], logic) == [("value", 1, 1.5, "recomputed")]


def test_a_changed_unit_is_told_and_no_difference_is_taken_across_it(settings, released):
    before = released("1", VERSIONED, state(1, JAN))
    after = released("2", VERSIONED, state(1000, JAN, unit="usd_mn"))
    (table,) = changes.compare(before, after, settings).tables
    assert {(m.column, m.before, m.after, m.change) for m in table.largest} == {
        ("unit", "usd_bn", "usd_mn", None),
        ("value", 1, 1000, None),
    }


def test_rows_in_another_order_are_no_change(settings, released):
    states = [state(n, JAN, entity_id=n) for n in range(100)]
    keyless = ["create table marts.keyless as select range as a from range(100)"]
    before = released("1", VERSIONED, *states, *keyless)
    after = released("2", VERSIONED, *states[::-1], keyless[0] + " order by a desc")
    found = changes.compare(before, after, settings)
    assert (found.tables, found.schema, found.same, found.moved) == ((), (), 2, 0)


def daily(*rows, columns="date_day date, parameter_set varchar, points double, known_at timestamptz"):
    return (f"create table marts.daily ({columns})", *(f"insert into marts.daily values {row}" for row in rows))


def test_a_table_without_versions_is_compared_by_its_key_and_known_at(settings, released):
    rows = "('2026-01-01', 'default', {}, '{}')"
    gone, more = "('2025-12-31', 'default', 7, '2026-01-01')", "('2026-01-02', 'default', 3, '2026-01-03')"
    before = released("1", *daily(rows.format(1, JAN), gone))
    later = released("2", *daily(rows.format(2, FEB), more))
    same = released("3", *daily(rows.format(2, JAN), gone))
    (table,) = changes.compare(before, later, settings).tables
    assert (table.rows_before, table.rows_after, table.added, table.removed, table.changed) == (2, 2, 1, 1, 1)
    assert {(m.reason, m.before, m.after, str(m.period_end)) for m in table.largest} == {
        ("restated_by_source", 1, 2, "2026-01-01"),
        ("removed", 7, None, "2025-12-31"),
    }
    (table,) = changes.compare(before, same, settings).tables
    assert [(m.reason, json.loads(m.key)) for m in table.largest] == [
        ("landed_late", {"date_day": "2026-01-01", "parameter_set": "default"})
    ]


def test_a_table_that_says_nothing_of_known_at_gives_no_cause(settings, released):
    table = "create table marts.undated as select date '2026-01-01' as date_day, {} as regime"
    found = changes.compare(released("1", table.format("'calm'")), released("2", table.format("'drain'")), settings)
    (moved,) = found.tables[0].largest
    assert (moved.metric, moved.before, moved.after, moved.reason) == ("regime", "calm", "drain", "undated")


def test_a_newest_figure_of_another_period_is_no_moved_value(settings, released):
    table = "create table marts.newest as select 'm' as metric_id, date '2026-01-0{}' as period_end, {} as points"
    first, second, third = (
        released(str(n), table.format(day, value)) for n, day, value in ((1, 1, 1), (2, 2, 5), (3, 2, 6))
    )
    (changed,) = changes.compare(first, second, settings).tables
    assert (changed.changed, changed.moved) == (1, 0)
    (changed,) = changes.compare(second, third, settings).tables
    assert [(m.before, m.after, str(m.period_end)) for m in changed.largest] == [(5, 6, "2026-01-02")]


def test_a_table_without_a_key_says_which_rows_came_and_went(settings, released):
    table = "create table marts.keyless as select unnest({}) as a, [1] as b"
    found = changes.compare(released("1", table.format([1, 1, 2])), released("2", table.format([1, 3, 3, 4])), settings)
    (keyless,) = found.tables
    assert (keyless.key, keyless.added, keyless.removed, keyless.changed, keyless.moved) == ((), 3, 2, 0, 0)


def test_changes_of_the_schema(settings, released):
    before = released(
        "1",
        "create table marts.undated as select date '2026-01-01' as date_day, 1::decimal(9, 2) as points, 5 as dropped",
        "comment on column marts.undated.points is 'In billions of US dollars.'",
        "create table marts.dropped (a integer)",
    )
    after = released(
        "2",
        "create table marts.undated as select date '2026-01-01' as date_day, 1::double as points, 6 as added",
        "comment on column marts.undated.points is 'In millions of US dollars.'",
        "create table metrics.fresh (a integer)",
    )
    found = changes.compare(before, after, settings)
    assert {(c.table, c.column, c.kind, c.before, c.after) for c in found.schema} == {
        ("marts.dropped", None, "dropped_table", None, None),
        ("metrics.fresh", None, "new_table", None, None),
        ("marts.undated", "dropped", "dropped_column", "INTEGER", None),
        ("marts.undated", "added", "new_column", None, "INTEGER"),
        ("marts.undated", "points", "type", "DECIMAL(9,2)", "DOUBLE"),
        ("marts.undated", "points", "description", "In billions of US dollars.", "In millions of US dollars."),
    }
    assert found.tables == ()  # the values are the same, whatever their type is called
    assert [c.kind for c in changes.compare(before, after, settings, table="fresh").schema] == ["new_table"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("1", "'1'", []),
        ("1", "'one'", [("1", "one")]),
        ("2.5::decimal(9, 1)", "2.5::float", []),
        ("[1, 2]", "[1, 3]", [("[1, 2]", "[1, 3]")]),
        ("'a'", "null", [("a", None)]),
        ("9007199254740993::bigint", "9007199254740993::hugeint", []),
    ],
)
def test_values_of_other_types_are_compared_as_what_they_say(settings, released, before, after, told):
    table = "create table marts.undated as select date '2026-01-01' as date_day, {} as said"
    found = changes.compare(released("1", table.format(before)), released("2", table.format(after)), settings)
    assert [(m.before, m.after) for t in found.tables for m in t.largest] == told


@pytest.mark.parametrize(
    "key", ["date_day", "date_day, 5 as parameter_set", "date_day, date '2026-01-01' as parameter_set"]
)
def test_a_key_that_a_release_does_not_have_yet_leaves_rows_to_compare(settings, released, key):
    table = "create table marts.daily as select date '2026-01-01' as {}, {} as points"
    found = changes.compare(
        released("1", table.format(key, 1)),
        released("2", table.format("date_day, 'default' as parameter_set", 2)),
        settings,
    )
    (daily,) = found.tables
    assert (daily.key, daily.added, daily.removed) == ((), 1, 1)


def packed(digest, shape="the same"):
    return {"marts.keyless": {"rows": 1, "shape": shape, "parts": {"all": {"rows": 1, "digest": digest}}}}


def test_a_table_with_the_same_digests_is_not_read(settings, released):
    table = "create table marts.keyless as select {} as a"
    before = released("1", table.format(1), tables=packed("7"))
    for number, tables, differ in ((2, packed("7"), 0), (3, packed("8"), 1), (4, packed("7", "other"), 1), (5, {}, 1)):
        after = released(str(number), table.format(2), tables=tables)
        assert len(changes.compare(before, after, settings).tables) == differ
    older = (released(str(n), table.format(n), tables={"marts.keyless": {"rows": 1}}) for n in (6, 7))
    assert len(changes.compare(*older, settings).tables) == 1


def past(table=VERSIONED):
    """Return statements that fill a table with figures of three years, of two days that are none, and of two states."""
    periods = ("2023-06-30", "2023-12-31", "2024-01-01", "2024-12-31", "2025-12-31", None, "infinity")
    of_one_state = [state(n, JAN, period_end=day, entity_id=e) for n, day in enumerate(periods, 1) for e in "ef"]
    of_two = [state(7, JAN, FEB, period_end="2024-06-30"), state(8, FEB, period_end="2024-06-30")]
    return [table, "; ".join(["begin", *of_one_state, *of_two, "commit"])]


OF_2024 = "update marts.versioned set value = value + 1 where period_end = '2024-01-01' and entity_id = 'e'"
DIFFERENCES = {
    "a restated value": (OF_2024, {"2024"}),
    "the same in every year": ("update marts.versioned set value = value + 1", {"2023", "2024", "2025", "none"}),
    "a year between": ("update marts.versioned set value = 9 where year(period_end) in (2023, 2025)", {"2023", "2025"}),
    "known later, of an older year": (
        (
            f"update marts.versioned set known_until = '{MAR}' where period_end = '2023-06-30'; "
            f"insert into marts.versioned by name select * replace (value + 1 as value, '{MAR}' as known_at, "
            "null as known_until) from marts.versioned where period_end = '2023-06-30'"
        ),
        {"2023"},
    ),
    "an end alone": (f"update marts.versioned set known_until = '{MAR}' where period_end = '2025-12-31'", {"2025"}),
    "a row that is gone": ("delete from marts.versioned where period_end = '2023-12-31' and entity_id = 'e'", {"2023"}),
    "the newest of two is gone": (f"delete from marts.versioned where known_at = '{FEB}'", {"2024"}),
    "the older of two is gone": ("delete from marts.versioned where known_until is not null", {"2024"}),
    "a year that is gone": ("delete from marts.versioned where year(period_end) = 2024", {"2024"}),
    "a year that is new": (state(1, MAR, period_end="2026-01-31"), {"2026"}),
    "a row that goes to another year": (
        "update marts.versioned set period_end = '2025-01-01' where period_end = '2023-06-30'",
        {"2023", "2025"},
    ),
    "a row that loses its day": (
        "update marts.versioned set period_end = null where period_end = '2023-06-30' and entity_id = 'e'",
        {"2023", "none"},
    ),
    "a row without a day": ("update marts.versioned set value = 0 where period_end is null", {"none"}),
    "a row of no end of days": ("update marts.versioned set value = 0 where period_end = 'infinity'", {"none"}),
    "only the run that made a row": ("update marts.versioned set run_id = 'r' where value = 4", {"2024"}),
    "too few to cut": ("delete from marts.versioned where period_end is null or period_end > '2023-07-01'", None),
    "no row": ("delete from marts.versioned", None),
    "another description": (f"{OF_2024}; comment on column marts.versioned.value is 'In percent.'", None),
    "another column": (f"{OF_2024}; alter table marts.versioned add column more integer", None),
}
"""What changes of a table that is cut by years, and the parts in which it does; None where all of it may."""


@pytest.fixture
def cut(settings, released, monkeypatch):
    """Write a release of a table of figures that is cut by years, with the digests of its parts."""
    monkeypatch.setattr(packing, "PARTED_ROWS", 4)

    def _cut(name, *statements):
        made = released(name, *statements)
        with duckdb.connect(str(made.path / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            columns = connection.execute("select column_name, data_type, comment from duckdb_columns()").fetchall()
            declared = declarations.published(settings.dbt_project)["marts.versioned"]
            table = packing._table("marts", "versioned", None, columns, declared, "")  # noqa: SLF001
            made.manifest["tables"]["marts.versioned"] = asdict(
                packing._digest(connection, table, "warehouse")  # noqa: SLF001
            )
        return made

    return _cut


def whole(edition):
    """Return a release that says nothing of its parts, so that all of it is compared."""
    return SimpleNamespace(id=edition.id, path=edition.path, manifest={**edition.manifest, "tables": {}})


@pytest.mark.parametrize("test", ["versions_do_not_overlap", "unique_together", "none"])
@pytest.mark.parametrize("difference", DIFFERENCES)
def test_parts_that_differ_say_all_that_whole_tables_do(settings, cut, difference, test):
    path = settings.dbt_project / "models" / "marts" / "_marts.yml"
    if test == "unique_together":
        path.write_text(MODELS.replace(*VERSIONS_TO_UNIQUE))
    statement, parts = DIFFERENCES[difference]
    before, after = cut("1", *past()), cut("2", *past(), statement)
    if test == "none":  # as where it is known no more what the parts were cut by
        path.write_text("models: []")
    else:
        one, other = (packing.Packed.of(each.manifest["tables"]["marts.versioned"]) for each in (before, after))
        assert parts is None or set(one.differing(other)) == parts
    for one, other in ((before, after), (after, before)):
        found = changes.compare(one, other, settings, largest=1000)
        assert found == changes.compare(whole(one), whole(other), settings, largest=1000)
        # It is no change of a value, and an end is one only where it comes.
        assert found.tables or difference in {"only the run that made a row", "an end alone"}


VERSIONS_TO_UNIQUE = (
    "versions_do_not_overlap: {arguments: {key: [metric_id, entity_id, period_end]}}",
    "unique_together: {arguments: {columns: [metric_id, entity_id, period_end, known_at]}}",
)


def test_a_key_that_is_no_longer_that_of_the_parts_leads_out_of_them(settings, cut):
    path = settings.dbt_project / "models" / "marts" / "_marts.yml"
    states = [
        state(n, known, period_end=day, entity_id=e)
        for e in "ef"
        for n, (day, known) in enumerate((("2024-12-31", JAN), ("2025-12-31", FEB)))
    ]
    before, after = cut("1", VERSIONED, *states), cut("2", VERSIONED, states[0], *states[2:])
    path.write_text(MODELS.replace("[metric_id, entity_id, period_end]", "[metric_id, entity_id]"))
    found = changes.compare(before, after, settings)
    assert found == changes.compare(whole(before), whole(after), settings)
    assert {(m.before, m.after) for m in found.tables[0].largest} == {(1, 0), ("2025-12-31", "2024-12-31")}


def test_of_each_part_that_differs_something_is_told_and_the_others_are_not_read(settings, cut):
    statement = "update marts.versioned set value = value + 1 where coalesce(year(period_end), 0) <> 2024"
    before, after = cut("1", *past()), cut("2", *past(), statement)
    for each, value in ((before, 100), (after, 200)):
        with duckdb.connect(str(each.path / "warehouse.duckdb")) as connection:
            connection.execute(f"update marts.versioned set value = {value} where year(period_end) = 2024")

    def told(one, other):
        (table,) = changes.compare(one, other, settings, largest=1000).tables
        return {m.period_end and m.period_end.year for m in table.largest}

    assert told(before, after) == {2023, 2025, None, 9999}
    assert told(whole(before), whole(after)) == {2023, 2024, 2025, None, 9999}


def many(count):
    values = (
        "select 'm', range::varchar, date '2025-12-31', {}, 'usd_bn', null, 'exact', 1, {}, {}, 'r', 'u' from range({})"
    )
    before = values.format("range + 1", f"'{JAN}'", "null", count)
    known = values.format("range + 1", f"'{JAN}'", f"'{FEB}'", count)
    news = values.format("(range + 1) * (range + 2)", f"'{FEB}'", "null", count)
    return before, f"{known} union all {news}"


def test_the_largest_are_named_and_all_are_written(settings, released):
    before, after = (
        released(name, VERSIONED, f"insert into marts.versioned {rows}")
        for name, rows in zip("12", many(50), strict=True)
    )
    found = changes.write(after, before, settings, terms="it's free")
    (table,) = found.tables
    assert (table.moved, len(table.largest), table.more) == (50, changes.LARGEST, 40)
    sizes = [abs(m.change) / m.after for m in table.largest]
    assert sizes == sorted(sizes, reverse=True)
    assert json.loads(table.largest[0].key)["entity_id"] == "49"
    document = json.loads((after.path / changes.JSON).read_text())
    assert (document["moved"], document["tables"][0]["more"], document["before"]) == (50, 40, "1")
    parquet = after.path / PARQUET
    rows = duckdb.sql(f"select sum(change), count(*), any_value(unit) from '{parquet}'").fetchone()
    assert rows == (sum((n + 1) * (n + 2) - (n + 1) for n in range(50)), 50, "usd_bn")
    described = duckdb.sql(f"describe from '{parquet}'").fetchall()
    assert [name for name, *_ in described] == list(changes.COLUMNS)
    metadata = dict(duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{parquet}')").fetchall())
    assert metadata["drypowder_terms"] == "it's free"
    assert set(json.loads(metadata["drypowder_columns"])) == set(changes.COLUMNS)
    page = (after.path / PAGE).read_text()
    assert "| marts.versioned | m | restated_by_source | 50 | 0 | 0 | 2025-12-31 to 2025-12-31 |" in page
    assert "| marts.versioned | 50 | 100 | 50 | 0 | 0 | 50 |" in page


def test_the_first_release_says_that_it_is(settings, released):
    first = released("1", VERSIONED, state(1, JAN))
    assert changes.write(first, None, settings, terms="") == Changes(before=None, after="1")
    assert "first release" in (first.path / PAGE).read_text()
    assert duckdb.sql(f"select count(*) from '{first.path / PARQUET}'").fetchone() == (0,)
    assert json.loads((first.path / changes.JSON).read_text())["before"] is None


def test_a_release_before_that_is_damaged_stops_no_other(settings, released):
    before, after = released("1", VERSIONED), released("2", VERSIONED, state(1, JAN))
    (before.path / "warehouse.duckdb").write_bytes(b"nothing that DuckDB can read")
    found = changes.write(after, before, settings, terms="")
    assert found.problem
    assert "could not be compared" in (after.path / PAGE).read_text()
    assert (after.path / PARQUET).is_file()


def test_what_moved_before_a_comparison_failed_is_not_told_as_all(settings, released, monkeypatch):
    def fail(*_):
        raise duckdb.IOException("No space left on device")

    before, after = released("1", VERSIONED, state(1, JAN)), released("2", VERSIONED, state(2, JAN))
    monkeypatch.setattr(changes._Comparison, "_movements", fail)  # noqa: SLF001
    assert changes.write(after, before, settings, terms="").problem == "No space left on device"
    assert duckdb.sql(f"select count(*) from '{after.path / PARQUET}'").fetchone() == (0,)


# ---------------------------------------------------------------------------------------- naming two releases


@pytest.fixture
def home(settings, released):
    """Return settings of a home of three releases, the last of which was published over the first."""
    for number, over in ((1, None), (2, "1.0.1"), (3, "1.0.1")):
        made = released(f"1.0.{number}", VERSIONED, state(number, JAN))
        (made.path / release.MANIFEST).write_text(json.dumps({"id": made.id, "sequence": number, "tables": {}}))
        (made.path / changes.JSON).write_text(json.dumps({"before": over}))
    settings.current.symlink_to(made.path)
    return settings


def test_previous_is_what_current_was_published_over(home):
    assert [change_report.find(home, name).id for name in ("current", "previous", "1.0.2")] == [
        "1.0.3",
        "1.0.1",
        "1.0.2",
    ]
    (home.current / changes.JSON).unlink()  # as in releases that are older than these pages
    assert change_report.find(home, "previous").id == "1.0.2"


def test_a_release_or_a_table_that_there_is_not_is_refused(home):
    with pytest.raises(NoRelease, match=r"no release 9; expected current, previous or one of 1.0.1, 1.0.2, 1.0.3"):
        change_report.compare(home, "9", "current")
    with pytest.raises(ConfigurationError, match="has a table nothing"):
        change_report.compare(home, "previous", "current", table="nothing")


def test_a_first_release_has_no_previous_one_and_says_so(home):
    home.current.unlink()
    home.current.symlink_to(home.releases / "1.0.1")
    assert change_report.compare(home, "previous", "current") == Changes(before=None, after="1.0.1")
    with pytest.raises(NoRelease, match="no release previous.*got the first release of its home"):
        change_report.find(home, "previous")


def test_a_damaged_release_is_an_error_that_says_what_to_do(home):
    (home.current / "warehouse.duckdb").write_bytes(b"nothing that DuckDB can read")
    with pytest.raises(QueryFailed, match="1.0.1 and 1.0.3 could not be compared.*drypowder verify"):
        change_report.compare(home, "previous", "current")


@pytest.mark.parametrize("as_json", [False, True])
def test_changes_are_printed_with_nothing_cut_off(home, as_json):
    printed = io.StringIO()
    found = change_report.compare(home, "previous", "current", limit=1)
    change_report.print_changes(found, Console(file=printed, width=20), as_json=as_json)
    if as_json:
        assert json.loads(printed.getvalue())["tables"][0]["largest"][0]["after"] == 3
    else:
        assert "1.0.1 -> 1.0.3" in printed.getvalue()
        assert re.search(r"marts.versioned +value +metric_id:m,entity_id:e,.* 1 +3 +recomputed", printed.getvalue())


# ------------------------------------------------------------------------------------------------- the manifest


def test_a_manifest_of_an_older_release_is_still_one():
    older = {
        "id": "2026.01.01.1",
        "sequence": 1,
        "created_at": "2026-01-01T00:00:00+00:00",
        "run_id": "r",
        "git_commit": None,
        "fingerprint": "0" * 64,
        "transport": "live",
        "tables": {"marts.a": {"rows": 1}},
        "sources": {},
        "held_back": [],
        "suites": [],
        "engines": {},
        "files": {},
    }
    schema = manifest.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(older, schema)
    assert msgspec.convert(older, manifest.Manifest).logic is None
    with pytest.raises(jsonschema.ValidationError, match="-1 is less than the minimum of 0"):
        jsonschema.validate(older | {"tables": {"marts.a": {"rows": -1}}}, schema)
