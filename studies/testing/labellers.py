"""The contract of every labeller."""

import numpy as np

from studies.testing.contract import Bench, Check, hold
from trainables.labels import labellers
from trainables.labels.labellers import Faults, Labels, label

SIZES = (3, 6, 40, 32)
FACTORS = np.stack([np.random.default_rng(0).integers(size, size=2_000) for size in SIZES], 1)


def _labelled(name: str, count: int = len(FACTORS), seed: int = 7) -> Labels:
    return label(name, FACTORS[:count], SIZES, seed)


def classes_in_range(bench: Bench) -> None:
    """Labels are classes of the observed factors, below their sizes."""
    found = _labelled(bench.name)
    hold(found.classes.dtype == np.int64, f"labels are {found.classes.dtype}, not int64")
    hold(found.classes.shape == (len(FACTORS), len(found.observed)), f"labels have shape {found.classes.shape}")
    hold(len(found.sizes) == len(found.observed) > 0, "there are not as many sizes as observed factors")
    hold(set(found.observed) <= set(range(len(SIZES))), f"there are no factors {found.observed}")
    hold(list(found.observed) == sorted(set(found.observed)), "observed factors are not in their order")
    hold(
        found.classes.min() >= 0 and np.all(found.classes < found.sizes), "a label is not below the size of its factor"
    )


def sizes_are_foretold(bench: Bench) -> None:
    """A model learns the sizes before it sees a label."""
    foretold = labellers.get(bench.name).sizes(SIZES, Faults())
    found = _labelled(bench.name)
    hold(len(foretold) == len(SIZES), f"sizes of {len(SIZES)} factors are {foretold}")
    hold(
        tuple(foretold[k] for k in found.observed) == tuple(found.sizes), f"{foretold} is foretold, {found.sizes} comes"
    )


def few_are_a_prefix_of_many(bench: Bench) -> None:
    """Labels of fewer images are a prefix of those of more, and a seed gives the same."""
    few, many = _labelled(bench.name, 50), _labelled(bench.name)
    hold(few.observed == many.observed, "fewer images have other factors observed")
    hold(np.array_equal(few.classes, many.classes[:50]), "labels change with the number of images")
    hold(np.array_equal(many.classes, _labelled(bench.name).classes), "the same seed gives other labels")


def factors_stay_as_they_are(bench: Bench) -> None:
    """The factors that are given are not changed."""
    before = FACTORS.copy()
    _labelled(bench.name)
    hold(np.array_equal(FACTORS, before), "the factors are changed in place")


OF_LABELLERS: tuple[Check, ...] = (
    classes_in_range,
    sizes_are_foretold,
    few_are_a_prefix_of_many,
    factors_stay_as_they_are,
)
