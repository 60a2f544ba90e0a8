"""What one file in `core.data.sets` defines: a data set with its versions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from core.data.dataset import DatasetInfo, FactorDataset, Progress, Store
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


class GridFamily(Family):
    """A family whose plain set holds every combination of its factors once.

    Attributes:
        versions: the grid of every registered name.
    """

    versions: ClassVar[Mapping[str, Grid]]

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


def refuse_other_options(name: str, options: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raise DataError for an option that a data set does not take."""
    for key in options:
        if key not in known:
            takes = f"takes {', '.join(known)}" if known else "takes no options"
            raise DataError(f"{name} does not take {key!r}: it {takes}")
