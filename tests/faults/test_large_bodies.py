"""Bodies of more bytes than memory should hold: streamed in, kept, given back, recorded, and gone when nobody looks."""

from __future__ import annotations

import gc
import gzip
import hashlib
import json
import os
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from tests.fault_server import FAULTS
from warehouse import recording
from warehouse.archive import Archive, Fetch
from warehouse.contract import Response
from warehouse.errors import ConfigurationError, SourceUnavailable
from warehouse.http import Client, Limits, RecordedTransport
from warehouse.recording import Recording

URL = "https://publisher.example/bulk"
SMALL = Limits(in_memory=1000, largest=50_000, slow_seconds=0.1)
BODY = b"[" + b", ".join(b'{"n": %d}' % n for n in range(2000)) + b"]"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def client(link):
    link._limits = SMALL  # noqa: SLF001
    return Client(link, per_second=1000)


def _of_file(path, **more):
    body = path.read_bytes()
    fields = {"url": URL, "sha256": hashlib.sha256(body).hexdigest(), "fetched_at": NOW, "origin": "live", **more}
    return Response(file=path, **fields)


@pytest.mark.parametrize("fault", [None, "gzip"])
def test_a_large_body_is_in_a_file_that_goes_with_its_last_holder(client, server, fault):
    server.serves(URL, BODY, fault=FAULTS[fault] if fault else None)
    answer = client(URL, expect="json")
    assert answer.body == b""
    assert (answer.size, answer.open().read()) == (len(BODY), BODY)
    assert answer.sha256 == hashlib.sha256(BODY).hexdigest()
    name = str(answer.file)
    other = replace(answer, is_fallback=True)
    client.seen.clear()
    del answer
    gc.collect()
    assert Path(name).exists()
    assert other.text() == BODY.decode()
    del other
    gc.collect()
    assert not Path(name).exists()


