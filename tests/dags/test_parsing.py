"""Parsing happens every few seconds on every scheduler, so it brings in nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from warehouse.sources import tables

HEAVY = {
    "dbt", "duckdb", "exchange_calendars", "great_expectations", "httpx", "msgspec", "openpyxl", "numpy", "pandas", "pyarrow", "sqlglot", "stamina",
}  # fmt: skip
PROJECT = Path(__file__).resolve().parents[2]

PARSE = """
import json, sys
import airflow.sdk
from airflow.dag_processing.dagbag import BundleDagBag
from pathlib import Path

of_airflow = {name.split(".")[0] for name in sys.modules}
folder = Path(sys.argv[1])
bag = BundleDagBag(str(folder), bundle_path=folder, bundle_name="dags-folder")
brought = {name.split(".")[0] for name in sys.modules} - of_airflow
print(json.dumps({"dags": len(bag.dags), "errors": bag.import_errors, "brought": sorted(brought)}))
"""


def test_parsing_the_dag_folder_imports_none_of_the_heavy_libraries(tmp_path):
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(PROJECT / "dags")],
        capture_output=True, text=True, check=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    parsed = json.loads(done.stdout.splitlines()[-1])
    assert parsed["errors"] == {}
    assert parsed["dags"] == len(tables()) + len(["build", "maintenance", "watch"])
    assert "warehouse" in parsed["brought"]
    assert not HEAVY & set(parsed["brought"])


def test_dag_files_hold_no_sql_and_read_no_environment():
    files = sorted((PROJECT / "dags").glob("*.py"))
    assert [f.name for f in files] == [
        "approval.py", "build.py", "channels.py", "ingest.py", "maintenance.py", "verb_outcome.py", "watch.py",
    ]  # fmt: skip
    for file in files:
        text = file.read_text()
        assert "environ" not in text, file.name
        assert "getenv" not in text, file.name
        for operators_own in ("def execute(", "super().execute(", "self.execute("):
            text = text.replace(operators_own, "")
        assert "execute(" not in text, file.name
