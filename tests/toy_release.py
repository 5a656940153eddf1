"""Releases of one small mart, published for real, for tests of what becomes of releases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from warehouse import release, stores
from warehouse.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODELS = """
models:
  - name: rates
    description: Rates.
    data_tests:
      - versions_do_not_overlap: {arguments: {key: [series_id, day]}}
    columns:
      - {name: value, data_type: double, description: A rate., config: {meta: {unit: percent}}}
"""


def toy_builder(folder: Path) -> Settings:
    """Make a home whose builder's file has a mart of ten days over a new year, and something in ops."""
    for name, text in {
        "macros/release_macros.sql": "{% macro release_macros() %}create or replace macro marts.twice(x) as 2 * x;{% endmacro %}",
        "models/metrics/_metrics.yml": "models: []",
        "models/marts/_marts.yml": MODELS,
    }.items():
        path = folder / "project" / "dbt_project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = Settings(home=folder / "home", project=folder / "project")
    say(
        settings,
        "create table marts.rates as select 's' || n % 2 as series_id, date '2023-12-28' + (n // 2)::integer as day, "
        "timestamptz '2024-01-05 00:00:00+00' as known_at, n / 7.0 as value, 'run' as run_id from range(20) as r (n)",
        "comment on table marts.rates is 'It''s of rates.'; comment on column marts.rates.value is 'A rate, in percent.'",
    )
    return settings


def say(settings: Settings, *statements: str) -> None:
    """Run statements in the builder's file."""
    with stores.open_warehouse(settings) as connection:
        for statement in statements:
            connection.execute(statement)


def publish(settings: Settings, now: datetime = NOW) -> release.Release:
    """Publish what the builder's file holds."""
    return release.publish(settings, now=now, run_id="run")


def restate(settings: Settings, value: int) -> None:
    """Change a row of 2024, so that the next release differs in one file of Parquet."""
    say(settings, f"update marts.rates set value = {value} where day = '2024-01-01'")
