"""Sets of pictures without factors: read from a folder, a zip, a tar or arrays into one uint8 cache."""

import hashlib
import io
import os
import tarfile
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from core.data.dataset import DatasetInfo, FactorDataset, Progress
from core.data.family import Family, refuse_other_options
from core.data.files import cache
from core.data.files.stores import ArrayStore
from core.data.own.columns import table_of
from core.data.table import Table
from core.machine import granted_cores
from core.mistakes import DataError, nearest

if TYPE_CHECKING:
    from PIL.Image import Image

PER_CHUNK = 512
LOOKED_AT = 16  # images
SUFFIXES = (".jpg", ".jpeg", ".png")
Prepare = Callable[["Image"], np.ndarray]
"""Makes an image uint8 (C, H, W) of a decoded picture; ValueError where it is not one of the set."""


@dataclass(frozen=True)
class Content:
    """The images that a user has, before they are cached.

    Attributes:
        path: the file or folder that holds them.
        names: one name for each image, in the order of the cache.
        chunks: images uint8 (n, C, H, W) from the given number on.
        files: what to look at to see that the images were replaced; `path` itself unless given.
        look: decodes a few images, evenly spread, so that files that are no pictures are found early; DataError.
    """

    path: Path
    names: Sequence[str]
    chunks: cache.Chunks
    files: tuple[Path, ...] = ()
    look: Callable[[], None] = lambda: None

    def identity(self) -> dict[str, Any]:
        """What the cache depends on: the files and the names in them."""
        names = hashlib.sha256("\n".join(self.names).encode()).hexdigest()
        files = [cache.file_identity(path) for path in self.files or (self.path,)]
        return {"files": files, "names": names}


class PictureFamily(Family):
    """A family of pictures that the user must have; without factors, unless the user has a table of them.

    Attributes:
        options: what a study file may say of it.
        splits: the values of the option `split`, the default first.
        published: number of images of the published set.
    """

    options: ClassVar[tuple[str, ...]] = ("split",)
    splits: ClassVar[tuple[str, ...]]
    published: ClassVar[int]

    @abstractmethod
    def content(self, root: Path) -> Content:
        """The user's images. Raises DataError, saying what belongs where, when they are not there."""

    @abstractmethod
    def selected(self, split: str, content: Content, root: Path) -> np.ndarray:
        """Numbers int64 (n,) of the images of a split other than "all"."""

    def table(self, options: dict[str, Any], content: Content, root: Path) -> dict[str, np.ndarray] | None:  # noqa: ARG002
        """A value (N,) for each factor and image of the content; None where the user has none. Raises DataError."""
        return None

    def describe(self, name: str, options: dict[str, Any], root: Path) -> DatasetInfo:
        """What is known before the images are decoded. Raises DataError when they are not there, or are no pictures."""
        content = self.content(root)
        chosen = self._chosen(options, content, root)
        if not self.cache_path(name, options, root).exists():
            content.look()
        space = self._space(options, content, chosen, root)
        if isinstance(space, int):
            return DatasetInfo(name, (), (), self.image_shape, space, "original", False)
        facts = space.names, space.sizes, self.image_shape, len(space), "original", True, space.complete
        return DatasetInfo(name, *facts)

    def load(self, name: str, options: dict[str, Any], root: Path, progress: Progress | None) -> FactorDataset:
        """Open the set, decoding every image into the cache where needed."""
        content = self.content(root)
        chosen = self._chosen(options, content, root)
        path = self.cache_path(name, options, root)
        shape = (len(content.names), *self.image_shape)
        array = cache.ensure(path, shape, content.identity(), content.chunks, progress)
        space = self._space(options, content, chosen, root)
        return FactorDataset(name, options, root, self.image_shape, ArrayStore(array, "original", path, chosen), space)

    def cache_path(self, name: str, options: dict[str, Any], root: Path) -> Path:  # noqa: ARG002
        """Where the decoded images are or will be."""
        return cache.folder(root) / f"{self.name}-original.npy"

    def check(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """Decode every image; compare the number of images with the published set. Raises DataError."""
        content = self.content(root)
        self._chosen(options, content, root)
        for _ in content.chunks(0):
            pass
        if len(content.names) != self.published:
            return [f"{content.path} has {len(content.names):,} images; {name} has {self.published:,}"]
        return []

    def _space(self, options: dict[str, Any], content: Content, chosen: np.ndarray, root: Path) -> Table | int:
        """The factors of the chosen images, or how many there are."""
        columns = self.table(options, content, root)
        if columns is None:
            return len(chosen)
        return table_of({name: column[chosen] for name, column in columns.items()})[0]

    def _chosen(self, options: dict[str, Any], content: Content, root: Path) -> np.ndarray:
        refuse_other_options(self.name, options, self.options)
        split = options.get("split", self.splits[0])
        if split not in self.splits:
            raise DataError(f"{self.name} has no split {split!r}; {nearest(split, self.splits)}")
        if not content.names:
            raise DataError(f"{content.path} holds no images of {self.name}")
        chosen = np.arange(len(content.names)) if split == "all" else self.selected(split, content, root)
        if not len(chosen):
            raise DataError(f"{content.path} holds no images of the {split} split of {self.name}")
        return chosen


def pictures(
    path: Path,
    prepare: Prepare,
    of: Callable[[str], bool] = lambda name: True,  # noqa: ARG005
) -> Content:
    """The images of a folder (searched to any depth), a ``.zip`` or an uncompressed ``.tar``, sorted by name.

    `of` chooses pictures by name. Raises DataError.
    """
    try:
        names = [name for name in _names(path) if of(name)]
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(f"{path} cannot be read, it may be truncated: {error}") from error

    def chunks(start: int) -> Iterator[np.ndarray]:
        with _reader(path) as read, ThreadPoolExecutor(granted_cores().amount) as pool:
            for first in range(start, len(names), PER_CHUNK):
                part = names[first : first + PER_CHUNK]
                yield np.stack(list(pool.map(lambda name: _decoded(path, name, read, prepare), part)))

    def look() -> None:
        with _reader(path) as read:
            for number in np.unique(np.linspace(0, len(names) - 1, LOOKED_AT).astype(np.int64)):
                _decoded(path, names[number], read, prepare)

    return Content(path, names, chunks, look=look)


def _decoded(path: Path, name: str, read: Callable[[str], bytes], prepare: Prepare) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(read(name))) as image:
            return prepare(image)
    except (OSError, SyntaxError, ValueError, zipfile.BadZipFile) as error:
        where = f"{name} in {path}" if path.is_file() else str(path / name)
        raise DataError(f"{where} is not a picture of this set that can be read: {error}") from error


