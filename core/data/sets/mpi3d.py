"""MPI3D: 1,036,800 pictures of a robot arm that holds an object, RGB 64×64 (Gondal et al. 2019), from the user's files.

``mpi3d_toy.npz``, ``mpi3d_realistic.npz`` and ``mpi3d_real.npz`` (simulated simply, simulated well, photographed) have
one array `images` uint8 (1036800, 64, 64, 3), a picture for every combination, the first factor slowest: object colour
(white, green, red, blue, brown, olive), shape (cone, cube, cylinder, hexagonal, pyramid, sphere), size (small, large),
height of the camera, background colour (purple, sea green, salmon), horizontal and vertical axis of the arm.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.data.family import FileFamily
from core.data.files.originals import find, npz_array
from core.data.grid import Grid
from core.mistakes import DataError

GRID = Grid.full(
    {
        "object_color": range(6),
        "object_shape": range(6),
        "object_size": range(2),
        "camera_height": range(3),
        "background_color": range(3),
        "horizontal_axis": range(40),
        "vertical_axis": range(40),
    }
)


class MPI3D(FileFamily):
    """The three sets, each from its own file, under root or in a folder there."""

    name = "mpi3d_toy"
    image_shape = (3, 64, 64)
    versions = {"mpi3d_toy": GRID, "mpi3d_realistic": GRID, "mpi3d_real": GRID}

    def files(self, name: str, root: Path) -> list[Path]:
        """``<name>.npz`` with `images` uint8 (1036800, 64, 64, 3)."""
        path = find(root, f"{name}.npz")
        if path is None:
            raise DataError(f"{name} is not in {root}: expected {name}.npz")
        with npz_array(path, "images", (self._num_images(name), 64, 64, 3), np.uint8):
            return [path]

    def chunks(self, files: list[Path], start: int) -> Iterator[np.ndarray]:
        """The images as they are, channels first."""
        with npz_array(files[0], "images", None, np.uint8) as array:
            for images in array.rows(start):
                yield images.transpose(0, 3, 1, 2)


FAMILY = MPI3D()
