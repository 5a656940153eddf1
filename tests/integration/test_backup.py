"""Backups in object storage, and the drill: a home that was lost is restored, and the next run finds nothing new."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import replace

import pytest

from tests.drills import in_drills
from tests.integration.conftest import cli, command, environment
from tests.object_storage import KEY, SECRET, object_storage
from tests.toy_release import NOW, publish, restate, toy_builder
from warehouse import backup, inventory, packing, pipeline, release, restore, retention, upkeep
from warehouse.archive import Archive
from warehouse.errors import BackupFailed, ConfigurationError
from warehouse.snapshots import Repository

pytestmark = pytest.mark.slow

PREFIX = "backups/v1"


@pytest.fixture(scope="module")
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
    for name in [name for name in os.environ if name.startswith(("AWS_", "AIRFLOW"))]:
        monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home with two releases and an archive; read it, change a copy."""
    settings = replace(toy_builder(tmp_path_factory.mktemp("template")), now=NOW.isoformat())
    pipeline.settings_of_home(settings)
    (settings.archive / "sha256" / "00").mkdir(parents=True)
    (settings.archive / "sha256" / "00" / "00.zst").write_bytes(os.urandom(20_000_000))  # more than one part
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "PARTED_ROWS", 4)
        publish(settings)
        restate(settings, 99)
        publish(settings)
    return settings


@pytest.fixture
def home(template, tmp_path, storage):
    subprocess.run(["cp", "-a", template.home, tmp_path / "home"], check=True)
    return replace(template, home=tmp_path / "home", backup=f"s3://{storage.bucket}/{PREFIX}")


def elsewhere(settings):
    return replace(settings, home=settings.home.with_name("restored"))


def files(settings):
    """Return what is copied of a home, and where `current` leads."""
    found = {}
    for path in sorted(settings.home.rglob("*")):
        name = path.relative_to(settings.home).as_posix()
        top = name.partition("/")[0]
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and top not in inventory.DERIVED and not top.endswith((".lock", ".lock.json")):
            found[name] = (packing.checksum(path), path.stat().st_mtime_ns, path.stat().st_mode)
    return found


def key_of(storage, settings, path):
    """Return where the server has a file of the newest backup."""
    repository = Repository(settings.backup)
    (entry,) = [each for each in repository.read(repository.ids()[-1]).entries if each.path == path]
    return f"/{storage.bucket}/{PREFIX}/{entry.key}"


def test_a_home_goes_to_a_bucket_and_comes_back_the_same(home, storage):
    lines, moved = [], []
    made = backup.backup(settings=home, told=lines.append, moved=lambda *bytes_: moved.append(bytes_))
    order = [r.path.removeprefix(f"/{storage.bucket}/{PREFIX}/") for r in storage.requests if r.is_upload]
    assert order[0] == "repository.json"
    assert order[-1] == f"snapshots/{made.id}.json.zst", "the record comes last"
    assert sum("partNumber=" in path for path in order) >= 3
    assert moved[-1][0] == moved[-1][1] == made.bytes
    assert made.id in lines[0]
    restore.restore(settings=elsewhere(home))
    assert files(elsewhere(home)) == files(home)
    assert release.verify(release.current(elsewhere(home))) == []
    assert backup.verify(settings=home).wrong == {}


def test_the_next_backup_sends_its_record_alone(home, storage):
    backup.backup(settings=home)
    storage.uploads()
    made = backup.backup(settings=home)
    (sent,) = storage.uploads()
    assert sent.endswith(f"snapshots/{made.id}.json.zst")


