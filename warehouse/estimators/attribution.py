"""Who explains how much: R² shared out among regressors that are correlated (Shapley; claims C9 and C21)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.bootstrap import BLOCK_WEEKS, REPLICATIONS, SEED, band, moving_block_counts
from warehouse.estimators.estimate import NAN, floats, known_rows, same_length, too_few

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

MOST_PLAYERS = 12
"""2^12 regressions; more players would want sampling of the orders."""


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """R² and what each player adds to it, averaged over all orders of entry. `gains` add up to `r2`.

    `shares` are gains over R², adding up to 1; low and high hold 90 % of the block bootstrap's shares.
    """

    players: tuple[str, ...]
    r2: float = NAN
    gains: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    shares_low: tuple[float, ...] = ()
    shares_high: tuple[float, ...] = ()
    n: int = 0
    null_reason: str | None = None


def shapley_r2(
    y: ArrayLike,
    regressors: Mapping[str, ArrayLike],
    *,
    min_n: int = 104,
    block: int = BLOCK_WEEKS,
    replications: int = REPLICATIONS,
    seed: int = SEED,
) -> Attribution:
    """Share out the R² of y on all regressors. A player is one column (n) or several that enter together (n, k).

    Weeks are rows in the order of time; one with an unknown number is left out. `replications=0` leaves the band out.

    Raises:
        ValueError: there is no player, or more than twelve.
    """
    target = floats(y)
    blocks = {name: floats(columns).reshape(len(target), -1) for name, columns in regressors.items()}
    players = tuple(blocks)
    if not 1 <= len(players) <= MOST_PLAYERS:
        raise ValueError(f"between 1 and {MOST_PLAYERS} players, not {len(players)}")
    same_length(y=target, **blocks)
    rows = known_rows(target, *blocks.values())
    data = np.column_stack([target, *blocks.values()])[rows]
    n = len(data)
    need = max(min_n, block, data.shape[1] + 2)
    if n < need:
        return Attribution(players=players, n=n, null_reason=too_few(n, need))
    data -= data.mean(axis=0)
    size = np.sqrt((data**2).mean(axis=0))
    if not size[0] > 0:
        return Attribution(players=players, n=n, null_reason="no_variation")
    data /= np.where(size > 0, size, 1)
    owners = np.repeat(np.arange(len(players)), [each.shape[1] for each in blocks.values()])

    gains, r2 = _gains(_covariances(data, np.ones((1, n))), owners, len(players))
    if not r2[0] > 0:
        return Attribution(players=players, n=n, r2=0.0, gains=(0.0,) * len(players), null_reason="nothing_explained")
    low = high = (NAN,) * len(players)
    if replications:
        counts = moving_block_counts(n, block=block, replications=replications, seed=seed)
        drawn, drawn_r2 = _gains(_covariances(data, counts), owners, len(players))
        with np.errstate(invalid="ignore", divide="ignore"):
            bands = [band(drawn[:, at] / drawn_r2, 0.9) for at in range(len(players))]
        low, high = tuple(each[0] for each in bands), tuple(each[1] for each in bands)
    return Attribution(
        players=players,
        r2=float(r2[0]),
        gains=tuple(gains[0].tolist()),
        shares=tuple((gains[0] / r2[0]).tolist()),
        shares_low=low,
        shares_high=high,
        n=n,
    )


def _covariances(data: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (replications, columns, columns): covariances in which a row counts as often as it was drawn."""
    width = data.shape[1]
    products = (data[:, :, None] * data[:, None, :]).reshape(len(data), -1)
    n = counts.sum(axis=1)[:, None]
    means = counts @ data / n
    second = (counts @ products / n).reshape(-1, width, width)
    return np.asarray(second - means[:, :, None] * means[:, None, :])


def _gains(
    covariances: NDArray[np.float64], owners: NDArray[np.int64], players: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each player's average gain (replications, players) and the R² of all."""
    r2 = {
        team: _r2(covariances, [int(c) + 1 for c in np.flatnonzero(np.isin(owners, team))])
        for size in range(players + 1)
        for team in combinations(range(players), size)
    }
    everyone = tuple(range(players))
    gains = np.zeros((len(covariances), players))
    for team, before in r2.items():
        for player in everyone:
            if player not in team:
                joined = tuple(sorted((*team, player)))
                gains[:, player] += (r2[joined] - before) / (players * comb(players - 1, len(team)))
    return gains, r2[everyone]


def _r2(covariances: NDArray[np.float64], columns: Sequence[int]) -> NDArray[np.float64]:
    if not columns:
        return np.zeros(len(covariances))
    inside = covariances[:, columns][:, :, columns]
    across = covariances[:, columns, 0]
    # The pseudo-inverse: of two equal regressors both get half, instead of neither an answer.
    inverse = np.linalg.pinv(inside, rcond=1e-10, hermitian=True)
    explained = np.einsum("ri,rij,rj->r", across, inverse, across)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.clip(explained / covariances[:, 0, 0], 0.0, 1.0))
