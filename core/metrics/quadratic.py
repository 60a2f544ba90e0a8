"""Quadratic discriminant analysis: one Gaussian per class, fitted to some rows and asked about the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RELATIVE_RIDGE = 1e-3  # of the mean variance of all codes, added to every class's covariance


def quadratic_hits(codes: NDArray[Any], classes: NDArray[np.int64], fitted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows (M,) that were not fitted have their class named by Gaussians fitted to the `fitted` ones.

    codes (N, d), classes (N,). Classes are equally likely; one with fewer than two fitted rows is never named.
    """
    x = np.asarray(codes, dtype=np.float64)
    ridge = RELATIVE_RIDGE * float(x.var(axis=0).mean()) + 1e-12
    asked, truth = x[~fitted], classes[~fitted]
    names = [label for label in np.unique(classes) if (fitted & (classes == label)).sum() > 1]
    if not names:
        return np.zeros(len(asked), dtype=bool)
    log_density = np.empty((len(names), len(asked)))
    for row, label in enumerate(names):
        own = x[fitted & (classes == label)]
        mean = own.mean(axis=0)
        covariance = (own - mean).T @ (own - mean) / (len(own) - 1) + ridge * np.eye(x.shape[1])
        factor = np.linalg.cholesky(covariance)
        whitened = np.linalg.solve(factor, (asked - mean).T)
        log_density[row] = -np.log(factor.diagonal()).sum() - 0.5 * (whitened**2).sum(axis=0)
    return np.asarray(names)[log_density.argmax(axis=0)] == truth
