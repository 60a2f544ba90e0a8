"""Factors from columns of numbers or words: which values make which classes."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from core.data.table import Table
from core.mistakes import DataError

MOST_FRACTIONS = 20  # different values that a column of fractions may have before it is binned
MOST_VALUES = 100  # the same for whole numbers and words
BINS = 10


class Factor(NamedTuple):
    """A column as classes (N,) int64, the value and the name of each class, and what the rule did, if anything."""

    classes: np.ndarray
    values: np.ndarray
    labels: tuple[str, ...]
    note: str


def factor_of(name: str, column: np.ndarray) -> Factor:
    """Classes of a column (N,) of numbers, booleans or words; they may start at any number.

    Each different value is a class, in increasing or alphabetical order. Numbers of more than 20 different values (100
    if they are whole), or of more values than half of the images, make at most 10 bins of about equally many images.
    Raises DataError for a value that is missing, and for words of which there are as many.
    """
    if column.ndim != 1 or column.dtype.kind not in "biufUS":
        raise DataError(
            f"factor {name!r} holds {column.dtype} {column.shape}; expected numbers or words, one per image"
        )
    if column.dtype.kind in "US":
        words, classes = np.unique(column.astype(str), return_inverse=True)
        if len(words) > min(MOST_VALUES, len(column) // 2):
            raise DataError(
                f"factor {name!r} has {len(words):,} different words, which say little together: leave the column out"
            )
        return Factor(classes, np.arange(len(words), dtype=float), tuple(words.tolist()), "")
    numbers = column.astype(np.float64)
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DataError(f"factor {name!r} has no value for image {row:,}: every image needs one")
    values, classes = np.unique(numbers, return_inverse=True)
    whole = bool((values == np.floor(values)).all())
    if len(values) <= min(MOST_VALUES if whole else MOST_FRACTIONS, len(column) // 2):
        return Factor(classes, values, tuple(f"{value:.6g}" for value in values), "")
    edges = np.unique(np.quantile(numbers, np.arange(1, BINS) / BINS))
    _, classes = np.unique(np.searchsorted(edges, numbers, side="right"), return_inverse=True)
    bins = [numbers[classes == c] for c in range(int(classes.max()) + 1)]
    labels = tuple(f"{part.min():.4g}…{part.max():.4g}" for part in bins)
    note = f"{len(values):,} different values, in {len(bins)} bins of about equally many images"
    return Factor(classes, np.array([part.mean() for part in bins]), labels, note)


def table_of(columns: Mapping[str, np.ndarray]) -> tuple[Table, list[str]]:
    """The factors of a set, and a sentence for each column that was binned or left out because it never varies.

    Raises DataError for a bad column, and where none varies.
    """
    kept: dict[str, Factor] = {}
    notes = []
    for name, column in columns.items():
        factor = factor_of(name, column)
        if len(factor.values) > 1:
            kept[name] = factor
            notes += [f"{name}: {factor.note}"] if factor.note else []
        else:
            notes.append(f"{name}: {factor.labels[0]} for every image, so that it is no factor")
    if not kept:
        raise DataError(f"no factor varies: {'; '.join(notes) or 'there is no column'}")
    factors = list(kept.values())
    classes = np.stack([factor.classes for factor in factors], axis=1)
    values, labels = tuple(factor.values for factor in factors), tuple(factor.labels for factor in factors)
    return Table(tuple(kept), classes, values, labels), notes
