"""Factors of a list of images, each with its classes: combinations may be missing, factors may correlate."""

from functools import cached_property

import numpy as np

from core.data.annotated import covering_prefix, nested
from core.mistakes import DataError


class Table:
    """The factors of N images, as a table of their classes.

    Attributes:
        names: of the factors (K of them).
        labels: for each factor, what each of its classes is called.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        classes: np.ndarray,
        values: tuple[np.ndarray, ...],
        labels: tuple[tuple[str, ...], ...],
    ) -> None:
        self.names = names
        self.labels = labels
        self._classes = np.asarray(classes, dtype=np.int64)
        self._values = values

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of classes of each factor (K of them)."""
        return tuple(map(len, self._values))

    @cached_property
    def complete(self) -> bool:
        """Whether there is an image of every combination of classes, so that a factor alone can be changed."""
        size = 1
        for each in self.sizes:
            size *= each
            if size > len(self):
                return False
        return bool(len(self._firsts) == size)

    def __len__(self) -> int:
        return len(self._classes)

    def values(self, k: int) -> np.ndarray:
        """Label values (sizes[k],) of factor `k`; of words, their numbers in alphabetical order."""
        return self._values[k]

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Images are numbered as they are stored."""
        return indices

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Classes (N, K) of images (N,)."""
        return np.asarray(self._classes[indices])

    def index(self, factors: np.ndarray) -> np.ndarray:
        """The first image (N,) that has these classes (N, K). Raises DataError where no image has them."""
        return np.asarray(self._order[self._firsts[self._combination(factors)]])

    def sample_factors(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The classes (n, K) of `n` random images: factors that correlate in the set do so here."""
        return self.factors(rng.integers(0, len(self), n))

    def sample_indices(self, factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A random image (N,) for each row of classes (N, K). Raises DataError where no image has them."""
        combination = self._combination(factors)
        ends = np.append(self._firsts, len(self))
        return np.asarray(self._order[rng.integers(ends[combination], ends[combination + 1])])

    def annotated(self, n: int, seed: int) -> np.ndarray:
        """`n` different images (n,): see `core.data.annotated`."""
        rng = np.random.default_rng([seed, 0])
        return nested(covering_prefix(self._classes, self.sizes, rng), len(self), n, rng)

    @property
    def num_combinations(self) -> int:
        """Different combinations of classes that the set has."""
        return len(self._firsts)

    def dependence(self, first: int, second: int) -> float:
        """How far one factor tells another, from 0 (not at all) to 1: Cramér's V, bias-corrected (Bergsma 2013)."""
        rows, columns, n = self.sizes[first], self.sizes[second], len(self)
        counts = np.zeros((rows, columns))
        np.add.at(counts, (self._classes[:, first], self._classes[:, second]), 1)
        expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / n
        chi_square = float(((counts - expected) ** 2 / expected).sum()) / n
        excess = max(0.0, chi_square - (rows - 1) * (columns - 1) / (n - 1))
        most = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
        return float(min(1.0, np.sqrt(excess / most))) if most > 0 else 0.0

    def _combination(self, factors: np.ndarray) -> np.ndarray:
        """Numbers (N,) of these combinations of classes, of those that the set has."""
        found = np.zeros(len(factors), np.int64)
        for k, known in enumerate(self._known):
            key = found * self.sizes[k] + factors[:, k]
            found = np.minimum(np.searchsorted(known, key), len(known) - 1)
            missing = np.flatnonzero(known[found] != key)
            if len(missing):
                classes = dict(zip(self.names, factors[missing[0]].tolist(), strict=True))
                said = ", ".join(f"{name} {self.labels[j][value]}" for j, (name, value) in enumerate(classes.items()))
                raise DataError(f"the set has no image with {said}")
        return found

    @cached_property
    def _known(self) -> list[np.ndarray]:
        """The keys that occur, factor by factor: a key is the number of what came before, and the class."""
        known, number = [], np.zeros(len(self), np.int64)
        for k, size in enumerate(self.sizes):
            keys, number = np.unique(number * size + self._classes[:, k], return_inverse=True)
            known.append(keys)
        return known

    @cached_property
    def _numbers(self) -> np.ndarray:
        return self._combination(self._classes)

    @cached_property
    def _order(self) -> np.ndarray:
        """Images (N,) sorted by their combination."""
        return np.argsort(self._numbers, kind="stable")

    @cached_property
    def _firsts(self) -> np.ndarray:
        """Where in `_order` each combination begins."""
        return np.unique(self._numbers[self._order], return_index=True)[1]
