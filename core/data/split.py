"""Which images are held out, and which are scored: the same ones for all trials of all studies."""

import numpy as np

from core.data.dataset import FactorDataset

POOL = 10_000  # images whose codes serve all metrics; more changes no score beyond its noise
HOLDOUT = 10_000  # images kept from training, on which reconstruction is measured
PART_HELD_OUT = 6  # of a small data set, one part in so many is held out
SPLIT_SEED = 0


def num_held_out(num_images: int) -> int:
    """Images kept from training: 10,000, or a sixth of a small set."""
    return min(HOLDOUT, num_images // PART_HELD_OUT)


def num_training(num_images: int) -> int:
    """Images to train on."""
    return num_images - num_held_out(num_images)


def holdout(dataset: FactorDataset) -> np.ndarray:
    """Sorted indices of the images kept from training, which are random."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(dataset))
    return np.sort(order[: num_held_out(len(dataset))])


def pool(dataset: FactorDataset) -> np.ndarray:
    """Sorted indices of the images whose codes are scored: all of a small set, else a random 10,000."""
    if len(dataset) <= POOL:
        return np.arange(len(dataset))
    return np.sort(np.random.default_rng(SPLIT_SEED + 1).choice(len(dataset), POOL, replace=False))
