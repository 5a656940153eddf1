"""What is declared of a release's tables is what a release has."""

from __future__ import annotations

import duckdb
import pytest

from warehouse import catalogue, declarations
from warehouse.packing import macros as ddl_of_macros
from warehouse.settings import PROJECT_ROOT, Settings

DBT = PROJECT_ROOT / "dbt_project"


@pytest.fixture(scope="module")
def blocks():
    generated = [text for path, text in catalogue.generated(PROJECT_ROOT).items() if path.suffix == ".md"]
    return declarations.doc_blocks([*(p.read_text() for p in DBT.rglob("*.md")), *generated])


@pytest.mark.parametrize("schema", ["marts", "metrics"])
def test_every_table_of_a_schema_is_declared_with_its_columns(blocks, schema):
    found = declarations.tables(DBT, schema, blocks)
    models = {p.stem for suffix in ("sql", "py") for p in (DBT / "models" / schema).rglob(f"*.{suffix}")}
    assert models
    assert {f"{schema}.{name}" for name in models} == {each.name for each in found}
    for each in found:
        assert each.description.endswith(".")
        assert each.columns
        assert all(column.description and "{{" not in column.description for column in each.columns), each.name


def test_the_macros_of_a_release_give_the_columns_that_are_declared(blocks):
    observations = next(
        t for t in declarations.tables(DBT, "metrics", blocks) if t.name == "metrics.metric_observations"
    )
    macros = {each.name.partition("(")[0]: each for each in declarations.macros(DBT, blocks)}
    assert set(macros) == {"metrics.as_of", "metrics.compare"}
    with duckdb.connect() as connection:
        connection.execute("create schema metrics")
        columns = ", ".join(f"{c.name} {c.type}" for c in observations.columns)
        connection.execute(f"create table metrics.metric_observations ({columns})")
        connection.execute("create table metrics.parameter_sets as select 'default' as parameter_set")
        connection.execute(ddl_of_macros(Settings()))

        def described(call):
            rows = connection.execute(f"describe select * from {call}").fetchall()
            return [(name, kind.lower()) for name, kind, *_ in rows]

        compared = [(c.name, c.type) for c in macros["metrics.compare"].columns]
        assert described("metrics.compare(date '2026-01-01', date '2026-02-01')") == compared
        as_of = [name for name, _ in described("metrics.as_of(date '2026-01-01')")]
        latest = next(t for t in declarations.tables(DBT, "metrics", blocks) if t.name == "metrics.latest")
        assert as_of == [column.name for column in latest.columns]


def test_a_claim_s_page_has_every_condition():
    page = catalogue.generated(PROJECT_ROOT)[PROJECT_ROOT / "docs" / "claims.md"]
    conditions = declarations.seed(DBT, "claim_conditions")
    assert len(conditions) > 50
    assert page.count("\n## C") == len(declarations.seed(DBT, "claims")) == 21
    for each in conditions:
        assert f"| {each['condition_id']} | " in page
    assert "`memory_league_rank` (not computed)" in page
