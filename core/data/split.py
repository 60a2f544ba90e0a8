"""Which images are held out, and which are scored: the same ones for all trials of all studies."""

import numpy as np

from core.data.dataset import FactorDataset

POOL = 10_000  # images whose codes serve all metrics; more changes no score beyond its noise
HOLDOUT = 10_000  # images kept from training, on which reconstruction is measured
PART_HELD_OUT = 6  # of a small data set, one part in so many is held out
SPLIT_SEED = 0


def holdout(dataset: FactorDataset) -> np.ndarray:
    """Sorted indices of the images kept from training: a random 10,000, or a sixth of a small set."""
    count = min(HOLDOUT, len(dataset) // PART_HELD_OUT)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(dataset))
    return np.sort(order[:count])


def pool(dataset: FactorDataset) -> np.ndarray:
    """Sorted indices of the images whose codes are scored: all of a small set, else a random 10,000."""
    if len(dataset) <= POOL:
        return np.arange(len(dataset))
    return np.sort(np.random.default_rng(SPLIT_SEED + 1).choice(len(dataset), POOL, replace=False))
