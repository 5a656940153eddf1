"""Figures of several grains that end on one day are told apart, and so are the inputs of what they are made of."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb
import pytest

from warehouse.errors import QueryFailed
from warehouse.provenance import explain, of_claim
from warehouse.release import _macros
from warehouse.settings import Settings


@pytest.fixture
def connection():
    """Return three metrics: `cash` by week, month and quarter, `share` of it by month, `mood` of it by day."""
    with duckdb.connect() as opened:
        opened.execute("""
            create schema metrics; create schema marts;
            create table metrics.dim_metric as from (values ('cash', null), ('share', 'cash'), ('mood', 'cash'))
                as t(metric_id, inputs);
            create table marts.dim_company (ticker varchar, universes varchar);
            create table metrics.metric_observations as
            select
                metric_id, 'system' as entity_type, 'US' as entity_id, grain, null::date as period_start,
                period_end::date as period_end, value, 'usd_bn' as unit, 1.0 as coverage,
                null::varchar as null_reason, 'dated' as pit_quality, 'default' as parameter_set,
                timestamptz '2026-01-02 00:00:00+00' as known_at, null::timestamptz as known_until,
                'live' as origin, null::varchar as source_url
            from (values
                ('cash', 'week', '2025-12-31', 1.0), ('cash', 'month', '2025-12-31', 2.0),
                ('cash', 'calendar_quarter', '2025-12-31', 3.0), ('cash', 'week', '2025-12-24', 4.0),
                ('share', 'month', '2025-12-31', 5.0), ('share', 'fiscal_year', '2025-12-31', 6.0),
                ('mood', 'day', '2025-12-31', 7.0)
            ) as t(metric_id, grain, period_end, value)
        """)
        yield opened


@pytest.mark.parametrize("period", ["2025-12-31", "latest"])
def test_several_grains_are_refused_with_their_names(connection, period):
    with pytest.raises(QueryFailed) as refused:
        explain(connection, "cash", "US", period)
    assert "calendar_quarter, month, week" in str(refused.value)
    assert "--grain" in str(refused.value)


@pytest.mark.parametrize(("grain", "value"), [("week", 1), ("month", 2), ("calendar_quarter", 3)])
def test_the_grain_asked_for_answers(connection, grain, value):
    assert explain(connection, "cash", "US", "2025-12-31", grain=grain).value == value


def test_one_grain_needs_no_name(connection):
    assert explain(connection, "cash", "US", "2025-12-24").value == 4
    assert explain(connection, "mood", "US", "latest").value == 7


def test_a_grain_that_there_is_not_is_refused_with_those_that_there_are(connection):
    with pytest.raises(QueryFailed, match="by day") as refused:
        explain(connection, "cash", "US", "latest", grain="day")
    assert "calendar_quarter, month, week" in str(refused.value)


@pytest.mark.parametrize(
    ("metric", "grain", "read"), [("share", "month", 2), ("share", "fiscal_year", 3), ("mood", "day", 1)]
)
def test_an_input_is_of_the_figure_s_grain_or_of_that_which_fits(connection, metric, grain, read):
    # The same; the longest that is shorter; the shortest where all are longer.
    (found,) = explain(connection, metric, "US", "latest", grain=grain).inputs
    assert found.value == read


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"as_of": "2026-02-04 22:00"}, "without an offset"),
        ({"as_of": "2026-02-04", "parameter_set": "nope"}, "default"),
    ],
)
def test_what_as_of_refuses_is_said_as_an_error_of_ours(connection, asked, said):
    connection.execute("create table metrics.parameter_sets as select 'default' as parameter_set")
    connection.execute(_macros(Settings()))
    assert explain(connection, "mood", "US", "latest", as_of="2026-02-04").value == 7
    with pytest.raises(QueryFailed, match=said):
        explain(connection, "mood", "US", "latest", **asked)


def test_metrics_of_a_claim_are_found_in_either_case_and_a_claim_without_any_is_refused():
    found = [SimpleNamespace(metric_id="a", claims="C2, C10"), SimpleNamespace(metric_id="b", claims="")]
    assert [each.metric_id for each in of_claim(found, "c10")] == ["a"]
    for unknown in ("C99", "C1", "nonsense"):
        with pytest.raises(QueryFailed, match=f"expected one of C2, C10; got {unknown}"):
            of_claim(found, unknown)
