"""What is sent to a StatsD collector, and that nobody depends on one."""

from __future__ import annotations

import re
import socket
from dataclasses import replace

import filelock
import pytest

from tests.collectors import Sent, StatsD
from tests.unit.toy import Reply, rate, rates_json
from warehouse import locking, telemetry
from warehouse.errors import BuilderBusy, ConfigurationError, ContractViolation, SourceUnavailable
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.telemetry import METRICS, Metric

KINDS = {"counter": "c", "gauge": "g", "timer": "ms"}


@pytest.fixture
def collector(home):
    """A collector that the toy home sends to."""
    server = StatsD()
    home.settings = replace(home.settings, statsd=server.address)
    telemetry.configure(home.settings)
    yield server
    telemetry.configure(Settings())


def found(collector, metric: Metric):
    return [s for s in map(Sent.of, collector.received()) if s.name == f"drypowder.{metric.name}"]


def test_every_metric_stands_in_the_document_with_its_kind_and_tags():
    page = (PROJECT_ROOT / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| `drypowder\.([\w.]+)` \| (\w+) \|([^|]*)\| ", page, re.MULTILINE)
    assert {name: (kind, tuple(re.findall(r"`(\w+)`", tags))) for name, kind, tags in rows} == {
        each.name: (each.kind, each.tags) for each in METRICS
    }
    assert len(METRICS) > 10


def test_a_fetch_says_how_it_went_with_whom_and_that_it_was_tried_again(home, collector, publisher):
    publisher.says("/rates/all", Reply(b"busy", 503), rates_json(rate("2026-01-01", 1)))
    home.land()
    sent = [Sent.of(each) for each in collector.received()]
    host = publisher.url.removeprefix("http://").replace(":", "_")
    by_name = {s.name.removeprefix("drypowder."): s for s in sent}
    assert [dict(s.tags)["outcome"] for s in sent if s.name == "drypowder.fetch"] == ["503", "200"]
    assert by_name["fetch.retries"].tags == (("host", host),)
    assert by_name["fetch.bytes"].value == len(rates_json(rate("2026-01-01", 1)))
    assert by_name["fetch.budget_wait"].kind == "ms"
    assert (by_name["landed.rows"].value, by_name["landed.rows"].tags) == (1, (("source", "toy"), ("table", "rates")))
    assert dict(by_name["step"].tags) == {"step": "land", "outcome": "done"}


def test_a_request_that_nobody_answers_is_timed_as_failed(home, collector):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceUnavailable, match="refused"):
        home.live.send(f"http://127.0.0.1:{port}/x", per_second=1000)
    sent = found(collector, telemetry.FETCH)
    assert len(sent) == 3
    assert dict(sent[0].tags) == {"host": f"127.0.0.1_{port}", "outcome": "failed"}


@pytest.mark.slow
def test_what_is_refused_and_what_is_set_aside_is_counted(home, collector):
    home.contract(quarantine_share=0.5)
    home.says(*(rate(f"2026-01-{n:02}", 1) for n in range(1, 4)), rate("2026-01-04", "n/a?"))
    home.land()
    home.promote()
    home.says(rate("2026-01-01", 1, note="new"))
    with pytest.raises(ContractViolation):
        home.land()
    sent = [Sent.of(each) for each in collector.received()]
    by_name = {s.name.removeprefix("drypowder."): s for s in sent}
    of_table = (("source", "toy"), ("table", "rates"))
    assert (by_name["quarantine.rows"].value, by_name["quarantine.rows"].tags) == (
        1,
        (*of_table, ("rule", "cast_rate_pct")),
    )
    assert (by_name["landed.refused"].value, by_name["landed.refused"].tags) == (1, of_table)
    judged = {tuple(dict(s.tags).values()) for s in sent if s.name == "drypowder.gate.findings"}
    assert ("incoming", "critical", "passed") in judged


def test_a_wait_for_the_builder_is_timed(home, collector, monkeypatch):
    other = filelock.FileLock(home.settings.home / "builder.lock")
    home.settings.home.mkdir(exist_ok=True)
    with (
        other,
        pytest.raises(BuilderBusy),
        locking.builder_lock(replace(home.settings, lock_wait_seconds=0.1), "build"),
    ):
        pass
    (sent,) = found(collector, telemetry.LOCK_WAIT)
    assert (dict(sent.tags), sent.kind) == ({"step": "build"}, "ms")
    assert sent.value >= 100


def test_every_kind_is_sent_as_the_document_says(collector):
    for each in METRICS:
        each.send(1.5, **dict.fromkeys(each.tags, "a b:e|#,"))
    sent = [Sent.of(each) for each in collector.received()]
    assert [(s.name, s.kind, tuple(name for name, _ in s.tags)) for s in sent] == [
        (f"drypowder.{each.name}", KINDS[each.kind], each.tags) for each in METRICS
    ]
    assert {value for s in sent for _, value in s.tags} == {"a_b_e___"}


@pytest.mark.parametrize("address", ["127.0.0.1:9", "no-such-host.invalid:8125"])
def test_a_collector_that_is_not_there_disturbs_nobody(home, address):
    telemetry.configure(replace(home.settings, statsd=address))
    try:
        home.says(rate("2026-01-01", 1))
        assert home.land().rows == 1
    finally:
        telemetry.configure(Settings())


def test_without_an_address_no_socket_is_made(home, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sender was made")

    monkeypatch.setattr(telemetry, "_client", refuse)
    home.says(rate("2026-01-01", 1))
    assert home.land().rows == 1


@pytest.mark.parametrize("address", ["localhost", "host:port", ":8125"])
def test_an_address_without_host_or_port_is_refused(address):
    with pytest.raises(ConfigurationError, match="WAREHOUSE_STATSD cannot be read; expected host:port"):
        Settings(statsd=address)
