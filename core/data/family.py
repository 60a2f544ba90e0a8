"""What one file in `core.data.sets` defines: a data set with its versions."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from core.data.dataset import DatasetInfo, FactorDataset, Progress, Store
from core.data.files import cache
from core.data.files.stores import ArrayStore
from core.data.grid import Grid
from core.mistakes import DataError


class Family(ABC):
    """A data set and its versions; one instance per module, called ``FAMILY``.

    Attributes:
        name: the name of the plain set; versions are called ``name.version``.
        image_shape: (C, H, W).
    """

    name: ClassVar[str]
    image_shape: ClassVar[tuple[int, int, int]]

    def names(self) -> list[str]:
        """Every registered name of the family, the plain set first."""
        return [self.name]

    @abstractmethod
    def describe(self, name: str, options: dict[str, Any], root: Path) -> DatasetInfo:
        """What is known without opening the set. Raises DataError for a bad option or a broken file."""

    @abstractmethod
    def load(self, name: str, options: dict[str, Any], root: Path, progress: Progress | None) -> FactorDataset:
        """Open the set, building its cache where needed."""

    @abstractmethod
    def cache_path(self, name: str, options: dict[str, Any], root: Path) -> Path | None:
        """Where the cache of the set is or will be; None for a set that needs none. Raises DataError."""

    @abstractmethod
    def check(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """Read the user's original in full; one sentence for each thing that is wrong. Raises DataError."""

    def found(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """What the set is, in lines: images, and each factor with its classes. Raises DataError."""
        info = self.describe(name, options, root)
        shape = "×".join(map(str, info.image_shape))
        factors = zip(info.factor_names, info.factor_sizes, strict=True)
        lines = [f"images: {info.num_images:,}, {shape}, {info.source}"]
        return lines + [f"factor {factor}: {size} classes" for factor, size in factors]


class Combinations(Family):
    """A family whose plain set holds every combination of its factors once.

    Attributes:
        versions: the grid of every registered name.
    """

    versions: ClassVar[Mapping[str, Grid]]

    def names(self) -> list[str]:
        """Every registered name of the family, the plain set first."""
        return list(self.versions)

    def grid(self, name: str, options: dict[str, Any]) -> Grid:
        """The grid of a registered name under the options `factors`, `fix` and `keep`."""
        for key, kind, wanted in (
            ("factors", list | tuple, "a list"),
            ("fix", Mapping, "a mapping"),
            ("keep", Mapping, "a mapping"),
        ):
            if options.get(key) is not None and not isinstance(options[key], kind):
                raise DataError(f"{name}: {key!r} must be {wanted}, not {options[key]!r}")
        refuse_other_options(name, options, ("factors", "fix", "keep"))
        try:
            return self.versions[name].narrowed(**options)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None


class GridFamily(Combinations):
    """Combinations that are rendered by this project, or read from the user's file."""

    @abstractmethod
    def original(self, root: Path) -> Path | None:
        """The user's own file, its header checked, or None. Raises DataError for a file that is not it."""

    @abstractmethod
    def store(self, grid: Grid, root: Path, progress: Progress | None) -> Store:
        """The images of the plain set, or at least those of `grid`."""

    @abstractmethod
    def cache_file(self, grid: Grid, root: Path) -> Path:
        """Where the images of `grid` are or will be cached."""

    @abstractmethod
    def check_original(self, path: Path, root: Path) -> list[str]:
        """Read the user's file in full and compare it with what it should be; caches of the data `root` may help."""

    def describe(self, name: str, options: dict[str, Any], root: Path) -> DatasetInfo:
        """What is known without opening the set. Raises DataError for a bad option or a broken file."""
        grid = self.grid(name, options)
        source = "original" if self.original(root) else "rendered"
        return DatasetInfo(name, grid.names, grid.sizes, self.image_shape, len(grid), source, True)

    def load(self, name: str, options: dict[str, Any], root: Path, progress: Progress | None) -> FactorDataset:
        """Open the set, building its cache where needed."""
        grid = self.grid(name, options)
        store = self.store(grid, root, progress)
        return FactorDataset(name, options, root, self.image_shape, store, grid)

    def cache_path(self, name: str, options: dict[str, Any], root: Path) -> Path | None:
        """Where the cache of the set is or will be. Raises DataError."""
        return self.cache_file(self.grid(name, options), root)

    def check(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """Read the user's original in full; one sentence for each thing that is wrong. Raises DataError."""
        self.grid(name, options)
        path = self.original(root)
        return self.check_original(path, root) if path else []


class FileFamily(Combinations):
    """Combinations that only the user's files have, each in the format that its authors publish."""

    @abstractmethod
    def files(self, name: str, root: Path) -> list[Path]:
        """The files of a registered name, their headers checked. Raises DataError, saying what belongs where."""

    @abstractmethod
    def chunks(self, files: list[Path], start: int) -> Iterator[np.ndarray]:
        """All images in the order of the files, uint8 (n, C, H, W), from number `start` on. Raises DataError."""

    def order(self, files: list[Path], grid: Grid) -> np.ndarray | None:  # noqa: ARG002
        """Where each image of the grid's base set is in the files (N,); None where it is their order."""
        return None

    def describe(self, name: str, options: dict[str, Any], root: Path) -> DatasetInfo:
        """What is known without decoding an image. Raises DataError for a bad option, a missing or a broken file."""
        grid = self.grid(name, options)
        self.files(name, root)
        return DatasetInfo(name, grid.names, grid.sizes, self.image_shape, len(grid), "original", True)

    def load(self, name: str, options: dict[str, Any], root: Path, progress: Progress | None) -> FactorDataset:
        """Open the set, building its cache where needed."""
        grid, files, path = self.grid(name, options), self.files(name, root), self.cache_path(name, options, root)
        shape = (self._num_images(name), *self.image_shape)
        identity = {"files": [cache.file_identity(each) for each in files]}
        array = cache.ensure(path, shape, identity, lambda start: self.chunks(files, start), progress)
        store = ArrayStore(array, "original", path, self.order(files, self.versions[name]))
        return FactorDataset(name, options, root, self.image_shape, store, grid)

    def cache_path(self, name: str, options: dict[str, Any], root: Path) -> Path:
        """Where the images of a registered name are or will be. Raises DataError."""
        self.grid(name, options)
        return cache.folder(root) / f"{name.partition('.')[0]}-original.npy"

    def check(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """Read the files in full; a sentence for each thing that is wrong. Raises DataError for a bad option."""
        self.grid(name, options)
        try:
            files = self.files(name, root)
            self.order(files, self.versions[name])
            count = sum(len(images) for images in self.chunks(files, 0))
        except DataError as error:
            return [str(error)]
        expected = self._num_images(name)
        return [] if count == expected else [f"{files[0]} has {count:,} images; {name} has {expected:,}"]

    def _num_images(self, name: str) -> int:
        return math.prod(len(values) for values in self.versions[name].base_values)


def refuse_other_options(name: str, options: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raise DataError for an option that a data set does not take."""
    for key in options:
        if key not in known:
            takes = f"takes {', '.join(known)}" if known else "takes no options"
            raise DataError(f"{name} does not take {key!r}: it {takes}")
