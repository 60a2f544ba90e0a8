"""Plug-in mutual information between binned codes and factor classes, in nats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import to_classes


def bin_codes(codes: NDArray[np.floating[Any]], bins: int) -> NDArray[np.int64]:
    """Bin 0..bins-1 of every code (N, D): equal-width bins from each dimension's minimum to its maximum.

    The same bins as digitize with the edges of np.histogram, to the last bit and in the codes' own precision:
    the arithmetic guess is compared with the edges and moved by one where rounding put it on the wrong side.
    """
    columns = np.ascontiguousarray(codes.T)
    binned = np.empty(columns.shape, dtype=np.int64)
    for j, column in enumerate(columns):
        edges = _edges(column, bins)
        # Clipped so that the edge above the last bin, which the maximum reaches, opens no bin of its own.
        guess = ((column - edges[0]) * (bins / (edges[-1] - edges[0]))).astype(np.int64)
        np.minimum(guess, bins - 1, out=guess)
        guess -= column < edges[guess]
        guess += column >= np.append(edges[1:-1], np.inf)[guess]
        binned[j] = guess
    return binned.T


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
    columns = np.ascontiguousarray(binned.T) + np.arange(dims)[:, None] * bins
    table = np.arange(count + 1, dtype=np.float64)
    table[1:] *= np.log(table[1:])
    log_count = np.log(count)

    def entropy(counts: NDArray[np.int64], axis: Any = -1) -> Any:
        """log N - (1/N) Σ c log c over the axes."""
        return log_count - table[counts].sum(axis=axis) / count

    information = np.empty((dims, factors.shape[1]))
    entropies = np.empty(factors.shape[1])
    code_entropies = entropy(np.bincount(columns.ravel(), minlength=dims * bins).reshape(dims, bins))
    for k in range(factors.shape[1]):
        classes, size = to_classes(factors[:, k])
        joint = np.bincount((columns + classes * (dims * bins)).ravel(), minlength=size * dims * bins)
        entropies[k] = entropy(np.bincount(classes, minlength=size))
        joint_entropies = entropy(joint.reshape(size, dims, bins), axis=(0, 2))
        information[:, k] = code_entropies + entropies[k] - joint_entropies
    # Entropies cancel to rounding for a dead dimension; information itself is never negative.
    information[information < 1e-13] = 0.0
    return information, entropies
