"""Airflow reads its settings when it is imported, so they are made here, before any test module imports it.

They are there while tests are collected and while one of this folder runs, and for no other test of the process:
a backup taken elsewhere would look for this Airflow's database.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"

_HOME = tempfile.mkdtemp(prefix="drypowder-airflow-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
SETTINGS = {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
}
os.environ |= SETTINGS
sys.path.append(str(DAGS))  # as Airflow does with a bundle


def pytest_collection_finish():
    for name in SETTINGS:
        os.environ.pop(name, None)


@pytest.fixture(scope="module", autouse=True)
def its_settings():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def bag(its_settings):
    """All DAGs, parsed the way Airflow's DAG processor parses them."""
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
