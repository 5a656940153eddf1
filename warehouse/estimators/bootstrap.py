"""Moving blocks: how often each row is drawn, so that a statistic of weighted sums needs no resampled copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_WEEKS = 13
REPLICATIONS = 999
SEED = 20260130
"""Any number would do; it is one number, so that two runs agree."""


def moving_block_counts(rows: int, *, block: int, replications: int, seed: int) -> NDArray[np.float64]:
    """Return (replications, rows): how often each row is in a resample of `rows` rows made of blocks.

    Raises:
        ValueError: there are fewer rows than a block has.
    """
    if not 1 <= block <= rows:
        raise ValueError(f"a block of {block} does not fit into {rows} rows")
    blocks = -(-rows // block)
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, rows - block + 1, size=(replications, blocks))
    drawn = (starts[:, :, None] + np.arange(block)).reshape(replications, -1)[:, :rows]
    return _counted(drawn, rows)


def cluster_counts(clusters: int, *, replications: int, seed: int) -> NDArray[np.float64]:
    """Return (replications, clusters): how often each cluster is drawn when as many are drawn as there are."""
    return _counted(np.random.default_rng(seed).integers(0, clusters, size=(replications, clusters)), clusters)


def _counted(drawn: NDArray[np.int64], rows: int) -> NDArray[np.float64]:
    replications = len(drawn)
    flat = (drawn + rows * np.arange(replications)[:, None]).ravel()
    return np.bincount(flat, minlength=replications * rows).reshape(replications, rows).astype(np.float64)


def band(replicates: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return the bounds between which `level` of the replicates lie; NaN when fewer than half of them exist."""
    known = replicates[~np.isnan(replicates)]
    if 2 * len(known) < max(len(replicates), 1):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
