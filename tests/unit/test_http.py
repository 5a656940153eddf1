"""The client against a real server on loopback, with the faults that publishers have."""

from __future__ import annotations

import socket
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from multiprocessing import get_context

import pytest
import stamina

from tests.unit.toy import Reply
from warehouse import recording
from warehouse.errors import ConfigurationError, NotRecorded, SourceUnavailable
from warehouse.http import Budget, Client, LiveTransport, RecordedTransport, _struck_out
from warehouse.recording import Recording
from warehouse.settings import Settings


@pytest.fixture
def client(live):
    return Client(live, per_second=1000)


def test_the_publisher_is_told_who_asks(client, publisher):
    publisher.says("/a", b'{"a": 1}')
    client(publisher.url + "/a", expect="json")
    assert publisher.requests[0][1]["User-Agent"] == "Dry Powder Test test@example.org"


def test_without_a_contact_no_request_is_made(tmp_path):
    with pytest.raises(ConfigurationError, match="WAREHOUSE_CONTACT"):
        LiveTransport(Settings(home=tmp_path))


def test_the_query_is_sent_sorted(client, publisher):
    publisher.says("/a", b"[]")
    answer = client(publisher.url + "/a", expect="json", params={"page[size]": "10", "a": "x:y,z"})
    assert publisher.requests[0][0] == "/a?a=x:y,z&page%5Bsize%5D=10"
    assert answer.url.endswith(publisher.requests[0][0])


def test_credentials_are_in_the_request_and_not_in_what_is_kept(client, publisher):
    publisher.says("/a", b"[]")
    answer = client(publisher.url + "/a", expect="json", params={"api_key": "secret", "b": "1"})
    assert "secret" in publisher.requests[0][0]
    assert "secret" not in answer.url


def test_no_log_line_holds_a_key(client, publisher, caplog):
    caplog.set_level("DEBUG")
    publisher.says("/a", Reply(b"busy", 503), b"[]")
    client(publisher.url + "/a", expect="json", params={"api_key": "secret"})
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("httpcore")]
    assert any("trying again" in line for line in ours)
    assert not [line for line in ours if "secret" in line]


def test_what_a_publisher_said_to_the_last_try_is_kept(client, publisher):
    publisher.says("/a", Reply(b"we are down", 503))
    with pytest.raises(SourceUnavailable):
        client(publisher.url + "/a", expect="json")
    assert client.seen[0].body == b"we are down"


