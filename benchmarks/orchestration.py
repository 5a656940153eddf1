"""What Airflow adds to a run: the whole day under its scheduler against `drypowder run`, on the same input.

Run it with `python -m benchmarks.orchestration`; each has a fresh home and its own processes, and they take turns. It
exits 1 above the limit. Airflow's database is migrated before, as after a machine's first start.
"""

from __future__ import annotations

import io
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console

from warehouse import nightly
from warehouse.demo import STEPS, Demo, demo
from warehouse.settings import PROJECT_ROOT, Settings

RUNS = 3
LIMIT = 2.0
NAMES = {"load": "load", "validate": "validate", "build": "transform", "check": "check", "publish": "publish"}
"""What `run` calls a step, and Airflow its task."""


def by_hand(home: Path) -> tuple[float, dict[str, float]]:
    """Return the seconds of `drypowder run`, and of its steps; landing is one."""
    started = time.perf_counter()
    took: dict[str, float] = defaultdict(float)
    for step in nightly.steps(Settings(home=home, sources=f"recorded:{PROJECT_ROOT / 'sample'}")):
        took[NAMES.get(step.name, "land")] += step.seconds
    return time.perf_counter() - started, took


def under_airflow(home: Path) -> tuple[float, dict[str, float], Demo]:
    """Return the seconds of the demonstration, and of its tasks; those that land are one, and ran two at a time."""
    result = demo(Settings(home=home), Console(file=io.StringIO()))
    took: dict[str, float] = defaultdict(float)
    for _, task, _, seconds in result.tasks:
        took[task if task in STEPS else "land"] += seconds
    return result.seconds, took, result


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        migrated = Path(folder) / "migrated"
        demo(Settings(home=migrated), Console(file=io.StringIO()))
        ratios = []
        for number in range(RUNS):
            plain, steps = by_hand(Path(folder) / f"plain-{number}")
            home = Path(folder) / f"airflow-{number}"
            (home / "airflow").mkdir(parents=True, mode=0o700)
            for database in (migrated / "airflow").glob("migrated-*.db"):
                shutil.copy(database, home / "airflow")
            orchestrated, tasks, result = under_airflow(home)
            ratios.append(orchestrated / plain)
            print(
                f"\nrun {number + 1}: drypowder run {plain:.1f} s, under Airflow {orchestrated:.1f} s: {ratios[-1]:.2f}"
            )
            print(f"{'':<12}{'run':>9}{'Airflow':>9}")
            for name in ("land", *STEPS):
                print(f"{name:<12}{steps.get(name, 0):>7.1f} s{tasks.get(name, 0):>7.1f} s")
            print(
                f"{'tasks':<12}{len(steps):>9}{len(result.tasks):>9}   at most {result.peak_rss_bytes / 2**30:.1f} GB"
            )
    ratio = statistics.median(ratios)
    print(f"\nmedian of {RUNS}: {ratio:.2f} times")
    if ratio > LIMIT:
        sys.exit(f"above the limit of {LIMIT} times")


if __name__ == "__main__":
    main()
