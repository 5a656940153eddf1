"""Weighted least squares with Newey-West errors, in the few lines that the estimators share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from warehouse.estimators.estimate import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A regression of n rows on k regressors. `influence` is (n, k): what each row moves the coefficients by."""

    coefficients: NDArray[np.float64]
    influence: NDArray[np.float64]
    residuals: NDArray[np.float64]
    effective_n: float

    def covariance(self, lags: int) -> NDArray[np.float64]:
        """Return the HAC covariance of the coefficients, Bartlett weights, without small-sample correction."""
        return long_run_covariance(self.influence, lags)


def least_squares(
    y: NDArray[np.float64], regressors: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> Fit | None:
    """Fit y (n) on regressors (n, k), all rows known; None when the regressors are collinear."""
    w = np.ones(len(y)) if weights is None else weights
    # Columns of one size, so that a bn and a bp do not look collinear.
    scale = np.sqrt((w[:, None] * regressors**2).sum(axis=0))
    if len(y) < regressors.shape[1] or not (scale > 0).all():
        return None
    x = regressors / scale
    gram = x.T @ (w[:, None] * x)
    if np.linalg.cond(gram) > 1e12:  # noqa: PLR2004  (the square of what a float bears)
        return None
    scaled = np.linalg.solve(gram, x.T @ (w * y))
    residuals = y - x @ scaled
    influence = np.linalg.solve(gram, (x * (w * residuals)[:, None]).T).T
    return Fit(
        coefficients=scaled / scale,
        influence=influence / scale,
        residuals=residuals,
        effective_n=float(w.sum() ** 2 / (w**2).sum()),
    )


def long_run_covariance(influence: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Return Σ_l (1 - l/(lags+1)) (Γ_l + Γ_l') of rows in the order of time. A dropped row closes the gap it leaves."""
    total = influence.T @ influence
    for lag in range(1, min(lags, len(influence) - 1) + 1):
        gamma = influence[lag:].T @ influence[:-lag]
        total += (1 - lag / (lags + 1)) * (gamma + gamma.T)
    return np.asarray(total, dtype=np.float64)


def coefficient(fit: Fit, at: int, lags: int, *, n: int, degrees: int | None = None, sign: int = 1) -> Estimate:
    """Return one coefficient with a 95 % interval: of Student's t where `degrees` of freedom are given."""
    from scipy.special import ndtri, stdtrit  # not scipy.stats, which takes most of a second to import

    value = sign * float(fit.coefficients[at])
    error = float(np.sqrt(fit.covariance(lags)[at, at]))
    quantile = float(ndtri(0.975) if degrees is None else stdtrit(degrees, 0.975))
    return Estimate(
        value=value,
        standard_error=error,
        low=value - quantile * error,
        high=value + quantile * error,
        n=n,
        effective_n=fit.effective_n,
    )
