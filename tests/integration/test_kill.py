"""The builder killed in the middle: what readers see is always whole, and the next run completes.

Every test run kills it while it lands and while a release is written; the long form (`make drill`) while dbt works and
at thirty random moments as well.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest

from tests.drills import LONG, in_drills
from tests.integration.conftest import cli, command, environment
from warehouse import release

pytestmark = pytest.mark.slow

KILLS = 30
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


def has_landed(settings, _):
    """Return whether a run has landed something, as a question."""
    files = set(settings.home.glob("landing/**/*.parquet"))
    return lambda: set(settings.home.glob("landing/**/*.parquet")) > files


def is_transforming(_, process):
    """Return whether dbt works for a run, as a question."""
    builder = psutil.Process(process.pid)

    def is_now():
        with suppress(psutil.Error):  # one that has just ended
            return any("warehouse.transformation" in each.cmdline() for each in builder.children())

    return is_now


def is_publishing(settings, _):
    """Return whether a release is being written, as a question."""
    return lambda: list(settings.releases.glob(".building-*"))


def kill(process):
    os.kill(process.pid, signal.SIGKILL)  # the builder alone: what it started has to die with it
    process.wait()


def the_next_run_completes(settings, first):
    done = cli(settings, "run", timeout=300)
    assert done.returncode == 0, done.stderr
    assert assert_current_is_whole(settings) != first
    assert not list(settings.releases.glob(".building-*"))
    assert cli(settings, "run", timeout=300).stdout.strip().endswith("nothing was published.")


def test_a_builder_killed_at_each_step_leaves_current_whole_and_the_next_run_completes(built_in_march, copied):
    settings = replace(copied(built_in_march), now=None)
    first = assert_current_is_whole(settings)
    for moment in (has_landed, *([is_transforming] if LONG else []), is_publishing):
        process = start(settings)
        is_now = moment(settings, process)
        while not is_now():
            assert process.poll() is None, f"the run ended first: {moment.__name__}"
            time.sleep(0.05)
        kill(process)
        assert assert_current_is_whole(settings) == first
    the_next_run_completes(settings, first)


@in_drills
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
            kill(process)
            killed += 1
        assert_current_is_whole(settings)
        if release.current(settings).id != first:  # it got through: start again from the old state
            subprocess.run(["rm", "-rf", settings.home], check=True)
            subprocess.run(["cp", "-a", built_in_march.home, settings.home], check=True)
    the_next_run_completes(settings, first)
