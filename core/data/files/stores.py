"""Stores that are files: packed bits and plain bytes, both memory-mapped and read only."""

from collections.abc import Callable
from pathlib import Path

import numpy as np


class PackedStore:
    """Binary images (1, H, W), eight pixels in a byte as `numpy.packbits` puts them.

    Attributes:
        packed: uint8 (M, H * W / 8), in a memory map.
        row_of: rows of the base set (M,) that `packed` holds, sorted; None when it holds all.
    """

    def __init__(
        self, packed: np.ndarray, size: tuple[int, int], source: str, path: Path, row_of: np.ndarray | None = None
    ) -> None:
        self.packed = np.asarray(packed)  # without the Python of `numpy.memmap` at every batch
        self.size = size
        self.source = source
        self.path: Path | None = path
        self._row_of = row_of

    def positions(self, rows: np.ndarray) -> np.ndarray:
        """Where in `packed` (N,) the base rows (N,) are."""
        return rows if self._row_of is None else np.searchsorted(self._row_of, rows)

    def bits(self, rows: np.ndarray) -> np.ndarray:
        """Pixels uint8 (N, H * W), 0 or 1."""
        return np.unpackbits(self.packed[self.positions(rows)], axis=1)

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 (N, 1, H, W), 0 or 255, of base rows (N,)."""
        bits = self.bits(rows)
        bits *= 255
        return bits.reshape(len(rows), 1, *self.size)


class ArrayStore:
    """Images kept as they are.

    Attributes:
        array: uint8 (M, C, H, W), a memory map.
    """

    def __init__(self, array: np.ndarray, source: str, path: Path, selected: np.ndarray | None = None) -> None:
        self.array = array
        self.source = source
        self.path: Path | None = path
        self._selected = selected

    def positions(self, rows: np.ndarray) -> np.ndarray:
        """Where in `array` (N,) the rows (N,) of the selected part are."""
        return rows if self._selected is None else self._selected[rows]

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 (N, C, H, W) of rows (N,)."""
        return np.asarray(self.array[self.positions(rows)])


class ComposedStore:
    """Colour images made on demand: few geometries, each a weight map of every region, times region colours.

    Attributes:
        weights: uint8 (G, R, H * W), a memory map; a weight of 1 is stored as `unit`.
        unit: see `weights`.
        parts: gives, for base rows (N,), their geometry int64 (N,) and region colours uint8 (N, 3, R).
    """

    def __init__(
        self,
        weights: np.ndarray,
        unit: int,
        size: tuple[int, int],
        parts: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        path: Path,
    ) -> None:
        self.weights = weights
        self.unit = unit
        self.size = size
        self.parts = parts
        self.source = "rendered"
        self.path: Path | None = path

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 (N, 3, H, W) of base rows (N,): the weighted sum of the colours, rounded and clipped.

        The sums are whole numbers below 2²⁴, so that float32 gives the same bits in any order of addition.
        """
        geometry, colours = self.parts(rows)
        images = np.empty((len(rows), 3, self.weights.shape[2]), dtype=np.uint8)
        for i, (g, colour) in enumerate(zip(geometry, colours.astype(np.float32), strict=True)):
            total = colour @ self.weights[g].astype(np.float32)
            total *= np.float32(1 / self.unit)
            total += np.float32(0.5)
            np.minimum(total, np.float32(255), out=total)
            images[i] = total
        return images.reshape(len(rows), 3, *self.size)
