"""3DFaces: 239,840 gray renders of a face model, 64×64 (Paysan et al. 2009), read from the user's copy.

The renders are not public; users have them as arrays or as pictures.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.data.files.originals import RowReader, npy_array, npz_array, npz_keys
from core.data.pictures import Content, PictureFamily, fitted, pictures
from core.mistakes import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


class Faces3D(PictureFamily):
    """``3dfaces_train*.npy`` and ``3dfaces_test*.npy`` (or ``.npz``, or ``3dfaces.npy``), or the folder ``3dfaces``.

    Arrays are (N, 64, 64), with or without an axis of one channel, uint8 or float in [0, 1].
    """

    name = "faces3d"
    image_shape = (1, 64, 64)
    splits = ("all", "train", "test")
    published = 239_840

    def content(self, root: Path) -> Content:
        """The arrays in the order of their names, training files first, or the pictures of the folder."""
        folder = root / "3dfaces"
        for base in (folder, root):
            files = [path for kind in ("npy", "npz") for path in sorted(base.glob(f"3dfaces*.{kind}"))]
            if files:
                return _arrays(sorted(files, key=lambda path: ("test" in path.stem, path.name)))
        if folder.is_dir():
            return pictures(folder, prepare)
        raise DataError(
            f"faces3d is not in {root}: expected 3dfaces_train*.npy and 3dfaces_test*.npy, 3dfaces.npz, "
            "or a folder 3dfaces of pictures"
        )

    def selected(self, split: str, content: Content, root: Path) -> np.ndarray:  # noqa: ARG002
        """The images of files (or folders) whose name has "train" or "test" in it."""
        return np.flatnonzero([split in name for name in content.names])


def prepare(image: "Image") -> np.ndarray:
    """A picture as uint8 (1, 64, 64)."""
    return fitted(image, (64, 64), mode="L")


def _arrays(files: list[Path]) -> Content:
    lengths = []
    for path in files:
        with _opened(path) as array:
            lengths.append(array.shape[0])
    names = [f"{path.name}/{i}" for path, length in zip(files, lengths, strict=True) for i in range(length)]

    def chunks(start: int) -> Iterator[np.ndarray]:
        before = 0
        for path, length in zip(files, lengths, strict=True):
            if start < before + length:
                with _opened(path) as array:
                    for images in array.rows(max(0, start - before)):
                        yield _as_bytes(images, path)
            before += length

    return Content(files[0].parent, names, chunks, tuple(files))


@contextmanager
def _opened(path: Path) -> Iterator[RowReader]:
    """The images of a file, which must be 64×64 and gray. Raises DataError."""
    with npy_array(path) if path.suffix == ".npy" else npz_array(path, _key(path)) as array:
        if int(np.prod(array.shape[1:])) != 64 * 64 or array.dtype.kind not in "uf":
            raise DataError(f"{path} is {array.dtype} {array.shape}; expected uint8 or float (N, 64, 64)")
        yield array


def _key(path: Path) -> str:
    keys = npz_keys(path)
    if len(keys) != 1 and "images" not in keys:
        raise DataError(f"{path} must hold one array, or one called 'images' (it has {', '.join(keys)})")
    return "images" if "images" in keys else keys[0]


def _as_bytes(images: np.ndarray, path: Path) -> np.ndarray:
    if images.dtype != np.uint8:
        if images.dtype.kind != "f" or not (np.all(images >= 0) and np.all(images <= 1)):
            raise DataError(f"{path}: images of {images.dtype} must be uint8, or float in [0, 1]")
        images = np.rint(255 * images).astype(np.uint8)
    return images.reshape(-1, 1, 64, 64)


FAMILY = Faces3D()
