"""What `explain` reads of a release: which grain, whose rows, and of which period and state of knowledge."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.errors import QueryFailed
from warehouse.provenance import explain
from warehouse.release import _macros
from warehouse.settings import Settings


@pytest.fixture
def connection():
    """Return three metrics: `cash` by week, month and quarter, `share` of it by month, `mood` of it by day.

    And `capex_ttm` of a group with two members, and of a company outside.
    """
    with duckdb.connect() as opened:
        opened.execute("""
            create schema metrics; create schema marts; create schema ops;
            create table metrics.dim_metric as from (values
                ('cash', null), ('share', 'cash'), ('mood', 'cash'), ('capex_ttm', 'table:fct_company_cash_flows_quarterly')
            ) as t(metric_id, inputs);
            alter table metrics.dim_metric add column formula varchar default 'as published';
            create table marts.dim_company as from (values
                ('MSFT', 'ai_hyperscalers'), ('META', 'ai_wide, ai_hyperscalers'), ('MU', 'memory')
            ) as t(ticker, universes);
            create table ops.documents (url varchar, body_sha256 varchar, fetched_at timestamptz);
            create table metrics.metric_observations (
                metric_id varchar, entity_type varchar default 'system', entity_id varchar default 'US', grain varchar,
                period_start date, period_end date, value double, unit varchar default 'usd_bn',
                coverage double default 1, null_reason varchar, pit_quality varchar default 'dated',
                parameter_set varchar default 'default', known_at timestamptz default '2026-01-02 00:00:00+00',
                known_until timestamptz, origin varchar default 'live', source_url varchar);
            create table marts.fct_company_cash_flows_quarterly as
            select
                ticker, 'capex' as concept, date '2025-12-31' as period_end, 'Payments' as tag, 1e9 as value_usd,
                4e9 as ttm_usd, '0000000000-26-000001' as accession_number, timestamptz '2026-01-01 00:00:00+00' as known_at,
                null::timestamptz as known_until, 'live' as origin, 'https://example.org/' || ticker as source_url
            from marts.dim_company
        """)
        opened.execute(_macros(Settings()))
        for metric, grain, period_end, value in (
            ("cash", "week", "2025-12-31", 1.0), ("cash", "month", "2025-12-31", 2.0),
            ("cash", "calendar_quarter", "2025-12-31", 3.0), ("cash", "week", "2025-12-24", 4.0),
            ("share", "month", "2025-12-31", 5.0), ("share", "fiscal_year", "2025-12-31", 6.0),
            ("mood", "day", "2025-12-31", 7.0),
        ):  # fmt: skip
            observe(opened, metric_id=metric, grain=grain, period_end=period_end, value=value)
        observe(
            opened,
            metric_id="capex_ttm",
            entity_id="ai_core",
            grain="calendar_quarter",
            period_end="2025-12-31",
            value=8.0,
        )
        yield opened


def observe(connection, **row):
    connection.execute(
        f"insert into metrics.metric_observations ({', '.join(row)}) values ({', '.join('?' * len(row))})",
        list(row.values()),
    )


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


def test_a_group_is_made_of_its_members_alone(connection):
    rows = explain(connection, "capex_ttm", "ai_core", "latest").inputs
    assert sorted(row.entity for row in rows) == ["META", "MSFT"]
