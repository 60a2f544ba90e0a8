"""What labels annotated images get: the true classes, or with the faults of human labels (Locatello et al. 2020)."""

from typing import Literal, NamedTuple

import numpy as np

LabellerName = Literal["perfect", "binned", "noisy", "partial", "permuted"]


class Labels(NamedTuple):
    """Labels int64 (N, J) of the factors `observed` (J,), which have `sizes` (J,) classes."""

    classes: np.ndarray
    observed: tuple[int, ...]
    sizes: tuple[int, ...]


def label(
    labeller: LabellerName,
    factors: np.ndarray,
    sizes: tuple[int, ...],
    seed: int,
    *,
    bins: int = 5,
    noise: float = 0.1,
    observed: int = 2,
) -> Labels:
    """Labels of images with classes `factors` (N, K) of `sizes` (K,); those of fewer images are a prefix of them.

    `perfect`: the classes. `binned`: of factors with more than `bins` classes, the one of `bins` equal intervals that
    holds the class. `noisy`: every label is, with probability `noise`, any class of its factor. `partial`: the classes
    of `observed` factors drawn at random. `permuted`: the classes of every factor renamed at random, so that their
    order says nothing.
    """
    classes = np.array(factors, dtype=np.int64)
    every = tuple(range(len(sizes)))
    rng = np.random.default_rng([seed, 3])
    if labeller == "binned":
        for k, size in enumerate(sizes):
            if size > bins:
                classes[:, k] = classes[:, k] * bins // size
        return Labels(classes, every, binned_sizes(sizes, bins))
    if labeller == "noisy":
        uniform = rng.random((len(classes), len(sizes), 2))
        drawn = (uniform[:, :, 1] * sizes).astype(np.int64)
        return Labels(np.where(uniform[:, :, 0] < noise, drawn, classes), every, sizes)
    if labeller == "partial":
        chosen = tuple(sorted(int(k) for k in rng.choice(len(sizes), observed, replace=False)))
        return Labels(classes[:, chosen], chosen, tuple(sizes[k] for k in chosen))
    if labeller == "permuted":
        names = [rng.permutation(size) for size in sizes]
        return Labels(np.stack([name[column] for name, column in zip(names, classes.T, strict=True)], 1), every, sizes)
    return Labels(classes, every, sizes)


def binned_sizes(sizes: tuple[int, ...], bins: int) -> tuple[int, ...]:
    """Classes that are left of factors with `sizes` (K,) classes."""
    return tuple(min(size, bins) for size in sizes)