def test_a_host_that_cannot_be_reached_is_tried_in_full_once(settings, tmp_path):
    link = LiveTransport(settings, budget=Budget(tmp_path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with stamina.set_testing(testing=True, attempts=3, cap=True):
        for path, tries in (("/a", 3), ("/b", 1)):
            with pytest.raises(SourceUnavailable, match=rf"failed {tries} time\(s\).*Is there a network"):
                Client(link, per_second=1000)(nobody + path, expect="json")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_fault_is_tried_again(client, publisher, status):
    publisher.says("/a", Reply(b"busy", status), b"[1]")
    assert client(publisher.url + "/a", expect="json").body == b"[1]"
    assert len(publisher.requests) == 2


def test_retry_after_is_waited_for(settings, publisher, tmp_path):
    publisher.says("/a", Reply(b"slow down", 429, {"Retry-After": "1"}), b"[1]")
    client = Client(LiveTransport(settings, budget=Budget(tmp_path)), per_second=1000)
    with stamina.set_testing(testing=False):
        started = time.monotonic()
        client(publisher.url + "/a", expect="json")
    assert time.monotonic() - started >= 1


def test_a_long_retry_after_ends_the_task_instead_of_sleeping_in_it(client, publisher):
    publisher.says("/a", Reply(b"blocked", 429, {"Retry-After": "600"}))
    with pytest.raises(SourceUnavailable, match="asked to wait 600 s"):
        client(publisher.url + "/a", expect="json")
    assert len(publisher.requests) == 1


def test_a_lasting_fault_is_named_with_its_url(client, publisher):
    publisher.says("/a", Reply(b"down", 503))
    with pytest.raises(SourceUnavailable, match=r"/a failed 3 time\(s\).*HTTP 503"):
        client(publisher.url + "/a", expect="json")


def test_a_refusal_is_not_tried_again(client, publisher):
    publisher.says("/a", Reply(b"who are you", 403))
    with pytest.raises(SourceUnavailable, match="status 403"):
        client(publisher.url + "/a", expect="json")
    assert len(publisher.requests) == 1


def test_html_where_data_was_asked_is_refused_and_kept(client, publisher):
    publisher.says("/a", b"<!DOCTYPE html><html><body>Traffic limit</body></html>")
    with pytest.raises(SourceUnavailable, match="an HTML page"):
        client(publisher.url + "/a", expect="text")
    assert client.seen[0].body.startswith(b"<!DOCTYPE")


def test_an_empty_200_is_no_answer(client, publisher):
    publisher.says("/a", b"  \n")
    with pytest.raises(SourceUnavailable, match="empty body"):
        client(publisher.url + "/a", expect="text")


def test_a_body_cut_by_the_network_is_fetched_again(client, publisher):
    publisher.says("/a", Reply(b'{"a": [1, 2, 3]}', cut=7), b'{"a": [1, 2, 3]}')
    assert client(publisher.url + "/a", expect="json").body == b'{"a": [1, 2, 3]}'


def test_json_cut_by_the_publisher_is_refused(client, publisher):
    publisher.says("/a", b'{"a": [1, 2, 3')
    with pytest.raises(SourceUnavailable, match="JSON cut off after 14 bytes"):
        client(publisher.url + "/a", expect="json")


def test_plain_text_where_json_was_asked_is_refused(client, publisher):
    publisher.says("/a", b"Get your apikey")
    with pytest.raises(SourceUnavailable, match="no JSON"):
        client(publisher.url + "/a", expect="json")


def test_the_media_type_that_is_asked_for_is_sent(client, publisher):
    publisher.says("/a", b"a,b\n")
    client(publisher.url + "/a", expect="text", accept="application/vnd.sdmx.data+csv")
    client(publisher.url + "/a", expect="text")
    assert [headers["Accept"] for _, headers in publisher.requests] == ["application/vnd.sdmx.data+csv", "*/*"]


@pytest.fixture
def keyed(settings, tmp_path):
    """A client whose settings hold a key."""
    with stamina.set_testing(testing=True, attempts=3):
        yield Client(LiveTransport(replace(settings, fred_key="s3cr3t"), budget=Budget(tmp_path)), per_second=1000)


def test_a_key_is_sent_and_told_to_nobody(keyed, publisher, caplog, tmp_path):
    caplog.set_level("DEBUG")
    publisher.says("/a", Reply(b"busy", 503), b'{"asked": "/a?api_key=s3cr3t"}')
    answer = keyed(publisher.url + "/a", expect="json", params={"id": "GDP"}, credential="fred_key")
    assert [path for path, _ in publisher.requests] == ["/a?api_key=s3cr3t&id=GDP"] * 2
    assert answer.url == publisher.url + "/a?id=GDP"
    assert answer.body == b'{"asked": "/a?api_key=******"}'  # some publishers repeat what they were asked
    recording.append(tmp_path / "recorded", answer)
    assert "s3cr3t" not in (tmp_path / "recorded" / "index.jsonl").read_text()
    assert "s3cr3t" not in caplog.text
    assert "s3cr3t" not in repr(keyed)
    publisher.says("/a", Reply(b"The key s3cr3t is not registered.", 400))
    with pytest.raises(SourceUnavailable, match=r"The key \*{6} is not registered.*its key") as refusal:
        keyed(publisher.url + "/a", expect="json", credential="fred_key")
    assert "s3cr3t" not in "".join(traceback.format_exception(refusal.value))


def test_a_key_is_struck_out_wherever_the_pieces_of_a_body_are_cut():
    text = b"..s3cr3t..s3cr3ts3cr3t."
    for size in range(1, len(text)):
        pieces = [(0, text[i : i + size]) for i in range(0, len(text), size)]
        found = b"".join(piece for _, piece in _struck_out(iter(pieces), "s3cr3t"))
        assert found == b"..******..************."


def test_a_missing_key_says_which_variable_to_set(client, publisher):
    with pytest.raises(ConfigurationError, match=r"WAREHOUSE_FRED_KEY=<key> into \.env"):
        client(publisher.url + "/a", expect="json", credential="fred_key")
    assert publisher.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_told_what_to_check(client, publisher, status):
    publisher.says("/a", Reply(b"no", status))
    with pytest.raises(SourceUnavailable, match=r"check WAREHOUSE_CONTACT, and this source's key in \.env"):
        client(publisher.url + "/a", expect="json")


def test_what_has_moved_is_told_from_what_is_down(client, publisher):
    with pytest.raises(SourceUnavailable, match=r"status 404: 'no such page'.*has moved.*drypowder check-live"):
        client(publisher.url + "/nowhere", expect="json")
    assert len(publisher.requests) == 1


@pytest.mark.parametrize(
    ("body", "expect"),
    [
        ("[1]".encode("utf-8-sig"), "json"),
        ("[1]".encode("utf-16"), "json"),
        ("<a/>".encode("utf-16"), "xml"),
        (b"\n<?xml version='1.0'?>\n<!-- html --><a/>\n", "xml"),
        (b"<SEC-DOCUMENT>0001.txt", "text"),
    ],
)
def test_a_byte_order_mark_hides_nothing(client, publisher, body, expect):
    publisher.says("/a", body)
    assert client(publisher.url + "/a", expect=expect).body == body


@pytest.mark.parametrize(
    "body",
    [
        "<html lang='en'>".encode("utf-16"),
        b"\xef\xbb\xbf\n<!DOCTYPE HTML>",
        b"<?xml version='1.0'?><!-- a --><!-- b -->\n<html xmlns='x'>",
        b"<head><title>403</title></head>",
        b"<!--a-->" * 400 + b"<html>",
    ],
)
@pytest.mark.parametrize("expect", ["xml", "text"])
def test_a_page_is_known_however_it_begins(client, publisher, body, expect):
    publisher.says("/a", body)
    with pytest.raises(SourceUnavailable, match="an HTML page"):
        client(publisher.url + "/a", expect=expect)


@pytest.fixture
def dropped(settings, tmp_path, live):
    """The user's own folder, and a client for each transport that can read it."""
    folder = tmp_path / "drop"
    (folder / "prices").mkdir(parents=True)
    (folder / "prices" / "spot gold.csv").write_text("day,price\n")
    (folder / "prices" / "empty.csv").write_text("")
    (tmp_path / "outside.csv").write_text("secret\n")
    (folder / "prices" / "link.csv").symlink_to(tmp_path / "outside.csv")
    there = replace(settings, drop=folder, now="2026-07-25T00:00:00Z")
    recorded = RecordedTransport(Recording(tmp_path, []), datetime(2026, 7, 25, tzinfo=UTC), drop=folder)
    return [Client(LiveTransport(there, budget=Budget(tmp_path)), 1), Client(recorded, 1)]


def test_a_file_of_the_users_own_answers_like_a_publisher(dropped):
    for client in dropped:
        answer = client("drop://prices/spot%20gold.csv", expect="text")
        assert (answer.body, answer.origin) == (b"day,price\n", "live")
        assert answer.fetched_at == datetime(2026, 7, 25, tzinfo=UTC)
        assert answer.url == "drop://prices/spot%20gold.csv"
        assert "last-modified" in answer.headers
        assert client.seen == [answer]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("drop://prices/silver.csv", "no such file.*Put silver.csv there"),
        ("drop://prices/empty.csv", "an empty body"),
        ("drop://prices/", "leads out of the drop folder"),
        ("drop://prices/../prices/a.csv", "leads out of the drop folder"),
        ("drop://../outside.csv", "leads out of the drop folder"),
        ("drop://prices/..%2F..%2Foutside.csv", "leads out of the drop folder"),
        ("drop://prices/a%00b", "leads out of the drop folder"),
        ("drop:///etc/passwd", "leads out of the drop folder"),
        ("drop://prices/link.csv", "a link to elsewhere is not followed"),
    ],
)
def test_a_file_that_is_not_the_users_own_is_not_read(dropped, url, words):
    for client in dropped:
        with pytest.raises(SourceUnavailable, match=words):
            client(url, expect="text")


