"""The client meets every way in which an answer can come, for everything it can be asked to expect."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.fault_server import FAULTS, HTML, OKX_TOO_FAST
from warehouse.errors import SourceUnavailable
from warehouse.http import Client

URL = "https://publisher.example/figures"


def _zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", "day,rate\n" + "2026-01-02,1.5\n" * 20)
    return out.getvalue()


GOOD = {
    "json": b'{"data": [' + b'{"day": "2026-01-02", "rate": "1.5"}, ' * 20 + b'{"day": "2026-01-03", "rate": "1.6"}]}',
    "text": b"day,rate\n" + b"2026-01-02,1.5\n" * 20,
    "xml": b'<?xml version="1.0"?><Data>' + b'<Obs TIME_PERIOD="2026-01" OBS_VALUE="1.5"/>' * 20 + b"</Data>",
    "zip": _zip(),
    "parquet": b"PAR1" + bytes(range(32, 200)) + b"PAR1",
}
CASES = [(name, expect) for name, fault in FAULTS.items() for expect in GOOD if expect in fault.expects]


def too_fast(body: bytes) -> bool:
    return b'"50011"' in body


@pytest.fixture
def client(link):
    return Client(link, per_second=1000)


def ask(client, expect, url=URL):
    return client(url, expect=expect, throttled=too_fast)


def test_every_fault_has_a_case():
    assert {name for name, _ in CASES} == set(FAULTS)


@pytest.mark.parametrize(("name", "expect"), CASES)
def test_a_lasting_fault_ends_as_it_should(client, server, name, expect):
    fault = FAULTS[name]
    server.serves(URL, GOOD[expect], fault=fault)
    if fault.outcome == "answer":
        answer = ask(client, expect)
        assert answer.body == GOOD[expect]
        assert client.seen == [answer]
    else:
        with pytest.raises(SourceUnavailable, match=f"(?s){fault.says}") as refusal:
            ask(client, expect)
        assert refusal.value.remedy
        assert URL in str(refusal.value)
        assert [seen.body[: len(fault.keeps)] for seen in client.seen] == ([] if fault.keeps is None else [fault.keeps])
    assert len(server.asked) == (3 if fault.is_retried else 1)


@pytest.mark.parametrize(("name", "expect"), [c for c in CASES if FAULTS[c[0]].is_retried and c[1] in {"json", "text"}])
def test_a_fault_that_passes_ends_in_an_answer(client, server, name, expect):
    server.serves(URL, GOOD[expect], fault=FAULTS[name], times=2)
    answer = ask(client, expect)
    assert (answer.body, answer.status) == (GOOD[expect], 200)
    assert client.seen == [answer]
    assert len(server.asked) == 3


@pytest.mark.parametrize(("expect", "other"), [(e, o) for e in GOOD for o in GOOD if o != e])
def test_what_is_of_another_format_is_refused_at_once(client, server, expect, other):
    server.serves(URL, GOOD[other])
    if expect == "text" and other in {"json", "xml"}:
        assert ask(client, expect).body == GOOD[other]  # which text it is is the extractor's to judge
    else:
        with pytest.raises(SourceUnavailable, match="no (JSON|XML|zip|Parquet|text): "):
            ask(client, expect)
    assert len(server.asked) == 1


def test_the_part_that_came_of_a_cut_answer_is_kept_and_says_so(client, server):
    server.serves(URL, GOOD["json"], fault=FAULTS["a cut connection"])
    with pytest.raises(SourceUnavailable, match="failed 3 time"):
        ask(client, "json")
    half = len(GOOD["json"]) // 2
    assert client.seen[0].body == GOOD["json"][:half]
    assert client.seen[0].headers["x-truncated"] == f"the connection gave {half} bytes; the first {half} are kept"


def test_a_ban_is_not_made_worse(client, server):
    server.serves(URL, b"[]", fault=FAULTS["418"], times=1)
    server.serves("https://elsewhere.example/", b"[]")
    with pytest.raises(SourceUnavailable, match="418"):
        ask(client, "json")
    with pytest.raises(SourceUnavailable, match="was not sent.*banned this address for 120 s"):
        ask(client, "json", URL + "/others")
    assert len(server.asked) == 1
    assert ask(client, "json", "https://elsewhere.example/").body == b"[]"


@pytest.mark.parametrize("status", [403, 429])
def test_the_sec_is_left_alone_after_its_block_page(client, server, status):
    server.serves("https://data.sec.gov/a", HTML, status=status)
    with pytest.raises(SourceUnavailable, match="limits access for ten minutes.*asking on extends it"):
        ask(client, "json", "https://data.sec.gov/a")
    with pytest.raises(SourceUnavailable, match="was not sent.*ten minutes"):
        ask(client, "json", "https://www.sec.gov/b")
    assert len(server.asked) == 1


def test_the_sec_is_asked_again_once_its_block_is_over(client, server, link, monkeypatch):
    monkeypatch.setattr("warehouse.http.SEC_BLOCK_SECONDS", 0.0)
    server.serves("https://www.sec.gov/a", HTML, status=403)
    server.serves("https://www.sec.gov/b", b"[]")
    with pytest.raises(SourceUnavailable, match="ten minutes"):
        ask(client, "json", "https://www.sec.gov/a")
    assert ask(client, "json", "https://www.sec.gov/b").body == b"[]"


def test_without_a_rule_for_it_a_too_fast_is_an_answer_like_any_other(client, server):
    server.serves(URL, OKX_TOO_FAST)
    assert client(URL, expect="json").body == OKX_TOO_FAST


def test_an_unknown_refusal_is_not_tried_again(client, server):
    server.serves(URL, b"bad series", status=400)
    with pytest.raises(SourceUnavailable, match="status 400: 'bad series'.*publisher's documentation"):
        ask(client, "json")
    assert len(server.asked) == 1


def test_a_large_error_page_is_read_no_further_than_needed(client, server):
    server.serves(URL, b"x" * (3 << 20), status=500)
    with pytest.raises(SourceUnavailable, match="HTTP 500"):
        ask(client, "json")
    assert client.seen[0].size == 1 << 20
    assert client.seen[0].headers["x-truncated"] == "the first 1048576 bytes were read"


def test_a_large_answer_of_another_format_is_kept_in_part(client, server):
    server.serves(URL, b"no JSON " * (1 << 18))
    with pytest.raises(SourceUnavailable, match="no JSON"):
        ask(client, "json")
    assert client.seen[0].size == 1 << 20
    assert client.seen[0].headers["x-truncated"] == "the first 1048576 of 2097152 bytes"