def fitted(image: "Image", size: tuple[int, int], *, mode: str, box: tuple[int, int, int, int] | None = None) -> Any:
    """An image resized to (width, height) by area, as uint8 (C, H, W); `box` is cut out first."""
    from PIL import Image

    resized = image.convert(mode).resize(size, Image.Resampling.BOX, box=box)
    return np.atleast_3d(np.asarray(resized, dtype=np.uint8)).transpose(2, 0, 1)


def _names(path: Path) -> list[str]:
    """Names of the pictures in a folder, zip or tar, sorted."""
    if path.is_dir():
        found = [
            (Path(folder) / name).relative_to(path).as_posix()
            for folder, _, names in os.walk(path, onerror=_refuse)
            for name in names
        ]
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            found = archive.namelist()
    else:
        found = list(_places(path))
    return sorted(name for name in found if name.lower().endswith(SUFFIXES) and not _of_macos(name))


def _of_macos(name: str) -> bool:
    """Whether a file only keeps what macOS notes about another one."""
    return "__MACOSX" in name or name.rpartition("/")[2].startswith("._")


@contextmanager
def _reader(path: Path) -> Iterator[Callable[[str], bytes]]:
    """What reads one picture of a container by its name, from any thread."""
    if path.is_dir():
        yield lambda name: (path / name).read_bytes()
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield archive.read
    else:
        places = _places(path)
        with path.open("rb") as file:
            yield lambda name: os.pread(file.fileno(), places[name][1], places[name][0])


def _places(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and size in bytes of every file of an uncompressed tar."""
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
        return {member.name: (member.offset_data, member.size) for member in tar if member.isfile()}


def _refuse(error: OSError) -> None:
    raise error