@pytest.mark.parametrize("fault", ["a cut connection", "a Content-Length that is too long", "a cut gzip stream"])
def test_a_large_body_that_is_cut_is_fetched_again_and_leaves_no_file(client, server, fault, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server.serves(URL, BODY, fault=FAULTS[fault], times=1)
    assert client(URL, expect="json").open().read() == BODY
    assert len(server.asked) == 2
    client.seen.clear()
    gc.collect()
    assert not list(tmp_path.glob("drypowder-*"))


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_beyond_the_ceiling_is_refused_and_kept_in_part(client, server, packed):
    # Packed, its Content-Length promises little.
    body = b"[" + os.urandom(40_000).hex().encode() + b"]"
    server.serves(URL, body, fault=FAULTS["gzip"] if packed else None)
    with pytest.raises(SourceUnavailable, match=r"at most 50,000 bytes.*the limits stand in warehouse/http\.py"):
        client(URL, expect="json")
    assert len(server.asked) == 1
    assert client.seen[0].headers["x-truncated"].endswith("what follows was not read")


def test_a_packing_that_was_not_asked_for_is_refused(client, server):
    server.serves(
        URL, b"", fault=replace(FAULTS["gzip"], behave=lambda e, _: e.reply(b"x", headers={"Content-Encoding": "br"}))
    )
    with pytest.raises(SourceUnavailable, match="was not asked for; expected gzip or deflate, once; got 'br'"):
        client(URL, expect="json")


@pytest.mark.parametrize("wbits", [15, -15, 31])
def test_every_packing_that_servers_mean_is_undone(client, server, wbits):
    import zlib

    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(b"[1]") + packer.flush()
    coding = "gzip" if wbits == 31 else "deflate"
    behave = lambda e, _: e.reply(packed, headers={"Content-Encoding": coding})  # noqa: E731
    server.serves(URL, b"", fault=replace(FAULTS["gzip"], behave=behave))
    assert client(URL, expect="json").body == b"[1]"


def test_a_gzip_of_several_members_is_one_body(client, server):
    packed = gzip.compress(b"[1,") + gzip.compress(b"2]") + b"\0" * 8
    behave = lambda e, _: e.reply(packed, headers={"Content-Encoding": "gzip"})  # noqa: E731
    server.serves(URL, b"", fault=replace(FAULTS["gzip"], behave=behave))
    assert client(URL, expect="json").body == b"[1,2]"


def test_an_answer_that_takes_too_long_in_all_is_given_up(link, server):
    link._limits = Limits(seconds=0.1)  # noqa: SLF001
    server.serves(URL, b"[" + b" " * 100 + b"]", fault=FAULTS["a slow drip"])
    with pytest.raises(SourceUnavailable, match=r"not whole after 0 s"):
        Client(link, 1000)(URL, expect="json")
    assert len(server.asked) == 3


def test_the_archive_keeps_files_and_gives_them_back_as_files(tmp_path):
    source = tmp_path / "body"
    source.write_bytes(BODY)
    archive = Archive(tmp_path / "archive", in_memory=1000)
    responses = [
        _of_file(source),
        Response(url=URL, body=b"[]", sha256=hashlib.sha256(b"[]").hexdigest(), fetched_at=NOW, origin="live"),
    ]
    fetch = Fetch.of("toy", "bulk", "all", "Public domain", responses)
    archive.keep(fetch, [r.file or r.body for r in responses])
    large, small = archive.responses(archive.latest("toy", "bulk", "all"))
    assert (large.body, large.open().read(), large.sha256) == (b"", BODY, responses[0].sha256)
    assert (small.body, small.file) == (b"[]", None)
    name = str(large.file)
    del large
    gc.collect()
    assert not Path(name).exists()
    assert source.exists()


def test_a_large_body_that_has_changed_in_the_archive_is_refused(tmp_path):
    source = tmp_path / "body"
    source.write_bytes(BODY)
    archive = Archive(tmp_path / "archive", in_memory=1000)
    fetch = Fetch.of("toy", "bulk", "all", "Public domain", [_of_file(source)])
    archive.keep(fetch, [source])
    kept = next((tmp_path / "archive" / "sha256").rglob("*.zst"))
    for change in (BODY[:-1], BODY + b" ", b"x" + BODY[1:]):
        kept.write_bytes(zstandard.compress(change))
        with pytest.raises(ConfigurationError, match="has changed"):
            archive.responses(fetch)
    kept.write_bytes(b"no zstd")
    with pytest.raises(ConfigurationError, match="has lost"):
        archive.responses(fetch)


def test_neither_way_holds_a_large_body_in_memory(tmp_path):
    source = tmp_path / "body"
    with source.open("wb") as file:
        for _ in range(24):
            file.write(os.urandom(1 << 20))
    archive = Archive(tmp_path / "archive", in_memory=1 << 20)
    fetch = Fetch.of("toy", "bulk", "all", "Public domain", [_of_file(source)])
    gc.collect()
    tracemalloc.start()
    archive.keep(fetch, [source])
    found = archive.responses(fetch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[0].size == 24 << 20
    assert peak < 12 << 20


def test_what_a_watched_table_said_is_in_the_log_and_not_in_the_name(tmp_path):
    response = Response(url=URL, body=b"[]", sha256="0", fetched_at=NOW, origin="live")
    plain, told = (Fetch.of("toy", "bulk", "all", "Public domain", [response], token=t) for t in (None, "7"))
    assert plain.fetch_id == told.fetch_id
    assert "token" not in json.loads(plain.as_json())
    assert Fetch.from_json(told.as_json()) == told
    assert Fetch.from_json(plain.as_json()).token is None


def test_the_newest_fetch_is_found_among_many(tmp_path):
    archive = Archive(tmp_path)
    assert (archive.latest("toy", "bulk", "all"), archive.last_checked("toy", "bulk")) == (None, None)
    for month in (3, 11, 7):
        response = Response(url=URL, body=b"[]", sha256="0", fetched_at=NOW.replace(month=month), origin="live")
        archive.keep(Fetch.of("toy", "bulk", f"p{month}", "Public domain", [response]), [b"[]"])
        archive.keep(Fetch.of("toy", "bulk", "all", "Public domain", [response]), [b"[]"])
    (tmp_path / "fetches" / "toy" / "bulk" / "stray").touch()
    assert archive.latest("toy", "bulk", "all").fetched_at == NOW
    assert archive.last_checked("toy", "bulk") == NOW


@pytest.mark.parametrize(
    ("body", "suffix"),
    [
        (BODY, "json.gz"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><a/>", "xml.gz"),
        (b"<!-- x --><HTML><body>", "html.gz"),
        ("a,b\n".encode("utf-16"), "txt.gz"),
        ("[1]".encode("utf-16"), "json.gz"),
        (b"PK\x03\x04....PK\x05\x06", "zip"),
        (b"PAR1....PAR1", "parquet"),
    ],
)
def test_a_recording_names_bodies_for_what_they_are(tmp_path, body, suffix):
    source = tmp_path / "body"
    source.write_bytes(body)
    recording.append(tmp_path / "r", _of_file(source))
    found = Recording.open(tmp_path / "r")
    assert found.entries[0].body.partition(".")[2] == suffix
    assert found.body(found.entries[0]) == body


def test_a_large_recorded_body_is_answered_from_a_file(tmp_path):
    source = tmp_path / "body"
    source.write_bytes(BODY)
    recording.append(tmp_path / "r", _of_file(source))
    link = RecordedTransport(Recording.open(tmp_path / "r"), NOW, limits=SMALL)
    answer = Client(link, 1)(URL, expect="json", credential="fred_key")
    assert (answer.body, answer.open().read(), answer.origin) == (b"", BODY, "recorded")


def test_a_recording_that_lost_a_body_says_which(tmp_path):
    source = tmp_path / "body"
    source.write_bytes(BODY)
    recording.append(tmp_path / "r", _of_file(source))
    next((tmp_path / "r" / "bodies").iterdir()).unlink()
    with pytest.raises(ConfigurationError, match="has lost a body; expected the file bodies/"):
        Client(RecordedTransport(Recording.open(tmp_path / "r"), NOW), 1)(URL, expect="json")