def test_without_a_drop_folder_the_message_says_how_to_have_one(client):
    with pytest.raises(
        ConfigurationError, match=r"WAREHOUSE_DROP=<folder> into \.env, and a.csv into its sub-folder p"
    ):
        client("drop://p/a.csv", expect="text")


def _spend(folder, requests, per_second):
    budget = Budget(folder)
    for _ in range(requests):
        budget.wait("example.org", per_second)


def test_the_rate_budget_is_shared_by_processes(tmp_path):
    # Ten requests at five a second, from two processes: the second five cannot start within the first second.
    processes = [get_context("spawn").Process(target=_spend, args=(tmp_path, 5, 5)) for _ in range(2)]
    Budget(tmp_path).wait("elsewhere.org", 5)
    started = time.monotonic()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert all(p.exitcode == 0 for p in processes)
    assert time.monotonic() - started >= 1


def test_threads_of_one_process_share_the_budget(tmp_path):
    budget = Budget(tmp_path)
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: budget.wait("example.org", 5), range(7)))
    assert time.monotonic() - started >= 1


def test_requests_are_spread_over_the_second_and_fractions_count(tmp_path):
    budget = Budget(tmp_path)
    moments = []
    for _ in range(4):
        budget.wait("example.org", 12.5)
        moments.append(time.monotonic())
    assert min(b - a for a, b in pairwise(moments)) > 0.06


