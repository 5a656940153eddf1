"""What a release says that it changes is what another computation finds in its files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import duckdb
import jsonschema
import msgspec
import pytest

from tests.integration.conftest import cli
from warehouse import changes, declarations, release
from warehouse.manifest import SCHEMA, Manifest
from warehouse.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def said(two):
    """Return what the second release says that it changes of the first."""
    return json.loads((two.current / changes.JSON).read_text())


def exports(settings):
    return [each.path / "parquet" for each in release.releases(settings)]


def exported(folder, table):
    """Return a table's Parquet files as SQL reads them."""
    return f"'{folder / table.replace('.', '/')}/*.parquet'"


def versions(folder, table, key):
    """Return a table as Python has it: the columns of each key and known_at."""
    cursor = duckdb.execute(f"select * from {exported(folder, table)}")
    names = [column[0] for column in cursor.description]
    found = defaultdict(dict)
    while rows := cursor.fetchmany(10_000):
        for row in rows:
            each = dict(zip(names, row, strict=True))
            found[tuple(each[c] for c in key)][each["known_at"]] = each
    return found


def is_same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= 1e-12 * max(abs(one), abs(other))
    return one == other


def counted(before, after, value):
    """Count what moved of one column of a table with versions, by reason, without SQL."""
    found = Counter()
    for key, then in before.items():
        now = after.get(key, {})
        for known_at, row in then.items():
            if known_at in now and not is_same(row[value], now[known_at][value]):
                found["landed_late"] += 1
        if not now:
            found["removed"] += then[max(then)][value] is not None
            continue
        last_then, last_now = max(then), max(now)
        if last_now > last_then and last_then in now:
            old, new = now[last_then], now[last_now]
            if not is_same(old[value], new[value]):
                is_vintage = new["pit_quality"] in {"current_vintage", "self_vintage"}
                found[
                    "withdrawn"
                    if old[value] is not None and new["null_reason"] == "withdrawn"
                    else "newly_computable"
                    if old[value] is None
                    else "no_longer_computable"
                    if new[value] is None
                    else "revised_vintage"
                    if is_vintage
                    else "restated_by_source"
                ] += 1
    return +found


def test_the_first_release_is_the_first_and_both_are_whole(two):
    first, second = release.releases(two)
    for each in (first, second):
        assert release.verify(each) == []
        assert {changes.JSON, changes.PARQUET, changes.PAGE, SCHEMA} <= set(each.manifest["files"])
    assert "first release" in (first.path / changes.PAGE).read_text()
    assert first.manifest["logic"] == second.manifest["logic"]
    page = (second.path / changes.PAGE).read_text()
    assert page.startswith(f"# What release {second.id} changes of {first.id}")
    assert "Models, sources and engines are the same." in page


