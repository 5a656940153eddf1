"""OpenLineage events of the verbs, to a server on loopback; and that lineage never fails a run."""

from __future__ import annotations

import os
from uuid import UUID, uuid4

import pytest

from tests import openlineage_events
from tests.receivers import WebHook
from tests.unit.toy import Reply, rate
from warehouse import lineage_events, pipeline, runs
from warehouse.errors import SourceUnavailable

LINEAGE = "/api/v1/lineage"


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No variable of whoever runs the tests, nor what the client makes of them; and a process that has not given up."""
    for name in [n for n in os.environ if n.startswith("OPENLINEAGE")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(lineage_events, "_is_dead", False)
    yield
    for name in [n for n in os.environ if n.startswith("OPENLINEAGE")]:
        del os.environ[name]


@pytest.fixture
def collector(monkeypatch):
    server = WebHook(LINEAGE, status=200)
    monkeypatch.setenv("OPENLINEAGE_URL", server.origin)
    yield server
    server.close()


def ends(collector):
    """Events that end a run, read by the client's own classes."""
    events = [openlineage_events.read(each) for each in collector.taken]
    begun = [each.run.runId for each in events if each.eventType.name == "START"]
    ended = [each for each in events if each.eventType.name != "START"]
    assert begun  # every run begins once and ends once
    assert sorted(begun) == sorted(each.run.runId for each in ended)
    return ended


def test_a_landing_leads_from_the_publishers_address_to_the_landed_folder(home, collector, publisher):
    home.says(rate("2026-01-01", 1), rate("2026-01-02", 2))
    home.land()
    (event,) = ends(collector)
    assert (event.eventType.name, event.job.namespace, event.job.name) == ("COMPLETE", "drypowder", "land.toy.rates")
    assert [(each.namespace, each.name) for each in event.inputs] == [(publisher.url, "rates/all")]
    (output,) = event.outputs
    assert (output.namespace, output.name) == ("file", str(home.settings.landing / "toy" / "rates"))
    (file,) = (home.settings.landing / "toy" / "rates").rglob("*.parquet")
    statistics = output.outputFacets["outputStatistics"]
    assert (statistics.rowCount, statistics.size, statistics.fileCount) == (2, file.stat().st_size, 1)
    assert [each["name"] for each in output.facets["schema"].fields] == ["day", "rate_pct"]


