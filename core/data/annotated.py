"""Annotated subsets: a fixed order of the images whose every prefix is a good small sample.

The first n of the order are the annotated images, so that the 100 are among the 1,000; the order begins with
images that together show every value of every factor, so that the same few annotations serve all factors.
"""

from collections.abc import Sequence

import numpy as np

STRATIFIED = 16_384
"""How many images at the head of the order are balanced over the factors; after these it is random."""

POOL = 4_096
"""How many images are searched for one that shows several new values at once."""


def latin_prefix(sizes: Sequence[int], num_images: int, rng: np.random.Generator) -> np.ndarray:
    """Classes (L, K) of a Latin design: of every factor with v classes, v rows in a row show each class once.

    The first ``max(sizes)`` rows are all different, since the largest factor does not repeat in them.
    """
    length = max(max(sizes), min(STRATIFIED, num_images))
    columns = []
    for size in sizes:
        cycles = rng.permuted(np.tile(np.arange(size), (-(-length // size), 1)), axis=1)
        columns.append(cycles.reshape(-1)[:length])
    return np.stack(columns, axis=1)


def covering_prefix(factors: np.ndarray, sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Rows (L,) of a table (N, K) that together show every class that the table has, few rows first.

    For sets that do not hold every combination: rows in random order, taken while they show K new classes,
    then K - 1, and so on down to one.
    """
    order = rng.permutation(len(factors))
    seen = [np.zeros(size, bool) for size in sizes]
    chosen: list[int] = []
    for wanted in range(len(sizes), 0, -1):
        pool = order if wanted == 1 else order[:POOL]
        new = sum((~seen[k][factors[pool, k]]).astype(int) for k in range(len(sizes)))
        for row in pool[new >= wanted]:
            if sum(not seen[k][value] for k, value in enumerate(factors[row])) >= wanted:
                chosen.append(int(row))
                for k, value in enumerate(factors[row]):
                    seen[k][value] = True
    return np.array(chosen, dtype=np.int64)


def nested(prefix: np.ndarray, num_images: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """The first `n` (n,) of: `prefix` (L,) without its repetitions, then all other images in random order."""
    _, first = np.unique(prefix, return_index=True)
    head = prefix[np.sort(first)]
    if n <= len(head):
        return head[:n]
    rest = rng.permutation(num_images)
    return np.concatenate([head, rest[~np.isin(rest, head)]])[:n].astype(np.int64)
