"""Backups in a folder: all of a home or nothing, only what is new is written, and what comes back is what there was."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from tests.toy_release import NOW, publish, restate, toy_builder
from warehouse import backup, cli, doctor, inventory, packing, pipeline, release, restore, retention, snapshots, upkeep
from warehouse.archive import Archive, Fetch
from warehouse.contract import Response
from warehouse.errors import BackupFailed, BuilderBusy, ConfigurationError, DiskFailed, NotConfigured
from warehouse.locking import RESTORED, RESTORING
from warehouse.object_storage import Folder
from warehouse.snapshots import Repository


def fetch(settings, text, minute=0, **options):
    """Archive an answer, as landing does."""
    body = text.encode()
    at = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
    response = Response(
        url="https://example.org/rates",
        body=body,
        file=None,
        sha256=hashlib.sha256(body).hexdigest(),
        fetched_at=at,
        origin="recorded",
        headers={},
        status=200,
        method="GET",
        is_fallback=False,
    )
    made = Fetch.of("toy", "rates", "all", "Public domain", [response])
    Archive(settings.archive).keep(made, [body], **options)
    return made


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home with two releases that share files, an archive and every kind of note: read it, change a copy."""
    folder = tmp_path_factory.mktemp("template")
    settings = replace(toy_builder(folder), now=NOW.isoformat())
    pipeline.settings_of_home(settings)
    fetch(settings, "one")
    fetch(settings, "an error page", 1, usable=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "PARTED_ROWS", 4)
        first = publish(settings)
        restate(settings, 99)
        publish(settings)
    retention.pin(settings, first.id, "a report quotes it")
    for name, text in {
        "home.json": '{"transport": "live"}',
        "rolled-back.json": "[]",
        "live-checks.json": "{}",
        "discarded/toy.rates.json": "[]",
        "incidents/ledger.json": "[]",
        "quarantine/toy/rates/all.json": "{}",
    }.items():
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return settings


@pytest.fixture
def home(template, tmp_path, monkeypatch):
    """A copy of it, with hard links and all, and a place for its backups."""
    monkeypatch.setattr(packing, "PARTED_ROWS", 4)
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # these tests cut no power
    subprocess.run(["cp", "-a", template.home, tmp_path / "home"], check=True)
    return replace(template, home=tmp_path / "home", backup=str(tmp_path / "backups"))


def tree(settings):
    """Return what a home has of that which is copied: content, mode and time of files, modes of folders, links."""
    found = {}
    for path in sorted(settings.home.rglob("*")):
        name = path.relative_to(settings.home).as_posix()
        top = name.partition("/")[0]
        if top in inventory.DERIVED or top.endswith((".lock", ".lock.json")) or ".wal" in top:
            continue
        stat = path.lstat()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[name] = oct(stat.st_mode)
        else:
            found[name] = (path.read_bytes(), oct(stat.st_mode), stat.st_mtime_ns, stat.st_nlink)
    return found


def elsewhere(settings):
    return replace(settings, home=settings.home.with_name("restored"))


def objects(settings):
    return {p.name: p for p in (Path(settings.backup) / "objects").rglob("*") if p.is_file()}


def newest(settings):
    repository = Repository(settings.backup)
    return repository.read(repository.ids()[-1])


def object_of(settings, path):
    """Return the object that holds a file in the newest backup."""
    (entry,) = [each for each in newest(settings).entries if each.path == path]
    return objects(settings)[entry.sha256]


BODY = f"archive/sha256/{hashlib.sha256(b'one').hexdigest()[:2]}/{hashlib.sha256(b'one').hexdigest()}.zst"


# ----------------------------------------------------------------------------------------------- there and back again


def test_what_is_restored_is_what_there_was(home):
    before = tree(home)
    assert {"current", "pins.json", "rolled-back.json", "live-checks.json", "home.json", BODY} <= before.keys()
    made = backup.backup(settings=home)
    found = restore.restore(settings=elsewhere(home))
    assert tree(elsewhere(home)) == before
    assert (found.backup, found.files, found.bytes) == (made.id, made.files, made.bytes)
    assert release.current(elsewhere(home)).id == release.current(home).id
    for each in release.releases(elsewhere(home)):
        assert release.verify(each) == []
    assert retention.pins(elsewhere(home)) == retention.pins(home)


