"""Modularity: does each dimension tell about one factor only (Ridgeway & Mozer 2018, section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import varying_factors
from core.metrics.information import bin_codes, mutual_information
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.mistakes import MetricError


def compute(
    settings: Settings, rng: np.random.Generator, *, codes: NDArray[Any], factors: NDArray[np.int64]
) -> dict[str, float]:
    """`modularity` in [0, 1]: mean over dimensions of 1 - Σ_{k≠best} m_k² / (m_best² (K-1)).

    m is the information (nats) of a dimension of codes (N, D), in 20 bins, on each of factors (N, K). A dead
    dimension tells nothing: it is left out, or counts 0 under `dlib`; if all are dead the score is 0.
    MetricError: fewer than two factors vary.
    """
    del rng
    kept = varying_factors(factors)
    if kept.size < 2:
        raise MetricError("modularity compares factors, and only one varies")
    information, _ = mutual_information(bin_codes(codes, settings["bins"]), factors[:, kept], settings["bins"])
    squares = information**2
    best = squares.max(axis=1)
    alive = best > 0
    others = (squares.sum(axis=1) - best) / np.where(alive, best, 1.0) / (kept.size - 1)
    scores = np.where(alive, 1.0 - others, 0.0)
    if settings["dead_dimensions"] == "left out":
        scores = scores[alive]
    return {"modularity": float(scores.mean()) if scores.size else 0.0}


METRIC = Metric(
    name="modularity",
    function=compute,
    directions={"modularity": "maximize"},
    protocols={
        name: Protocol({"bins": 20, "dead_dimensions": rule}, (frozenset({"codes", "factors"}),))
        for name, rule in (("ridgeway", "left out"), ("dlib", "count 0"))
    },
    needs_factors=True,
    source="Ridgeway & Mozer 2018, section 4; binning of Locatello et al. 2019",
    scales={"modularity": Scale(0, 1, "at 1 each dimension tells about one factor only")},
)