def test_a_manifest_is_of_its_schema(two):
    for each in release.releases(two):
        schema = json.loads((each.path / SCHEMA).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(each.manifest, schema, format_checker=jsonschema.FormatChecker())
        text = (each.path / release.MANIFEST).read_bytes()
        # Nothing is in the document that the description leaves out.
        assert json.loads(msgspec.json.encode(msgspec.json.decode(text, type=Manifest))).keys() == each.manifest.keys()
        with pytest.raises(jsonschema.ValidationError, match="'id' is a required property"):
            jsonschema.validate({k: v for k, v in each.manifest.items() if k != "id"}, schema)


def test_rows_are_counted_as_a_full_outer_join_counts_them(two, said):
    keys = {name: each for name, each in declarations.published(Settings().dbt_project).items() if each.key}
    told = {t["name"]: t for t in said["tables"]}
    found = Counter()
    for name, table in keys.items():
        before, after = (exported(folder, name) for folder in exports(two))
        on = sorted({*table.key, *(["known_at"] if table.has_versions else [])})
        tupled = "concat_ws('|', " + ", ".join(f"coalesce({c}::varchar, '-')" for c in on) + ")"
        expected = duckdb.sql(f"""
            select count(*) filter (b.id is null), count(*) filter (a.id is null)
            from (select {tupled} as id from {before}) b full join (select {tupled} as id from {after}) a using (id)
        """).fetchone()
        each = told.get(name, {"added": 0, "removed": 0})
        assert (each["added"], each["removed"]) == expected, name
        found.update(added=expected[0], removed=expected[1])
    assert found["added"] > 100_000
    assert found["removed"] > 0
    for name, each in told.items():
        if not name.startswith("ops."):
            rows = [r.manifest["tables"][name]["rows"] for r in release.releases(two)]
            assert [each["rows_before"], each["rows_after"]] == rows
        if each["key"]:
            assert each["rows_before"] + each["added"] - each["removed"] == each["rows_after"]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("metrics.metric_observations", ("value", "numerator", "denominator")),
        ("marts.fct_sovereign_treasury_flows_monthly", ("holdings_usd_bn", "active_flow_usd_bn", "flow_basis")),
        ("marts.fct_auctions", ("tenyr_equiv_usd_bn", "ref_yield_date")),
    ],
)
def test_values_that_moved_in_a_table_with_versions_are_those_that_python_finds(two, table, columns):
    key = declarations.published(Settings().dbt_project)[table].key
    before, after = (versions(folder, table, key) for folder in exports(two))
    expected = {column: counted(before, after, column) for column in columns}
    rows = duckdb.sql(
        f"select column_name, reason, count(*) from '{two.current / changes.PARQUET}' where table_name = '{table}' group by all"
    ).fetchall()
    found = {column: Counter({r: n for c, r, n in rows if c == column}) for column in columns}
    assert found == expected
    assert sum(map(Counter.total, found.values())) > 1_000


def test_values_that_moved_in_a_table_without_versions_are_those_that_a_join_finds(two):
    table, column = "marts.fct_dry_powder_daily", "rrp_change_52w_usd_bn"
    before, after = (exported(folder, table) for folder in exports(two))
    expected = duckdb.sql(
        f"select count(*), sum(a.{column}) from {before} b join {after} a using (date_day, parameter_set) "
        f"where coalesce(b.{column}, -1e9) <> coalesce(a.{column}, -1e9)"
    ).fetchone()
    found = duckdb.sql(
        f"select count(*), sum(value_2) from '{two.current / changes.PARQUET}' "
        f"where table_name = '{table}' and column_name = '{column}' and reason = 'landed_late'"
    ).fetchone()
    assert expected[0] > 1_000
    assert found == pytest.approx(expected)


def test_what_is_written_is_what_is_counted(two, said):
    rows = duckdb.sql(f"select table_name, count(*) from '{two.current / changes.PARQUET}' group by all").fetchall()
    assert dict(rows) == {t["name"]: t["moved"] for t in said["tables"] if t["moved"]}
    assert said["moved"] == sum(dict(rows).values())
    for each in said["tables"]:
        assert sum(m["values"] for m in each["movements"]) == each["moved"]
        assert len(each["largest"]) + each["more"] == each["moved"]
        assert len(each["largest"]) <= changes.LARGEST


def test_the_command_says_what_the_release_says_and_changes_nothing(two, said):
    files = sorted((p, p.stat().st_mtime_ns) for p in two.home.rglob("*"))
    done = cli(two, "diff", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == said
    first, second = (each.id for each in release.releases(two))
    done = cli(two, "diff", second, first, "--table", "metrics.latest")
    assert done.returncode == 0, done.stderr
    assert f"{second} -> {first}" in done.stdout
    assert "removed" in done.stdout
    same = cli(two, "diff", first, first)
    assert (same.returncode, "0 past values moved" in same.stdout) == (0, True)
    unknown = cli(two, "diff", "nowhere")
    assert unknown.returncode == 1
    assert "There is no release nowhere" in unknown.stderr
    assert sorted((p, p.stat().st_mtime_ns) for p in two.home.rglob("*")) == files
