"""Plug-in mutual information between binned codes and factor classes, in nats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics._checks import to_classes


def bin_codes(codes: NDArray[np.floating[Any]], bins: int) -> NDArray[np.int64]:
    """Bin 0..bins-1 of every code (N, D): equal-width bins from each dimension's minimum to its maximum.

    The same bins as digitize with the edges of np.histogram, to the last bit and in the codes' own precision:
    the arithmetic guess is compared with the edges and moved by one where rounding put it on the wrong side.
    """
    edges = np.stack([_edges(column, bins) for column in codes.T])
    low, width = edges[:, 0], edges[:, -1] - edges[:, 0]
    guess = np.clip(((codes - low) * (bins / width)).astype(np.int64), 0, bins - 1)
    columns = np.arange(codes.shape[1])
    guess -= codes < edges[columns, guess]
    guess += (codes >= edges[columns, guess + 1]) & (guess < bins - 1)
    return guess


def _edges(column: NDArray[np.floating[Any]], bins: int) -> NDArray[np.floating[Any]]:
    """Bin edges (bins + 1,); a range of a few rounding steps has no bins in it and counts as one value."""
    try:
        return np.histogram_bin_edges(column, bins)
    except ValueError:
        middle = float(column[0])
        reach = max(0.5, abs(middle))
        return np.linspace(middle - reach / 2, middle + reach, bins + 1)


def mutual_information(
    binned: NDArray[np.int64], factors: NDArray[np.int64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mutual information (D, K) of binned codes (N, D) with factors (N, K), and factor entropies (K,), in nats.

    One bincount per factor over joint classes: exact plug-in values from the sample.
    """
    count, dims = binned.shape
    offsets = binned + np.arange(dims) * bins
    information = np.empty((dims, factors.shape[1]))
    entropies = np.empty(factors.shape[1])
    for k in range(factors.shape[1]):
        classes, size = to_classes(factors[:, k])
        joint = np.bincount((offsets * size + classes[:, None]).ravel(), minlength=dims * bins * size)
        joint = joint.reshape(dims, bins, size)
        class_counts = np.bincount(classes, minlength=size)
        entropies[k] = _entropy(class_counts, count)
        information[:, k] = _entropy(joint.sum(axis=2), count) + entropies[k] - _entropy(joint.reshape(dims, -1), count)
    # Entropies cancel to rounding for a dead dimension; information itself is never negative.
    information[information < 1e-13] = 0.0
    return information, entropies


def _entropy(counts: NDArray[np.int64], total: int) -> Any:
    """Entropy of the last axis in nats: log N - (1/N) sum c log c."""
    terms = counts * np.log(np.maximum(counts, 1))
    return np.log(total) - terms.sum(axis=-1) / total