def test_files_that_releases_share_are_stored_once_and_shared_again(home):
    shared = "parquet/marts/rates/2023.parquet"
    one, two = [each.path / shared for each in release.releases(home)]
    assert one.samefile(two)
    made = backup.backup(settings=home)
    assert made.new_files == len(objects(home)) < made.files
    assert made.new_bytes == sum(p.stat().st_size for p in objects(home).values()) <= made.bytes
    restore.restore(settings=elsewhere(home))
    one, two = [each.path / shared for each in release.releases(elsewhere(home))]
    assert one.samefile(two)


def test_the_next_backup_writes_what_is_new_and_reads_nothing_else(home, monkeypatch):
    backup.backup(settings=home)
    there = {name: path.stat().st_mtime_ns for name, path in objects(home).items()}
    read = []
    honest = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or honest(path))
    assert backup.backup(settings=home).new_files == 0
    assert not [path for path in read if home.archive in path.parents or home.releases in path.parents]
    fetch(home, "two", 2)
    made = backup.backup(settings=home)
    assert made.new_files == 2, "a body and its log entry"
    assert {name: path.stat().st_mtime_ns for name, path in objects(home).items() if name in there} == there


def test_two_backups_are_two_states(home):
    first = backup.backup(settings=home)
    restate(home, 5)
    third = publish(home)
    backup.backup(settings=home)
    restore.restore(settings=elsewhere(home), backup_id=first.id)
    assert release.current(elsewhere(home)).id != third.id
    assert len(release.releases(elsewhere(home))) == 2


def test_an_object_is_what_its_name_says_and_a_snapshot_too(home):
    backup.backup(settings=home)
    for name, path in objects(home).items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == name
    (record,) = (Path(home.backup) / "snapshots").iterdir()
    assert hashlib.sha256(record.read_bytes()).hexdigest()[:12] in record.name


def test_a_backup_is_for_its_owner_alone(home):
    backup.backup(settings=home)
    for folder in ("objects", "snapshots"):
        assert (Path(home.backup) / folder).stat().st_mode & 0o077 == 0


def test_what_a_home_has_is_either_copied_or_derived(home):
    """Who adds a file to a home has to decide; a note in JSON is copied unless it is derived."""
    (home.home / "new-note.json").write_text("{}")
    found = {path.name for path in home.home.iterdir() if not path.name.endswith((".lock", ".json"))}
    assert found <= {*inventory.COPIED, *inventory.DERIVED}
    backup.backup(settings=home)
    copied = {each.path.partition("/")[0] for each in newest(home).entries}
    assert copied >= {"archive", "releases", "new-note.json", "pins.json"}
    assert not copied & set(inventory.DERIVED)


# ------------------------------------------------------------------------------------------------------ while others work


def test_a_builder_at_work_is_waited_for_and_a_backup_holds_nobody_up(home, monkeypatch):
    with FileLock(home.home / "builder.lock"), pytest.raises(BuilderBusy):
        subprocess_of(home, "backup.backup(settings=settings)", check=True)
    free = []
    honest, one_at_a_time = Folder.write, threading.Lock()

    def write(folder, key, content, attributes=None):
        # Another object than the backup's, as another process has: a builder gets the lock while files are copied.
        with one_at_a_time, FileLock(home.home / "builder.lock", timeout=0):
            free.append(key)
        honest(folder, key, content, attributes)

    monkeypatch.setattr(Folder, "write", write)
    backup.backup(settings=home)
    assert len(free) > 5


def test_what_lands_meanwhile_is_whole_or_not_there(home, monkeypatch):
    """A landing between two looks at the archive: its body may be there without its entry, never the reverse."""
    honest, landed = inventory._files, []  # noqa: SLF001

    def files(at, folder, folders):
        yield from honest(at, folder, folders)
        if folder.parent == home.archive and not landed:
            landed.append(fetch(home, "meanwhile", 3))

    monkeypatch.setattr(inventory, "_files", files)
    backup.backup(settings=home)
    assert landed
    restore.restore(settings=elsewhere(home))
    archive = Archive(elsewhere(home).archive)
    logged = list(archive.fetches("toy", "rates"))
    assert [[r.body for r in archive.responses(each)] for each in logged] == [[b"one"]]


