"""dSprites: one white shape on black, 64×64 (Matthey et al. 2017), rendered bit for bit or read.

The original was drawn as polygons by a GPU without anti-aliasing; the outlines, the sub-pixel grid and the
edge rules below reproduce every published image that was compared with it. The versions are those of the
modular autoencoder's tables: 27, 135 and 1,080 combinations of relevant factors.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.data.dataset import Progress
from core.data.family import GridFamily
from core.data.files import cache
from core.data.files.originals import find, hdf5_array, npz_array
from core.data.files.stores import PackedStore
from core.data.grid import Grid
from core.mistakes import DataError

NAMES = ("shape", "scale", "orientation", "posX", "posY")
SIZES = (3, 6, 40, 32, 32)
BLOCK = SIZES[3] * SIZES[4]
STEM = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
RENDERER = 1
SMALL = 50_000
"""A restricted set of at most this many images gets its own small cache instead of the full 377 MB."""
MAX_WRONG_PIXELS = 8
"""`check` tolerates this many pixels between an original image and the rendered one."""

GRID = Grid.full(
    {
        "shape": (1, 2, 3),
        "scale": np.linspace(0.5, 1, 6),
        "orientation": np.linspace(0, 2 * math.pi, 40),
        "posX": np.linspace(0, 1, 32),
        "posY": np.linspace(0, 1, 32),
    }
)
THIRDS = (tuple(range(5)), tuple(range(13, 18)), tuple(range(27, 32)))
"""Left, centre and right of the versions: five positions each, the others dropped."""
UPRIGHT = ((0, 1, 2, 37, 38, 39),)
FIVE_SCALES = tuple((k,) for k in range(1, 6))
EIGHTHS = tuple(tuple(range(5 * k, 5 * k + 5)) for k in range(8))

VERSIONS = {
    "dsprites": GRID,
    "dsprites.quick": GRID.narrowed(fix={"orientation": 0}, keep={"posY": range(11, 21)}),
    "dsprites.noshape": GRID.narrowed(factors=NAMES[1:]),
    "dsprites.v2": GRID.grouped(
        {"posX": THIRDS, "posY": THIRDS, "scale": ((2, 3, 4),), "orientation": UPRIGHT},
        relevant=("shape", "posX", "posY"),
    ),
    "dsprites.v3": GRID.grouped(
        {"posX": THIRDS, "posY": THIRDS, "scale": FIVE_SCALES, "orientation": UPRIGHT},
        relevant=("shape", "scale", "posX", "posY"),
    ),
    "dsprites.v4": GRID.grouped(
        {"posX": THIRDS, "posY": THIRDS, "scale": FIVE_SCALES, "orientation": EIGHTHS}, relevant=NAMES
    ),
}

_FROM_COLUMN = np.array([(1 << (64 - column)) - 1 for column in range(65)], dtype=np.uint64)
"""A row of 64 pixels as one word, the first pixel in the highest bit: white from `column` to the end."""


def outline(shape: int) -> np.ndarray:
    """Polygon (V, 2) of shape class 0 square, 1 ellipse, 2 heart: right and down of the centre, in pixels."""
    if shape == 0:
        return 9.6 * np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    vertices = 100 if shape == 1 else 150
    t = 2 * np.pi * np.arange(vertices) / vertices
    if shape == 1:
        return np.stack([12.7657 * np.cos(t), 7.2159 * np.sin(t)], axis=1)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x * 19.2 / 32, -(y * 19.2 / 29 + 1.44)], axis=1)


def render_block(shape: int, scale: int, orientation: int) -> np.ndarray:
    """All positions of one sprite: packed pixels uint8 (1024, 512), posX slow, posY fast.

    A pixel is white when its centre lies inside the polygon; a centre on a top or right edge is outside.
    Every crossing of an edge with a pixel row flips that row from the crossing to its right end.
    """
    theta = 2 * np.pi * (orientation % 39) / 39
    u, v = (outline(shape) * (0.5 + 0.1 * scale)).T
    centres = 16 + 32 * np.arange(32) / 31
    x = _snap((u * np.cos(theta) + v * np.sin(theta))[:, None] + centres)
    y = _snap((-u * np.sin(theta) + v * np.cos(theta))[:, None] + centres)
    x_next, y_next = np.roll(x, -1, axis=0), np.roll(y, -1, axis=0)

    first = np.floor(np.minimum(y, y_next) - 0.5).astype(np.int64) + 1
    crossed = np.floor(np.maximum(y, y_next) - 0.5).astype(np.int64) + 1 - first
    edge, position = (np.repeat(part, crossed.ravel()) for part in np.indices(crossed.shape).reshape(2, -1))
    within = np.arange(len(edge)) - np.repeat(np.cumsum(crossed.ravel()) - crossed.ravel(), crossed.ravel())
    row = first[edge, position] + within
    rise = (row + 0.5 - y[edge, position])[:, None] * (x_next - x)[edge]
    crossing = x[edge] + rise / (y_next - y)[edge, position][:, None]
    flips = _FROM_COLUMN[np.ceil(crossing - 0.5).astype(np.int64)]

    line = position * 64 + row
    order = np.argsort(line, kind="stable")
    lines, starts = np.unique(line[order], return_index=True)
    words = np.zeros((32 * 64, 32), dtype=">u8")
    words[lines] = np.bitwise_xor.reduceat(flips[order], starts, axis=0)
    return np.ascontiguousarray(words.reshape(32, 64, 32).transpose(2, 0, 1)).view(np.uint8).reshape(BLOCK, 512)


def render(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Packed images uint8 (n, 512) of sorted `rows` of the full set, one sprite's positions at a time."""
    blocks, starts = np.unique(rows // BLOCK, return_index=True)
    for block, wanted in zip(blocks, np.split(rows, starts[1:]), strict=True):
        shape, scale, orientation = (int(k) for k in np.unravel_index(block, SIZES[:3]))
        yield render_block(shape, scale, orientation)[wanted - block * BLOCK]


def _snap(a: np.ndarray) -> np.ndarray:
    """The GPU's sub-pixel grid of 1/256."""
    return np.floor(256 * a + 0.5) / 256


class DSprites(GridFamily):
    """The family of dSprites."""

    name = "dsprites"
    image_shape = (1, 64, 64)
    versions = VERSIONS

    def original(self, root: Path) -> Path | None:
        """``dsprites_ndarray_….npz`` or ``.hdf5`` with `imgs` uint8 (737280, 64, 64)."""
        for suffix, reader in ((".npz", npz_array), (".hdf5", hdf5_array)):
            path = find(root, f"{STEM}{suffix}")
            if path is not None:
                with reader(path, "imgs", (len(GRID), 64, 64), np.uint8):
                    return path
        return None

    def cache_file(self, grid: Grid, root: Path) -> Path:
        """Of the original, of the full rendered set, or of a small set, by what its images are."""
        if self.original(root):
            return cache.folder(root) / "dsprites-original.npy"
        suffix = f"-{grid.digest()}" if len(grid) <= SMALL else ""
        return cache.folder(root) / f"dsprites-rendered{suffix}.npy"

    def store(self, grid: Grid, root: Path, progress: Progress | None) -> PackedStore:
        """Packed bits: of the original where there is one, else rendered; small sets in a file of their own."""
        path, original = self.cache_file(grid, root), self.original(root)
        if original is not None:
            shape, identity = (len(GRID), 512), cache.file_identity(original)
            packed = cache.ensure(path, shape, identity, lambda start: _read(original, start), progress)
            return PackedStore(packed, (64, 64), "original", path)
        small = len(grid) <= SMALL
        rows = np.unique(grid.rows(np.arange(len(grid)))) if small else np.arange(len(GRID))
        shape, identity = (len(rows), 512), {"source": "rendered", "renderer": RENDERER}
        packed = cache.ensure(path, shape, identity, lambda start: render(rows[start:]), progress)
        return PackedStore(packed, (64, 64), "rendered", path, rows if small else None)

    def check_original(self, path: Path, root: Path) -> list[str]:  # noqa: ARG002
        """Compare the user's file with the order of the factors and with the rendered images."""
        reader, key = (npz_array, "latents_classes") if path.suffix == ".npz" else (hdf5_array, "latents/classes")
        found = []
        try:
            with reader(path, key, (len(GRID), 6), np.int64) as array:
                classes = np.concatenate(list(array.rows(0)))
            if not np.array_equal(classes[:, 1:], GRID.factors(np.arange(len(GRID)))):
                found.append(f"{path}: {key!r} is not in the published order of the images")
            different, start = 0, 0
            for packed in _read(path, 0):
                expected = np.concatenate(list(render(np.arange(start, start + len(packed)))))
                wrong = np.unpackbits(packed ^ expected, axis=1).sum(axis=1, dtype=np.int64)
                different += int((wrong > MAX_WRONG_PIXELS).sum())
                start += len(packed)
        except DataError as error:
            return [*found, str(error)]
        if different:
            found.append(f"{path}: {different:,} images differ from those that their classes describe")
        return found


def _read(path: Path, start: int) -> Iterator[np.ndarray]:
    reader = npz_array if path.suffix == ".npz" else hdf5_array
    with reader(path, "imgs", (len(GRID), 64, 64), np.uint8) as array:
        for images in array.rows(start):
            if images.max(initial=0) > 1:
                raise DataError(f"{path}: 'imgs' must hold 0 and 1 only, not {images.max()}")
            yield np.packbits(images.reshape(len(images), -1), axis=1)


FAMILY = DSprites()
