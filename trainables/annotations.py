"""Which images a model may see with their factors: a seeded choice that never touches the hold-out."""

import numpy as np

from core.data import FactorDataset
from trainables.evaluation import holdout


def annotated(dataset: FactorDataset, count: int, seed: int) -> np.ndarray:
    """`count` training images (count,), nested in `count`; the same ones serve all factors.

    Raises:
        ValueError: there are not as many training images.
    """
    held_out = holdout(dataset)
    _require(count, len(dataset) - len(held_out))
    asked = count
    while True:
        asked = min(len(dataset), 2 * asked)
        chosen = dataset.annotated(asked, seed)
        chosen = chosen[~np.isin(chosen, held_out)]
        if len(chosen) >= count:
            return chosen[:count]


def annotated_by_combination(dataset: FactorDataset, count: int, seed: int) -> np.ndarray:
    """`count` training images (count,), nested in `count`, as evenly over the combinations of factors as they come.

    Raises:
        ValueError: not every combination of the training images can have one.
    """
    train = np.setdiff1d(np.arange(len(dataset)), holdout(dataset), assume_unique=True)
    _require(count, len(train))
    train = np.random.default_rng([seed, 1]).permutation(train)
    combination = np.ravel_multi_index(tuple(dataset.factors(train).T), dataset.factor_sizes)
    order = np.argsort(combination, kind="stable")
    _, starts, counts = np.unique(combination[order], return_index=True, return_counts=True)
    rank = np.arange(len(train)) - np.repeat(starts, counts)  # the how-manieth of its combination
    total = int(np.prod(dataset.factor_sizes))
    if len(counts) < total or count < total:
        raise ValueError(
            f"{count:,} annotated images cannot show all {total:,} combinations of factors"
            + (f", of which {total - len(counts):,} have no training image" if len(counts) < total else "")
        )
    return train[order][np.argsort(rank, kind="stable")][:count]


def _require(count: int, available: int) -> None:
    if count > available:
        raise ValueError(f"{count:,} images cannot be annotated: there are {available:,} to train on")
