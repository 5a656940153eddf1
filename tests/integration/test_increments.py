"""A warehouse that grew day by day is the one that is built at once, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import duckdb
import pytest

from tests import generated
from tests.integration.test_generated import generated_home  # noqa: F401  (the fixture: built at once)
from warehouse import stores
from warehouse.transformation import run_dbt

pytestmark = pytest.mark.slow

LATE = "raw.board__h41"
"""Lands 40 days late in the history that grows."""
HOURS_BEFORE_THE_END = (9 * 24 + 5.5, 8 * 24 + 10, 75, 0)
"""When the history is built: at once, at the next afternoon, when what is late lands, and at the end."""


def grown(settings, world):
    """Build what was known at first, and then what came; yield what each later build had to do."""
    end = world.plan.known_to
    first, *later = [end - timedelta(hours=hours) for hours in HOURS_BEFORE_THE_END]
    at_first = replace(settings, now=first.isoformat())
    generated.fill(at_first, world=world, known_to=first)
    with stores.open_warehouse(at_first) as connection:
        known = f"known_at <= timestamptz '{first - timedelta(days=40)}'"
        connection.execute(f"create table build.late as select * from {LATE} where not {known}")
        connection.execute(f"create or replace table {LATE} as select * from {LATE} where {known} order by rowid")
    run_dbt(at_first, "seeds", "seed")
    generated.build(at_first, first)
    for before, now in pairwise([first, *later]):
        then = replace(settings, now=now.isoformat())
        generated.fill(then, world=world, after=before, known_to=now)
        if now == later[1]:
            with stores.open_warehouse(then) as connection:
                connection.execute(f"insert into {LATE} by name select * from build.late")
        yield generated.build(then, now)


def differing(grown_file, whole_file):
    """Return the tables whose rows differ (name, rows of the grown one alone, of the whole one alone), and how many are."""
    found = []
    with duckdb.connect(str(grown_file), read_only=True) as connection:
        connection.execute(f"attach '{whole_file}' as whole (read_only)")
        tables = connection.execute(
            """select schema_name || '.' || table_name, string_agg('"' || column_name || '"', ', ')
            from duckdb_columns()
            where database_name = 'whole' and schema_name in ('staging', 'intermediate', 'marts', 'metrics')
                and column_name <> 'run_id'  -- who computed a row differs
                and (schema_name, table_name) in (select (schema_name, table_name) from duckdb_tables())
            group by all"""
        ).fetchall()
        for table, columns in tables:
            sides = f"(select {columns} from {table})", f"(select {columns} from whole.{table})"
            alone = [
                connection.execute(f"select count(*) from ({one} except all {other})").fetchone()[0]
                for one, other in (sides, sides[::-1])
            ]
            if any(alone):
                found.append((table, *alone))
    return found, len(tables)


def test_growing_day_by_day_gives_what_building_at_once_does(generated_home, tmp_path):  # noqa: F811
    world = generated.World(generated.Plan(years=6))
    settings = replace(generated_home, home=tmp_path / "grown")
    steps = list(grown(settings, world))
    since = [world.plan.known_to - increment.since for increment, _ in steps]
    # At a cut-off's eve, as far back as what was late, and no further than the days that were missing.
    assert since[0] <= timedelta(days=10)
    assert since[1] > timedelta(days=30)
    assert since[2] <= timedelta(days=4)
    # A model none of whose inputs changed is left alone; in the last step nothing landed that only companies report.
    results = {r.node.rpartition(".")[2]: r.message for r in steps[2][1]}
    assert results["int_capex__quarter_states"] == "UNCHANGED"
    assert results["metric_observations"] != "UNCHANGED"
    found, compared = differing(settings.warehouse, generated_home.warehouse)
    assert found == []
    assert compared > 150