def test_a_release_that_is_deleted_meanwhile_is_left_out_whole(home, monkeypatch):
    first, second = release.releases(home)
    honest = inventory.take

    def take(settings):
        found = honest(settings)
        first.path.rename(first.path.with_name(".building-old"))
        return found

    monkeypatch.setattr(inventory, "take", take)
    backup.backup(settings=home)
    restore.restore(settings=elsewhere(home))
    assert [each.id for each in release.releases(elsewhere(home))] == [second.id]
    assert not (elsewhere(home).releases / first.id).exists()
    assert release.verify(release.current(elsewhere(home))) == []


def test_the_current_release_cannot_be_left_out(home, monkeypatch):
    honest = inventory.take

    def take(settings):
        found = honest(settings)
        gone = release.current(settings).path
        gone.rename(gone.with_name(".building-old"))
        return found

    monkeypatch.setattr(inventory, "take", take)
    with pytest.raises(BackupFailed, match="was current, and was deleted while it was copied"):
        backup.backup(settings=home)
    assert Repository(home.backup).ids() == []


def test_two_backups_of_a_home_do_not_run_at_once(home):
    with FileLock(home.home / "backup.lock"), pytest.raises(BuilderBusy, match="one at a time"):
        backup.backup(settings=home)


# ------------------------------------------------------------------------------------------------------------- a kill

SETUP = """
import os, signal, sys
from warehouse import backup, inventory, restore, snapshots
from warehouse.object_storage import Folder
from warehouse.settings import Settings
settings = Settings.from_environment()
"""
DIES = """
count = 0
def dying(honest):
    def method(*arguments, **options):
        global count
        count += 1
        if count == {at}:
            os.kill(os.getpid(), signal.SIGKILL)
        return honest(*arguments, **options)
    return method
{owner}.{method} = dying({owner}.{method})
"""


def subprocess_of(settings, code, *, check=False):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WAREHOUSE_", "AIRFLOW"))}
    environment |= {**settings.as_environment(), "WAREHOUSE_LOCK_WAIT_SECONDS": "0.1"}
    done = subprocess.run([sys.executable, "-c", SETUP + code], env=environment, capture_output=True, text=True)
    if check and "BuilderBusy" in done.stderr:
        raise BuilderBusy(done.stderr.splitlines()[-1])
    return done


@pytest.mark.parametrize(
    ("owner", "method", "at"),
    [
        ("Folder", "write", 1),
        ("Folder", "write", 6),
        ("Folder", "send", 1),
        ("snapshots.Repository", "write", 1),
        ("snapshots.Repository", "ids", 2),
    ],
)
def test_a_killed_backup_is_none_and_the_next_one_goes_on(home, owner, method, at, monkeypatch):
    from warehouse import object_storage

    monkeypatch.setattr(backup, "PART_BYTES", 1000)
    dying = DIES.format(owner=owner, method=method, at=at)
    done = subprocess_of(home, f"backup.PART_BYTES = 1000\n{dying}\nbackup.backup(settings=settings)")
    assert done.returncode == -signal.SIGKILL, done.stderr
    repository = Repository(home.backup)
    has_record = (owner, method) == ("snapshots.Repository", "ids")  # it died when all was written
    assert len(repository.ids()) == has_record
    there = len(objects(home))
    written = []
    honest = object_storage.Folder.write
    monkeypatch.setattr(Folder, "write", lambda f, key, *rest: written.append(key) or honest(f, key, *rest))
    made = backup.backup(settings=home)
    assert made.new_files == len(objects(home)) - there, "what was there was not written again"
    monkeypatch.undo()
    before = tree(home)
    restore.restore(settings=elsewhere(home))
    assert tree(elsewhere(home)) == before


