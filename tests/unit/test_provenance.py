"""What `explain` reads of a release: which grain, whose rows, and of which period and state of knowledge."""

from __future__ import annotations

import datetime as dt
import io
from types import SimpleNamespace

import duckdb
import pytest
from rich.console import Console

from warehouse.errors import QueryFailed
from warehouse.metric_report import print_metric, print_metrics, print_provenance
from warehouse.packing import macros
from warehouse.provenance import declared_metrics, explain, of_claim
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
            alter table metrics.dim_metric add column kind varchar default 'reported';
            alter table metrics.dim_metric add column label varchar default 'Label';
            alter table metrics.dim_metric add column description varchar default 'What it is.';
            alter table metrics.dim_metric add column unit varchar default 'usd_bn';
            alter table metrics.dim_metric add column polarity integer default 1;
            alter table metrics.dim_metric add column additivity varchar default 'flow';
            alter table metrics.dim_metric add column claims varchar default 'C1';
            alter table metrics.dim_metric add column grains varchar default 'day';
            alter table metrics.dim_metric add column metric_version integer default 1;
            alter table metrics.dim_metric add column owner varchar default 'macro-data';
            alter table metrics.dim_metric add column expected_lag_days integer default 1;
            alter table metrics.dim_metric add column freshness_sla_days integer default 2;
            alter table metrics.dim_metric add column caveats varchar default 'None.';
            update metrics.dim_metric set kind = 'state' where metric_id = 'mood';
            create table marts.dim_company as from (values
                ('MSFT', 'ai_hyperscalers'), ('META', 'ai_wide, ai_hyperscalers'), ('MU', 'memory')
            ) as t(ticker, universes);
            create table marts.fct_observations as from (values ('yield_10y')) as t(series_id);
            create table ops.freshness as from (values
                ('fed', 'h15', timestamptz '2026-01-01 00:00:00+00'), ('nyfed', 'repo', null)
            ) as t(source, table_name, last_changed_at);
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
        opened.execute("""
            create view metrics.parameter_sets as
            select distinct parameter_set from metrics.metric_observations union select 'default'
        """)
        opened.execute(macros(Settings()))
        opened.execute("""
            create view metrics.latest as
            from metrics.as_of(timestamptz '2026-01-20 12:00:00+00')
        """)
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
        observe(  # which tells the clock: nothing else became known so late
            opened, metric_id="capex_ttm", entity_type="company", entity_id="MU", grain="fiscal_quarter",
            period_end="2025-12-31", value=9.0, known_at="2026-01-20 12:00:00+00",
        )  # fmt: skip
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


def test_what_is_not_known_by_the_release_s_clock_is_not_shown(connection):
    observe(
        connection, metric_id="capex_ttm", entity_id="ai_core", grain="calendar_quarter", period_end="2026-03-31",
        null_reason="missing_members: META", known_at="2026-04-01 00:00:00+00",
    )  # fmt: skip
    assert str(explain(connection, "capex_ttm", "ai_core", "latest").period_end) == "2025-12-31"
    assert explain(connection, "capex_ttm", "ai_core", "latest", as_of="2027-01-01").value == 8
    with pytest.raises(QueryFailed, match="between 2025-12-31 and 2025-12-31"):
        explain(connection, "capex_ttm", "ai_core", "2026-03-31")


@pytest.mark.parametrize("as_of", ["2026-01-02", "2026-01-02T00:00Z", "2026-01-02 01:00:00+01:00"])
def test_as_of_is_a_day_in_new_york_or_an_instant(connection, as_of):
    assert explain(connection, "mood", "US", "latest", as_of=as_of).value == 7


@pytest.mark.parametrize("as_of", ["2026-01-03 12:00", "yesterday", "2026-13-45", ""])
def test_another_as_of_is_refused_with_what_is_one(connection, as_of):
    with pytest.raises(QueryFailed) as refused:
        explain(connection, "mood", "US", "latest", as_of=as_of)
    for said in ("--as-of", "its end in New York", "2026-02-04T22:00Z", repr(as_of)):
        assert said in str(refused.value)


def test_a_hint_is_of_the_entity_the_parameter_set_and_the_grain(connection):
    observe(connection, metric_id="cash", grain="month", period_end="2020-01-31", value=1.0, parameter_set="low")
    observe(connection, metric_id="cash", entity_id="JP", grain="month", period_end="2010-01-31", value=1.0)
    with pytest.raises(QueryFailed, match=r"between 2025-12-31 and 2025-12-31 \(month"):
        explain(connection, "cash", "US", "2026-06-30", grain="month")
    with pytest.raises(QueryFailed, match=r"between 2025-12-24 and 2025-12-31 \(week"):
        explain(connection, "cash", "US", "2026-06-30")
    with pytest.raises(QueryFailed, match="a grain of month; got"):
        explain(connection, "cash", "US", "latest", grain="week", parameter_set="low")
    with pytest.raises(QueryFailed, match="a parameter set of default; got"):
        explain(connection, "cash", "JP", "latest", parameter_set="low")
    with pytest.raises(QueryFailed, match="an entity such as JP, US; got"):
        explain(connection, "cash", "FR", "latest")


