"""Pareto fronts and hypervolumes of points with several objectives."""

from collections.abc import Sequence

import numpy as np


def as_losses(points: np.ndarray, directions: Sequence[str]) -> np.ndarray:
    """Points (N, M) with every objective to be minimised."""
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    return np.asarray(points, dtype=float) * signs


def non_dominated(points: np.ndarray, directions: Sequence[str]) -> np.ndarray:
    """Which of N points (N, M) no other point dominates: (N,) bool.

    A point dominates another when it is at least as good in every objective and better in one. Equal points do not
    dominate each other; a point with a NaN is never on the front.
    """
    losses = as_losses(points, directions)
    mask = np.zeros(len(losses), dtype=bool)
    finite = np.flatnonzero(np.isfinite(losses).all(1))
    if losses.shape[1] == 2:
        mask[finite[_non_dominated_2d(losses[finite])]] = True
        return mask
    remaining = finite[np.lexsort(losses[finite].T[::-1])]
    while len(remaining):
        # in lexicographic order the first point is dominated by none that follows, nor by those taken before
        first, remaining = remaining[0], remaining[1:]
        mask[first] = True
        rest = losses[remaining]
        remaining = remaining[(rest < losses[first]).any(1) | (rest == losses[first]).all(1)]
    return mask


def _non_dominated_2d(losses: np.ndarray) -> np.ndarray:
    """Indices of the front of points (N, 2), by one sort."""
    if not len(losses):
        return np.empty(0, dtype=int)
    order = np.lexsort((losses[:, 1], losses[:, 0]))
    first, second = losses[order].T
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
    front = second < best_before
    # equal points stand beside each other and are all kept
    for index in np.flatnonzero((first[1:] == first[:-1]) & (second[1:] == second[:-1])) + 1:
        front[index] = front[index - 1]
    return order[front]


def hypervolume(points: np.ndarray, directions: Sequence[str], reference: Sequence[float]) -> float:
    """Volume between the front of points (N, M) and a reference point (M,) that is worse in every objective.

    Exact for any M, by slicing along the last objective; points that are not better than the reference count nothing.
    """
    losses = as_losses(points, directions)
    bound = as_losses(np.asarray(reference, dtype=float)[None], directions)[0]
    losses = losses[np.isfinite(losses).all(1) & (losses < bound).all(1)]
    return _volume(losses, bound)


def _volume(losses: np.ndarray, bound: np.ndarray) -> float:
    if not len(losses):
        return 0.0
    if losses.shape[1] == 1:
        return float(bound[0] - losses.min())
    losses = losses[np.argsort(losses[:, -1], kind="stable")]
    if losses.shape[1] == 2:
        widths = bound[0] - np.minimum.accumulate(losses[:, 0])
        heights = np.diff(np.append(losses[:, 1], bound[1]))
        return float((widths * heights).sum())
    depths = np.diff(np.append(losses[:, -1], bound[-1]))
    return float(
        sum(depth * _volume(losses[: index + 1, :-1], bound[:-1]) for index, depth in enumerate(depths) if depth > 0)
    )


def reference_point(points: np.ndarray, directions: Sequence[str]) -> np.ndarray:
    """A reference a tenth of the range worse than the worst finite point, in every objective: (M,)."""
    points = np.asarray(points, dtype=float)
    points = points[np.isfinite(points).all(1)]
    low, high = points.min(0), points.max(0)
    margin = np.where(high > low, 0.1 * (high - low), 0.1 * np.maximum(np.abs(high), 1.0))
    maximise = np.array([direction == "maximize" for direction in directions])
    return np.where(maximise, low - margin, high + margin)
