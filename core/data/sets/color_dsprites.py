"""Color-dSprites: dSprites in random colours, RGB 64×64 (Locatello et al. 2019); rendered, or from dSprites."""

from pathlib import Path

from core.data.dataset import Progress, Store
from core.data.family import GridFamily
from core.data.grid import Grid
from core.data.rendering.backgrounds import BackgroundStore, coloured
from core.data.sets import dsprites


class ColorDSprites(GridFamily):
    """The sprites of dSprites; their colour is no factor."""

    name = "color_dsprites"
    image_shape = (3, 64, 64)
    versions = {"color_dsprites": dsprites.GRID, "color_dsprites.quick": dsprites.VERSIONS["dsprites.quick"]}

    def original(self, root: Path) -> Path | None:
        """The user's file of dSprites."""
        return dsprites.FAMILY.original(root)

    def store(self, grid: Grid, root: Path, progress: Progress | None) -> Store:
        """Painted on demand; the cache is that of dSprites."""
        return BackgroundStore(dsprites.FAMILY.store(grid, root, progress), coloured)

    def cache_file(self, grid: Grid, root: Path) -> Path:
        """That of dSprites."""
        return dsprites.FAMILY.cache_file(grid, root)

    def check_original(self, path: Path, root: Path) -> list[str]:
        """Read the user's file of dSprites in full."""
        return dsprites.FAMILY.check_original(path, root)


FAMILY = ColorDSprites()