def test_an_unchanged_null_is_the_state_of_every_later_day(connection):
    observe(
        connection, metric_id="mood", grain="day", period_start="2026-01-01", period_end="2026-01-01",
        null_reason="missing_input: cash", known_at="2026-01-01 22:00:00+00",
    )  # fmt: skip
    node = explain(connection, "mood", "US", "2026-01-15")
    assert (str(node.period_end), str(node.since)) == ("2026-01-15", "2026-01-01")
    assert (node.value, node.null_reason) == (None, "missing_input: cash")
    assert node.known_at == dt.datetime(2026, 1, 15, 22, tzinfo=dt.UTC)
    assert [each.value for each in node.inputs] == [1]  # which was not known when the NULL began
    assert explain(connection, "mood", "US", "2026-01-01").since is None
    for period in ("2026-01-17", "2026-01-20", "2025-12-30"):  # Saturday; cut-off after the clock; before the first
        with pytest.raises(QueryFailed, match="between 2025-12-31 and 2026-01-20 .*Monday to Friday"):
            explain(connection, "mood", "US", period)
    observe(
        connection, metric_id="mood", grain="day", period_end="2026-01-16", value=9.0, known_at="2026-01-16 22:00:00+00"
    )
    with pytest.raises(QueryFailed, match="between 2025-12-31 and 2026-01-16"):  # a value is of its own day alone
        explain(connection, "mood", "US", "2026-01-19")


def test_an_input_s_unchanged_null_is_that_of_the_figure_s_day(connection):
    connection.execute("update metrics.dim_metric set inputs = 'mood' where metric_id = 'share'")
    observe(
        connection, metric_id="mood", grain="week", period_end="2026-01-02", null_reason="stale",
        known_at="2026-01-02 22:00:00+00",
    )  # fmt: skip
    observe(
        connection, metric_id="share", grain="week", period_end="2026-01-18", value=1.0, known_at="2026-01-19 00:00:00Z"
    )
    (mood,) = explain(connection, "share", "US", "2026-01-18").inputs
    assert (str(mood.period_end), str(mood.since)) == ("2026-01-16", "2026-01-02")  # the Friday
    buffer = io.StringIO()
    print_provenance(mood, Console(file=buffer, width=200))
    assert "mood US 2026-01-16 = NULL since 2026-01-02 (stale)" in buffer.getvalue()


def test_nulls_are_counted_by_reason_and_not_by_the_input_that_has_it(connection):
    for day, reason in enumerate(
        ("cash: missing_prior_year", "denominator: missing_prior_year", "missing_input: cash", "stale"), start=1
    ):
        observe(
            connection,
            metric_id="share",
            entity_id=f"C{day}",
            grain="month",
            period_end="2026-01-10",
            null_reason=reason,
        )
    (share,) = declared_metrics(connection, "share")
    assert share.nulls_because == "missing_prior_year, missing_input, stale"


@pytest.fixture
def without_rows(connection):
    connection.execute("""
        insert into metrics.dim_metric by name from (values
            ('srf', 'series:srf, series:yield_10y'), ('repo', 'srf, table:staging.stg_nyfed__repo, table:stg_fed__h15'),
            ('later', 'series:yield_10y, table:thesis_parameters')
        ) as t(metric_id, inputs)
    """)
    return connection


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("srf", "no rows yet: series:srf not landed"),
        ("repo", "no rows yet: table:staging.stg_nyfed__repo, series:srf not landed"),
        ("later", "no rows yet: what has landed does not suffice"),
    ],
)
def test_a_metric_without_rows_says_so_and_which_inputs_did_not_land(without_rows, metric, why):
    with pytest.raises(QueryFailed, match=f"{metric} has {why}"):
        explain(without_rows, metric, "US", "latest")
    (found,) = declared_metrics(without_rows, metric)
    for print_it in (
        lambda console: print_metrics([found], console),
        lambda console: print_metric(found, {metric: found}, console),
    ):
        buffer = io.StringIO()
        print_it(Console(file=buffer, width=400))
        assert why in buffer.getvalue()
        assert "None," not in buffer.getvalue()
        assert "none among the newest" not in buffer.getvalue()


@pytest.mark.parametrize("as_of", [None, "2026-02-04"])
def test_a_parameter_set_that_there_is_not_is_said_as_an_error_of_ours(connection, as_of):
    with pytest.raises(QueryFailed, match="no parameter set nope; expected one of default"):
        explain(connection, "mood", "US", "latest", as_of=as_of, parameter_set="nope")


def test_metrics_of_a_claim_are_found_in_either_case_and_a_claim_without_any_is_refused():
    found = [SimpleNamespace(metric_id="a", claims="C2, C10"), SimpleNamespace(metric_id="b", claims="")]
    assert [each.metric_id for each in of_claim(found, "c10")] == ["a"]
    for unknown in ("C99", "C1", "nonsense"):
        with pytest.raises(QueryFailed, match=f"expected one of C2, C10; got {unknown}"):
            of_claim(found, unknown)
