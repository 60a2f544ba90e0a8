"""Cars3D: 17,568 renders of 183 cars from 24 azimuths and 4 elevations, RGB 64×64 (Reed et al. 2015), from user files.

The folder ``cars`` of ``nips2015-analogy-data.tar.gz`` has a file ``car_…_mesh.mat`` (MATLAB 5) for each car, whose
`im` is uint8 (128, 128, 3, 24, 4): rows, columns, colours, azimuths, elevations. Cars are numbered by the names of
their files; images are reduced to 64×64 by area. The factors are those of disentanglement_lib (Locatello et al. 2019).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.data.family import FileFamily
from core.data.files.originals import find
from core.data.grid import Grid
from core.mistakes import DataError, reason_of

AZIMUTHS, ELEVATIONS, CARS = 24, 4, 183
SHAPE = (128, 128, 3, AZIMUTHS, ELEVATIONS)
PER_CAR = AZIMUTHS * ELEVATIONS


class Cars3D(FileFamily):
    """``cars/*.mat``, under root or in ``nips2015-analogy-data/data`` there."""

    name = "cars3d"
    image_shape = (3, 64, 64)
    versions = {
        "cars3d": Grid.full(
            {"object": range(CARS), "azimuth": range(0, 360, 360 // AZIMUTHS), "elevation": range(ELEVATIONS)}
        )
    }

    def files(self, name: str, root: Path) -> list[Path]:
        """A file for each car, sorted by name."""
        folder = find(root, "cars", "nips2015-analogy-data/data/cars", "data/cars")
        if folder is None or not folder.is_dir():
            raise DataError(f"{name} is not in {root}: expected the folder cars of nips2015-analogy-data.tar.gz")
        found = sorted(folder.glob("*.mat"))
        expected = self._num_images(name) // PER_CAR
        if len(found) != expected:
            raise DataError(f"{folder} has {len(found)} files that end in .mat; {name} has {expected}")
        return found

    def chunks(self, files: list[Path], start: int) -> Iterator[np.ndarray]:
        """A car at a time, azimuths slowest."""
        for number in range(start // PER_CAR, len(files)):
            yield _car(files[number])[max(0, start - number * PER_CAR) :]


def _car(path: Path) -> np.ndarray:
    """The images uint8 (96, 3, 64, 64) of a car: means of 2×2 pixels, rounded half up."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        image = loadmat(path, variable_names=["im"]).get("im")
    except (OSError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, MatReadError) as error:
        raise DataError(f"{path} is no MATLAB file that can be read: {reason_of(error)}") from None
    if image is None or image.shape != SHAPE or image.dtype != np.uint8:
        found = "nothing" if image is None else f"{image.dtype} {image.shape}"
        raise DataError(f"{path}: 'im' is {found}; expected uint8 {SHAPE}")
    views = image.transpose(3, 4, 2, 0, 1).reshape(PER_CAR, 3, 64, 2, 64, 2)
    return ((views.sum(axis=(3, 5), dtype=np.uint16) + 2) // 4).astype(np.uint8)


FAMILY = Cars3D()
