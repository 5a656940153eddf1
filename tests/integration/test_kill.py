"""The builder killed at random moments: what readers see is always whole, and the next run completes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from tests.integration.conftest import cli, command, environment
from warehouse import release

pytestmark = pytest.mark.slow

LONG = os.environ.get("DRYPOWDER_DRILL") == "long"
KILLS = 30 if LONG else 3
SEED = 20261122


def start(settings):
    return subprocess.Popen(
        command(settings, "run"),
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def assert_current_is_whole(settings):
    found = release.current(settings)
    assert release.verify(found) == []
    with release.connect(settings.home) as connection:
        assert connection.execute("select count(*) from metrics.latest").fetchone()[0] > 0
    return found.id


def test_a_builder_killed_at_random_moments_leaves_current_whole_and_the_next_run_completes(built_in_march, copied):
    settings = replace(copied(built_in_march), now=None)
    first = assert_current_is_whole(settings)
    # How long a whole run takes here and now, so that the moments fall into all of it.
    rehearsal = replace(settings, home=settings.home.with_name("rehearsal"))
    subprocess.run(["cp", "-a", settings.home, rehearsal.home], check=True)
    started = time.monotonic()
    assert cli(rehearsal, "run").returncode == 0
    duration = time.monotonic() - started

    chance = random.Random(SEED)
    killed = 0
    while killed < KILLS:
        process = start(settings)
        try:
            process.wait(timeout=(killed + chance.random()) * duration / KILLS)  # one in each part of a run
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)  # the builder alone: what it started has to die with it
            process.wait()
            killed += 1
        assert_current_is_whole(settings)
        if release.current(settings).id != first:  # it got through: start again from the old state
            subprocess.run(["rm", "-rf", settings.home], check=True)
            subprocess.run(["cp", "-a", built_in_march.home, settings.home], check=True)

    done = cli(settings, "run", timeout=300)
    assert done.returncode == 0, done.stderr
    assert assert_current_is_whole(settings) != first
    assert not list(settings.releases.glob(".building-*"))
    assert cli(settings, "run", timeout=300).stdout.strip().endswith("nothing was published.")
