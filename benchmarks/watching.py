"""What it costs to be watched: `drypowder run` on the sample with nothing sent, and with all of it, in turns.

Metrics go to a UDP port of this process, lineage and lines of JSON to files. Medians of wall and of processor time, and
their ratios. `--runs 3` makes six runs of a minute or two each on a quiet machine.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from warehouse.settings import PROJECT_ROOT


def run(home: Path, variables: dict[str, str]) -> tuple[float, float]:
    """Make a release in a new home; return wall and processor seconds, those of dbt's process included."""
    shutil.rmtree(home, ignore_errors=True)
    watching = ("WAREHOUSE_", "OPENLINEAGE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(watching)} | variables
    command = [
        sys.executable,
        "-m",
        "warehouse.cli",
        "--home",
        home,
        "--sources",
        f"recorded:{PROJECT_ROOT / 'sample'}",
    ]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with home.with_suffix(".log").open("wb") as log:
        subprocess.run([*command, "run"], env=environment, stdout=log, stderr=log, check=True)  # noqa: S603
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="Runs of each kind.")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        file = {"type": "file", "log_file_path": f"{folder}/lineage.jsonl", "append": True}
        watched = {
            "WAREHOUSE_STATSD": f"127.0.0.1:{collector.getsockname()[1]}",
            "WAREHOUSE_LOG": "json",
            "OPENLINEAGE__TRANSPORT": json.dumps(file),
        }
        seconds: dict[str, list[tuple[float, float]]] = {"off": [], "on": []}
        for _ in range(runs):
            for kind, variables in (("off", {}), ("on", watched)):
                seconds[kind].append(run(Path(folder) / kind, variables))
    for place, what in enumerate(("wall", "processor")):
        off, on = (statistics.median(each[place] for each in seconds[kind]) for kind in ("off", "on"))
        print(f"{what}: off {off:.1f} s, on {on:.1f} s, {on / off:.3f} times (medians of {runs}, in turns)")


if __name__ == "__main__":
    main()
