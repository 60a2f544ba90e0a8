"""Factors of a set that holds every combination of its values exactly once, and restrictions of it."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from core.data.annotated import latin_prefix, nested
from core.data.draws import uniform_classes
from core.mistakes import DataError, nearest

BLOCK = 16_384  # rows that stay in a core's cache
Classes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Grid:
    """Base factors, the values kept of each, how these are grouped into classes, and which factors count.

    An image of the restricted set is one combination of kept values; images are numbered with the first
    base factor slowest. A *relevant* factor is reported by `factors`; any other varies freely (nuisance).

    Attributes:
        base_names: base factors, slowest first.
        base_values: label values of each base factor, in the units of the original file.
        classes: for each base factor and class, the base values that the class stands for.
        relevant: positions of the relevant base factors, in the order in which they are reported.
    """

    base_names: tuple[str, ...]
    base_values: tuple[tuple[float, ...], ...]
    classes: tuple[Classes, ...]
    relevant: tuple[int, ...]

    @classmethod
    def full(cls, factors: Mapping[str, Iterable[float]]) -> "Grid":
        """Every value of every factor, all relevant; `factors` maps names to label values, slowest first."""
        values = tuple(tuple(float(v) for v in column) for column in factors.values())
        classes = tuple(tuple((i,) for i in range(len(column))) for column in values)
        return cls(tuple(factors), values, classes, tuple(range(len(values))))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the relevant factors (K of them)."""
        return tuple(self.base_names[k] for k in self.relevant)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of classes of each relevant factor (K of them)."""
        return tuple(len(self.classes[k]) for k in self.relevant)

    def __len__(self) -> int:
        return int(np.prod(self._radices))

    @cached_property
    def is_full(self) -> bool:
        """Whether every base value is kept, so that image numbers are those of the base set."""
        complete = self._radices == tuple(len(values) for values in self.base_values)
        return complete and all(np.array_equal(kept, np.arange(len(kept))) for kept in self._kept)

    @property
    def is_bijective(self) -> bool:
        """Whether the relevant factors name one image."""
        return len(self) == int(np.prod(self.sizes))

    def values(self, k: int) -> np.ndarray:
        """Label values of relevant factor `k` (sizes[k],); of a grouped class, the mean of its values."""
        column = np.array(self.base_values[self.relevant[k]])
        return np.array([column[list(group)].mean() for group in self.classes[self.relevant[k]]])

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Image numbers of the base set (N,) of images (N,) of this one."""
        if self.is_full:
            return indices
        digits = np.unravel_index(indices, self._radices)
        values = tuple(kept[digit] for kept, digit in zip(self._kept, digits, strict=True))
        return np.ravel_multi_index(values, tuple(len(column) for column in self.base_values))

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Classes (N, K) of images (N,)."""
        digits = np.unravel_index(indices, self._radices)
        return np.stack([self._class_of[k][digits[k]] for k in self.relevant], axis=1).astype(np.int64)

    def index(self, factors: np.ndarray) -> np.ndarray:
        """The first image (N,) that has these classes (N, K)."""
        return self._number(factors)

    def sample_factors(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` independent draws (n, K), every class of a factor being equally likely."""
        return uniform_classes(self.sizes, n, rng)

    def sample_indices(self, factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An image (N,) for each row of classes (N, K), everything that these leave open drawn uniformly."""
        if self.is_bijective:
            return self.index(factors)
        within = np.zeros(len(factors), np.int64)  # what the classes leave open
        for k, (counts, stride) in enumerate(zip(self._counts, self._strides, strict=True)):
            if k in self.relevant:
                open_ = counts[factors[:, self.relevant.index(k)]]
            else:
                open_ = np.full(len(factors), self._radices[k])
            within += rng.integers(0, open_) * stride
        return self._number(factors) + within

    def annotated(self, n: int, seed: int) -> np.ndarray:
        """`n` different images (n,): see `core.data.annotated`."""
        rng = np.random.default_rng([seed, 0])
        prefix = self.sample_indices(latin_prefix(self.sizes, len(self), rng), rng)
        return nested(prefix, len(self), n, rng)

    def grouped(self, groups: Mapping[str, Sequence[Sequence[int]]], relevant: Sequence[str]) -> "Grid":
        """Replace the classes of some base factors by groups of base values and choose the relevant ones."""
        classes = tuple(
            tuple(tuple(group) for group in groups[name]) if name in groups else self.classes[k]
            for k, name in enumerate(self.base_names)
        )
        return replace(self, classes=classes, relevant=tuple(self.base_names.index(name) for name in relevant))

    def narrowed(
        self,
        factors: Sequence[str] | None = None,
        fix: Mapping[str, int] | None = None,
        keep: Mapping[str, Sequence[int]] | None = None,
    ) -> "Grid":
        """Restrict the set: `fix` a factor to a class, `keep` some classes, report only `factors`.

        A factor that is neither fixed nor listed in `factors` varies freely. Raises DataError for an
        unknown factor, a class out of range, and a factor that is both fixed and listed.
        """
        classes = list(self.classes)
        fix, keep = fix or {}, keep or {}
        for name, kept in {**{key: [value] for key, value in fix.items()}, **keep}.items():
            k = self._position(name)
            if name in fix and name in keep:
                raise DataError(f"factor {name!r} is both in 'fix' and in 'keep': say one of them")
            classes[k] = tuple(classes[k][i] for i in _checked(name, kept, len(classes[k])))
            if name in keep and len(classes[k]) == 1:
                raise DataError(f"'keep' leaves one value of {name!r}: write 'fix: {{{name}: {kept[0]}}}'")
        listed = [self._position(name) for name in (self.names if factors is None else factors)]
        if len(set(listed)) < len(listed):
            raise DataError(f"'factors' names a factor twice: {', '.join(map(str, factors or ()))}")
        fixed = {self._position(name) for name in fix}
        if factors is not None and fixed & set(listed):
            name = self.base_names[min(fixed & set(listed))]
            raise DataError(f"factor {name!r} is fixed, so it cannot be listed in 'factors'")
        relevant = tuple(k for k in listed if k not in fixed)
        if not relevant:
            raise DataError("no factor is left: list at least one in 'factors' and do not fix it")
        return replace(self, classes=tuple(classes), relevant=relevant)

    def digest(self) -> str:
        """Eight hexadecimal digits that name the images of this set, whatever factors are relevant."""
        kept = repr([column.tolist() for column in self._kept])
        return hashlib.sha256(kept.encode()).hexdigest()[:8]

    def _position(self, name: object) -> int:
        if name not in self.names:
            raise DataError(f"there is no factor {name!r}; {nearest(name, self.names)}")
        return self.base_names.index(str(name))

    def _number(self, factors: np.ndarray) -> np.ndarray:
        """The first image (N,) of classes (N, K)."""
        number = np.zeros(len(factors), np.int64)
        starts = [(np.cumsum(self._counts[k]) - self._counts[k]) * self._strides[k] for k in self.relevant]
        for begin in range(0, len(factors), BLOCK):
            columns = np.ascontiguousarray(factors[begin : begin + BLOCK].T)
            for start, column in zip(starts, columns, strict=True):
                number[begin : begin + BLOCK] += start.take(column)
        return number

    @cached_property
    def _kept(self) -> tuple[np.ndarray, ...]:
        return tuple(np.array([v for group in groups for v in group]) for groups in self.classes)

    @cached_property
    def _counts(self) -> tuple[np.ndarray, ...]:
        return tuple(np.array([len(group) for group in groups]) for groups in self.classes)

    @cached_property
    def _class_of(self) -> tuple[np.ndarray, ...]:
        return tuple(np.repeat(np.arange(len(counts)), counts) for counts in self._counts)

    @cached_property
    def _radices(self) -> tuple[int, ...]:
        return tuple(len(kept) for kept in self._kept)

    @cached_property
    def _strides(self) -> tuple[int, ...]:
        return tuple(math.prod(self._radices[k + 1 :]) for k in range(len(self._radices)))


def _checked(name: str, kept: Any, size: int) -> list[int]:
    if isinstance(kept, str) or not isinstance(kept, Iterable):
        raise DataError(f"the classes of {name!r} must be a list of whole numbers, not {kept!r}")
    classes = list(kept)
    for value in classes:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < size:
            raise DataError(f"{name!r} has classes 0 to {size - 1}, not {value!r}")
    if not classes or len(set(classes)) < len(classes):
        raise DataError(f"the classes of {name!r} must be different and at least one: {classes}")
    return classes