@pytest.mark.parametrize("text", ["", "junk", "9999999999.5"])
def test_a_budget_file_that_cannot_be_right_holds_nobody_up(tmp_path, text):
    (tmp_path / "rate-example.org").write_text(text)
    started = time.monotonic()
    Budget(tmp_path).wait("example.org", 5)
    assert time.monotonic() - started < 1


@pytest.fixture
def recorded(tmp_path):
    (tmp_path / "index.jsonl").write_text(
        '{"method": "GET", "url": "https://e.org/x?a=1&b=2", "status": 200, "headers": {}, '
        '"fetched_at": "2026-01-01T00:00:00Z", "body": "x1", "origin": "recorded"}\n'
        '{"method": "GET", "url": "https://e.org/x?b=2&a=1", "status": 200, "headers": {}, '
        '"fetched_at": "2026-02-01T00:00:00Z", "body": "x2", "origin": "reconstructed"}\n'
        '{"method": "GET", "url": "https://e.org/limited", "status": 429, "headers": {"retry-after": "60"}, '
        '"fetched_at": "2026-01-01T00:00:00Z", "body": "x1", "origin": "recorded"}\n'
    )
    (tmp_path / "x1").write_bytes(b"[1]")
    (tmp_path / "x2").write_bytes(b"[2]")
    return Recording.open(tmp_path)


def test_a_recorded_answer_is_found_whatever_the_order_of_its_query(recorded, an_instant):
    client = Client(RecordedTransport(recorded, an_instant), per_second=1)
    answer = client("https://e.org/x", expect="json", params={"b": "2", "a": "1"})
    assert (answer.body, answer.origin, answer.fetched_at.month) == (b"[2]", "reconstructed", 2)


def test_the_newest_recording_not_after_the_clock_answers(recorded, an_instant):
    client = Client(RecordedTransport(recorded, an_instant.replace(month=1)), per_second=1)
    assert client("https://e.org/x?a=1&b=2", expect="json").body == b"[1]"


def test_an_unrecorded_url_is_named(recorded, an_instant):
    client = Client(RecordedTransport(recorded, an_instant), per_second=1)
    with pytest.raises(NotRecorded, match=r"https://e\.org/y\?a=1"):
        client("https://e.org/y", expect="json", params={"a": "1"})


def test_a_recorded_fault_is_a_fault(recorded, an_instant):
    client = Client(RecordedTransport(recorded, an_instant), per_second=1)
    with pytest.raises(SourceUnavailable, match="status 429"):
        client("https://e.org/limited", expect="json")


@pytest.mark.parametrize(
    ("index", "words"),
    [("", "is empty"), ("{}\n", "line 1 cannot be read"), ("not json\n", "line 1 cannot be read")],
)
def test_a_broken_index_says_which_line(tmp_path, index, words):
    (tmp_path / "index.jsonl").write_text(index)
    with pytest.raises(ConfigurationError, match=words):
        Recording.open(tmp_path)


def test_a_folder_without_an_index_is_no_recording(tmp_path):
    with pytest.raises(ConfigurationError, match="is no recording"):
        Recording.open(tmp_path)
