"""What is refused before MetricFlow is asked, since it would add it up, and in which order it is asked for rows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from warehouse import semantics
from warehouse.errors import QueryFailed
from warehouse.release import SEMANTIC_MANIFEST
from warehouse.settings import Settings

GRAIN, ENTITY, TYPE = (f"{{{{ Dimension('observation__{name}') }}}}" for name in ("grain", "entity_id", "entity_type"))
SINCE = "{{ TimeDimension('metric_time', 'month') }} >= '2020-02-01'"


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Ask a release of three metrics; return what MetricFlow was told, without starting it."""
    (tmp_path / SEMANTIC_MANIFEST).touch()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("""
            create schema metrics;
            create table metrics.dim_metric as select * from (values
                ('issued', 'week, month'), ('spent', 'quarter'), ('spent_ttm', 'fiscal_quarter, calendar_quarter')
            ) as t (metric_id, grains);
            create table metrics.latest as select metric_id, entity_type, entity_id, grain, day::date as period_end
            from (values
                ('issued', 'system', 'US', 'week', '2020-01-10'),
                ('issued', 'system', 'US', 'month', '2020-01-31'),
                ('issued', 'system', 'US', 'month', '2020-02-28'),
                ('spent', 'company', 'MSFT', 'quarter', '2020-03-31'),
                ('spent', 'company', 'NVDA', 'quarter', '2020-03-31'),
                ('spent', 'system', 'ai_core', 'quarter', '2020-03-31'),
                ('spent_ttm', 'company', 'MSFT', 'fiscal_quarter', '2020-03-31'),
                ('spent_ttm', 'company', 'NVDA', 'fiscal_quarter', '2020-04-26'),
                ('spent_ttm', 'system', 'ai_core', 'calendar_quarter', '2020-03-31')
            ) as t (metric_id, entity_type, entity_id, grain, day)
        """)
    told: list[str] = []

    def metricflow(command, **_):
        told.extend(command[command.index("query") + 1 :])
        Path(told[told.index("--csv") + 1]).write_text("answer\n1\n")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(semantics.subprocess, "run", metricflow)
    monkeypatch.setattr(semantics, "_lay_out", lambda *_: None)

    def _ask(*metrics, **options):
        told.clear()
        assert semantics.query(Settings(), tmp_path, metrics, **options) == [["answer"], ["1"]]
        return dict(zip(told[::2], told[1::2], strict=True))

    return _ask


@pytest.mark.parametrize(
    "options",
    [
        {"grain": "month"},
        {"where": f"{GRAIN} = 'month'"},
        {"where": SINCE},  # weeks are all before
        {"group_by": ["observation__grain", "metric_time__year"]},
    ],
)
def test_one_grain_is_added_up(ask, options):
    ask("issued", **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"group_by": ["metric_time__year"]},
        {"group_by": ["observation__entity_id", "metric_time__year"]},
        {"where": f"{ENTITY} = 'US'"},
        {"where": f"{GRAIN} in ('month', 'week')"},
        {"where": "{{ Metric('issued', group_by=['observation']) }} > 0"},  # not ours to read, so not seen to name one
    ],
)
def test_several_grains_are_refused(ask, options):
    with pytest.raises(QueryFailed, match=r"issued .*expected one grain; got month, week\..*--grain"):
        ask("spent", "issued", **{"where": f"{TYPE} = 'system'", **options})


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("spent", {"where": f"{TYPE} = 'company'"}),
        ("spent", {"where": f"{ENTITY} in ('ai_core', 'NVDA')"}),  # asked for by name
        ("spent", {"group_by": ["observation__entity_id"]}),
        ("spent", {"group_by": ["observation__entity_type", "metric_time__quarter"]}),
        ("spent_ttm", {"grain": "fiscal_quarter"}),  # which the group has not
        ("spent_ttm", {"group_by": ["observation__entity_id"]}),  # of each entity one grain
    ],
)
def test_members_are_added_up(ask, metric, options):
    ask(metric, **options)


@pytest.mark.parametrize(
    "options", [{}, {"group_by": ["metric_time__quarter"]}, {"where": SINCE}, {"grain": "quarter"}]
)
def test_a_group_is_not_added_to_its_members(ask, options):
    with pytest.raises(QueryFailed, match=r"spent .*got MSFT, NVDA, ai_core\. Group by observation__entity_id"):
        ask("spent", **options)


def test_a_grain_that_a_metric_has_not_is_refused_with_those_it_has(ask):
    with pytest.raises(QueryFailed, match="issued has no such grain; expected one of week, month; got monht"):
        ask("issued", grain="monht")


def test_the_grain_joins_the_filter(ask):
    told = ask("issued", where=f"{ENTITY} = 'US' or {ENTITY} = 'JP'", grain="month")
    assert told["--where"] == f"({ENTITY} = 'US' or {ENTITY} = 'JP') and {GRAIN} = 'month'"


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({}, "-metric_time__year,observation__entity_id"),
        ({"order": ["observation__entity_id"]}, "observation__entity_id"),
    ],
)
def test_rows_come_newest_first_unless_told_otherwise(ask, options, order):
    assert ask("spent", group_by=["observation__entity_id", "metric_time__year"], **options)["--order"] == order


def test_an_answer_of_one_row_is_not_ordered(ask):
    assert "--order" not in ask("issued", grain="month")
