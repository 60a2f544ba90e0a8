"""Scream-dSprites: sprites of dSprites before pieces of a painting, RGB 64×64 (Locatello et al. 2019).

The painting is Munch's The Scream in the user's file ``scream.jpg`` (or ``.png``), reduced so that it is at most
350×274; the sprites are rendered, or from the user's dSprites.
"""

from pathlib import Path
from typing import Any

import numpy as np

from core.data.dataset import DatasetInfo, Progress, Store
from core.data.files.originals import find
from core.data.grid import Grid
from core.data.rendering.backgrounds import BackgroundStore, before
from core.data.sets import dsprites
from core.data.sets.color_dsprites import ColorDSprites
from core.mistakes import DataError

MOST = (350, 274)  # width and height


class ScreamDSprites(ColorDSprites):
    """The sprites of dSprites; what is behind an image is no factor."""

    name = "scream_dsprites"
    versions = {"scream_dsprites": dsprites.GRID, "scream_dsprites.quick": dsprites.VERSIONS["dsprites.quick"]}

    def describe(self, name: str, options: dict[str, Any], root: Path) -> DatasetInfo:
        """What is known without opening the set. Raises DataError where there is no painting."""
        painting(root)
        return super().describe(name, options, root)

    def store(self, grid: Grid, root: Path, progress: Progress | None) -> Store:
        """Drawn on demand; the cache is that of dSprites."""
        return BackgroundStore(dsprites.FAMILY.store(grid, root, progress), before(painting(root)))

    def check(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """Read the painting, and the user's file of dSprites in full."""
        painting(root)
        return super().check(name, options, root)


def painting(root: Path) -> np.ndarray:
    """The painting (3, H, W) as fractions. Raises DataError."""
    from PIL import Image

    path = find(root, "scream.jpg", "scream.png")
    if path is None:
        raise DataError(f"scream_dsprites is not in {root}: expected scream.jpg, a picture of the painting")
    try:
        with Image.open(path) as picture:
            reduced = picture.convert("RGB")
            reduced.thumbnail(MOST, Image.Resampling.BICUBIC)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is no picture that can be read: {error}") from None
    if min(reduced.size) < 64:
        raise DataError(f"{path} is {reduced.size[0]}×{reduced.size[1]} once it is reduced, and a piece is 64×64")
    return np.asarray(reduced, dtype=np.float64).transpose(2, 0, 1) / 255


FAMILY = ScreamDSprites()