def test_a_landing_that_failed_says_why_and_keeps_the_key_to_itself(home, collector, publisher, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_FRED_KEY", "0123456789abcdef")
    publisher.says("/rates/all", Reply(b"no entry for 0123456789abcdef", 403))
    with pytest.raises(SourceUnavailable):
        home.land()
    (event,) = ends(collector)
    assert event.eventType.name == "FAIL"
    assert "no entry for *****" in event.run.facets["errorMessage"].message
    assert [each.name for each in event.inputs] == ["rates/all"]
    assert event.outputs == []


def test_a_step_names_its_run_and_the_schedulers_run_above_it(home, collector):
    home.says(rate("2026-01-01", 1))
    above = str(uuid4())
    with runs.under(runs.Run(id="ingest/tick", parent=f"team/eu/ingest.land/{above}")):
        home.land()
    (event,) = ends(collector)
    assert {"key": "run_id", "value": "ingest/tick", "source": "drypowder"} in event.run.facets["tags"].tags
    parent = event.run.facets["parent"]
    assert (parent.run["runId"], parent.job["namespace"], parent.job["name"]) == (above, "team/eu", "ingest.land")


def test_the_id_of_a_step_is_that_of_its_run(home, collector):
    import json

    home.says(rate("2026-01-01", 1))
    home.land()
    (event,) = ends(collector)
    (path,) = home.settings.steps.glob("*.json")
    assert UUID(event.run.runId) == UUID(json.loads(path.read_text())["step_id"])


@pytest.mark.slow
def test_a_gate_leads_from_the_landed_folder_to_raw_and_tells_its_findings(home, collector):
    home.says(rate("2026-01-01", 1))
    home.land()
    home.promote()
    (event,) = [each for each in ends(collector) if each.job.name == "validate.toy.rates"]
    (validate,) = [each for each in ends(collector) if each.job.name == "validate"]
    assert event.run.facets["parent"].run["runId"] == validate.run.runId
    (given,), (made,) = event.inputs, event.outputs
    assert given.name == str(home.settings.landing / "toy" / "rates")
    assertions = given.inputFacets["dataQualityAssertions"].assertions
    assert {each["success"] for each in assertions} == {True}
    assert "error" in {each["severity"] for each in assertions}
    assert (made.namespace, made.name) == (f"duckdb://{home.settings.warehouse}", "warehouse.raw.toy__rates")
    assert made.outputFacets["outputStatistics"].rowCount == 1


@pytest.mark.slow
def test_a_table_that_is_held_back_fails_alone(home, collector, monkeypatch):
    import great_expectations.expectations as gxe

    import expectations

    suite = expectations.suite(
        home.table, home.source, gxe.ExpectColumnMaxToBeBetween(column="rate_pct", max_value=9, severity="critical")
    )
    monkeypatch.setattr(expectations, "incoming_suites", lambda: {("toy", "rates"): suite})
    home.says(rate("2026-01-01", 10))
    home.land()
    home.promote()
    of_table = next(each for each in ends(collector) if each.job.name == "validate.toy.rates")
    assert (of_table.eventType.name, of_table.outputs) == ("FAIL", [])
    assert "expect_column_max_to_be_between" in of_table.run.facets["errorMessage"].message
    failed = [a for a in of_table.inputs[0].inputFacets["dataQualityAssertions"].assertions if not a["success"]]
    assert [(each["column"], each["severity"]) for each in failed] == [("rate_pct", "error")]
    assert next(each for each in ends(collector) if each.job.name == "validate").eventType.name == "COMPLETE"


def test_without_a_variable_nothing_is_imported_or_sent(home, monkeypatch):
    monkeypatch.setattr(lineage_events, "address", None)  # whoever called it would fail
    home.says(rate("2026-01-01", 1))
    assert home.land().rows == 1
    assert not lineage_events.is_on()


def test_a_collector_that_refuses_is_asked_once_and_the_run_goes_on(home, monkeypatch, caplog):
    server = WebHook(LINEAGE, status=400)
    monkeypatch.setenv("OPENLINEAGE_URL", server.origin)
    home.says(rate("2026-01-01", 1))
    assert home.land().rows == 1
    home.says(rate("2026-01-01", 2))
    assert home.land().rows == 1
    assert server.requests == 1
    assert caplog.text.count("no more lineage from this process") == 1
    server.close()


@pytest.mark.parametrize(
    "variables",
    [
        {"OPENLINEAGE__TRANSPORT": '{"type": "no_such"}'},
        {"OPENLINEAGE__TRANSPORT": "no json"},
        {"OPENLINEAGE__TRANSPORT": '{"type": "file", "log_file_path": "/no/such/folder/x.jsonl", "append": true}'},
        {"OPENLINEAGE_URL": "http://127.0.0.1:9", "OPENLINEAGE__TRANSPORT__TIMEOUT": "1"},
        {"OPENLINEAGE_PARENT_ID": "not a parent", "OPENLINEAGE_URL": "http://127.0.0.1:9"},
    ],
)
def test_wrong_settings_of_lineage_fail_no_run(home, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    home.says(rate("2026-01-01", 1))
    assert home.land().rows == 1


def test_it_is_off_where_its_own_variable_says_so(home, collector, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    home.says(rate("2026-01-01", 1))
    assert home.land().rows == 1
    assert collector.requests == 0


def test_an_interrupted_verb_has_failed(home, collector, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "land_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        home.land()
    (event,) = ends(collector)
    assert event.eventType.name == "FAIL"