@pytest.mark.parametrize("at", [1, 4, 12])
def test_a_killed_restore_is_no_home_and_goes_on(home, at):
    backup.backup(settings=home)
    target = elsewhere(home)
    done = subprocess_of(
        target, DIES.format(owner="restore", method="_fetch", at=at) + "restore.restore(settings=settings)"
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not target.current.exists()
    with pytest.raises(ConfigurationError, match="only in part"):
        pipeline.settings_of_home(target)
    with pytest.raises(ConfigurationError, match="half restored from another backup"):
        restore.restore(settings=target, backup_id="20200101T000000Z-0123456789ab")
    found = restore.restore(settings=target)
    assert found.there >= at - 8, "what was restored was not fetched again"  # eight threads may have begun one each
    assert tree(target) == tree(home)
    assert not list(target.home.rglob(".*.restoring"))


def test_a_restore_that_is_killed_at_its_last_step_has_no_current(home):
    backup.backup(settings=home)
    target = elsewhere(home)
    dying = DIES.format(owner="restore", method="settle", at=1)
    assert subprocess_of(target, dying + "restore.restore(settings=settings)").returncode == -signal.SIGKILL
    assert not target.current.exists()
    found = restore.restore(settings=target)
    assert found.there == sum(not each.link for each in newest(home).entries)
    assert tree(target) == tree(home)


# -------------------------------------------------------------------------------------------------- what is damaged


def spoil(path):
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))


def test_verify_reads_all_back_and_says_what_lacks(home):
    made = backup.backup(settings=home)
    found = backup.verify(settings=home)
    assert (found.backups, found.objects, found.wrong) == (1, made.new_files, {})
    spoilt, lost = object_of(home, BODY), object_of(home, "pins.json")
    spoil(spoilt)
    lost.unlink()
    found = backup.verify(settings=home)
    assert found.wrong == {spoilt.name: "has other content", lost.name: "lacks"}
    assert found.affected == {made.id: (BODY, "pins.json")}
    backup.backup(settings=home)
    assert backup.verify(settings=home).wrong == {}, "what the home still has is written anew"


def test_a_record_that_was_changed_is_told(home):
    made = backup.backup(settings=home)
    record = Path(home.backup) / snapshots.snapshot_key(made.id)
    record.write_bytes(record.read_bytes() + b"x")
    assert made.id in backup.verify(settings=home).wrong
    with pytest.raises(BackupFailed, match="is damaged"):
        restore.restore(settings=elsewhere(home))
    assert not elsewhere(home).home.exists()


def test_restore_refuses_what_was_lost_and_names_it(home):
    backup.backup(settings=home)
    spoil(object_of(home, BODY))
    shared = [each.path / "parquet/marts/rates/2023.parquet" for each in release.releases(home)]
    object_of(home, shared[0].relative_to(home.home).as_posix()).unlink()
    target = elsewhere(home)
    with pytest.raises(BackupFailed, match=f"{BODY}: its content is not what it was") as caught:
        restore.restore(settings=target)
    assert "2023.parquet: its content is lost" in str(caught.value)
    assert not target.current.exists()
    assert (target.home / RESTORING).exists()
    found = restore.restore(settings=target, allow_lacking=True)
    assert set(found.lacking) == {BODY, *(path.relative_to(home.home).as_posix() for path in shared)}
    assert release.verify(release.current(target)) == ["parquet/marts/rates/2023.parquet is missing"]


def test_what_is_damaged_here_does_not_replace_what_the_backup_has(home):
    backup.backup(settings=home)
    good = (home.home / BODY).read_bytes()
    spoil(home.home / BODY)
    with pytest.raises(BackupFailed, match="has changed, which it never does; the earlier content stays"):
        backup.backup(settings=home)
    restore.restore(settings=elsewhere(home))
    assert (elsewhere(home).home / BODY).read_bytes() == good
    assert "has changed" in backup.trouble(home)


def test_a_release_that_is_damaged_is_copied_as_it_is_and_told(home):
    path = release.current(home).path / "ATTRIBUTION.md"
    spoil(path)
    (release.current(home).path / "CHANGES.md").unlink()
    with pytest.raises(BackupFailed) as caught:
        backup.backup(settings=home)
    assert "ATTRIBUTION.md is not as it was published" in str(caught.value)
    assert "CHANGES.md is missing" in str(caught.value)
    assert len(Repository(home.backup).ids()) == 1, "the rest is safe all the same"


def test_partial_files_are_no_part_of_it(home):
    (home.archive / "fetches" / ".x.json.0a1b2c3d.partial").write_bytes(b"half")
    backup.backup(settings=home)
    assert not [each.path for each in newest(home).entries if "partial" in each.path]


# ------------------------------------------------------------------------------------------------- how many stay


def age(settings, days):
    """Make all objects so old."""
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in objects(settings).values():
        os.utime(path, (then, then))


