"""Small files in the formats in which authors publish their data sets, and the grids of so few images."""

import gzip
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from scipy.io import savemat

from core.data.grid import Grid
from core.data.sets import cars3d, mpi3d, smallnorb

MPI3D = Grid.full(
    {
        "object_color": range(3),
        "object_shape": range(3),
        "object_size": range(2),
        "camera_height": range(3),
        "background_color": range(3),
        "horizontal_axis": range(4),
        "vertical_axis": range(2),
    }
)
CARS = 11
NORB = Grid.full(
    {
        "category": range(5),
        "instance": range(4),
        "elevation": range(30, 75, 5),
        "azimuth": range(0, 60, 20),
        "lighting": range(2),
    }
).grouped({}, relevant=("category", "elevation", "azimuth", "lighting"))
NORB_SIZES = (5, 4, 9, 3, 2)
MATRICES = {np.dtype("u1"): 0x1E3D4C55, np.dtype("<i4"): 0x1E3D4C54}


@contextmanager
def smaller() -> Iterator[None]:
    """The three sets with the grids of the small files."""
    cars = Grid.full({"object": range(CARS), "azimuth": range(0, 360, 15), "elevation": range(4)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mpi3d.MPI3D, "versions", dict.fromkeys(mpi3d.MPI3D.versions, MPI3D))
        patch.setattr(cars3d.Cars3D, "versions", {"cars3d": cars})
        patch.setattr(smallnorb.SmallNORB, "versions", {"smallnorb": NORB})
        yield


def picture(shape: tuple[int, ...], *classes: int) -> np.ndarray:
    """An image uint8 (H, W, C) with a block of 200 plus the first class, at a place that the others say."""
    image = np.zeros(shape, np.uint8)
    for k, value in enumerate(classes[1:]):
        image[8 * k : 8 * k + 8, : 2 * value + 2] = 200 + classes[0]
    image[-1, -1] = 255
    return image


def bring_mpi3d(root: pathlib.Path) -> None:
    classes = MPI3D.factors(np.arange(len(MPI3D)))
    images = np.stack([picture((64, 64, 3), *row) for row in classes])
    for name in ("mpi3d_toy", "mpi3d_realistic", "mpi3d_real"):
        np.savez_compressed(root / f"{name}.npz", images=images)


def bring_cars(root: pathlib.Path) -> None:
    (root / "cars").mkdir()
    for car in range(CARS):
        images = np.zeros(cars3d.SHAPE, np.uint8)
        for azimuth in range(24):
            for elevation in range(4):
                images[..., azimuth, elevation] = picture((128, 128, 3), car, azimuth, elevation)
        savemat(root / "cars" / f"car_{car:03}_mesh.mat", {"im": images}, do_compression=True)


def write_matrix(path: pathlib.Path, values: np.ndarray) -> None:
    """Magic number, axes, lengths (three at least), values; compressed if the name says so."""
    lengths = [*values.shape, *[1] * (3 - values.ndim)]
    header = np.array([MATRICES[values.dtype], values.ndim, *lengths], "<i4").tobytes()
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else path.open("wb") as file:
        file.write(header + values.tobytes())


def bring_smallnorb(root: pathlib.Path) -> None:
    """Instances 1 and 3 in the training part, whose files are compressed, 0 and 2 in the other; in random order."""
    (root / "norb").mkdir()
    classes = np.stack(np.unravel_index(np.arange(np.prod(NORB_SIZES)), NORB_SIZES), axis=1)
    classes = np.random.default_rng(0).permutation(classes)
    for stem, odd, suffix in zip(smallnorb.STEMS, (1, 0), (".mat.gz", ".mat"), strict=True):
        part = classes[classes[:, 1] % 2 == odd]
        left = np.stack([picture((96, 96), *row) for row in part])
        info = (part[:, 1:] * [1, 1, 2, 1]).astype("<i4")
        write_matrix(root / "norb" / f"{stem}-dat{suffix}", np.stack([left, 255 - left], axis=1))
        write_matrix(root / "norb" / f"{stem}-cat{suffix}", part[:, 0].astype("<i4"))
        write_matrix(root / "norb" / f"{stem}-info{suffix}", info)
