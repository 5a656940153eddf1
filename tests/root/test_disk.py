"""A full disk, and one that cannot be written to, at every step: readers keep a whole release, the next run completes.

It mounts a file system in memory, which takes root.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.drills import LONG
from tests.integration.conftest import cli, parsed_once  # noqa: F401  (a fixture)
from tests.integration.test_kill import assert_current_is_whole
from warehouse import release
from warehouse.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root

SIZE = "3g"
LEFT = [0, 1_000_000, 16_000_000] if LONG else [0]
"""Bytes that are free when a step begins: none, and so few that it runs out on the way."""
STEPS = ["load", "validate", "build", "check", "publish"]


@pytest.fixture
def mounted(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"this machine lets nobody mount: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def home(mounted):
    """A home with a release as of March and everything since landed, to be loaded."""
    settings = Settings(home=mounted / "home", sources=f"recorded:{PROJECT_ROOT / 'sample'}")
    assert cli(replace(settings, now="2026-03-01T00:00:00+00:00"), "run").returncode == 0
    assert cli(settings, "land").returncode == 0
    return settings


@contextmanager
def full(folder: Path, left: int):
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - left, 1))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path):
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)


def faults(folder):
    return {"read-only": read_only(folder), **{f"{left} bytes left": full(folder, left) for left in LEFT}}


def test_a_disk_that_fails_at_any_step_leaves_current_whole_and_the_next_run_completes(home, mounted):
    first = assert_current_is_whole(home)
    for step in STEPS:
        failed = {}
        for name, fault in faults(mounted).items():
            with fault:
                done = cli(home, step)
                assert_current_is_whole(home)
            if done.returncode:
                told = done.stderr.rpartition("DiskFailed: ")[2]
                assert "Free space" in told, (step, name, done.stderr[-2000:])
                assert "Traceback" not in told
                failed[name] = done.stderr
            assert assert_current_is_whole(home) == first or step == "publish"
        assert {"read-only", "0 bytes left"} <= set(failed), (step, sorted(failed))
        if release.current(home).id == first:
            assert cli(home, step).returncode == 0, step
    assert assert_current_is_whole(home) != first
    assert not list(home.releases.glob(".building-*"))
    assert cli(home, "run").stdout.strip().endswith("nothing was published.")


@pytest.mark.skipif(not LONG, reason="part of `make drill`: the steps one by one are enough for every day")
def test_a_disk_that_fails_in_a_whole_run_is_recovered_from_by_the_next(home, mounted):
    first = assert_current_is_whole(home)
    for left in (0, 4_000_000, 64_000_000):
        with full(mounted, left):
            cli(home, "run")
        assert_current_is_whole(home)
    done = cli(home, "run")
    assert done.returncode == 0, done.stderr
    assert assert_current_is_whole(home) != first
