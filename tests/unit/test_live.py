"""Every real connector over real HTTP: the sample served on loopback in place of the publishers, with faults."""

from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote, unquote

import pytest
import stamina

from tests.unit.toy import rate
from warehouse import live, pipeline, recording
from warehouse.contract import Partition
from warehouse.errors import ConfigurationError, ContractViolation, NotRecorded
from warehouse.http import Budget, LiveTransport
from warehouse.recording import Recording
from warehouse.settings import PROJECT_ROOT
from warehouse.sources import find


class Mirror:
    """Serves a recording over HTTP: GET /<quoted absolute URL>. The first answer to every URL is a 503."""

    def __init__(self, recorded: Recording) -> None:
        asked: set[str] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                url = unquote(self.path[1:])
                try:
                    entry = recorded.find("GET", url, recorded.newest_fetch)
                except NotRecorded:
                    self.answer(404, b"no such page")
                    return
                if url not in asked:
                    asked.add(url)
                    self.answer(503, b"warming up")
                    return
                self.answer(entry.status, recorded.body(entry), entry.headers.get("content-type", "text/plain"))

            def answer(self, status, body, content_type="text/plain"):
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def rewrite(self, url: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{quote(url, safe='')}"


@pytest.fixture(scope="module")
def sample():
    return Recording.open(PROJECT_ROOT / "sample")


@pytest.fixture
def link(sample, settings, tmp_path):
    mirror = Mirror(sample)
    with stamina.set_testing(testing=True, attempts=3):
        yield LiveTransport(settings, budget=Unhurried(tmp_path), rewrite=mirror.rewrite)
    mirror.server.shutdown()


class Unhurried(Budget):
    """A budget that lets everything pass at once: the mirror is ours, and tests/faults measures the real one."""

    def wait(self, host, per_second):
        pass


@pytest.fixture
def then(settings, sample):
    """Settings whose clock stands where the sample was made."""
    return replace(settings, now=sample.newest_fetch.isoformat())


@pytest.mark.parametrize(
    ("source", "table"), [("ofr", "financial_stress"), ("tic", "major_foreign_holders"), ("sec", "company_facts")]
)
def test_a_connector_lands_what_its_publisher_serves_after_a_fault(link, then, source, table):
    landed = pipeline.land(source, table, then, using=link)
    assert landed.rows > 1000
    assert landed.refused == ()


def test_a_table_proven_on_documentation_lands_nothing_live_until_a_live_check_has_passed(link, then, monkeypatch):
    _, table = find("ofr", "financial_stress")
    object.__setattr__(table, "proven", "documented")
    try:
        with pytest.raises(ConfigurationError, match="drypowder check-live ofr.financial_stress"):
            pipeline.land("ofr", "financial_stress", then, using=link)
        assert [c.passed for c in live.check_live("ofr.financial_stress", then, using=link)] == [True]
        assert pipeline.land("ofr", "financial_stress", then, using=link).rows > 1000
    finally:
        object.__setattr__(table, "proven", "recorded")


def test_a_recording_made_live_answers_like_the_publisher(link, then, tmp_path):
    folder = tmp_path / "recorded"
    made = live.record("tic", folder, then, using=link)
    assert made.responses == 1
    assert made.unavailable
    found = Recording.open(folder)
    assert found.entries[0].origin == "recorded"
    recorded = replace(then, home=tmp_path / "other", sources=f"recorded:{folder}", now=None)
    assert pipeline.land("tic", "major_foreign_holders", recorded).rows > 1000


def test_a_live_check_replaces_the_note_of_those_before_in_one_step(home):
    home.says(rate("2026-01-01", 1))
    note = home.settings.home / "live-checks.json"
    home.settings.home.mkdir()
    note.write_text('{"other.table": "2026-01-01T00:00:00+00:00"}')
    with note.open() as reader:
        assert [c.passed for c in live.check_live("toy", home.settings, using=home.live)] == [True]
        assert list(json.load(reader)) == ["other.table"]
    assert list(json.loads(note.read_text())) == ["other.table", "toy.rates"]


def test_a_partition_that_is_refused_while_it_is_asked_for_is_named_and_the_others_are_recorded(home, tmp_path):
    def torn(get):
        yield get(f"{home.publisher.url}/rates/torn", expect="json")
        raise ContractViolation("The pages are not the whole listing")

    whole = home.table.partitions(None)[0]
    home.contract(partitions=lambda _: [Partition(key="torn", fetch=torn), whole])
    home.says(rate("2026-01-01", 1))
    home.says(rate("2026-01-01", 2), key="torn")
    said = []
    made = live.record("toy", tmp_path / "recorded", home.settings, said.append, using=home.live)
    assert (made.responses, made.unavailable) == (1, ("rates/torn",))
    assert "toy.rates torn: The pages are not the whole listing." in said


def test_a_recording_of_nothing_but_refusals_says_the_last(home, tmp_path):
    def torn(_):
        raise ContractViolation("The pages are not the whole listing")

    home.contract(partitions=lambda _: [Partition(key="torn", fetch=torn)])
    with pytest.raises(ContractViolation, match="not the whole listing"):
        live.record("toy", tmp_path / "recorded", home.settings, using=home.live)


def test_a_recording_holds_no_credentials(tmp_path, an_instant):
    from warehouse.contract import Response

    response = Response(
        url="https://user:pw@e.org/x?api_key=secret&b=1",
        body=b"[]",
        sha256="0",
        fetched_at=an_instant,
        origin="live",
        headers={"Set-Cookie": "secret", "Content-Type": "application/json"},
    )
    recording.append(tmp_path, response)
    text = (tmp_path / "index.jsonl").read_text()
    assert "secret" not in text
    assert "pw" not in text
    assert '"content-type"' in text