def test_the_newest_backups_stay_and_what_none_of_them_names_goes(home):
    home = replace(home, backup_keep=2)
    stray = Path(home.backup) / snapshots.object_key("0" * 64)
    made = []
    for reason in ("one", "two", "three"):
        retention.pin(home, release.current(home).id, reason)
        made.append(backup.backup(settings=home))
        stray.parent.mkdir(exist_ok=True)
        stray.write_bytes(b"of a killed backup")
        age(home, 2)
    made.append(backup.backup(settings=home))
    assert [each.removed for each in made] == [(), (), (made[0].id,), (made[1].id,)]
    assert made[1].freed_bytes == len(b"of a killed backup")
    assert made[2].freed_bytes > made[1].freed_bytes, "what was pinned and why, in the first one's words"
    assert Repository(home.backup).ids() == [made[2].id, made[3].id]
    assert not stray.exists()
    assert set(objects(home)) == {sha for each in Repository(home.backup).all() for sha in each.sizes}
    assert backup.verify(settings=home).wrong == {}


def test_young_objects_stay_since_they_may_be_of_a_backup_under_way(home):
    backup.backup(settings=home)
    stray = Path(home.backup) / snapshots.object_key("0" * 64)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"of a backup under way")
    backup.backup(settings=home)
    assert stray.exists()


def test_nothing_is_deleted_while_a_record_cannot_be_read(home):
    home = replace(home, backup_keep=2)
    first = backup.backup(settings=home)
    second = backup.backup(settings=home)
    record = Path(home.backup) / snapshots.snapshot_key(second.id)
    record.write_bytes(b"spoilt")
    age(home, 2)
    with pytest.raises(BackupFailed, match="nothing old was deleted"):
        backup.backup(settings=home)
    assert first.id in Repository(home.backup).ids()


def test_a_clock_that_was_set_back_does_not_make_the_newest_the_oldest(home):
    made = [backup.backup(settings=home).id for _ in range(3)]
    assert Repository(home.backup).ids() == made
    assert len({each.partition("-")[0] for each in made}) == 3


# ---------------------------------------------------------------------------------------- whose it is, and where


def test_a_place_belongs_to_one_home(home, tmp_path):
    backup.backup(settings=home)
    other = replace(toy_builder(tmp_path / "other"), backup=home.backup)
    fetch(other, "another")
    with pytest.raises(ConfigurationError, match="has the backups of another home"):
        backup.backup(settings=other)


def test_a_restored_home_goes_on_where_it_was(home):
    first = backup.backup(settings=home)
    target = elsewhere(home)
    restore.restore(settings=target)
    made = backup.backup(settings=target)
    assert made.new_files == 0
    assert Repository(home.backup).ids() == [first.id, made.id]


def test_an_empty_mount_point_is_no_place_for_the_next_backup(home):
    backup.backup(settings=home)
    Path(home.backup).rename(Path(home.backup).with_name("unmounted"))
    with pytest.raises(BackupFailed, match="Is it mounted"):
        backup.backup(settings=home)


def test_a_backup_is_not_inside_what_it_is_a_backup_of(home):
    with pytest.raises(ConfigurationError, match="is inside the home"):
        backup.backup(str(home.home / "backups"), home)


