"""Uniform classes by the hundred thousand: NumPy's own draws, to the bit, in a third of the time."""

from collections.abc import Sequence

import numpy as np

BLOCK = 32_768  # numbers that stay in a core's cache
HALF = np.uint64(32)


def uniform_classes(sizes: Sequence[int], n: int, rng: np.random.Generator) -> np.ndarray:
    """What `rng.integers(0, sizes, size=(n, K))` gives, int64 (n, K), for `sizes` (K,) below 2³².

    NumPy draws number by number where the bounds differ. Each is the upper half of the product of a bound and 32 bits,
    drawn anew if the lower half is too small (Lemire 2019); that happens once in 10⁸ draws of a few classes, so whole
    blocks are computed at once, and a block with such a draw is left to NumPy.
    """
    bounds = np.array(sizes, np.uint64)
    least = (np.uint64(2**32) - bounds) % bounds  # of a lower half that is taken
    drawn = np.empty((n, len(sizes)), np.uint64)
    rows = 2 * max(1, BLOCK // (2 * len(sizes)))  # an even number: 64 bits are two draws
    for start in range(0, n, rows):
        block = drawn[start : start + rows]
        if not _draw(block, bounds, least, rng):
            block[:] = rng.integers(0, sizes, size=block.shape)
    return drawn.view(np.int64)


def _draw(block: np.ndarray, bounds: np.ndarray, least: np.ndarray, rng: np.random.Generator) -> bool:
    """Fill a block (rows, K); False, and the generator is as before, where that is not possible at once."""
    before = rng.bit_generator.state
    if before["bit_generator"] != "PCG64" or before["has_uint32"] or block.size % 2 or 1 in bounds:
        return False  # of a single class, NumPy draws nothing
    halves = rng.bit_generator.random_raw(block.size // 2).astype("<u8", copy=False).view("<u4")
    np.multiply(halves.reshape(block.shape), bounds, out=block)
    if (block.astype(np.uint32) < least).any():
        rng.bit_generator.state = before
        return False
    np.right_shift(block, HALF, out=block)
    return True
