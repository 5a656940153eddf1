"""How long the DAG folder takes to parse beyond importing Airflow: must be under one second.

Run it with `python benchmarks/dag_parsing.py`; every run is a fresh interpreter. It exits 1 above the limit.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
RUNS = 7
LIMIT_SECONDS = 1.0

PARSE = """
import sys, time
from pathlib import Path
import airflow.sdk
from airflow.dag_processing.dagbag import BundleDagBag

folder = Path(sys.argv[1])
started = time.perf_counter()
bag = BundleDagBag(str(folder), bundle_path=folder, bundle_name="dags-folder")
took = time.perf_counter() - started
if bag.import_errors or not bag.dags:
    sys.exit(f"nothing to measure: {bag.import_errors}")
print(took)
"""


def parse_once(airflow_home: str) -> float:
    environment = {**os.environ, "AIRFLOW_HOME": airflow_home, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PARSE, str(PROJECT / "dags")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    with tempfile.TemporaryDirectory() as airflow_home:
        parse_once(airflow_home)  # writes airflow.cfg and compiled files
        seconds = [parse_once(airflow_home) for _ in range(RUNS)]
    median = statistics.median(seconds)
    spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
    print(f"parsing dags/ beyond importing Airflow: median {median:.3f} s of {RUNS} runs ({spread})")
    if median > LIMIT_SECONDS:
        sys.exit(f"above the limit of {LIMIT_SECONDS} s")


if __name__ == "__main__":
    main()