def test_a_kill_leaves_no_backup_and_the_next_one_sends_the_rest(home, storage):
    enough = threading.Event()
    count = []

    def spoil(request):
        if request.is_upload and "/objects/" in request.path:
            count.append(request)
            if len(count) > 40:
                enough.set()
                time.sleep(3)
                return "drop"
        return None

    storage.spoil = spoil
    given = {**environment(home), **storage.environment, "WAREHOUSE_BACKUP": home.backup}
    process = subprocess.Popen(command(home, "backup"), env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert enough.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(3)  # until the server has ended what it was about
    storage.spoil = lambda _: None
    repository = Repository(home.backup)
    there = set(repository.objects())
    assert there
    assert repository.ids() == []
    storage.uploads()
    made = backup.backup(settings=home)
    sent = {path.rpartition("/")[2] for path in storage.uploads()}
    assert not sent & there
    assert made.new_files == len(repository.objects()) - len(there)
    restore.restore(settings=elsewhere(home))
    assert files(elsewhere(home)) == files(home)


def test_a_killed_restore_goes_on(home, storage):
    backup.backup(settings=home)
    target = elsewhere(home)
    enough = threading.Event()
    count = []

    def spoil(request):
        if request.method == "GET" and "/objects/" in request.path:
            count.append(request)
            if len(count) > 40:
                enough.set()
                time.sleep(2)

    storage.spoil = spoil
    given = {**environment(target), **storage.environment, "WAREHOUSE_BACKUP": home.backup}
    process = subprocess.Popen(command(target, "restore"), env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert enough.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    storage.spoil = lambda _: None
    assert not target.current.exists()
    with pytest.raises(ConfigurationError, match="only in part"):
        upkeep.maintain(target)
    found = restore.restore(settings=target)
    assert found.there > 0
    assert files(target) == files(home)


@pytest.mark.parametrize("fault", ["fail", "drop"])
def test_a_passing_fault_is_tried_through(home, storage, fault):
    asked = {}

    def spoil(request):
        asked[request[:2]] = asked.get(request[:2], 0) + 1
        return fault if asked[request[:2]] == 1 and len(asked) % 7 == 0 else None

    storage.spoil = spoil
    for _ in range(20):  # what was cut may not be asked for twice by the library: then the next run does
        try:
            backup.backup(settings=home)
        except BackupFailed:
            continue
        break
    assert backup.verify(settings=home).wrong == {}


def test_an_outage_is_a_failure_that_is_seen(home, storage):
    storage.spoil = lambda r: "fail" if r.is_upload and "/objects/" in r.path else None
    with pytest.raises(BackupFailed, match="did not take part; expected an answer; got 500 InternalError"):
        upkeep.back_up(home)
    assert Repository(home.backup).ids() == []
    assert "500 InternalError" in backup.trouble(home)
    said = cli(home, "doctor", cwd=home.project)
    assert "WRONG" in said.stdout


def test_a_spoilt_object_is_found_and_not_restored(home, storage):
    backup.backup(settings=home)
    path = "current/ATTRIBUTION.md"
    name = (home.home / path).resolve().relative_to(home.home.resolve()).as_posix()
    size = (home.home / path).stat().st_size
    assert storage.ask("PUT", key_of(storage, home, name), bytes(size))[0] == 200
    (why,) = backup.verify(settings=home).wrong.values()
    assert why == "has other content"
    with pytest.raises(BackupFailed, match="ATTRIBUTION.md: its content is not what it was"):
        restore.restore(settings=elsewhere(home))
    assert not elsewhere(home).current.exists()
    backup.backup(settings=home)
    restore.restore(settings=elsewhere(home), backup_id=None)
    assert files(elsewhere(home)) == files(home)


def test_old_backups_go_there_as_well(home, storage, monkeypatch):
    from datetime import timedelta

    monkeypatch.setattr(backup, "_LEFTOVER_AFTER", timedelta(seconds=-60))
    home = replace(home, backup_keep=1)
    for reason in ("one", "two"):
        retention.pin(home, release.current(home).id, reason)
        made = backup.backup(settings=home)
    assert Repository(home.backup).ids() == [made.id]
    assert made.freed_bytes > 0
    assert backup.verify(settings=home).objects == len(Repository(home.backup).objects())


def test_credentials_are_never_told(home, storage, caplog):
    storage.spoil = lambda _: "deny"
    with pytest.raises(ConfigurationError, match="refuses us") as caught:
        backup.backup(settings=home)
    told = [str(caught.value), caplog.text, (home.home / "backup.json").read_text()]
    assert not [text for text in told if SECRET in text or KEY in text]
    with pytest.raises(ConfigurationError, match="expected s3://bucket/prefix") as caught:
        backup.backup("s3://key:s3cr3t@bucket/x", home)
    assert "s3cr3t" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_a_setting_to_correct(home):
    nowhere = replace(home, backup="s3://no-such-bucket/x")
    for verb in (backup.backup, backup.verify):
        with pytest.raises(ConfigurationError, match="refuses us.*NoSuchBucket"):
            verb(settings=nowhere)
    with pytest.raises(ConfigurationError, match="refuses us.*NoSuchBucket"):
        restore.restore(nowhere.backup, elsewhere(home))
    assert not elsewhere(home).home.exists()


# ---------------------------------------------------------------------------------------------------------- the drill


@in_drills
def test_a_home_that_was_lost_is_restored_and_the_next_run_finds_nothing_new(built, copied, tmp_path):
    """The drill, as docs/running.md has it: back up, lose the home, restore, replay, run."""
    lost = replace(copied(built), backup=str(tmp_path / "backups"))

    def do(*arguments):
        given = {**environment(lost), "WAREHOUSE_BACKUP": lost.backup}
        done = subprocess.run(command(lost, *arguments), capture_output=True, text=True, env=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # Who adds a file to a home decides whether it is copied or derived; a note in JSON is copied unless it is derived.
    known = {*inventory.COPIED, *inventory.DERIVED}
    names = {path.name for path in lost.home.iterdir() if not path.name.endswith((".lock", ".json"))}
    assert names <= known
    before, rows = files(lost), upkeep.raw_rows(lost)
    with release.connect(lost.home) as connection:
        latest = connection.execute("from metrics.latest order by all").fetchall()
    do("backup")
    assert ", of them new 0 " in do("backup")
    assert "all as written" in do("backup", "--verify")
    shutil.rmtree(lost.home)

    do("restore")
    assert files(lost) == before
    assert release.current(lost).id == release.current(built).id
    assert release.verify(release.current(lost)) == []
    with release.connect(lost.home) as connection:
        assert connection.execute("from metrics.latest order by all").fetchall() == latest
    for source, table in ((p.parent.name, p.name) for p in lost.archive.glob("fetches/*/*")):
        for fetch in Archive(lost.archive).fetches(source, table):
            Archive(lost.archive).responses(fetch)  # which compares every body with its digest

    do("replay")
    assert upkeep.raw_rows(lost) == rows
    assert "Nothing new came in; nothing was published." in do("run")
    assert files(lost) == before
