"""smallNORB: 48,600 photographs of 50 toys, gray 64×64 (LeCun, Huang and Bottou 2004), from the user's files.

``smallnorb-5x46789x9x18x6x2x96x96-training-{dat,cat,info}.mat`` and ``smallnorb-5x01235x9x18x6x2x96x96-testing-…`` (or
``….mat.gz``) are binary matrices, little-endian: an int32 that names the type (0x1E3D4C55 bytes, 0x1E3D4C54 int32), an
int32 number of axes, an int32 for each axis (three at least, where there are fewer the rest mean nothing), the values.
`dat` is (24300, 2, 96, 96), of whose two cameras the first is taken, `cat` the category (24300,), `info` (24300, 4) the
instance 0…9, elevation 0…8 (30° to 70°), azimuth 0, 2, … 34 (tens of degrees) and lighting 0…5. Both parts together
hold every combination once. As in disentanglement_lib (Locatello et al. 2019) the instance is no factor: it varies
freely. Images are resized to 64×64 by area.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from core.data.family import FileFamily
from core.data.files.originals import find
from core.data.grid import Grid
from core.data.pictures import fitted
from core.mistakes import DataError

STEMS = ("smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing")
KINDS = ("dat", "cat", "info")
TYPES: dict[int, np.dtype[Any]] = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
STORED_AXES = 3  # at least
PER_CHUNK = 256

GRID = Grid.full(
    {
        "category": range(5),
        "instance": range(10),
        "elevation": range(30, 75, 5),
        "azimuth": range(0, 360, 20),
        "lighting": range(6),
    }
)


class Matrix(NamedTuple):
    """A binary matrix whose header was read: shape, type, and the file at its first value."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    file: IO[bytes]

    def rows(self, count: int) -> np.ndarray:
        """The next `count` rows. Raises EOFError."""
        size = count * int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        data = self.file.read(size)
        if len(data) < size:
            raise EOFError("it ends before its last row")
        return np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])


class SmallNORB(FileFamily):
    """The six files, under root or in a folder there."""

    name = "smallnorb"
    image_shape = (1, 64, 64)
    versions = {"smallnorb": GRID.grouped({}, relevant=("category", "elevation", "azimuth", "lighting"))}

    def files(self, name: str, root: Path) -> list[Path]:
        """`dat`, `cat` and `info` of the training part, then of the testing part."""
        found = []
        for stem in STEMS:
            for kind in KINDS:
                path = find(root, f"{stem}-{kind}.mat", f"{stem}-{kind}.mat.gz")
                if path is None:
                    raise DataError(f"{name} is not in {root}: expected {stem}-{kind}.mat (or .mat.gz)")
                found.append(path)
        for dat in found[::3]:
            with matrix(dat) as images:
                if images.shape[1:] != (2, 96, 96) or images.dtype != np.uint8:
                    raise DataError(f"{dat} is {images.dtype} {images.shape}; expected uint8 (N, 2, 96, 96)")
        return found

    def order(self, files: list[Path], grid: Grid) -> np.ndarray:
        """Where each combination is. Raises DataError where one is missing or there twice."""
        classes = np.concatenate([_classes(files[k + 1], files[k + 2]) for k in range(0, len(files), 3)])
        sizes = tuple(len(values) for values in grid.base_values)
        if not ((classes >= 0) & (classes < sizes)).all():
            raise DataError(f"{files[2]}: its labels are not those of smallNORB")
        rows = np.ravel_multi_index(tuple(classes.T), sizes)
        where = np.argsort(rows, kind="stable")
        if not np.array_equal(rows[where], np.arange(np.prod(sizes))):
            raise DataError(f"{files[1]} and the others do not hold every combination of smallNORB once")
        return where

    def chunks(self, files: list[Path], start: int) -> Iterator[np.ndarray]:
        """The images of the first camera, training part first."""
        from PIL import Image

        before = 0
        for path in files[::3]:
            with matrix(path) as pairs:
                count = pairs.shape[0]
                for first in range(0, count, PER_CHUNK):
                    part = pairs.rows(min(PER_CHUNK, count - first))[:, 0]
                    wanted = part[max(0, start - before - first) :]
                    if len(wanted):
                        yield np.stack([fitted(Image.fromarray(image), (64, 64), mode="L") for image in wanted])
            before += count


@contextmanager
def matrix(path: Path) -> Iterator[Matrix]:
    """Open a binary matrix, compressed or not. Raises DataError."""
    try:
        opener: Any = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            magic, axes = (int(each) for each in np.frombuffer(file.read(8), "<i4", 2))
            if magic not in TYPES or not 1 <= axes <= 8:
                raise ValueError(f"it begins with {magic:#010x}")
            lengths = np.frombuffer(file.read(4 * max(axes, STORED_AXES)), "<i4", max(axes, STORED_AXES))
            yield Matrix(tuple(int(each) for each in lengths[:axes]), TYPES[magic], file)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is no matrix of smallNORB that can be read, it may be truncated: {error}") from None


def _classes(cat: Path, info: Path) -> np.ndarray:
    """Category, instance, elevation, azimuth and lighting (N, 5) of a part."""
    with matrix(cat) as categories, matrix(info) as others:
        if len(categories.shape) != 1 or others.shape != (categories.shape[0], 4):
            raise DataError(f"{cat} is {categories.shape} and {info.name} {others.shape}; expected (N,) and (N, 4)")
        count = categories.shape[0]
        classes = np.column_stack([categories.rows(count), others.rows(count)]).astype(np.int64)
    classes[:, 3] //= 2
    return classes


FAMILY = SmallNORB()
