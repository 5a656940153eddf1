"""The main job under Airflow's real scheduler, from a clean home to a release and back to silence."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil
import pytest
from rich.console import Console

import warehouse
from tests.drills import LONG
from tests.integration.conftest import command, environment
from warehouse.demo import demo
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.sources import tables

pytestmark = pytest.mark.slow

LANDED = {
    "bea__gdp",
    "board__h15",
    "board__h41",
    "chicagofed__nfci",
    "defillama__coin_prices",
    "fiscaldata__auctions",
    "fiscaldata__debt_to_penny",
    "fiscaldata__operating_cash_balance",
    "nyfed__reference_rates",
    "nyfed__reverse_repo",
    "ofr__financial_stress",
    "sec__company_facts",
    "sec__submissions",
    "tic__major_foreign_holders",
}
NOT_IN_THE_SAMPLE = {f"{s.code}__{t.name}" for s, t in tables()} - LANDED
"""Such as Binance's bars: only closes are known for the days of the sample, and no candle is invented."""
STEPS = ["load", "validate", "transform", "check", "approve", "publish"]


def running_in(folder):
    """Return what works in a folder: Airflow's processes rename themselves, but keep their working directory."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def demonstrate(home):
    printed = io.StringIO()
    result = demo(Settings(home=home), Console(file=printed, width=200))
    return result, printed.getvalue()


class SecondBuilder(threading.Thread):
    """Starts a build by hand as soon as Airflow's own holds the lock, once impatiently and once patiently."""

    def __init__(self, home):
        super().__init__(daemon=True)
        self.settings = Settings(home=home, sources=f"recorded:{PROJECT_ROOT / 'sample'}")
        self.impatient = self.patient = None

    def run(self):
        note = self.settings.home / "builder.lock.json"
        while not (note.exists() and '"build"' in note.read_text()):
            time.sleep(0.02)
        self.impatient = self.load(wait=0.1)
        self.patient = self.load(wait=1200)  # longer than a build takes beside other tests

    def load(self, wait):
        given = {**environment(self.settings), "WAREHOUSE_LOCK_WAIT_SECONDS": str(wait)}
        return subprocess.run(command(self.settings, "load"), env=given, capture_output=True, text=True)


def test_the_demonstration_publishes_a_release_once_and_leaves_nothing_running(tmp_path):
    by_hand = SecondBuilder(tmp_path)
    by_hand.start()
    first, printed = demonstrate(tmp_path)

    by_hand.join(timeout=1260)
    assert by_hand.impatient.returncode == 1
    assert re.search(r"BuilderBusy.*held by process \d+ \(build\) since", by_hand.impatient.stderr)
    assert by_hand.patient.returncode == 0, by_hand.patient.stderr

    tasks = {(dag, task): state for dag, task, state, _ in reversed(first.tasks)}  # the first build's state wins
    for table in LANDED:
        assert tasks[f"ingest__{table}", "land"] == "success"
    assert NOT_IN_THE_SAMPLE
    for table in NOT_IN_THE_SAMPLE:
        assert tasks[f"ingest__{table}", "land"] == "skipped"
    assert [tasks["build", step] for step in STEPS] == ["success"] * len(STEPS)
    builds = [state for dag, kind, state in first.runs if (dag, kind) == ("build", "asset_triggered")]
    assert builds
    assert set(builds) == {"success"}
    assert first.published
    assert first.release == (tmp_path / "current").resolve()
    with warehouse.connect(tmp_path) as connection:
        assert connection.execute("select count(*) from metrics.latest").fetchone()[0] > 0
    absent = printed.count(": not in the sample\n")  # the others are skipped for want of a key or a file
    assert 0 < absent <= len(NOT_IN_THE_SAMPLE)
    assert f"{absent} of {len(tables())} tables are not in the sample" in printed
    assert "GET https://" not in printed
    assert first.release.name in printed
    assert running_in(tmp_path / "airflow") == []
    assert first.peak_rss_bytes < 4 * 2**30

    if not LONG:  # that a second run publishes nothing is shown without Airflow in test_release.py
        return
    second, printed = demonstrate(tmp_path)

    assert {state for _, _, state, _ in second.tasks} == {"skipped"}
    assert not [dag for dag, kind, _ in second.runs if dag == "build" and kind != "scheduled"]
    assert not second.published
    assert second.release == first.release
    assert len([p for p in (tmp_path / "releases").iterdir() if p.is_dir()]) == 1
    assert "Nothing changed" in printed
    assert running_in(tmp_path / "airflow") == []
    assert second.peak_rss_bytes < 4 * 2**30


def test_an_interrupted_demonstration_leaves_nothing_running(tmp_path):
    settings = Settings(home=tmp_path)
    folder = tmp_path / "airflow"

    def start():
        return subprocess.Popen(
            command(settings, "demo"), env=environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    process = start()
    _wait_until(lambda: any(folder.glob("logs/dag_id=ingest__*/*/*/attempt=1.log")), process)
    assert len(running_in(folder)) >= len(["api-server", "dag-processor", "scheduler", "a worker"])
    process.send_signal(signal.SIGKILL)  # it can do nothing more; whoever comes next cleans up
    assert process.wait(timeout=180) != 0
    left = {p.pid for p in running_in(folder)}
    assert left

    process = start()
    _wait_until(lambda: not left & {p.pid for p in running_in(folder)}, process)
    _wait_until(
        lambda: len(running_in(folder)) >= len(["api-server", "dag-processor", "scheduler", "a worker"]), process
    )
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=180) != 0
    assert running_in(folder) == []


def _wait_until(condition, process):
    deadline = time.monotonic() + 400
    while not condition():
        assert process.poll() is None, f"the demonstration ended by itself: {process.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_without_airflow_the_demonstration_says_how_to_install_it(tmp_path):
    hide = "import sys; sys.modules['airflow'] = None; from warehouse.cli import main; sys.argv = ['drypowder', 'demo']; main()"
    done = subprocess.run(
        [sys.executable, "-c", hide], env=environment(Settings(home=tmp_path)), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "make demo" in done.stdout + done.stderr
    assert "Airflow is not installed" in done.stdout + done.stderr
