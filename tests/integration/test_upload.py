"""Releases in object storage: all of one or none of it, only what changed is sent, and no secret is told."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.integration.conftest import cli, command, environment
from tests.object_storage import KEY, SECRET, object_storage
from tests.toy_release import NOW, publish, restate, toy_builder
from warehouse import packing, pipeline, release, retention, upkeep, upload
from warehouse.errors import ConfigurationError, NoRelease, UploadFailed
from warehouse.object_storage import digest_of_content

pytestmark = pytest.mark.slow

PREFIX = "warehouse/v1"


@pytest.fixture(scope="session")
def server():
    with object_storage() as storage:
        yield storage


@pytest.fixture
def storage(server, monkeypatch, tmp_path):
    """The server with an empty bucket of this test's own, and its address in the environment."""
    server.spoil = lambda _: None
    server.bucket = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:20]
    assert server.ask("PUT", f"/{server.bucket}")[0] == 200
    server.requests.clear()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def home(tmp_path, monkeypatch, storage):
    """A home with one release, whose settings upload to the bucket."""
    monkeypatch.setattr(packing, "PARTED_ROWS", 4)
    settings = replace(toy_builder(tmp_path), upload=f"s3://{storage.bucket}/{PREFIX}", now=NOW.isoformat())
    publish(settings)
    return settings


def content(storage, name):
    status, body = storage.ask("GET", f"/{storage.bucket}/{PREFIX}/{name}")
    assert status in {200, 404}
    return body if status == 200 else None


def pointed(storage):
    body = content(storage, "current.json")
    return body and json.loads(body)["id"]


def is_whole(storage, found):
    """Whether every file of a release is in the bucket as in its folder."""
    names = [*found.manifest["files"], "manifest.json"]
    return all(content(storage, f"releases/{found.id}/{name}") == (found.path / name).read_bytes() for name in names)


def sent(storage):
    start = f"/{storage.bucket}/{PREFIX}/"
    return sorted(path.removeprefix(start) for path in storage.uploads())


def test_a_release_is_there_whole_before_the_pointer_names_it(home, storage):
    found = release.current(home)
    result = upload.upload(settings=home)
    order = [r.path.removeprefix(f"/{storage.bucket}/{PREFIX}/") for r in storage.requests if r.is_upload]
    assert order[-2:] == [f"releases/{found.id}/manifest.json", "current.json"]
    assert len(order) == len(found.manifest["files"]) + 2 == len(set(order))
    assert (result.sent, result.copied, result.there, result.is_current) == (len(order) - 1, 0, 0, True)
    assert is_whole(storage, found)
    pointer = json.loads(content(storage, "current.json"))
    manifest = content(storage, pointer["path"] + "/manifest.json")
    assert hashlib.sha256(manifest).hexdigest() == pointer["manifest_sha256"]
    assert upload.outstanding(home) is None


def test_uploading_again_sends_nothing(home, storage):
    upload.upload(settings=home)
    storage.requests.clear()
    result = upload.upload(settings=home)
    assert sent(storage) == []
    assert (result.sent, result.copied) == (0, 0)


def test_a_second_release_sends_only_what_changed(home, storage):
    first = release.current(home)
    upload.upload(settings=home)
    restate(home, 99)
    second = publish(home)
    same = {name for name, digest in second.manifest["files"].items() if digest in first.manifest["files"].values()}
    assert "parquet/marts/rates/2023.parquet" in same
    storage.requests.clear()
    result = upload.upload(settings=home)
    copies = [r for r in storage.requests if r.is_copy]
    changed = {"manifest.json", *(n for n in second.manifest["files"] if n not in same)}
    assert sent(storage) == sorted(["current.json", *(f"releases/{second.id}/{name}" for name in changed)])
    assert len(copies) == result.copied == len(same)
    assert all(r.sent == 0 for r in copies)
    assert is_whole(storage, first)
    assert is_whole(storage, second)
    assert pointed(storage) == second.id


