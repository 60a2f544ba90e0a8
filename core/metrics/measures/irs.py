"""Interventional robustness score (Suter et al. 2019, section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import alive_dimensions, varying_factors
from core.metrics.metric import Metric, Protocol, Scale, Settings


def compute(
    settings: Settings, rng: np.random.Generator, *, codes: NDArray[Any], factors: NDArray[np.int64]
) -> dict[str, float]:
    """`irs` in [0, 1]: mean over dimensions of max_k (1 - within-value deviation / total deviation).

    The deviation within a value of a factor (N, K) is the 99th percentile of |code - mean| of codes (N, D)
    having that value, averaged over values; the total is the largest |code - mean|, and weighs the mean over
    dimensions. Dead dimensions are left out; if all are dead the score is 0. MetricError: no factor varies.
    """
    del rng
    kept = varying_factors(factors)
    codes = codes[:, alive_dimensions(codes)].astype(np.float64)
    if codes.shape[1] == 0:
        return {"irs": 0.0}
    total = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    robust = np.empty((codes.shape[1], len(kept)))
    for column, k in enumerate(kept):
        order = np.argsort(factors[:, k], kind="stable")
        starts = np.flatnonzero(np.diff(factors[order, k])) + 1
        within = [
            np.percentile(np.abs(part - part.mean(axis=0)), 100 * settings["quantile"], axis=0)
            for part in np.split(codes[order], starts)
        ]
        robust[:, column] = 1 - np.mean(within, axis=0) / total
    return {"irs": float(np.average(robust.max(axis=1), weights=total))}


METRIC = Metric(
    name="irs",
    function=compute,
    directions={"irs": "maximize"},
    protocols={"suter": Protocol({"quantile": 0.99}, (frozenset({"codes", "factors"}),))},
    needs_factors=True,
    source="Suter et al. 2019, section 4; scaling of Locatello et al. 2020",
    scales={"irs": Scale(0, 1, "at 1 a dimension stays where it is whatever happens to other factors than its own")},
)