def test_without_a_place_or_a_home_it_is_said(home, tmp_path):
    with pytest.raises(ConfigurationError, match="WAREHOUSE_BACKUP"):
        backup.backup(settings=replace(home, backup=None))
    with pytest.raises(ConfigurationError, match="nothing to back up"):
        backup.backup(settings=replace(home, home=tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="no address of a bucket|No address of a bucket"):
        backup.backup("ftp://host/folder", home)
    with pytest.raises(ConfigurationError, match="has no backup"):
        restore.restore(str(tmp_path / "nothing"), elsewhere(home))
    assert not elsewhere(home).home.exists()


def test_nothing_is_restored_over_something(home):
    backup.backup(settings=home)
    with pytest.raises(ConfigurationError, match="is not empty"):
        restore.restore(settings=home)
    target = elsewhere(home)
    target.home.mkdir()
    (target.home / "notes.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="notes.txt"):
        restore.restore(settings=target)


def test_keys_that_were_brought_before_are_in_nobodys_way(home):
    backup.backup(settings=home)
    target = elsewhere(home)
    for name in inventory.KEYS:
        (target.home / name).parent.mkdir(parents=True)
        (target.home / name).write_text("{}")
    restore.restore(settings=target)
    assert tree(target) == tree(home)
    assert all((target.home / name).read_text() == "{}" for name in inventory.KEYS)


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(home, monkeypatch):
    backup.backup(settings=home)
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(restore.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFailed, match="no space for the backup"):
        restore.restore(settings=elsewhere(home))


def test_a_disk_that_fails_is_said_and_the_restore_goes_on(home, monkeypatch):
    backup.backup(settings=home)
    with monkeypatch.context() as full:
        full.setattr(
            restore.os, "utime", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(DiskFailed, match="No space left"):
            restore.restore(settings=elsewhere(home))
    restore.restore(settings=elsewhere(home))
    assert tree(elsewhere(home)) == tree(home)


@pytest.mark.parametrize("path", ["../outside", "/outside"])
def test_a_record_cannot_lead_outside_the_home(home, path):
    backup.backup(settings=home)
    forged = newest(home)
    Repository(home.backup).write(
        replace(
            forged,
            made_at=forged.made_at + timedelta(seconds=1),
            entries=(*forged.entries, replace(forged.entries[0], path=path)),
        )
    )
    with pytest.raises(BackupFailed, match="none of ours.*outside"):
        restore.restore(settings=elsewhere(home))


def test_a_backup_of_a_later_version_is_refused_by_name(home, monkeypatch):
    monkeypatch.setattr(snapshots, "FORMAT", 2)
    backup.backup(settings=home)
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match="expected format 1; got format 2, made by drypowder"):
        restore.restore(settings=elsewhere(home))


# --------------------------------------------------------------------------------------------- who hears of a failure


def findings(settings):
    return {each.what: each.state for each in doctor._backup(settings)}  # noqa: SLF001


def test_a_failure_is_remembered_until_a_backup_succeeds(home, monkeypatch):
    assert backup.trouble(replace(home, backup=None)) is None
    assert "there is no backup" in backup.trouble(home)
    backup.backup(settings=home)
    assert backup.trouble(home) is None
    assert set(findings(home).values()) == {"ok"}
    with monkeypatch.context() as broken:
        broken.setattr(Folder, "list", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(OSError, match="Input/output error"):
            backup.backup(settings=home)
    assert "Input/output error" in backup.trouble(home)
    assert list(findings(home).values()) == ["wrong"]
    backup.backup(settings=home)
    assert backup.trouble(home) is None


def test_who_only_watches_hears_of_backups_that_another_process_makes(home):
    watching = replace(home, backup=None, backup_watched=home.backup)
    assert "there is no backup" in backup.trouble(watching)
    backup.backup(settings=home)
    assert backup.trouble(watching) is None
    assert findings(watching) == {f"backed up to {home.backup}": "ok"}
    backup.note(home, home.backup, problem="the place is full")
    assert "the place is full" in backup.trouble(watching)
    (found,) = doctor._backup(watching)  # noqa: SLF001
    assert found.remedy == "docker compose restart backup"


def test_a_backup_that_was_made_too_long_ago_is_trouble(home):
    backup.backup(settings=home)
    path = home.home / "backup.json"
    note = json.loads(path.read_text())
    (entry,) = note["targets"].values()
    entry["at"] = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    path.write_text(json.dumps(note))
    assert "is 9 days old" in backup.trouble(home)


def test_a_place_that_is_misspelled_is_trouble(home):
    assert "No address of a bucket" in backup.trouble(replace(home, backup="s3://"))


def test_a_folder_that_cannot_be_written_is_a_failed_backup(home):
    target = Path(home.backup)
    target.parent.mkdir(exist_ok=True)
    target.write_text("a file, where a folder is wanted")
    with pytest.raises(BackupFailed, match="did not take part"):
        backup.backup(settings=home)
    assert "did not take part" in backup.trouble(home)


def test_the_regular_backup_is_made_where_one_is_wanted(home):
    with pytest.raises(NotConfigured, match="WAREHOUSE_BACKUP"):
        upkeep.back_up(replace(home, backup=None))
    lines = []
    assert upkeep.back_up(home, lines.append).rows == len(objects(home))
    assert "backup 2" in lines[0]


def test_the_commands_do_it(home, monkeypatch):
    for name, value in home.as_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("WAREHOUSE_SOURCES", raising=False)
    run = CliRunner().invoke
    assert run(cli.app, ["backup"]).exit_code == 0
    assert "1 backup(s)" in run(cli.app, ["backups"]).stdout
    assert "all as written" in run(cli.app, ["backup", "--verify"]).stdout
    target = elsewhere(home)
    said = run(cli.app, ["restore", home.backup, "--home", str(target.home)])
    assert said.exit_code == 0, said.output
    assert f"current is {release.current(home).id}" in said.stdout
    assert tree(target) == tree(home)
    object_of(home, "pins.json").unlink()
    assert run(cli.app, ["backup", "--verify"]).exit_code == 1


# ------------------------------------------------------------------------------------------------ after a restore


def test_a_restored_home_asks_nobody_before_it_is_rebuilt(home):
    backup.backup(settings=home)
    target = elsewhere(home)
    restore.restore(settings=target)
    assert (target.home / RESTORED).exists()
    assert pipeline.is_to_be_rebuilt(target)
    assert "its builder's files are not rebuilt yet" in "".join(
        each.what
        for each in doctor._builders_file(target)  # noqa: SLF001
    )
    with pytest.raises(ConfigurationError, match="drypowder replay"):
        pipeline.land("ofr", "financial_stress", replace(target, sources="live"))


# ---------------------------------------------------------------------------------------------- metadata databases


@pytest.fixture
def airflow(home):
    """Airflow's database in the home, as `drypowder up` has it."""
    path = home.home / "airflow" / "airflow.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table pairs (a integer, b integer)")
        connection.commit()
    (path.parent / "secrets.json").write_text('{"fernet": "s3cr3t"}')
    return path


def test_a_sqlite_database_is_copied_while_it_is_written_and_its_keys_are_not(home, airflow):
    done = threading.Event()
    begun = threading.Event()

    def write():
        with closing(sqlite3.connect(airflow, timeout=30)) as connection:
            number = 0
            while not done.is_set():
                number += 1
                with connection:  # both rows or none
                    connection.execute("insert into pairs values (?, 0)", [number])
                    connection.execute("insert into pairs values (0, ?)", [number])
                begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        for _ in range(3):
            backup.backup(settings=home)
    finally:
        done.set()
        writer.join()
    assert not any("secrets" in each.path for each in newest(home).entries)
    for number, made in enumerate(Repository(home.backup).ids()):
        target = replace(home, home=home.home.with_name(f"restored{number}"))
        restore.restore(settings=target, backup_id=made)
        with closing(sqlite3.connect(target.home / "airflow" / "airflow.db")) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
            count, a, b = connection.execute("select count(*), sum(a), sum(b) from pairs").fetchone()
            assert count > 0
            assert a == b


def test_a_database_elsewhere_comes_back_apart_with_what_to_type(home, tmp_path, monkeypatch):
    path = tmp_path / "airflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table runs as select 1 as id")
        connection.commit()
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{path}?timeout=30")
    backup.backup(settings=home)
    target = elsewhere(home)
    found = restore.restore(settings=target)
    copy = target.home / "metadata" / "airflow.sqlite"
    assert found.advice == (f"cp {copy} {path}    # with Airflow stopped",)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("select id from runs").fetchall() == [(1,)]
    assert copy.stat().st_mode & 0o777 == 0o600


def test_an_unchanged_database_is_not_stored_twice(home, airflow):
    backup.backup(settings=home)
    assert backup.backup(settings=home).new_files == 0


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        ("mysql://user:s3cr3t@host/x", "no address that can be read.*begins with 'mysql'"),
        ("s3cr3t", "something else, which is not repeated here"),
        ("sqlite:////no/such/file.db", "There is no database /no/such/file.db"),
        ("postgresql://user:s3cr3t@127.0.0.1:1/x", "could not be copied"),
    ],
)
def test_a_database_that_cannot_be_copied_is_told_and_holds_nothing_up(home, urls, words):
    with pytest.raises(BackupFailed, match=words) as caught:
        backup.backup(settings=replace(home, metadata_urls=urls))
    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t" not in (home.home / "backup.json").read_text()
    restore.restore(settings=elsewhere(home))
    assert tree(elsewhere(home)) == tree(home)


def test_where_airflow_hides_its_database_the_setting_is_asked_for(home, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    with pytest.raises(BackupFailed, match="WAREHOUSE_METADATA_URLS"):
        backup.backup(settings=home)
