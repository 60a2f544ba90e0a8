"""Arrays of images and factors in an ``.npz`` or HDF5 file; nothing is unpickled."""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.data.files import cache
from core.data.files.originals import RowReader, hdf5_array, hdf5_keys, npz_array, npz_keys
from core.data.own.fit import Fit, is_grey, square
from core.data.own.source import Survey
from core.mistakes import DataError, nearest

CHANNELS = (1, 3, 4)
PER_CHUNK = 1024  # images that are resized at a time


class ArraySource:
    """Images (N, H, W), (N, H, W, C) or (N, C, H, W) of bytes, booleans, 16 bits or fractions in [0, 1].

    Bytes of which none is above 1 are black and white.

    Args:
        path: of the file.
        kind: `npz` or `h5`.
        images: name of their array; None where the file has one array of images only.
        factors: names of arrays (N,) or (N, K).
        names: of the factors, where an array holds several.
    """

    def __init__(
        self, path: Path, kind: str, images: str | None, factors: Sequence[str], names: Sequence[str] | None
    ) -> None:
        self.path = path
        self.label = path.name
        self._kind = kind
        self._given = images
        self._factors = factors
        self._names = names

    def identity(self) -> Any:
        """Size and time of the file, and the array that is meant."""
        if not self.path.is_file():
            what = "is a folder, not a file" if self.path.exists() else "does not exist"
            raise DataError(f"the file of images {self.path} {what}")
        return [cache.file_identity(self.path), self.key]

    @cached_property
    def key(self) -> str:
        """Name of the array of images."""
        keys = self._keys
        if self._given is not None:
            if self._given not in keys:
                raise DataError(f"{self.path} has no array {self._given!r}; {nearest(self._given, keys)}")
            return self._given
        fitting = [key for key in keys if key not in self._factors and self._is_of_images(key)]
        if len(fitting) != 1:
            found = ", ".join(fitting) if fitting else f"none of {', '.join(keys) or 'its arrays'}"
            raise DataError(f"{self.path}: which array are the images ({found})? Say it with 'images: NAME'")
        return fitting[0]

    def survey(self, fit: Fit) -> Survey:
        """Read every image; its values must lie in the range of their type."""
        with self._open(self.key) as array:
            shape, dtype = array.shape, array.dtype
            axis = _channel_axis(self.path, self.key, shape)
            digest, low, high = hashlib.sha256(repr((shape, str(dtype))).encode()), np.inf, -np.inf
            _require_kind(self.path, self.key, dtype)
            for part in array.rows(0):
                digest.update(np.ascontiguousarray(part).data)
                low, high = np.minimum(low, part.min()), np.maximum(high, part.max())  # which keep a NaN
        if dtype.kind == "f" and not (low >= 0 and high <= 1):
            raise DataError(f"{self.path}: {self.key!r} has fractions from {low:.4g} to {high:.4g}, expected 0 to 1")
        binary = bool(dtype == np.uint8 and high <= 1)
        channels = 1 if axis is None else shape[axis]
        notes = [f"{self.key}: {dtype} {shape}, from {low:.4g} to {high:.4g}"]
        if binary:
            notes.append("no byte is above 1, so that 1 is taken as white")
        others = [key for key in self._keys if key != self.key and key not in self._factors]
        if others:
            notes.append(f"not used: {', '.join(others)}")
        survey = Survey(digest.hexdigest(), shape[0], channels > 1, (), tuple(notes), binary)
        colour = channels > 1 and not all(is_grey(each) for part in self.images(survey, fit, 0) for each in part)
        return dataclasses.replace(survey, colour=colour)

    def images(self, survey: Survey, fit: Fit, start: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 3, S, S), or with one channel where the survey found no colour."""
        with self._open(self.key) as array:
            axis = _channel_axis(self.path, self.key, array.shape)
            for rows in array.rows(start):
                for first in range(0, len(rows), PER_CHUNK):
                    part = _to_bytes(rows[first : first + PER_CHUNK], survey.binary)
                    part = part[:, None] if axis is None else np.moveaxis(part, axis, 1)
                    fitted = np.stack([square(image, fit) for image in part])
                    yield fitted if survey.colour else fitted[:, :1]

    def columns(self, survey: Survey) -> dict[str, np.ndarray] | None:
        """The arrays of factors, column by column."""
        if not self._factors:
            if self._names is not None:
                raise DataError(f"{self.label} has 'names' but no factors: write 'factors: NAME' too")
            return None
        columns: list[tuple[str, np.ndarray]] = []
        for key in self._factors:
            if key not in self._keys:
                raise DataError(f"{self.path} has no array {key!r}; {nearest(key, self._keys)}")
            with self._open(key) as array:
                if len(array.shape) not in (1, 2) or array.shape[0] != survey.count:
                    raise DataError(
                        f"{self.path}: {key!r} is {array.shape}; factors of these images are ({survey.count},) "
                        f"or ({survey.count}, K)"
                    )
                values = _plain(np.concatenate(list(array.rows(0)), axis=0))
            if values.ndim == 1:
                columns.append((key, values))
            else:
                columns += [(f"{key}_{k}", values[:, k]) for k in range(values.shape[1])]
        if self._names is not None and len(self._names) != len(columns):
            raise DataError(f"{self.label} has {len(columns)} columns of factors, and 'names' has {len(self._names)}")
        names = self._names or [name for name, _ in columns]
        if len(set(names)) < len(names):
            raise DataError(f"{self.label} has two factors of one name: {', '.join(names)}")
        return {name: values for name, (_, values) in zip(names, columns, strict=True)}

    @cached_property
    def _keys(self) -> list[str]:
        return npz_keys(self.path) if self._kind == "npz" else hdf5_keys(self.path)

    def _open(self, key: str) -> AbstractContextManager[RowReader]:
        return npz_array(self.path, key) if self._kind == "npz" else hdf5_array(self.path, key)

    def _is_of_images(self, key: str) -> bool:
        try:
            with self._open(key) as array:
                return len(array.shape) in (3, 4) and array.dtype.kind in "bfu"
        except DataError:
            return False


def _channel_axis(path: Path, key: str, shape: tuple[int, ...]) -> int | None:
    """The axis of channels; None for images without one."""
    if len(shape) == 3 and min(shape) > 0:
        return None
    fitting = [axis for axis in (1, 3) if len(shape) == 4 and min(shape) > 0 and shape[axis] in CHANNELS]
    if len(fitting) != 1:
        raise DataError(
            f"{path}: {key!r} is {shape}; images are (N, H, W), (N, H, W, C) or (N, C, H, W) with 1, 3 or 4 channels"
        )
    return fitting[0]


def _require_kind(path: Path, key: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "bf" and dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path}: {key!r} holds {dtype}; images are uint8, uint16, bool, or float in [0, 1]")


def _to_bytes(images: np.ndarray, binary: bool) -> np.ndarray:
    if images.dtype.kind == "f":
        return np.rint(images.astype(np.float32) * 255).astype(np.uint8)
    if images.dtype == np.uint16:
        return np.rint(images / 257).astype(np.uint8)
    return images.astype(np.uint8) * np.uint8(255) if images.dtype.kind == "b" or binary else images


def _plain(values: np.ndarray) -> np.ndarray:
    """Words of HDF5 as text."""
    if values.dtype.kind in "OS":
        words = [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in values.ravel()]
        return np.array(words).reshape(values.shape)
    return values
