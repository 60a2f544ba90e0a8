"""Separated attribute predictability (Kumar et al. 2018, section 3), by classifiers and by correlation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import alive_dimensions, varying_factors
from core.metrics.hinge import fit
from core.metrics.metric import Metric, Protocol, Scale, Settings


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    codes: NDArray[Any],
    factors: NDArray[np.int64],
    test_codes: NDArray[Any],
    test_factors: NDArray[np.int64],
) -> dict[str, float]:
    """Mean over factors of the gap between the two dimensions that predict a factor best.

    `sap_svc`: prediction is the test accuracy of a LinearSVC (C = 0.01, balanced) on one dimension, fitted to
    codes (N, D) and factors (N, K). `sap_r2`: the squared correlation in the training part, which protocol `r2` gives
    alone. A single dimension is compared with a dead one. MetricError: every factor has one class only.
    """
    del rng
    kept = varying_factors(factors)
    factors, test_factors = factors[:, kept], test_factors[:, kept]
    if codes.shape[1] == 1:
        codes, test_codes = (np.hstack([part, np.zeros_like(part)]) for part in (codes, test_codes))
    correlations = _squared_correlations(codes, factors)
    if not settings["classify"]:
        return {"sap_r2": _gap(correlations)}
    if settings["standardise"]:
        spread = codes.std(axis=0, dtype=np.float64)
        scale = np.where(spread > 0, spread, 1.0)
        centre = codes.mean(axis=0, dtype=np.float64)
        codes, test_codes = (codes - centre) / scale, (test_codes - centre) / scale
    lines = fit(codes, factors, settings["C"])
    accuracies = np.stack(
        [line.accuracy(test_codes, labels) for line, labels in zip(lines, test_factors.T, strict=True)], axis=1
    )
    return {"sap_svc": _gap(accuracies), "sap_r2": _gap(correlations)}


def _gap(scores: NDArray[np.float64]) -> float:
    """Mean over columns of (D, K) of the largest minus the second largest."""
    ordered = np.sort(scores, axis=0)
    return float((ordered[-1] - ordered[-2]).mean())


def _squared_correlations(codes: NDArray[Any], factors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared correlation (D, K); 0 for a dead dimension."""
    count = len(codes)
    centred = codes - codes.mean(axis=0, dtype=np.float64)
    shifted = factors - factors.mean(axis=0)
    variance = (centred**2).sum(axis=0) / (count - 1)
    alive = alive_dimensions(codes)
    covariance = np.einsum("nd,nk->dk", centred, shifted) / (count - 1)
    spread = (shifted**2).sum(axis=0) / (count - 1)
    return np.where(alive[:, None], covariance**2 / np.outer(np.where(alive, variance, 1.0), spread), 0.0)


def _protocol(settings: dict[str, Any], leaves_out: frozenset[str] = frozenset()) -> Protocol:
    rows = {"train": 10_000, "test": 5_000}
    return Protocol(settings | rows, (frozenset({"codes", "factors"}),), leaves_out=leaves_out)


METRIC = Metric(
    name="sap",
    function=compute,
    directions={"sap_svc": "maximize", "sap_r2": "maximize"},
    protocols={
        "dlib": _protocol({"classify": True, "C": 0.01, "standardise": False}),
        "standardised": _protocol({"classify": True, "C": 0.01, "standardise": True}),
        "r2": _protocol({"classify": False}, leaves_out=frozenset({"sap_svc"})),
    },
    optional=frozenset({"test_codes", "test_factors"}),
    needs_factors=True,
    split=True,
    source="Kumar et al. 2018, section 3; settings of Locatello et al. 2019",
    scales=dict.fromkeys(
        ("sap_svc", "sap_r2"), Scale(0, 1, "at 1 one dimension alone predicts each factor, at 0 two do equally well")
    ),
)
