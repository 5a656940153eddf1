"""A world whose truth is known: what the estimators of scarcity must find in it, and must not find without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEEKS = 1_200
AMPLE_SLOPE, EMPTY_SLOPE = 1.0, 7.0
"""bp per standard deviation of surprise: with powder above the knee, and with none left."""
KNEE = 0.25


@dataclass(frozen=True, kw_only=True)
class World:
    """Weekly changes of the cost of capital (bp), surprises (standard deviations), powder percentiles (0 to 1)."""

    dc: NDArray[np.float64]
    g: NDArray[np.float64]
    p: NDArray[np.float64]


def true_slope(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the planted slope: flat above the knee, rising in a line to its height at p = 0."""
    return AMPLE_SLOPE + (EMPTY_SLOPE - AMPLE_SLOPE) * np.maximum(0, 1 - p / KNEE)


def planted_world(seed: int, *, weeks: int = WEEKS, convex: bool = True, noise_bp: float = 3.0) -> World:
    """Draw a world of powder that moves slowly (autocorrelation 0.97) and surprises that come out of nowhere."""
    generator = np.random.default_rng(seed)
    shocks = generator.standard_normal(weeks)
    level = np.empty(weeks)
    level[0] = shocks[0]
    for week in range(1, weeks):
        level[week] = 0.97 * level[week - 1] + np.sqrt(1 - 0.97**2) * shocks[week]
    p = (np.argsort(np.argsort(level)) + 0.5) / weeks
    g = generator.standard_normal(weeks)
    slope = true_slope(p) if convex else np.full(weeks, AMPLE_SLOPE)
    return World(dc=slope * g + noise_bp * generator.standard_normal(weeks), g=g, p=p)
