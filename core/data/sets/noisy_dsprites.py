"""Noisy-dSprites: white sprites of dSprites on noise, RGB 64×64 (Locatello et al. 2019); rendered, or from dSprites."""

from pathlib import Path

from core.data.dataset import Progress, Store
from core.data.grid import Grid
from core.data.rendering.backgrounds import BackgroundStore, noisy
from core.data.sets import dsprites
from core.data.sets.color_dsprites import ColorDSprites


class NoisyDSprites(ColorDSprites):
    """The sprites of dSprites; the noise is another for every image, and the same whenever that is looked at."""

    name = "noisy_dsprites"
    versions = {"noisy_dsprites": dsprites.GRID, "noisy_dsprites.quick": dsprites.VERSIONS["dsprites.quick"]}

    def store(self, grid: Grid, root: Path, progress: Progress | None) -> Store:
        """Drawn on demand; the cache is that of dSprites."""
        return BackgroundStore(dsprites.FAMILY.store(grid, root, progress), noisy)


FAMILY = NoisyDSprites()
