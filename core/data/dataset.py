"""What every data set offers once it is open: images, factors, and draws from both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core.mistakes import DataError

IMAGE_SIZES = (28, 32, 64, 128)
"""Sides in pixels of the square images that there are networks for."""

Progress = Callable[[int, int], None]
"""Called with (done, total) while a cache is built."""


class Store(Protocol):
    """Where images come from; read only, and shared by all processes of a node where it is a file."""

    source: str
    path: Path | None

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 (N, C, H, W), 0..255, of rows int64 (N,)."""
        ...


class FactorSpace(Protocol):
    """How images are numbered and which factors they have."""

    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102 -- documented on FactorDataset
    @property
    def sizes(self) -> tuple[int, ...]: ...  # noqa: D102
    def __len__(self) -> int: ...
    def values(self, k: int) -> np.ndarray: ...  # noqa: D102
    def rows(self, indices: np.ndarray) -> np.ndarray: ...  # noqa: D102
    def factors(self, indices: np.ndarray) -> np.ndarray: ...  # noqa: D102
    def index(self, factors: np.ndarray) -> np.ndarray: ...  # noqa: D102
    def sample_factors(self, n: int, rng: np.random.Generator) -> np.ndarray: ...  # noqa: D102
    def sample_indices(self, factors: np.ndarray, rng: np.random.Generator) -> np.ndarray: ...  # noqa: D102
    def annotated(self, n: int, seed: int) -> np.ndarray: ...  # noqa: D102


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without opening it.

    `source` is "original" (the user's file), "rendered" (made by this project) or None when it is missing.
    `image_shape` is (C, H, W). `complete` says whether an image of every combination of classes can be had, so that
    one factor can be changed while the others stay.
    """

    name: str
    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    image_shape: tuple[int, int, int]
    num_images: int
    source: str | None
    has_factors: bool
    complete: bool = True


class FactorDataset:
    """A read-only set of images, most with ground-truth factors. It pickles as its name (`core.data`), without images.

    Attributes:
        name: registered name.
        spec: what `core.data.load` was given, as a mapping.
        image_shape: (C, H, W).
        source: "original" or "rendered".
    """

    def __init__(
        self,
        name: str,
        options: dict[str, Any],
        root: Path,
        image_shape: tuple[int, int, int],
        store: Store,
        space: FactorSpace | int,
    ) -> None:
        self.name = name
        self.spec: dict[str, Any] = {"name": name, **options}
        self.root = root
        self.image_shape = image_shape
        self.source = store.source
        self.store = store
        self._space = None if isinstance(space, int) else space
        self._length = space if isinstance(space, int) else len(space)

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.image_shape))
        return f"<{self.name}: {len(self):,} images {shape}, {self.source}>"

    @property
    def has_factors(self) -> bool:
        """Whether the set has ground-truth factors."""
        return self._space is not None

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Names of the K factors; empty for a set without factors."""
        return self._space.names if self._space else ()

    @property
    def factor_sizes(self) -> tuple[int, ...]:
        """Number of classes of each factor; empty for a set without factors."""
        return self._space.sizes if self._space else ()

    @property
    def complete(self) -> bool:
        """Whether an image of every combination of classes can be had, as `sample_with_fixed` needs it."""
        return getattr(self._space, "complete", True)

    @property
    def covariance(self) -> np.ndarray | None:
        """Covariance (K, K) of the Gaussian that the factors are drawn from; None where they are independent."""
        return getattr(self._space, "covariance", None)

    @property
    def cache_path(self) -> Path | None:
        """The file that all processes of a node share, or None when images are composed from memory."""
        return self.store.path

    @property
    def cache_bytes(self) -> int:
        """Size of `cache_path` in bytes; 0 without one."""
        return self.store.path.stat().st_size if self.store.path else 0

    def factor_values(self, k: int) -> np.ndarray:
        """Label values (factor_sizes[k],) of factor `k`, as in the original file."""
        return self._factors.values(k)

    def factor_labels(self, k: int) -> tuple[str, ...]:
        """What the classes of factor `k` are called: words where the user has them, else their values."""
        labels = getattr(self._factors, "labels", None)
        return labels[k] if labels else tuple(f"{value:.3g}" for value in self.factor_values(k))

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Rows (N,) of the store that hold the images `indices` (N,)."""
        return indices if self._space is None else self._space.rows(indices)

    def images(self, indices: Any) -> np.ndarray:
        """Images uint8 (N, C, H, W), 0..255, of `indices` (N,). Raises IndexError outside the set."""
        return self.store.images(self.rows(self._checked(indices)))

    def factors(self, indices: Any) -> np.ndarray:
        """Classes int64 (N, K) of the images `indices` (N,). Raises DataError for a set without factors."""
        return self._factors.factors(self._checked(indices))

    def index(self, factors: Any) -> np.ndarray:
        """An image int64 (N,) with these classes (N, K): the first, where nuisance factors leave several.

        A set that does not hold every combination (correlated_ellipses) numbers the missing ones behind its
        own: such an index is ``len(self)`` or more, and `images` and `factors` take it.
        """
        return self._factors.index(self._checked_factors(factors))

    def annotated(self, n: int, seed: int) -> np.ndarray:
        """`n` different images int64 (n,), nested in n and showing every class of every factor if n allows."""
        if not 0 < n <= len(self):
            raise DataError(f"cannot annotate {n:,} images: {self.name} has {len(self):,}")
        return self._factors.annotated(n, seed)

    def sample_factors(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` draws int64 (n, K) from the factors' own distribution (uniform, or the set's prior)."""
        return self._factors.sample_factors(n, rng)

    def sample_indices(self, factors: Any, rng: np.random.Generator) -> np.ndarray:
        """An image int64 (N,) for each row of classes (N, K), nuisance factors drawn at random."""
        return self._factors.sample_indices(self._checked_factors(factors), rng)

    def intervene(self, factors: Any, k: int, value: int) -> np.ndarray:
        """A copy of `factors` (N, K) with factor `k` set to `value`; the others stay as they were drawn."""
        changed = np.array(factors, dtype=np.int64)
        changed[:, k] = value
        return self._checked_factors(changed)

    def sample_with_fixed(self, n: int, k: int, rng: np.random.Generator) -> np.ndarray:
        """`n` draws int64 (n, K) of which factor `k` is overwritten with its value in the first draw.

        An intervention: factors that correlate with `k` keep their own distribution (the CHyVAE paper's
        ``conditional_sample``).
        """
        factors = self.sample_factors(n, rng)
        return self.intervene(factors, k, int(factors[0, k]))

    def sample_partners(self, indices: Any, changed: int, rng: np.random.Generator) -> np.ndarray:
        """For each of the images `indices` (N,) one, int64 (N,), that shares all factors but `changed` of them.

        Which ones is drawn anew for each image, uniformly; 0 draws also how many, from 1 to all but one. They get the
        values of a draw of `sample_factors`, which may be those that they had; nuisance factors are drawn at random.
        Locatello et al. 2020, section 5. Raises DataError where no image has the factors that were drawn.
        """
        factors = self.factors(indices)
        num_factors = factors.shape[1]
        counts = np.full(len(factors), changed) if changed else rng.integers(1, num_factors, len(factors))
        places = rng.random(factors.shape).argsort(axis=1).argsort(axis=1)  # a random order of the factors of each
        drawn = self.sample_factors(len(factors), rng)
        return self.sample_indices(np.where(places < counts[:, None], drawn, factors), rng)

    @property
    def _factors(self) -> FactorSpace:
        if self._space is None:
            raise DataError(f"{self.name} has no ground-truth factors")
        return self._space

    def _checked(self, indices: Any) -> np.ndarray:
        indices = np.asarray(indices)
        if indices.ndim != 1 or not (indices.size == 0 or np.issubdtype(indices.dtype, np.integer)):
            raise IndexError(f"indices must be whole numbers (N,), not {indices.dtype} {indices.shape}")
        if indices.size and not (indices.min() >= 0 and indices.max() < self._limit):
            raise IndexError(f"indices must be 0 to {len(self) - 1:,} for {self.name}")
        return indices.astype(np.int64, copy=False)

    @property
    def _limit(self) -> int:
        return getattr(self._space, "limit", self._length)

    def _checked_factors(self, factors: Any) -> np.ndarray:
        factors, sizes = np.asarray(factors), self._factors.sizes
        if factors.ndim != 2 or factors.shape[1] != len(sizes):
            raise IndexError(f"factors of {self.name} must be (N, {len(sizes)}), not {factors.shape}")
        factors = factors.astype(np.int64, copy=False)
        if not np.all(factors.view(np.uint64) < np.array(sizes, np.uint64)):  # a negative number becomes a large one
            raise IndexError(f"factor classes of {self.name} must lie below {sizes}")
        return factors
