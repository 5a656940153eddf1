"""The SQL of docs/running.md's alerts: the guard takes it, and it says what it is said to say."""

from __future__ import annotations

import re
from datetime import date, timedelta

import duckdb
import pytest

from warehouse.querying import HARDENED, guard
from warehouse.settings import PROJECT_ROOT

SCARCITY, REGIME = re.findall(r"```sql alert\n(.*?)```", (PROJECT_ROOT / "docs" / "running.md").read_text(), re.DOTALL)
FIRST = date(2026, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("sql", [SCARCITY, REGIME])
def test_a_release_answers_it_with_one_figure_at_most(built, sql):
    path = str(built.home / "current" / "warehouse.duckdb")
    with duckdb.connect(path, read_only=True, config=dict(HARDENED)) as connection:
        answer = connection.execute(guard(connection, sql))
        assert len(answer.description) == 1
        assert len(answer.fetchall()) <= 1


@pytest.fixture
def planted():
    with duckdb.connect() as connection:
        connection.execute("create schema marts; create schema metrics")
        connection.execute(
            "create table metrics.latest (metric_id varchar, entity_id varchar, period_end date, value double)"
        )
        connection.execute(
            "create table marts.fct_liquidity_regime_daily (parameter_set varchar, date_day date, regime varchar)"
        )
        yield connection


def test_the_newest_value_of_the_index_is_what_is_compared(planted):
    rows = [("csi", "US", 0, 50.0), ("csi", "US", 1, 70.0), ("csi", "US", 2, None), ("csi_pca", "US", 3, 1.0)]
    for metric, entity, day, value in rows:
        planted.execute(
            "insert into metrics.latest values (?, ?, ?, ?)", [metric, entity, FIRST + timedelta(day), value]
        )
    assert planted.execute(SCARCITY).fetchall() == [(70.0,)]


@pytest.mark.parametrize(
    ("regimes", "told"),
    [
        (["TRANSITION", "TRANSITION", "DRAIN"], [("DRAIN",)]),
        (["TRANSITION", "DRAIN", "DRAIN"], []),
        (["DRAIN"], []),
        ([], []),
    ],
)
def test_a_change_of_regime_is_told_on_the_day_it_comes(planted, regimes, told):
    for day, regime in enumerate(regimes):
        for parameters in ("default", "strict"):
            row = [parameters, FIRST + timedelta(day), regime if parameters == "default" else f"other {day}"]
            planted.execute("insert into marts.fct_liquidity_regime_daily values (?, ?, ?)", row)
    assert planted.execute(REGIME).fetchall() == told
