"""What a whole run on the sample sends, records and logs."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests import openlineage_events
from tests.collectors import Sent
from tests.integration.conftest import command, environment
from warehouse import release, telemetry
from warehouse.settings import PROJECT_ROOT
from warehouse.sources import tables

pytestmark = pytest.mark.slow

OF_OTHERS = {
    "fetch",
    "fetch.bytes",
    "fetch.retries",
    "fetch.budget_wait",
    "landed.refused",
    "quarantine.rows",
    "lock.wait",
}
"""What a recorded, well-behaved run has none of; nor has a home's first release a lag. Unit tests send them."""


@pytest.fixture(scope="module")
def sent(built):
    return [Sent.of(line) for line in Path(f"{built.home}.statsd").read_text().splitlines()]


@pytest.fixture(scope="module")
def events(built):
    return [json.loads(line) for line in Path(f"{built.home}.lineage.jsonl").read_text().splitlines()]


def ask(built, sql):
    with release.connect(built.home) as connection:
        return connection.execute(sql).fetchall()


def test_a_run_sends_every_metric_that_it_can_have_with_the_tags_that_are_declared(sent):
    declared = {f"{telemetry.PREFIX}.{each.name}": each.tags for each in telemetry.METRICS}
    assert {(s.name, tuple(name for name, _ in s.tags)) for s in sent} == {
        (name, tags)
        for name, tags in declared.items()
        if name.removeprefix("drypowder.") not in {*OF_OTHERS, "release.lag"}
    }


def test_the_figures_sent_are_those_of_the_release(built, sent):
    rows = sum(s.value for s in sent if s.name == "drypowder.landed.rows")
    assert ask(built, "select sum(row_count) from ops.loads") == [(rows,)]
    models = [dict(s.tags)["model"] for s in sent if s.name == "drypowder.build.model"]
    assert len(models) == len(set(models)) > 100
    findings = Counter()
    for each in sent:
        if each.name == "drypowder.gate.findings":
            findings[tuple(dict(each.tags).values())] += each.value
    assert {(border, severity, "passed" if success else "failed"): n for border, severity, success, n in ask(
        built, "select border, severity, success, count(*) from ops.validations group by all"
    )} == findings  # fmt: skip


def test_every_event_is_openlineage_and_every_run_that_begins_ends(events):
    states = Counter()
    for event in map(openlineage_events.read, events):
        states[event.run.runId, event.eventType.name] += 1
        assert event.producer.startswith("urn:drypowder:")
    runs = {run for run, _ in states}
    assert len(runs) > 300
    assert states == Counter({(run, state): 1 for run in runs for state in ("START", "COMPLETE")})


def test_a_metric_of_the_release_leads_back_to_the_publisher(built, events):
    latest = (f"duckdb://{built.current}/warehouse.duckdb", "warehouse.metrics.latest")
    found = openlineage_events.ancestors(events, latest)
    builder = f"duckdb://{built.home}/warehouse.duckdb"
    for step in (
        (builder, "warehouse.metrics.latest"),
        (builder, "warehouse.staging.stg_sec__company_facts"),
        (builder, "warehouse.raw.sec__company_facts"),
        ("file", f"{built.home}/landing/sec/company_facts"),
        ("https://data.sec.gov", "api/xbrl/companyfacts/CIK0000789019.json"),
        ("https://www.financialresearch.gov", "financial-stress-index/data/fsi.csv"),
    ):
        assert step in found, step
    # By table, and not by run: what is published is made of its own ancestors alone.
    auctions = openlineage_events.ancestors(events, (latest[0], "warehouse.marts.fct_auctions"))
    publishers = {namespace for namespace, _ in auctions if namespace.startswith("https")}
    assert "https://api.fiscaldata.treasury.gov" in publishers
    assert "https://data.sec.gov" not in publishers


def test_models_and_tables_are_parts_of_their_step_and_steps_of_one_run(built, events):
    read = [openlineage_events.read(event) for event in events]
    steps = {each.run.runId: each.job.name for each in read if "parent" not in each.run.facets}
    recorded = dict(ask(built, "select step_id, concat_ws('.', step, subject) from ops.steps"))
    private = {f"land.{s.code}.{t.name}" for s, t in tables() if t.is_internal}
    assert {run: name for run, name in steps.items() if name not in {"publish", *private}} == recorded
    below = Counter(steps[each.run.facets["parent"].run["runId"]] for each in read if "parent" in each.run.facets)
    assert set(below) == {"validate", "build", "publish"}
    tags = {tag["value"] for each in read if "parent" not in each.run.facets for tag in each.run.facets["tags"].tags if tag["key"] == "run_id"}  # fmt: skip
    assert tags == {release.current(built).manifest["run_id"]}


def test_one_id_goes_through_a_run_and_its_release(built):
    run_id = release.current(built).manifest["run_id"]
    for sql in (
        "select distinct run_id from ops.steps",
        "select distinct run_id from ops.validations",
        "select distinct run_id from ops.releases",
        "select distinct unnest([landed_by, loaded_by]) from ops.loads",
        "select distinct run_id from metrics.latest",
    ):
        assert ask(built, sql) == [(run_id,)], sql
    public = [t for _, t in tables() if not t.is_internal]
    steps = Counter(dict(ask(built, "select step_id, step from ops.steps")).values())
    assert steps == {"land": len(public), "load": 1, "validate": 1, "build": 1, "check": 1}
    assert ask(built, "select count(*) from ops.validations anti join ops.steps using (step_id)") == [(0,)]


def test_a_release_has_what_a_page_of_health_needs(built):
    id_ = release.current(built).id
    assert ask(built, "select release_id, published_at is not null from ops.releases") == [(id_, True)]
    assert ask(built, "select distinct release_id from ops.loads") == [(id_,)]
    (late,) = ask(built, "select count(*), count(lag_seconds), count(expected_at) from ops.release_lag")
    assert late[0] == late[2] > 10
    assert late[1] == 0  # of what comes for the first time nobody knows how long it was waited for
    assert ask(built, "select count(*) from ops.steps where seconds is null or lock_wait_seconds is null") == [(0,)]


def test_a_verb_writes_nothing_but_json_beside_its_result_and_never_a_secret(tmp_path, sample_settings):
    settings = replace(sample_settings, home=tmp_path / "home")
    secret = {"WAREHOUSE_FRED_KEY": "0123456789abcdef0123456789abcdef"}
    variables = {**environment(settings), "WAREHOUSE_LOG": "json", **secret}

    def run(*arguments):
        done = subprocess.run(
            command(settings, *arguments), capture_output=True, text=True, env=variables, cwd=PROJECT_ROOT
        )
        return done, [json.loads(line) for line in done.stderr.splitlines()]

    landed, lines = run("land", "ofr", "financial_stress")
    assert (landed.returncode, len(landed.stdout.splitlines())) == (0, 1)
    assert lines[-1]["event"] == "land ofr.financial_stress: done"
    assert len({line["run_id"] for line in lines}) == 1
    refused, lines = run("publish")
    assert refused.returncode == 1
    assert [line["level"] for line in lines] == ["error", "error"]  # of the step, and of the command
    assert "has no release" in lines[-1]["event"]
    unknown, lines = run("land", "no", secret["WAREHOUSE_FRED_KEY"])
    assert unknown.returncode == 1
    assert "No such source or table" in lines[-1]["event"]
    assert not [text for text in (unknown.stdout, unknown.stderr) if secret["WAREHOUSE_FRED_KEY"] in text]
