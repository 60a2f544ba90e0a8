"""One-dimensional linear support vector classifiers, solved exactly and all at once.

LinearSVC minimises, one class c against the rest, with the intercept penalised like the slope,

    (w² + b²) / 2 + Σ_i C_i max(0, 1 - y_i (w x_i + b))²,   C_i = C n / (classes n_c) for y_i = 1, else C

(the rest is not re-weighted: so does liblinear; of two classes both are). With one feature the active rows are
a range of the sorted codes, so that every sum is a difference of prefix sums, and Newton steps for all
dimensions, factors and classes together cost a bisection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """Slope and intercept (D, C) of each dimension's classifiers of one factor; C is 1 for two classes."""

    classes: Ints
    slopes: Floats
    intercepts: Floats

    def accuracy(self, codes: NDArray[Any], labels: Ints) -> Floats:
        """Share (D,) of labels (N,) that each dimension of codes (N, D) predicts."""
        correct = np.empty(codes.shape[1])
        for j, column in enumerate(codes.T.astype(np.float64)):
            decision = column[:, None] * self.slopes[j] + self.intercepts[j]
            winner = (decision[:, 0] > 0).astype(int) if len(self.classes) == 2 else decision.argmax(axis=1)
            correct[j] = (self.classes[winner] == labels).mean()
        return correct


class _Problems:
    """All (dimension, class) problems of one factor, each of two numbers w, b."""

    def __init__(self, ordered: Floats, order: Ints, labels: Ints, penalty: float) -> None:
        dims, count = ordered.shape
        classes, classed, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        self.classes = classes
        positives = np.array([1]) if len(classes) == 2 else np.arange(len(classes))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        by_class = np.argsort(classed[order], axis=1, kind="stable")
        grouped = np.take_along_axis(ordered, by_class, axis=1)
        self.everyone, self.grouped = ordered.ravel(), grouped.ravel()
        self.sums, self.class_sums = _prefix_sums(ordered), _prefix_sums(grouped)
        row = np.repeat(np.arange(dims), len(positives))
        which = np.tile(positives, dims)
        self.first, self.last = row * count, (row + 1) * count
        self.class_first, self.class_last = row * count + starts[which], row * count + starts[which + 1]
        # A row of prefix sums is one longer than a row of codes.
        self.shift = row
        balanced = penalty * count / (len(classes) * sizes)
        self.inside = balanced[which]
        self.outside = np.full(len(which), balanced[0] if len(classes) == 2 else penalty)
        self.shape = dims, len(positives)

    def moments(self, w: Floats, b: Floats) -> tuple[Floats, Floats]:
        """(n, Σx, Σx²) (P, 3) over the active rows of the class, and of the rest."""
        slope = np.where(np.abs(w) < 1e-290, 1e-290, w)
        up = slope > 0
        edge = (1 - b) / slope
        cut = _bisect(self.grouped, self.class_first, self.class_last, edge)
        low = np.where(up, self.class_first, cut)
        high = np.where(up, cut, self.class_last)
        inside = self.class_sums[high + self.shift] - self.class_sums[low + self.shift]
        edge = (-1 - b) / slope
        cut = _bisect(self.everyone, self.first, self.last, edge)
        low, high = np.where(up, cut, self.first), np.where(up, self.last, cut)
        outside = self.sums[high + self.shift] - self.sums[low + self.shift]
        cut = _bisect(self.grouped, self.class_first, self.class_last, edge)
        low = np.where(up, cut, self.class_first)
        high = np.where(up, self.class_last, cut)
        outside = outside - (self.class_sums[high + self.shift] - self.class_sums[low + self.shift])
        return self.inside[:, None] * inside, self.outside[:, None] * outside

    def loss(self, w: Floats, b: Floats, inside: Floats, outside: Floats) -> Floats:
        """Objective (P,) from the moments at w, b."""
        total = 0.5 * (w**2 + b**2)
        for (n, x, xx), offset in ((inside.T, b - 1), (outside.T, b + 1)):
            total = total + offset**2 * n + 2 * offset * w * x + w**2 * xx
        return total


def fit(codes: NDArray[Any], factors: Ints, penalty: float) -> list[Lines]:
    """Classifiers of every factor (N, K), each from one dimension of codes (N, D); C is `penalty`."""
    columns = codes.T.astype(np.float64)
    order = np.argsort(columns, axis=1, kind="stable")
    ordered = np.take_along_axis(columns, order, axis=1)
    lines = []
    for labels in factors.T:
        problems = _Problems(ordered, order, labels, penalty)
        w, b = _newton(problems)
        lines.append(Lines(problems.classes, w.reshape(problems.shape), b.reshape(problems.shape)))
    return lines


def _newton(problems: _Problems, rounds: int = 100) -> tuple[Floats, Floats]:
    """Minimiser of every problem: Newton steps, halved until the objective falls.

    The objective is strongly convex and piecewise quadratic, so that a full step ends it once the active
    rows no longer change.
    """
    w = np.zeros(len(problems.inside))
    b = np.zeros_like(w)
    inside, outside = problems.moments(w, b)
    loss = problems.loss(w, b, inside, outside)
    for _ in range(rounds):
        n, x, xx = (inside + outside).T
        gap = (inside - outside).T
        slope_w = w + 2 * (w * xx + b * x - gap[1])
        slope_b = b + 2 * (w * x + b * n - gap[0])
        ww, wb, bb = 1 + 2 * xx, 2 * x, 1 + 2 * n
        determinant = ww * bb - wb**2
        step_w = (bb * slope_w - wb * slope_b) / determinant
        step_b = (ww * slope_b - wb * slope_w) / determinant
        gain = step_w * slope_w + step_b * slope_b
        open_problems = gain > 1e-14 * (1 + loss)
        if not open_problems.any():
            break
        size = open_problems.astype(np.float64)
        for _ in range(40):
            new_w, new_b = w - size * step_w, b - size * step_b
            new_inside, new_outside = problems.moments(new_w, new_b)
            new_loss = problems.loss(new_w, new_b, new_inside, new_outside)
            rose = open_problems & (new_loss > loss - 1e-4 * size * gain + 1e-15 * (1 + loss))
            if not rose.any():
                break
            size = np.where(rose, 0.5 * size, size)
        w, b, inside, outside, loss = new_w, new_b, new_inside, new_outside, new_loss
    return w, b


def _prefix_sums(rows: Floats) -> Floats:
    """Prefix sums of (1, x, x²) along each row (R, N), starting from 0, flattened to (R (N+1), 3)."""
    moments = np.stack([np.ones_like(rows), rows, rows**2], axis=2)
    start = np.zeros((len(rows), 1, 3))
    return np.concatenate([start, moments.cumsum(axis=1)], axis=1).reshape(-1, 3)


def _bisect(values: Floats, low: Ints, high: Ints, targets: Floats) -> Ints:
    """First position in [low, high) of sorted values that is not below its target, `high` if all are."""
    low, high = low.copy(), high.copy()
    for _ in range(int(np.max(high - low)).bit_length()):
        middle = (low + high) // 2
        below = (low < high) & (values[np.minimum(middle, len(values) - 1)] < targets)
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low
