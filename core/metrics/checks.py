"""Refusal of inputs that would give a silent NaN, and the split into a training and a test part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.mistakes import MetricError

REAL_INPUTS = (
    "codes",
    "test_codes",
    "sampled_codes",
    "posterior_mean",
    "posterior_log_variance",
    "discriminator_logits",
)
CLASS_INPUTS = ("factors", "test_factors", "discrete_codes")
# One row per image, the same images within a group; a bootstrap replicate draws their rows together.
ROW_GROUPS = (
    (
        "codes",
        "factors",
        "discrete_codes",
        "posterior_mean",
        "posterior_log_variance",
        "sampled_codes",
        "discriminator_logits",
    ),
    ("test_codes", "test_factors"),
)
SAME_COLUMNS = (
    ("codes", "test_codes"),
    ("factors", "test_factors"),
    ("posterior_mean", "posterior_log_variance"),
    ("posterior_mean", "sampled_codes"),
)


def check_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with arrays made of lists; codes (N, D) real and finite, factors (N, K) integer classes.

    MetricError: no row, no dimension, a wrong shape, NaN or infinity, or arrays of different lengths.
    """
    checked = dict(inputs)
    for name in REAL_INPUTS:
        if name in checked:
            checked[name] = _real(name, checked[name])
    for name in CLASS_INPUTS:
        if name in checked:
            checked[name] = _classes(name, checked[name])
    for group in ROW_GROUPS:
        present = [name for name in group if name in checked]
        for name in present[1:]:
            _same(checked, present[0], name, 0)
    for first, second in SAME_COLUMNS:
        if first in checked and second in checked:
            _same(checked, first, second, 1)
    for first, second in (("test_codes", "test_factors"), ("test_factors", "test_codes")):
        if first in checked and second not in checked:
            raise MetricError(f"{first} is given without {second}")
    return checked


def _same(inputs: Mapping[str, Any], first: str, second: str, axis: int) -> None:
    sizes = inputs[first].shape[axis], inputs[second].shape[axis]
    if sizes[0] != sizes[1]:
        noun = "columns" if axis else "rows"
        raise MetricError(f"{first} has {sizes[0]} {noun} but {second} has {sizes[1]}")


def _real(name: str, value: Any) -> NDArray[np.floating[Any]]:
    array = np.asarray(value)
    if array.ndim != 2:
        raise MetricError(f"{name} must have the shape (images, dimensions), it has {array.shape}")
    if array.shape[1] == 0:
        raise MetricError(f"{name} has no latent dimension")
    if array.shape[0] < 2:
        raise MetricError(f"{name} has {array.shape[0]} rows; a metric needs two at least")
    if not np.issubdtype(array.dtype, np.floating):
        if not np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.complexfloating):
            raise MetricError(f"{name} must hold real numbers, it holds {array.dtype}")
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array).all(axis=0))[0])
        raise MetricError(f"{name} is NaN or infinite in dimension {bad}")
    return array


def _classes(name: str, value: Any) -> NDArray[np.int64]:
    array = np.asarray(value)
    if array.ndim == 1 and name == "discrete_codes":
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise MetricError(f"{name} must have the shape (images, factors), it has {array.shape}")
    if not np.issubdtype(array.dtype, np.integer) and not np.issubdtype(array.dtype, np.bool_):
        whole = np.issubdtype(array.dtype, np.floating) and bool((array == np.floor(array)).all())
        if not whole or not np.isfinite(array).all():
            raise MetricError(f"{name} must hold whole class numbers, it holds {array.dtype}")
    return array.astype(np.int64)


def alive_dimensions(codes: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask (D,) of the dimensions of codes (N, D) that vary beyond the rounding error of float32."""
    rounding = 4 * float(np.finfo(np.float32).eps)
    return np.asarray(codes.std(axis=0, dtype=np.float64) > rounding * np.abs(codes).max(axis=0))


def varying_factors(factors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Columns of factors (N, K) with two classes at least; a one-class factor says nothing and is left out.

    MetricError: no factor varies.
    """
    columns = np.flatnonzero([(column != column[0]).any() for column in factors.T])
    if columns.size == 0:
        raise MetricError("every factor has one class only, so there is nothing to disentangle")
    return columns


def to_classes(column: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Classes 0..C-1 of a column (N,), and C; small class numbers are kept as they are (some may be empty)."""
    low, high = int(column.min()), int(column.max())
    if low >= 0 and high < 4 * len(column):
        return column, high + 1
    values, classes = np.unique(column, return_inverse=True)
    return classes.astype(np.int64), len(values)


def split_rows(
    codes: NDArray[Any], factors: NDArray[np.int64], settings: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Disjoint training and test rows, two to one, at most settings["train"] and settings["test"] of them.

    MetricError: fewer than three rows.
    """
    count = len(codes)
    if count < 3:
        raise MetricError(f"codes has {count} rows; a training and a test part need three at least")
    train = min(int(settings["train"]), max(2, 2 * count // 3))
    test = min(int(settings["test"]), count - train)
    order = rng.permutation(count)
    first, second = order[:train], order[train : train + test]
    return {
        "codes": codes[first],
        "factors": factors[first],
        "test_codes": codes[second],
        "test_factors": factors[second],
    }
