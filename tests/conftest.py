"""What every test may use."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from warehouse import masking

PROJECT = Path(__file__).resolve().parent.parent


NO_RECORDINGS = "no recorded responses"


def pytest_terminal_summary(terminalreporter):
    """Say how many tests a stranger's clone cannot run."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_RECORDINGS in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"{count} tests were skipped for want of recorded responses (CONTRIBUTING.md).")


def shared_folder(tmp_path_factory) -> Path:
    """Return the folder that all workers share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder of real recorded responses, which a stranger's clone does not have."""
    folder = Path(os.environ.get("DRYPOWDER_RECORDINGS") or PROJECT.parent / "shared" / "data")
    if not (folder / "sec").is_dir():
        pytest.skip(f"{NO_RECORDINGS} in {folder}: set DRYPOWDER_RECORDINGS to their folder")
    return folder


@pytest.fixture(autouse=True)
def process_as_it_was():
    """Undo what a test has set in this process: levels of loggers, root's handlers, secrets to mask."""
    learnt = set(masking._learnt)  # noqa: SLF001
    root, runs = logging.getLogger(), logging.getLogger("warehouse.runs")
    before = root.level, list(root.handlers), runs.level
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    runs.setLevel(before[2])
    masking._learnt.intersection_update(learnt)  # noqa: SLF001
