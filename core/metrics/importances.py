"""What both DCI metrics share: scores from an importance matrix (Eastwood & Williams 2018, section 2)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.machine import granted_cores
from core.metrics.metric import Scale

Floats = NDArray[np.float64]


def disentanglement(importance: Floats) -> float:
    """Σ_d w_d (1 - H_K(row d)) of importance (D, K), w the share of a dimension in all importance.

    One factor alone leaves nothing to confuse: 1. No importance at all: 0.
    """
    if importance.shape[1] == 1:
        return 1.0
    weights = importance.sum(axis=1)
    if weights.sum() == 0:
        return 0.0
    shares = importance + 1e-11
    shares /= shares.sum(axis=1, keepdims=True)
    entropy = -(shares * np.log(shares)).sum(axis=1) / np.log(importance.shape[1])
    return float(((1 - entropy) * weights).sum() / weights.sum())


def scores(prefix: str, importance: Floats, train: Floats, test: Floats) -> dict[str, float]:
    """Result keys from importance (D, K) and accuracies (K,); completeness is the disentanglement of the transpose."""
    return {
        f"{prefix}_disentanglement": disentanglement(importance),
        f"{prefix}_completeness": disentanglement(importance.T),
        f"{prefix}_informativeness": float(test.mean()),
        f"{prefix}_informativeness_train": float(train.mean()),
    }


def directions(prefix: str) -> dict[str, Any]:
    """Directions of the result keys."""
    return {
        f"{prefix}_disentanglement": "maximize",
        f"{prefix}_completeness": "maximize",
        f"{prefix}_informativeness": "maximize",
        f"{prefix}_informativeness_train": None,
    }


def scales(prefix: str) -> dict[str, Scale]:
    """What values of the result keys mean."""
    return {
        f"{prefix}_disentanglement": Scale(0, 1, "at 1 each dimension serves one factor"),
        f"{prefix}_completeness": Scale(0, 1, "at 1 each factor is served by one dimension"),
        f"{prefix}_informativeness": Scale(0, 1, "the share of images whose factors are told from the code"),
    }


def worker_count(jobs: int) -> int:
    """Processes for that many jobs: the share of the CPU that OMP_NUM_THREADS grants, else every granted core."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    cores = int(granted) if granted.isdigit() and int(granted) > 0 else granted_cores().amount
    return max(1, min(jobs, cores))
