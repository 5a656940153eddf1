"""A metadata database in a real PostgreSQL is in the backup, as it was at one instant, and comes back by pg_restore."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import threading
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest

from warehouse import backup, pipeline, restore
from warehouse.errors import BackupFailed
from warehouse.settings import Settings

pytestmark = pytest.mark.services


@pytest.fixture
def server(postgres_url):
    """The address without driver and password, and the password."""
    parts = urlsplit(postgres_url)
    plain = f"postgresql://{parts.username}@{parts.hostname}:{parts.port}{parts.path}"
    return plain, unquote(parts.password or "")


@pytest.fixture
def ask(server):
    """Run SQL by psql, and return what it prints."""
    address, password = server

    def _ask(sql):
        done = subprocess.run(
            ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", address],
            input=sql,
            capture_output=True,
            text=True,
            env={**os.environ, "PGPASSWORD": password},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return _ask


@pytest.fixture
def home(tmp_path, postgres_url, ask):
    """A home, and a metadata database that names it."""
    ask("create table runs (id integer primary key, note text); insert into runs values (1, 'Grüße'), (2, null)")
    settings = Settings(home=tmp_path / "home", backup=str(tmp_path / "backups"), metadata_urls=postgres_url)
    return pipeline.settings_of_home(settings)


def restored(home):
    return restore.restore(settings=replace(home, home=home.home.with_name("restored")))


def typed(line, password):
    """Do what a restore says is to be typed."""
    command = shlex.split(line, comments=True)
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PGPASSWORD": password})


def test_a_database_comes_back_by_what_restore_says_to_type(home, ask, server):
    address, password = server
    backup.backup(settings=home)
    found = restored(home)
    (line,) = found.advice
    assert line.startswith("pg_restore ")
    assert address in line
    ask("update runs set note = 'lost'; insert into runs values (3, 'later')")
    done = typed(line, password)
    assert done.returncode == 0, done.stderr
    assert ask("select id, note from runs order by id") == "1|Grüße\n2|"


def test_a_dump_is_of_one_instant_while_others_write(home, ask, server):
    ask("create table pairs (a integer)")
    begun, done = threading.Event(), threading.Event()

    def write():
        number = 0
        while not done.is_set():
            number += 1
            ask(f"begin; insert into pairs values ({number}); insert into pairs values (-{number}); commit")
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(60)
        backup.backup(settings=home)
    finally:
        done.set()
        writer.join()
    (line,) = restored(home).advice
    assert typed(line, server[1]).returncode == 0
    count, total = ask("select count(*), sum(a) from pairs").split("|")
    assert int(count) > 0
    assert total == "0"


def test_the_password_is_in_no_file_no_message_and_no_command_line(home, server, tmp_path, postgres_url):
    password = server[1]
    assert password
    seen = []

    def look():
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        seen.extend(line for line in listed.splitlines() if "pg_dump" in line and "ps -eo" not in line)

    done = threading.Event()

    def watch():
        while not done.is_set():
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        while not seen:  # until one of the dumps was seen at work
            backup.backup(settings=home)
    finally:
        done.set()
        watcher.join()
    assert not [line for line in seen if password in line]
    wrong = re.sub(r":[^:@/]*@", ":another@", postgres_url)
    with pytest.raises(BackupFailed, match="could not be copied.*password authentication failed") as caught:
        backup.backup(settings=replace(home, metadata_urls=wrong))
    assert "another" not in str(caught.value)
    files = [path for folder in (home.home, tmp_path / "backups") for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if password.encode() in path.read_bytes()]


def test_a_server_that_is_down_leaves_the_rest_backed_up(home):
    with pytest.raises(BackupFailed, match="could not be copied"):
        backup.backup(settings=replace(home, metadata_urls="postgresql://nobody@127.0.0.1:1/nothing"))
    assert restored(home).advice == ()
