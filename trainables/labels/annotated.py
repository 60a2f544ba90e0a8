"""Which images a model may see with their factors: a seeded choice that never touches the hold-out."""

import numpy as np

from core.data import DatasetInfo, FactorDataset
from core.data.split import holdout, num_training


def refuse_annotated(count: int, dataset: DatasetInfo) -> str | None:
    """Why so many images of a data set cannot be annotated, as a sentence; None when they can."""
    available = num_training(dataset.num_images)
    if count <= available:
        return None
    return f"num_annotated is {count:,}, but '{dataset.name}' has {available:,} images to train on"


def annotated(dataset: FactorDataset, count: int, seed: int, left_out: np.ndarray | tuple[int, ...] = ()) -> np.ndarray:
    """`count` training images (count,), nested in `count`; the same ones serve all factors.

    Args:
        dataset: with factors.
        count: how many.
        seed: of the study, so that all its trials have the same ones.
        left_out: numbers of the combinations of factors (`combination`) that no image may show.

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
        if len(left_out):
            chosen = chosen[~np.isin(combination(dataset.factors(chosen), dataset.factor_sizes), left_out)]
        if len(chosen) >= count:
            return chosen[:count]
        _require(count, len(chosen) if asked == len(dataset) else count)


def combination(factors: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Number (N,) of the combination of classes (N, K); the last factor is the fastest."""
    return np.ravel_multi_index(tuple(factors.T), sizes)


def leave_out(sizes: tuple[int, ...], count: int, seed: int) -> np.ndarray:
    """`count` combinations (count,) such that every value of every factor is left in another one.

    Raises:
        ValueError: so many cannot be left out.
    """
    rng = np.random.default_rng([seed, 2])
    every = np.indices(sizes).reshape(len(sizes), -1).T
    remaining = [np.bincount(column, minlength=size) for column, size in zip(every.T, sizes, strict=True)]
    chosen: list[int] = []
    for number in rng.permutation(len(every)):
        values = every[number]
        if len(chosen) < count and all(left[value] > 1 for left, value in zip(remaining, values, strict=True)):
            chosen.append(int(number))
            for left, value in zip(remaining, values, strict=True):
                left[value] -= 1
    if len(chosen) < count:
        raise ValueError(f"{count:,} of {len(every):,} combinations cannot be left out: a value would be lost")
    return np.array(chosen, dtype=np.int64)


def annotated_by_combination(dataset: FactorDataset, count: int, seed: int) -> np.ndarray:
    """`count` training images (count,), nested in `count`, as evenly over the combinations of factors as they come.

    Raises:
        ValueError: not every combination of the training images can have one.
    """
    train = np.setdiff1d(np.arange(len(dataset)), holdout(dataset), assume_unique=True)
    _require(count, len(train))
    train = np.random.default_rng([seed, 1]).permutation(train)
    numbers = combination(dataset.factors(train), dataset.factor_sizes)
    order = np.argsort(numbers, kind="stable")
    _, starts, counts = np.unique(numbers[order], return_index=True, return_counts=True)
    rank = np.arange(len(train)) - np.repeat(starts, counts)  # place among the images of its combination
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
