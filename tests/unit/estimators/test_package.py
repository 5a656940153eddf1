"""The estimators are arithmetic: they bring no database, no orchestrator, and import in a moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from warehouse import estimators
from warehouse.estimators.bootstrap import band, cluster_counts, moving_block_counts
from warehouse.estimators.estimate import floats
from warehouse.estimators.regression import least_squares

MODULES = sorted(path.stem for path in Path(estimators.__path__[0]).glob("[!_]*.py"))


def test_importing_all_of_them_brings_numpy_alone():
    assert "scarcity" in MODULES
    imports = "; ".join(f"import warehouse.estimators.{name}" for name in MODULES)
    heavy = ("duckdb", "dbt", "airflow", "pandas", "scipy", "statsmodels", "great_expectations")
    code = f"import sys; {imports}; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_blocks_are_runs_of_neighbours_and_rows_are_drawn_as_often_as_there_are_rows():
    counts = moving_block_counts(100, block=13, replications=500, seed=1)
    assert (counts.sum(axis=1) == 100).all()
    assert (moving_block_counts(100, block=13, replications=500, seed=1) == counts).all()
    one = moving_block_counts(50, block=50, replications=3, seed=1)
    assert (one == 1).all()  # a block of the whole is the sample
    drawn = moving_block_counts(1_000, block=10, replications=50, seed=2) > 0
    assert np.mean(drawn[:, 1:] != drawn[:, :-1]) < 0.15  # neighbours come together
    with pytest.raises(ValueError, match="does not fit"):
        moving_block_counts(12, block=13, replications=1, seed=1)
    assert (cluster_counts(5, replications=20, seed=1).sum(axis=1) == 5).all()


def test_a_band_of_replicates_that_mostly_failed_is_unknown():
    assert band(np.array([1.0, 2.0, 3.0]), 1.0) == (1, 3)
    assert np.isnan(band(np.array([1.0, np.nan, np.nan]), 0.9)).all()
    assert np.isnan(band(np.array([]), 0.9)).all()


def test_what_is_infinite_counts_as_unknown_and_the_callers_array_is_left_alone():
    given = np.array([1.0, np.inf])
    assert np.isnan(floats(given)[1])
    assert np.isinf(given[1])


def test_collinear_regressors_have_no_fit():
    x = np.random.default_rng(0).standard_normal(50)
    assert least_squares(x, np.column_stack([x, 2 * x])) is None
    assert least_squares(x[:1], np.ones((1, 2))) is None
