"""Shapes3D: one object in a coloured room, 64×64 RGB (Burgess and Kim 2018), rendered near it or read.

Rendered images are composed per batch from the weight maps of 480 geometries (`core.data.rendering.scene`); nothing of
the 5.9 GB is stored. The versions are those of the modular autoencoder's tables: 40, 120 and 12,000
combinations of relevant factors.
"""

import colorsys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.data.dataset import Progress, Store
from core.data.family import GridFamily
from core.data.files import cache
from core.data.files.originals import find, hdf5_array
from core.data.files.stores import ArrayStore, ComposedStore
from core.data.grid import Grid
from core.data.rendering import scene
from core.mistakes import DataError

RENDERER = 1
FILE = "3dshapes.h5"
MAX_ERROR = 12
"""`check` tolerates this mean absolute difference (of 255) between an original image and the rendered one."""

HUES = np.arange(10) / 10
GRID = Grid.full(
    {
        "floor_hue": HUES,
        "wall_hue": HUES,
        "object_hue": HUES,
        "scale": scene.SCALES,
        "shape": range(4),
        "orientation": np.linspace(-30, 30, 15),
    }
)
SIZES = GRID.sizes
THREE_SCALES = {"scale": ((0, 1, 2), (3, 4), (5, 6, 7))}
VERSIONS = {
    "shapes3d": GRID,
    "shapes3d.v2": GRID.grouped({}, relevant=("object_hue", "shape")),
    "shapes3d.v3": GRID.grouped(THREE_SCALES, relevant=("object_hue", "shape", "scale")),
    "shapes3d.v5": GRID.grouped(THREE_SCALES, relevant=("floor_hue", "wall_hue", "object_hue", "shape", "scale")),
}

PALETTE = np.array([np.round(255 * np.array(colorsys.hsv_to_rgb(hue, 1, 1))) for hue in HUES]).astype(np.uint8)
SKY = np.array([153, 226, 249], dtype=np.uint8)


def parts(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Geometry (N,) and the colours uint8 (N, 3, 5) of floor, wall, object, white and sky, of images (N,)."""
    floor, wall, thing, *geometry = np.unravel_index(rows, SIZES)
    colours = np.empty((len(rows), 3, 5), dtype=np.uint8)
    for region, hue in ((scene.FLOOR, floor), (scene.WALL, wall), (scene.OBJECT, thing)):
        colours[:, :, region] = PALETTE[hue]
    colours[:, :, scene.WHITE] = 255
    colours[:, :, scene.SKY] = SKY
    return np.ravel_multi_index(tuple(geometry), scene.GEOMETRIES), colours


class Shapes3D(GridFamily):
    """The family of Shapes3D."""

    name = "shapes3d"
    image_shape = (3, 64, 64)
    versions = VERSIONS

    def original(self, root: Path) -> Path | None:
        """``3dshapes.h5`` with `images` uint8 (480000, 64, 64, 3)."""
        path = find(root, FILE)
        if path is None:
            return None
        with hdf5_array(path, "images", (len(GRID), 64, 64, 3), np.uint8):
            return path

    def cache_file(self, grid: Grid, root: Path) -> Path:  # noqa: ARG002
        """Of the original, or of the weight maps."""
        return cache.folder(root) / (f"shapes3d-{'original' if self.original(root) else 'weights'}.npy")

    def store(self, grid: Grid, root: Path, progress: Progress | None) -> Store:
        """The original as an uncompressed file where there is one, else composed from about 10 MB of maps."""
        original = self.original(root)
        if original is not None:
            path = self.cache_file(grid, root)
            shape: tuple[int, ...] = (len(GRID), 3, 64, 64)
            identity = cache.file_identity(original)
            array = cache.ensure(path, shape, identity, lambda start: _read(original, start), progress)
            return ArrayStore(array, "original", path)
        return rendered(root, progress)

    def check_original(self, path: Path, root: Path) -> list[str]:
        """Compare the user's labels with the published order and 480 images with rendered ones."""
        found = []
        try:
            with hdf5_array(path, "labels", (len(GRID), 6), np.float64) as array:
                labels = np.concatenate(list(array.rows(0)))
            classes = GRID.factors(np.arange(len(GRID))).T
            expected = np.stack([GRID.values(k)[column] for k, column in enumerate(classes)], axis=1)
            if not np.allclose(labels, expected):
                found.append(f"{path}: 'labels' are not in the published order and values")
            renderer, start, different = rendered(root, None), 0, 0
            for images in _read(path, 0):
                every = np.arange(start + -start % 1000, start + len(images), 1000)
                error = np.abs(renderer.images(every).astype(int) - images[every - start])
                different += int((error.mean(axis=(1, 2, 3)) > MAX_ERROR).sum())
                start += len(images)
        except DataError as error:
            return [*found, str(error)]
        if different:
            found.append(f"{path}: {different} of 480 sampled images are not what their labels describe")
        return found


def rendered(root: Path, progress: Progress | None) -> ComposedStore:
    """The rendered set; its weight maps are cached under `root`."""
    path = cache.folder(root) / "shapes3d-weights.npy"
    identity = {"source": "rendered", "renderer": RENDERER}
    maps = cache.ensure(path, (480, 5, 4096), identity, scene.weight_maps, progress)
    return ComposedStore(maps, scene.UNIT, (64, 64), parts, path)


def _read(path: Path, start: int) -> Iterator[np.ndarray]:
    with hdf5_array(path, "images", (len(GRID), 64, 64, 3), np.uint8) as array:
        for images in array.rows(start):
            yield images.transpose(0, 3, 1, 2)


FAMILY = Shapes3D()
