"""CorrelatedEllipses: 200,000 gray ellipses whose x-y and scale-rotation correlate (CHyVAE, Ansari and Soh 2019).

Factors are floor-binned draws of a clipped Gaussian; its covariance is the option `covariance`. A pre-rendered
``correlated_ellipses.npz`` (key `dataset`) is used where the user has it; it carries no labels, so these are
read from the images.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.data.annotated import covering_prefix, nested
from core.data.dataset import DatasetInfo, FactorDataset, Progress
from core.data.family import Family, refuse_other_options
from core.data.files import cache
from core.data.files.originals import find, npz_array
from core.data.rendering import ellipses
from core.mistakes import DataError

NUM_IMAGES = 200_000
SEED = 2019
FILE = "correlated_ellipses.npz"
MAX_ERROR = 5
"""`check` tolerates this mean absolute difference (of 255) between an image and the ellipse that it shows."""

COVARIANCE = np.array([[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0.5, 1]])
"""Figure 10 of the CHyVAE paper: x, y, scale, rotation."""
COMBINATIONS = int(np.prod(ellipses.SIZES))


class Prior:
    """Images numbered as they were drawn from the prior, and behind them every combination of the factors.

    A combination that was not drawn still has an image, which interventional metrics need: its number is
    ``len(self) + combination``, and `limit` bounds these numbers.
    """

    names = ("x", "y", "scale", "rotation")
    sizes = ellipses.SIZES

    def __init__(self, covariance: np.ndarray, combinations: np.ndarray) -> None:
        self.covariance = covariance
        self.limit = len(combinations) + COMBINATIONS
        self._combinations = combinations

    def __len__(self) -> int:
        return len(self._combinations)

    def values(self, k: int) -> np.ndarray:
        """Positions in [0, 1], scales, degrees."""
        columns = (ellipses.POSITIONS, ellipses.POSITIONS, ellipses.SCALES, ellipses.ROTATIONS)
        return columns[k]

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """The store's rows (N,): the same numbers."""
        return indices

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Classes (N, 4)."""
        shown = combinations_at(indices, self._combinations)
        return np.stack(np.unravel_index(shown, self.sizes), axis=1).astype(np.int64)

    def index(self, factors: np.ndarray) -> np.ndarray:
        """The first image drawn with these classes (N, 4), or the one behind the drawn ones."""
        combinations = np.ravel_multi_index(tuple(factors.T), self.sizes)
        first = self._first[combinations]
        return np.where(first >= 0, first, len(self) + combinations).astype(np.int64)

    def sample_factors(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` fresh draws (n, 4) from the prior."""
        return draw(self.covariance, n, rng)

    def sample_indices(self, factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """As `index`: the factors name the image."""
        return self.index(factors)

    def annotated(self, n: int, seed: int) -> np.ndarray:
        """`n` different drawn images (n,), the first of which show every value that was drawn."""
        rng = np.random.default_rng([seed, 0])
        prefix = covering_prefix(self.factors(np.arange(len(self))), self.sizes, rng)
        return nested(prefix, len(self), n, rng)

    @cached_property
    def _first(self) -> np.ndarray:
        first = np.full(COMBINATIONS, -1, dtype=np.int64)
        first[self._combinations[::-1]] = np.arange(len(self))[::-1]
        return first


def draw(covariance: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Classes int64 (n, 4): s ~ N(0, covariance), clipped to [-1, 1], u = (s + 1) / 2, floor-binned.

    The last class of a factor is reached by clipping only, as in the authors' construction.
    """
    values, vectors = np.linalg.eigh(covariance)
    s = rng.standard_normal((n, 4)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    u = (np.clip(s, -1, 1) + 1) / 2
    steps = (
        (u[:, 0], ellipses.POSITIONS),
        (u[:, 1], ellipses.POSITIONS),
        (u[:, 2] / 2 + 0.5, ellipses.SCALES),
        (360 * u[:, 3], ellipses.ROTATIONS),
    )
    return np.stack([np.digitize(value, choices) - 1 for value, choices in steps], axis=1)


def combinations_at(indices: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The combination (N,) of images (N,): of the M `drawn` ones (M,), and of those numbered behind them."""
    behind = indices - len(drawn)
    return np.where(behind < 0, drawn[np.minimum(indices, len(drawn) - 1)], behind)


class EllipseStore:
    """Ellipses drawn on demand, or taken from the user's file as far as that holds them."""

    def __init__(self, combinations: np.ndarray, array: np.ndarray | None = None, path: Path | None = None) -> None:
        self.source = "rendered" if array is None else "original"
        self.path = path
        self._combinations = combinations
        self._array = array

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 (N, 1, 64, 64) of rows (N,)."""
        if self._array is None:
            return ellipses.images(combinations_at(rows, self._combinations))
        images = ellipses.images(np.maximum(rows - len(self._array), 0))
        stored = rows < len(self._array)
        images[stored, 0] = self._array[rows[stored]]
        return images


class CorrelatedEllipses(Family):
    """The family of CorrelatedEllipses."""

    name = "correlated_ellipses"
    image_shape = (1, 64, 64)

    def describe(self, name: str, options: dict[str, Any], root: Path) -> DatasetInfo:
        """What is known without opening the set. Raises DataError for a bad covariance or a broken file."""
        covariance_of(options)
        path = _original(root, options)
        n = _num_images(path) if path else NUM_IMAGES
        source = "original" if path else "rendered"
        return DatasetInfo(name, Prior.names, Prior.sizes, self.image_shape, n, source, True)

    def load(self, name: str, options: dict[str, Any], root: Path, progress: Progress | None) -> FactorDataset:
        """Open the set; without the user's file nothing is stored, every image is drawn on demand."""
        covariance = covariance_of(options)
        path = _original(root, options)
        if path is None:
            classes = draw(covariance, NUM_IMAGES, np.random.default_rng(SEED))
            combinations = np.ravel_multi_index(tuple(classes.T), ellipses.SIZES)
            store = EllipseStore(combinations)
        else:
            combinations, store = _from_file(path, root, progress)
        return FactorDataset(name, options, root, self.image_shape, store, Prior(covariance, combinations))

    def cache_path(self, name: str, options: dict[str, Any], root: Path) -> Path | None:  # noqa: ARG002
        """The images of the user's file; a drawn set needs none."""
        return _caches(root)[0] if _original(root, options) else None

    def check(self, name: str, options: dict[str, Any], root: Path) -> list[str]:  # noqa: ARG002
        """Read the user's file in full: its images must be ellipses of the set, within the drawing's edge."""
        path = _original(root, options)
        if path is None:
            return []
        different, total = 0, 0
        for pictures in _read(path):
            classes = ellipses.recognised(pictures).astype(np.int64)
            drawn = ellipses.images(np.ravel_multi_index(tuple(classes.T), ellipses.SIZES))[:, 0]
            different += int((np.abs(drawn.astype(int) - pictures).mean(axis=(1, 2)) > MAX_ERROR).sum())
            total += len(pictures)
        return [f"{path}: {different:,} of {total:,} images are not ellipses of this set"] if different else []


def covariance_of(options: dict[str, Any]) -> np.ndarray:
    """The covariance (4, 4) that the options ask for. Raises DataError when it is none."""
    refuse_other_options("correlated_ellipses", options, ("covariance",))
    try:
        covariance = np.array(options.get("covariance", COVARIANCE), dtype=np.float64)
    except (TypeError, ValueError):
        covariance = np.empty(0)
    if covariance.shape != (4, 4) or not np.all(np.isfinite(covariance)):
        raise DataError("correlated_ellipses: 'covariance' must be 4 rows of 4 numbers (x, y, scale, rotation)")
    if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance).min() < -1e-9:
        raise DataError("correlated_ellipses: 'covariance' must be symmetric and positive semi-definite")
    return covariance


def _original(root: Path, options: dict[str, Any]) -> Path | None:
    """The user's file, which shows the published covariance only."""
    path = find(root, FILE)
    if path is None or not np.array_equal(covariance_of(options), COVARIANCE):
        return None
    _num_images(path)
    return path


def _num_images(path: Path) -> int:
    with npz_array(path, "dataset", None, np.uint8) as array:
        if int(np.prod(array.shape[1:])) != 64 * 64:
            raise DataError(f"{path}: 'dataset' is {array.shape}; expected (N, 64, 64)")
        return array.shape[0]


def _read(path: Path, start: int = 0) -> Iterator[np.ndarray]:
    with npz_array(path, "dataset", None, np.uint8) as array:
        for pictures in array.rows(start):
            yield pictures.reshape(-1, 64, 64)


def _caches(root: Path) -> tuple[Path, Path]:
    folder = cache.folder(root)
    return folder / "correlated_ellipses-original.npy", folder / "correlated_ellipses-factors.npy"


def _from_file(path: Path, root: Path, progress: Progress | None) -> tuple[np.ndarray, EllipseStore]:
    n, identity = _num_images(path), cache.file_identity(path)
    images, labels = _caches(root)
    array = cache.ensure(images, (n, 64, 64), identity, lambda start: _read(path, start), progress)
    classes = cache.ensure(
        labels,
        (n, 4),
        identity,
        lambda start: (ellipses.recognised(array[i : i + 4096]) for i in range(start, n, 4096)),
        progress,
    )
    combinations = np.ravel_multi_index(tuple(classes.T.astype(np.int64)), ellipses.SIZES)
    return combinations, EllipseStore(combinations, array, images)


FAMILY = CorrelatedEllipses()
