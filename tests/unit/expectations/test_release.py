import re
from datetime import UTC, datetime

import pytest

from expectations.release import DERIVED, FED_BY, release_suites
from tests.unit.expectations.conftest import WarehouseFile, empty
from warehouse.settings import PROJECT_ROOT
from warehouse.sources import tables
from warehouse.validation import judge

NOW = datetime(2026, 7, 25, tzinfo=UTC)

OBSERVATION = {
    "metric_id": "'capex_q'",
    "entity_type": "'company'",
    "entity_id": "'NVDA'",
    "grain": "'fiscal_quarter'",
    "period_start": "date '2025-10-27'",
    "period_end": "date '2026-01-25'",
    "value": "1.284",
    "unit": "'usd_bn'",
    "known_at": "timestamptz '2026-02-26 04:59:59+00'",
    "known_until": "null::timestamptz",
    "metric_version": "1",
    "parameter_set": "'default'",
    "null_reason": "null::varchar",
}


def observation(**changed):
    return "select " + ", ".join(f"{sql} as {name}" for name, sql in {**OBSERVATION, **changed}.items())


@pytest.fixture(scope="module")
def as_built(tmp_path_factory):
    """The file as after a build: every mart has ten rows."""
    file = WarehouseFile(tmp_path_factory.mktemp("built") / "warehouse.duckdb")
    file.path.write_bytes(empty())
    file.run(
        *(f"create schema {schema}" for schema in ("marts", "metrics", "ops")),
        *(
            f"create table {name} as select * from range(10)"
            for name in (*FED_BY, *DERIVED)
            if name.startswith("marts.")
        ),
        *(f"insert into raw.{s.code}__{t.name} (_is_deleted) values (false)" for s, t in tables()),
        "create table metrics.dim_metric as select 'capex_q' as metric_id, 'usd_bn' as unit, 'reported' as kind",
        f"create table metrics.metric_observations as {observation()}",
        """
        create table metrics.golden_checks as
        select metric_id, 'NVDA' as entity_id, date '2026-01-25' as period_end, null::varchar as as_of,
            1.284 as expected_value, 1.284 as observed_value, 'holds' as verdict
        from unnest(['capex_q', 'capex_ttm', 'ocf_ttm']) as declared(metric_id)
        """,
        """
        create table ops.freshness as
        select 'sec' as source, 'company_facts' as table_name, date '2026-07-20' as newest_period_end,
            10 as stale_after_days
        """,
    )
    return file.path.read_bytes()


@pytest.fixture
def built(as_built, warehouse_file):
    """A copy of it."""
    warehouse_file.path.write_bytes(as_built)
    return warehouse_file


def failed(built, published=None, only=""):
    asked = [one for one in release_suites(published or {}, NOW) if one.table.startswith(only)]
    verdicts = judge(built.path, asked)
    return {(f.table, f.column or f.expectation): f for v in verdicts for f in v.findings if not f.success}


def test_every_mart_of_the_dbt_project_is_judged():
    marts = {f"marts.{model.stem}" for model in (PROJECT_ROOT / "dbt_project" / "models" / "marts").rglob("*.sql")}
    assert marts
    assert marts == {name for name in (*FED_BY, *DERIVED) if name.startswith("marts.")}


def test_every_source_that_feeds_a_mart_is_landed():
    landed = {f"{source.code}__{table.name}" for source, table in tables()}
    assert {raw for fed_by in FED_BY.values() for raw in fed_by} <= landed


def test_a_release_as_it_should_be_passes(built):
    assert failed(built, {"marts.fct_auctions": 10, "metrics.metric_observations": 1}) == {}


@pytest.mark.parametrize(("published", "stops"), [(10, False), (1000, True)])
def test_a_table_that_lost_more_than_one_row_in_a_hundred_stops_the_release(built, published, stops):
    found = failed(built, {"marts.fct_auctions": published})
    assert set(found) == ({("marts.fct_auctions", "row_count_kept")} if stops else set())


@pytest.mark.parametrize(("published", "stops"), [(380, False), (800, True)])
def test_weights_may_lose_years_to_a_component_whose_past_arrives_later(built, published, stops):
    built.run(
        "create or replace table marts.fct_index_weights as select 'csi' as index_id, 'pca-' || y as weight_version, "
        "'c' || c as component_id from range(19) as years(y), range(19) as components(c)"
    )
    found = failed(built, {"marts.fct_index_weights": published}, only="marts.fct_index_weights")
    assert set(found) == ({("marts.fct_index_weights", "row_count_kept")} if stops else set())


def test_a_published_table_that_is_gone_stops_the_release(built):
    assert set(failed(built, {"marts.fct_old": 3})) == {("marts.fct_old", "table_exists")}


def test_an_empty_mart_stops_the_release_when_its_source_landed(built):
    built.run("delete from marts.fct_auctions")
    assert set(failed(built)) == {("marts.fct_auctions", "not_empty")}


def test_an_empty_mart_is_right_when_its_source_never_landed(built):
    built.run("delete from marts.fct_auctions", "delete from raw.fiscaldata__auctions")
    assert failed(built) == {}


