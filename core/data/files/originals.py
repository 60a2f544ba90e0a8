"""Users' own files, read in slices and without unpickling: arrays of ``.npz`` and of HDF5.

Everything that can be wrong with such a file becomes a DataError that names it and what was expected.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np

from core.mistakes import DataError

CHUNK_BYTES = 1 << 24


class RowReader(Protocol):
    """An array (M, ...) on disk that is read row by row."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def rows(self, start: int) -> Iterator[np.ndarray]:
        """Consecutive slices (n, ...) from row `start` to the end."""
        ...


class _NpyRows:
    """Rows of an ``.npy`` stream, inside or outside an archive."""

    def __init__(self, file: IO[bytes]) -> None:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(file)
        else:
            header = np.lib.format.read_array_header_2_0(file)
        self.shape, self._fortran, self.dtype = header
        self._file = file

    def rows(self, start: int) -> Iterator[np.ndarray]:
        if self.dtype.hasobject:
            raise DataError(f"{getattr(self._file, 'name', 'a file')} holds Python objects, which are never unpickled")
        row_bytes = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        step = self.shape[0] if self._fortran else max(1, CHUNK_BYTES // max(1, row_bytes))
        for first in range(0, self.shape[0], max(1, step)):
            last = min(first + step, self.shape[0])
            data = self._file.read((last - first) * row_bytes)
            if len(data) < (last - first) * row_bytes:
                raise EOFError(f"it ends after {first:,} of {self.shape[0]:,} rows")
            if last > start:
                order: Literal["F", "C"] = "F" if self._fortran else "C"  # column by column, or row by row
                block = np.frombuffer(data, self.dtype).reshape((last - first, *self.shape[1:]), order=order)
                yield block[max(0, start - first) :]


class _Hdf5Rows:
    """Rows of an HDF5 data set."""

    def __init__(self, dataset: Any) -> None:
        self.shape, self.dtype, self._dataset = tuple(dataset.shape), dataset.dtype, dataset

    def rows(self, start: int) -> Iterator[np.ndarray]:
        row_bytes = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        chunk_rows = self._dataset.chunks[0] if self._dataset.chunks else 1
        step = max(1, CHUNK_BYTES // max(1, row_bytes) // chunk_rows) * chunk_rows
        for first in range(start - start % step, self.shape[0], step):
            yield self._dataset[max(start, first) : min(first + step, self.shape[0])]


def find(root: Path, *names: str) -> Path | None:
    """The user's own file or folder of one of these names: under the root, or in a folder there, as others keep it."""
    for name in names:
        folders = [root, *sorted(path for path in root.glob("*/") if not path.name.startswith("."))]
        for folder in folders:
            if (folder / name).exists():
                return folder / name
    return None


@contextmanager
def npz_array(path: Path, key: str, shape: tuple[int, ...] | None = None, dtype: Any = None) -> Iterator[RowReader]:
    """Open array `key` of an ``.npz`` file, of this shape and dtype if given. Raises DataError."""
    with _as_data_error(path, "an .npz archive"), zipfile.ZipFile(path) as archive:
        if f"{key}.npy" not in archive.namelist():
            held = ", ".join(name.removesuffix(".npy") for name in archive.namelist())
            raise DataError(f"{path} has no array {key!r} (it has {held})")
        with archive.open(f"{key}.npy") as file:
            yield _expected(path, key, _NpyRows(file), shape, dtype)


@contextmanager
def npy_array(path: Path) -> Iterator[RowReader]:
    """Open an ``.npy`` file. Raises DataError."""
    with _as_data_error(path, "an .npy file"), path.open("rb") as file:
        yield _NpyRows(file)


@contextmanager
def hdf5_array(path: Path, key: str, shape: tuple[int, ...] | None = None, dtype: Any = None) -> Iterator[RowReader]:
    """Open data set `key` of an HDF5 file, of this shape and dtype if given; no lock matters. Raises DataError."""
    import h5py

    with _as_data_error(path, "an HDF5 file"), h5py.File(path, "r", locking=False) as file:
        if not isinstance(file.get(key), h5py.Dataset):
            raise DataError(f"{path} has no data set {key!r} (it has {', '.join(file)})")
        yield _expected(path, key, _Hdf5Rows(file[key]), shape, dtype)


@contextmanager
def _as_data_error(path: Path, kind: str) -> Iterator[None]:
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder, not {kind}")
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except PermissionError:
        raise DataError(f"{path} cannot be read: permission denied") from None
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        if getattr(error, "errno", None):
            raise
        raise DataError(f"{path} is not {kind} that can be read, it may be truncated: {error}") from error


def hdf5_keys(path: Path) -> list[str]:
    """Names of the data sets of an HDF5 file, those in groups by their path. Raises DataError."""
    import h5py

    found: list[str] = []
    with _as_data_error(path, "an HDF5 file"), h5py.File(path, "r", locking=False) as file:
        file.visititems(lambda name, node: found.append(name) if isinstance(node, h5py.Dataset) else None)
    return found


def npz_keys(path: Path) -> list[str]:
    """Names of the arrays of an ``.npz`` file. Raises DataError."""
    with _as_data_error(path, "an .npz archive"), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def _expected(path: Path, key: str, rows: RowReader, shape: tuple[int, ...] | None, dtype: Any) -> RowReader:
    fits = shape is None or tuple(rows.shape) == shape
    if not fits or (dtype is not None and rows.dtype != np.dtype(dtype)):
        wanted = f"{np.dtype(dtype)} {shape or ''}".strip()
        raise DataError(f"{path}: {key!r} is {rows.dtype} {tuple(rows.shape)}; expected {wanted}")
    return rows