def test_what_a_copy_does_not_deliver_is_sent(home, storage):
    upload.upload(settings=home)
    restate(home, 99)
    first, second = release.releases(home)[0], publish(home)
    assert storage.ask("PUT", f"/{storage.bucket}/{PREFIX}/releases/{first.id}/ATTRIBUTION.md", b"")[0] == 200
    name = "parquet/marts/rates/2023.parquet"
    spoilt = bytes(len((first.path / name).read_bytes()))  # of the right size, and without a digest
    assert storage.ask("PUT", f"/{storage.bucket}/{PREFIX}/releases/{first.id}/{name}", spoilt)[0] == 200
    storage.requests.clear()
    upload.upload(settings=home)
    assert f"releases/{second.id}/{name}" in sent(storage)
    assert is_whole(storage, second)


def test_what_is_there_under_its_name_and_of_its_size_only_is_sent_again(home, storage):
    found = release.current(home)
    key = f"releases/{found.id}/ATTRIBUTION.md"
    spoilt = bytes((found.path / "ATTRIBUTION.md").stat().st_size)
    assert storage.ask("PUT", f"/{storage.bucket}/{PREFIX}/{key}", spoilt)[0] == 200
    upload.upload(settings=home)
    assert is_whole(storage, found)


def test_what_is_too_large_to_be_copied_is_sent(home, storage, monkeypatch):
    upload.upload(settings=home)
    restate(home, 99)
    second = publish(home)
    monkeypatch.setattr(upload, "_LARGEST_COPY", 0)
    result = upload.upload(settings=home)
    assert (result.copied, result.sent) == (0, len(second.manifest["files"]) + 1)
    assert is_whole(storage, second)


def test_a_dry_run_changes_nothing(home, storage):
    result = upload.upload(settings=home, dry_run=True)
    assert {r.method for r in storage.requests} <= {"GET", "HEAD"}
    assert result.sent == len(release.current(home).manifest["files"]) + 1
    assert pointed(storage) is None
    assert str(result).startswith("a dry run: ")
    assert upload.outstanding(home)


def test_plain_readers_read_parquet_by_its_path(home, storage):
    found = release.current(home)
    upload.upload(settings=home, read_back=True)
    frame = pl.read_parquet(
        f"{home.upload}/releases/{found.id}/parquet/marts/rates/*.parquet",
        storage_options={
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "aws_region": "us-east-1",
            "aws_endpoint_url": storage.url,
            "aws_allow_http": "true",
        },
    )
    assert frame.height == found.manifest["tables"]["marts.rates"]["rows"]
    assert frame["value"].sum() == pytest.approx(sum(n / 7 for n in range(20)))


def test_a_large_file_goes_in_parts_and_comes_back_the_same(home, storage, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(20_000_000))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    bucket = upload.Bucket(home.upload)
    each = upload._Object(name="large", key="releases/x/large", path=path, size=20_000_000, digest=digest, how="send")  # noqa: SLF001
    bucket.send(each)
    assert sum("partNumber=" in r.path for r in storage.requests if r.is_upload) == 3
    assert bucket.digest(each.key) == digest_of_content(bucket, each.key) == digest


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reader_that_polls_sees_one_whole_release_or_the_other(home, storage):
    upload.upload(settings=home)
    restate(home, 99)
    first, second = release.current(home), publish(home)
    storage.spoil = lambda _: "slow"
    seen, done = [], threading.Event()

    def poll():
        while not done.is_set():
            pointer = json.loads(content(storage, "current.json"))
            manifest = content(storage, f"{pointer['path']}/manifest.json")
            is_right = hashlib.sha256(manifest).hexdigest() == pointer["manifest_sha256"]
            lacking = [n for n in json.loads(manifest)["files"] if content(storage, f"{pointer['path']}/{n}") is None]
            seen.append((pointer["id"], is_right, lacking))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        wait_until(lambda: seen)
        upload.upload(settings=home)
        wait_until(lambda: seen[-1][0] == second.id)
    finally:
        done.set()
        reader.join()
    ids = [each[0] for each in seen]
    assert set(ids) == {first.id, second.id}
    assert ids == sorted(ids)
    assert {each[1:] == (True, []) for each in seen} == {True}


