"""Series to try estimators on, and the two ways to show that none of them looks ahead."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

VALUES = st.one_of(
    st.integers(-3, 3).map(float),  # ties
    st.floats(-1e6, 1e6, allow_nan=False),
    st.just(float("nan")),
)
SERIES = st.lists(VALUES, min_size=1, max_size=60).map(np.array)
SEEDS = st.integers(0, 2**32 - 1)


def same(left, right):
    """Assert that two arrays are equal bit for bit, NaN being NaN."""
    np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


def poisoned(values, after, factor=1000.0):
    """Return the values with all rows behind index `after` a thousandfold, and one higher, so that zeros move, too."""
    changed = np.array(values, dtype=float)
    changed[after + 1 :] = changed[after + 1 :] * factor + 1
    return changed


def never_looks_ahead(estimator, values, after):
    """Assert that rows up to `after` are the same from all data, from their prefix, and from a poisoned future."""
    whole = np.asarray(estimator(values))[: after + 1]
    same(np.asarray(estimator(values[: after + 1])), whole)
    same(np.asarray(estimator(poisoned(values, after)))[: after + 1], whole)


def walk(seed, n, *, scale=1.0):
    return np.random.default_rng(seed).standard_normal(n).cumsum() * scale