def test_an_emptied_mart_that_readers_have_stops_the_release_even_without_a_source(built):
    built.run("delete from marts.fct_auctions", "delete from raw.fiscaldata__auctions")
    assert set(failed(built, {"marts.fct_auctions": 10})) == {("marts.fct_auctions", "row_count_kept")}


def test_a_stale_source_is_said_and_does_not_stop_the_release(built):
    built.run("update ops.freshness set newest_period_end = date '2026-07-14'")
    finding = failed(built)["ops.freshness", "fresh"]
    assert finding.severity == "warning"
    assert "source=sec, table_name=company_facts, newest_period_end=2026-07-14" in finding.detail


@pytest.mark.parametrize("column", ["metric_id", "entity_type", "entity_id", "grain", "period_end", "unit", "known_at"])
def test_an_observation_without_its_key_unit_or_time_stops_the_release(built, column):
    built.run(f"update metrics.metric_observations set {column} = null")
    assert (
        failed(built, only="metrics.metric_observations")["metrics.metric_observations", column].severity == "critical"
    )


@pytest.mark.parametrize(
    ("expectation", "severity", "statement"),
    [
        ("unit_of_its_metric", "critical", "update metrics.metric_observations set unit = 'usd_m'"),
        ("unit_of_its_metric", "critical", "update metrics.dim_metric set metric_id = 'another'"),
        ("known_for_some_time", "critical", "update metrics.metric_observations set known_until = known_at"),
        (
            "one_version_known_last",
            "critical",
            "insert into metrics.metric_observations " + observation(value="9", known_at="now()"),
        ),
        ("a_number_or_a_reason", "critical", "update metrics.metric_observations set value = null"),
        (
            "a_number_or_a_reason",
            "critical",
            "create or replace table metrics.metric_observations as " + observation(value="'nan'::double"),
        ),
        (
            "known_after_its_period",
            "warning",
            "update metrics.metric_observations set known_at = timestamptz '2026-01-24 23:00:00+00'",
        ),
    ],
)
def test_a_broken_observation_is_found(built, expectation, severity, statement):
    built.run(statement)
    finding = failed(built, only="metrics.metric_observations")["metrics.metric_observations", expectation]
    assert finding.severity == severity
    assert "could not be judged" not in finding.detail


def test_an_observation_that_was_replaced_is_no_second_open_version(built):
    built.run(
        "insert into metrics.metric_observations "
        + observation(value="1.3", known_at="timestamptz '2026-02-25 00:00:00+00'", known_until=OBSERVATION["known_at"])
    )
    assert failed(built) == {}


def test_a_value_that_cannot_be_computed_passes_with_its_reason(built):
    built.run("update metrics.metric_observations set value = null, null_reason = 'mixed_vintage'")
    assert failed(built) == {}


@pytest.mark.parametrize("verdict", ["'fails'", "null"])
def test_a_golden_value_that_comes_out_as_another_stops_the_release(built, verdict):
    built.run(f"update metrics.golden_checks set verdict = {verdict}, observed_value = 9 where metric_id = 'ocf_ttm'")
    finding = failed(built, only="metrics.golden_checks")["metrics.golden_checks", "golden_values"]
    assert finding.severity == "critical"
    assert re.search("metric_id=ocf_ttm, entity_id=NVDA, .* expected_value=1.284, observed_value=9", finding.detail)


@pytest.mark.parametrize("verdict", ["'fails'", "'not_landed'"])
def test_a_metric_that_lost_a_company_which_landed_stops_the_release(built, verdict):
    built.run(
        f"update metrics.golden_checks set verdict = {verdict}, observed_value = null where metric_id = 'ocf_ttm'"
    )
    finding = failed(built, only="metrics.golden_checks")["metrics.golden_checks", "golden_values_of_companies_present"]
    assert finding.severity == "critical"


@pytest.mark.parametrize("moved", ["entity_id = 'META'", "entity_id = 'US'", "period_end = date '2020-01-26'"])
def test_a_golden_value_of_what_did_not_land_is_said_and_does_not_stop_the_release(built, moved):
    built.run(
        f"update metrics.golden_checks set verdict = 'not_landed', observed_value = null, {moved}",
        "insert into metrics.metric_observations " + observation(entity_type="'system'", entity_id="'US'"),
    )
    found = failed(built, only="metrics.golden_checks")
    assert set(found) == {("metrics.golden_checks", "golden_values_all_asked")}
    assert found["metrics.golden_checks", "golden_values_all_asked"].severity == "warning"


def test_a_release_whose_metrics_declare_no_golden_value_is_stopped(built):
    built.run("delete from metrics.golden_checks where metric_id = 'capex_ttm'")
    assert set(failed(built)) == {("metrics.golden_checks", "metric_id")}


def test_a_table_that_is_to_go_is_said_and_does_not_stop_the_release(built):
    suites = release_suites({}, NOW, {"marts.fct_auctions": "It goes on 2027-06-01."})
    verdicts = judge(built.path, [suite for suite in suites if suite.table == "marts.fct_auctions"])
    [warning] = [finding for each in verdicts for finding in each.warnings]
    assert warning.suite == "release.marts.fct_auctions.deprecation"
    assert warning.detail.startswith("It goes on 2027-06-01.")
    assert not [finding for each in verdicts for finding in each.failures]
