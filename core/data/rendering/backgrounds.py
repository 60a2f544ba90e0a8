"""Sprites before random colours, noise or a painting, as in disentanglement_lib (Locatello et al. 2019, appendix H).

There every look at an image draws anew; here an image has the draw of its number, so that it is the same for every
process, run and metric.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.data.dataset import Store

SEED = 20190609  # part of every image
Draw = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""An image uint8 (3, H, W) of a sprite's mask bool (H, W)."""


class BackgroundStore:
    """Colour images made on demand from binary ones; `source` and `path` are those of the sprites."""

    def __init__(self, sprites: Store, draw: Draw) -> None:
        self.source = sprites.source
        self.path: Path | None = sprites.path
        self._sprites = sprites
        self._draw = draw

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 (N, 3, H, W) of base rows (N,)."""
        masks = self._sprites.images(rows)[:, 0] > 0
        images = np.empty((len(rows), 3, *masks.shape[1:]), dtype=np.uint8)
        for image, mask, row in zip(images, masks, rows, strict=True):
            rng = np.random.Generator(np.random.Philox(key=[SEED, int(row)]))
            image[:] = self._draw(mask, rng)
        return images


def coloured(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sprite of one colour, each channel uniform in [0.5, 1], on black."""
    return mask * _bytes(rng.uniform(0.5, 1, (3, 1, 1)))


def noisy(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A white sprite on noise, uniform over the 256 levels for each pixel and channel."""
    return np.where(mask, np.uint8(255), rng.integers(0, 256, (3, *mask.shape), dtype=np.uint8))


def before(painting: np.ndarray) -> Draw:
    """What puts sprites before a random piece of a painting (3, H, W) of fractions.

    The background is the mean of the piece and of a random colour; the sprite is the negative of what it hides.
    """

    def draw(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = mask.shape
        top, left = (
            int(rng.integers(all_ - own + 1)) for all_, own in zip(painting.shape[1:], mask.shape, strict=True)
        )
        piece = (painting[:, top : top + height, left : left + width] + rng.random((3, 1, 1))) / 2
        return _bytes(np.where(mask, 1 - piece, piece))

    return draw


def _bytes(fractions: np.ndarray) -> np.ndarray:
    return np.rint(255 * fractions).astype(np.uint8)
