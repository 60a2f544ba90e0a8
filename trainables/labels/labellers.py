"""What labels annotated images get: the true classes, or with the faults of human labels (Locatello et al. 2020).

A labeller is a `Labeller` in a variable of this module, or of an extension; it is found by its name.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from core import extensions
from core.configuration import Extension
from core.mistakes import ExtensionError, UserError, nearest

Sizes = tuple[int, ...]


class Labels(NamedTuple):
    """Labels int64 (N, J) of the factors `observed` (J,), which have `sizes` (J,) classes."""

    classes: np.ndarray
    observed: tuple[int, ...]
    sizes: Sizes


class Faults(NamedTuple):
    """How faulty labels are: classes of a factor at most, probability of a random label, number of factors."""

    bins: int = 5
    noise: float = 0.1
    observed: int = 2


def _unchanged(sizes: Sizes, faults: Faults) -> Sizes:  # noqa: ARG001 - for labellers that merge classes
    return sizes


@dataclasses.dataclass(frozen=True)
class Labeller:
    """One way to label images.

    Attributes:
        name: in study files.
        label: labels of images with classes int64 (N, K) of `sizes` (K,), which it may change in place. All randomness
            is the generator's, drawn row by row, so that the labels of fewer images are a prefix of those of more.
        sizes: classes (K,) that are left of every factor.
    """

    name: str
    label: Callable[[np.ndarray, Sizes, np.random.Generator, Faults], Labels]
    sizes: Callable[[Sizes, Faults], Sizes] = _unchanged


def perfect(classes: np.ndarray, sizes: Sizes, rng: np.random.Generator, faults: Faults) -> Labels:  # noqa: ARG001
    """The classes."""
    return Labels(classes, tuple(range(len(sizes))), sizes)


def binned(classes: np.ndarray, sizes: Sizes, rng: np.random.Generator, faults: Faults) -> Labels:  # noqa: ARG001
    """Of factors with more than `bins` classes, the one of `bins` equal intervals that holds the class."""
    for k, size in enumerate(sizes):
        if size > faults.bins:
            classes[:, k] = classes[:, k] * faults.bins // size
    return Labels(classes, tuple(range(len(sizes))), binned_sizes(sizes, faults))


def binned_sizes(sizes: Sizes, faults: Faults) -> Sizes:
    """Classes that are left of factors with `sizes` (K,) classes."""
    return tuple(min(size, faults.bins) for size in sizes)


def noisy(classes: np.ndarray, sizes: Sizes, rng: np.random.Generator, faults: Faults) -> Labels:
    """Every label is, with probability `noise`, any class of its factor."""
    uniform = rng.random((len(classes), len(sizes), 2))
    drawn = (uniform[:, :, 1] * sizes).astype(np.int64)
    return Labels(np.where(uniform[:, :, 0] < faults.noise, drawn, classes), tuple(range(len(sizes))), sizes)


def partial(classes: np.ndarray, sizes: Sizes, rng: np.random.Generator, faults: Faults) -> Labels:
    """The classes of `observed` factors drawn at random."""
    chosen = tuple(sorted(int(k) for k in rng.choice(len(sizes), faults.observed, replace=False)))
    return Labels(classes[:, chosen], chosen, tuple(sizes[k] for k in chosen))


def permuted(classes: np.ndarray, sizes: Sizes, rng: np.random.Generator, faults: Faults) -> Labels:  # noqa: ARG001
    """The classes of every factor renamed at random, so that their order says nothing."""
    renamed = [rng.permutation(size) for size in sizes]
    columns = [new[column] for new, column in zip(renamed, classes.T, strict=True)]
    return Labels(np.stack(columns, 1), tuple(range(len(sizes))), sizes)


_SHIPPED = {
    each.name: each
    for each in (
        Labeller("perfect", perfect),
        Labeller("binned", binned, binned_sizes),
        Labeller("noisy", noisy),
        Labeller("partial", partial),
        Labeller("permuted", permuted),
    )
}


def names() -> list[str]:
    """Names of all labellers, those of this module first."""
    extensions.load_installed()
    return list(_labellers())


def get(name: str) -> Labeller:
    """The labeller of that name.

    Raises:
        UserError: there is none; the nearest name is proposed.
    """
    if name not in _labellers() and name not in names():
        raise UserError(f"there is no labeller {name!r}; {nearest(name, names())}")
    return _labellers()[name]


def of_extension(extension: Extension) -> list[str]:
    """The names of the labellers that an active extension defines."""
    own = {id(each.value) for each in extensions.definitions(Labeller, extension)}
    return [name for name, each in _labellers().items() if id(each) in own and name not in _SHIPPED]


def _labellers() -> dict[str, Labeller]:
    return _with_own(extensions.generation())


@functools.lru_cache(maxsize=1)
def _with_own(generation: int) -> dict[str, Labeller]:  # noqa: ARG001 - what a cached answer is good for
    found = dict(_SHIPPED)
    for definition in extensions.definitions(Labeller):
        labeller: Labeller = definition.value
        if labeller is found.get(labeller.name):
            continue  # imported from here
        if not isinstance(labeller.name, str) or not labeller.name.isidentifier():
            raise ExtensionError(f"{definition.where}: {labeller.name!r} is no name of a labeller")
        if labeller.name in found:
            raise ExtensionError(f"{definition.where}: there is a labeller '{labeller.name}' already; take another")
        if not callable(labeller.label) or not callable(labeller.sizes):
            raise ExtensionError(f"{definition.where}: label and sizes of labeller '{labeller.name}' are functions")
        found[labeller.name] = labeller
    return found


def label(labeller: str, factors: np.ndarray, sizes: Sizes, seed: int, faults: Faults = Faults()) -> Labels:  # noqa: B008
    """Labels of images with classes `factors` (N, K) of `sizes` (K,); those of fewer images are a prefix of them.

    Raises:
        UserError: there is no such labeller.
    """
    classes = np.array(factors, dtype=np.int64)
    return get(labeller).label(classes, sizes, np.random.default_rng([seed, 3]), faults)