def uploading(home, storage):
    """Start the command, which reads the home's settings from the environment."""
    given = {**environment(home), **storage.environment, "WAREHOUSE_UPLOAD": home.upload}
    return subprocess.Popen(
        command(home, "upload"), env=given, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_kill_leaves_the_old_pointer_and_the_next_upload_sends_the_rest(home, storage):
    first = release.current(home)
    upload.upload(settings=home)
    restate(home, 99)
    second = publish(home)
    storage.requests.clear()
    enough = threading.Event()

    def spoil(request):
        if request.method == "PUT" and request.path.endswith(("manifest.json", "warehouse.duckdb")):
            enough.set()
            time.sleep(3)
            return "drop"
        return None

    storage.spoil = spoil
    process = uploading(home, storage)
    assert enough.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(3)
    assert pointed(storage) == first.id
    assert is_whole(storage, first)
    assert content(storage, f"releases/{second.id}/manifest.json") is None
    storage.spoil = lambda _: None
    assert upload.outstanding(home)
    there = {n for n in second.manifest["files"] if content(storage, f"releases/{second.id}/{n}") is not None}
    assert there
    storage.requests.clear()
    result = upload.upload(settings=home)
    assert result.there == len(there)
    assert not {f"releases/{second.id}/{name}" for name in there} & set(sent(storage))
    assert is_whole(storage, second)
    assert pointed(storage) == second.id


@pytest.mark.parametrize("fault", ["fail", "drop", "slow", "cut"])
def test_a_passing_fault_is_tried_through(home, storage, fault):
    asked = {}

    def spoil(request):
        asked[request[:2]] = asked.get(request[:2], 0) + 1
        return fault if asked[request[:2]] == 1 else None

    storage.spoil = spoil
    if fault in {"drop", "cut"}:  # what was cut may not be asked for twice by the library: then the next run does
        for _ in range(20):
            try:
                upload.upload(settings=home)
            except UploadFailed:
                continue
            break
    else:
        upload.upload(settings=home)
    assert is_whole(storage, release.current(home))
    assert pointed(storage) == release.current(home).id


def test_a_lasting_fault_fails_and_leaves_the_pointer(home, storage):
    first = release.current(home)
    upload.upload(settings=home)
    restate(home, 99)
    publish(home)
    storage.spoil = lambda r: "fail" if r.is_upload and r.path.endswith("2024.parquet") else None
    with pytest.raises(UploadFailed, match="did not take part; expected an answer; got 500 InternalError"):
        upload.upload(settings=home)
    assert pointed(storage) == first.id


def test_an_object_that_is_not_what_was_sent_is_noticed(home, storage):
    def spoil(request):
        if request.is_upload and request.path.endswith("manifest.json"):
            key = f"/{storage.bucket}/{PREFIX}/releases/{release.current(home).id}/ATTRIBUTION.md"
            storage.ask("PUT", key, b"other")

    storage.spoil = spoil
    with pytest.raises(UploadFailed, match=r"does not hold what was sent.*ATTRIBUTION.md"):
        upload.upload(settings=home)
    assert pointed(storage) is None


def test_reading_back_notices_what_size_and_metadata_do_not_tell(home, storage, monkeypatch):
    found = release.current(home)
    honest = upload.Bucket.send

    def send(bucket, each):
        if each.name == "ATTRIBUTION.md":
            lie = each.path.parent.parent / "lie"
            lie.write_bytes(bytes(each.size))
            each = replace(each, path=lie)
        honest(bucket, each)

    monkeypatch.setattr(upload.Bucket, "send", send)
    with pytest.raises(UploadFailed, match="ATTRIBUTION.md"):
        upload.upload(settings=home, read_back=True)
    assert pointed(storage) is None
    upload.upload(settings=home)  # which is what reading back is for
    assert pointed(storage) == found.id


def test_a_damaged_release_is_not_passed_on(home, storage):
    path = release.current(home).path / "parquet" / "marts" / "rates" / "2024.parquet"
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(UploadFailed, match="2024.parquet is not as it was published here"):
        upload.upload(settings=home)
    assert pointed(storage) is None
    path.unlink()
    with pytest.raises(UploadFailed, match="is missing"):
        upload.upload(settings=home)


def test_wrong_credentials_are_named_and_never_told(home, storage, caplog):
    storage.spoil = lambda _: "deny"
    with pytest.raises(
        ConfigurationError, match="refuses us; .*got 403 InvalidAccessKeyId.* AWS_ACCESS_KEY_ID"
    ) as caught:
        upload.upload(settings=home)
    lines = []
    upload.attempt(home, lines.append)
    ended = cli(home, "--verbose", "upload", home.upload)
    assert ended.returncode == 1
    assert "InvalidAccessKeyId" in ended.stderr
    told = [str(caught.value), caplog.text, *lines, ended.stdout, ended.stderr, (home.home / "upload.json").read_text()]
    assert not [text for text in told if SECRET in text or KEY in text]
    assert caught.value.__cause__ is None  # whose text holds what must not be told
    assert caught.value.__suppress_context__


def test_the_server_s_own_refusal_is_understood(home, storage):
    storage.ask("POST", "/moto-api/reset-auth", b"0")
    try:
        with pytest.raises(ConfigurationError, match="refuses us"):
            upload.upload(settings=home)
    finally:
        storage.ask("POST", "/moto-api/reset-auth", b"1000000000")


def test_a_bucket_that_is_not_there_is_a_setting_to_correct(home, storage):
    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        upload.upload(None, "s3://no-such-bucket/x", home)
    with pytest.raises(NoRelease, match="There is no release 1999"):
        upload.upload("1999.01.01.1", settings=home)


@pytest.mark.parametrize("address", ["s3://key:s3cr3t@bucket/x", "s3://bucket/x?secret=s3cr3t", "/folder", "s3:///x"])
def test_an_address_is_a_bucket_without_secrets(home, address):
    with pytest.raises(ConfigurationError, match="expected s3://bucket/prefix") as caught:
        upload.upload(None, address, home)
    assert "s3cr3t" not in str(caught.value)


def test_two_homes_do_not_share_a_prefix(home, storage, tmp_path):
    upload.upload(settings=home)
    other = replace(toy_builder(tmp_path / "other"), upload=home.upload)
    restate(other, 5)
    publish(other)
    with pytest.raises(ConfigurationError, match="has another release"):
        upload.upload(settings=other)


def test_the_pointer_follows_what_is_current_here(home, storage):
    first = release.current(home)
    restate(home, 99)
    second = publish(home)
    assert not upload.upload(first.id, settings=home).is_current
    assert pointed(storage) is None
    assert upload.upload(settings=home).is_current
    upkeep.rollback(settings=home)
    assert upload.outstanding(home)
    upload.attempt(home, print)
    assert pointed(storage) == first.id
    assert is_whole(storage, second)


def test_the_bucket_keeps_the_newest_the_pinned_and_what_readers_see(home, storage):
    home = replace(home, upload_keep=2)
    found = [release.current(home)]
    upload.upload(settings=home)
    retention.pin(home, found[0].id, "a report quotes it")
    stray = f"/{storage.bucket}/{PREFIX}/releases/2020.01.01.1/half"
    storage.ask("PUT", stray, b"of a killed upload")
    for value in range(1, 4):
        restate(home, value)
        found.append(publish(home))
        result = upload.upload(settings=home)
    assert result.removed == (found[1].id,)
    assert content(storage, f"releases/{found[1].id}/warehouse.duckdb") is None
    assert content(storage, "releases/2020.01.01.1/half")  # it is young: somebody may be at it
    assert all(is_whole(storage, each) for each in (found[0], found[2], found[3]))
    assert upload.upload(settings=replace(home, upload_keep=1)).removed == ()  # the one before the current one stays


def test_a_deletion_that_is_broken_off_leaves_no_release(home, storage):
    """Its manifest goes first: what lacks files must not be taken for a release, nor copied from."""
    home = replace(home, upload_keep=1)
    first = release.current(home)
    upload.upload(settings=home)
    for value in (1, 2):
        restate(home, value)
        publish(home)
        deleted = []

        def spoil(request, deleted=deleted):
            if request.method == "POST" and request.path.endswith("?delete"):
                deleted.append(request)
            return "fail" if len(deleted) > 1 else None

        storage.spoil = spoil
        if value == 1:
            upload.upload(settings=home)
    with pytest.raises(UploadFailed):
        upload.upload(settings=home)
    assert pointed(storage) == release.current(home).id
    assert content(storage, f"releases/{first.id}/manifest.json") is None
    assert content(storage, f"releases/{first.id}/warehouse.duckdb")


def test_half_a_release_of_a_killed_upload_goes_after_a_day(home, storage, monkeypatch):
    stray = f"/{storage.bucket}/{PREFIX}/releases/2020.01.01.1/half"
    storage.ask("PUT", stray, b"of a killed upload")
    monkeypatch.setattr(upload, "_LEFTOVER_AFTER", timedelta(seconds=-60))
    assert upload.upload(settings=home).removed == ("2020.01.01.1",)
    assert content(storage, "releases/2020.01.01.1/half") is None


def test_a_failed_upload_leaves_the_release_and_the_next_run_tries_again(home, storage, monkeypatch):
    """What `publish` and `load` do around it; the whole run is too slow for a toy that has no dbt project."""
    lines = []
    storage.spoil = lambda r: "fail" if r.is_upload else None
    upload.attempt(home, lines.append)
    assert "NOT uploaded, the next run tries again" in lines[0]
    assert release.verify(release.current(home)) == []
    note = json.loads((home.home / "upload.json").read_text())
    assert note["release"] == release.current(home).id
    assert "500" in note["problem"]
    assert note["problem"] in upload.outstanding(home)
    storage.spoil = lambda _: None
    upload.attempt(home, lines.append)
    assert pointed(storage) == release.current(home).id
    assert upload.outstanding(home) is None
    upload.attempt(home, lines.append)
    assert len(lines) == 2
    assert upload.outstanding(replace(home, upload=f"s3://{storage.bucket}/elsewhere"))
    assert upload.outstanding(replace(home, upload=f"{home.upload}/")) is None


def test_the_verbs_upload_when_settings_say_so(home, storage, monkeypatch):
    """`publish` after its swap, and `load` what is outstanding."""
    from warehouse import nightly

    done = []
    monkeypatch.setattr(upload, "attempt", lambda settings, _: done.append(release.current(settings).id))
    monkeypatch.setattr(pipeline, "_is_unpublished", lambda *_: True)
    monkeypatch.setattr(pipeline, "_require", lambda *_: None)
    restate(home, 7)
    published = pipeline.publish(home)
    assert done == [published.id]
    monkeypatch.setattr(pipeline, "load", lambda *_, **__: "loaded")
    assert nightly.load(home) == "loaded"
    assert done == [published.id] * 2


def test_without_the_library_it_is_said_what_lacks(home, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigurationError, match="Object storage needs obstore; expected the extra `platform`"):
        upload.upload(settings=home)


def test_the_command_says_what_it_did(home, storage):
    process = uploading(home, storage)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"{release.current(home).id} in {home.upload}: " in out
    assert "current" in out
    assert Path(home.home / "upload.json").is_file()
