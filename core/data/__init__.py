"""Data sets of images with known factors: rendered by this project or read from the user's own files.

    >>> import core.data
    >>> sprites = core.data.load("dsprites.quick")
    >>> sprites.images([0, 1]).shape
    (2, 1, 64, 64)

A data set is one file in `core.data.sets`. Originals and caches live under one folder (`root`, else
$STUDIES_DATA, else ./data); every process of a node maps the same cache file.
"""

import os

from core.data.dataset import DatasetInfo, FactorDataset, Progress
from core.data.errors import DataError
from core.data.registry import Spec, data_root, families, resolve

__all__ = [
    "DataError",
    "DatasetInfo",
    "FactorDataset",
    "check",
    "describe",
    "load",
    "names",
    "prepare",
]

Root = str | os.PathLike[str] | None


def names() -> list[str]:
    """Every registered name, versions included."""
    return list(families())


def describe(spec: Spec, root: Root = None) -> DatasetInfo:
    """What is known of a data set without rendering or caching anything.

    Raises DataError, one sentence, for a bad `spec`, a missing folder or a broken file.
    """
    family, name, options = resolve(spec)
    return family.describe(name, options, data_root(root))


def load(spec: Spec, root: Root = None) -> FactorDataset:
    """Open a data set: ``"dsprites"``, ``"dsprites.v2"`` or a mapping as in a study file.

    ``{"name": "dsprites", "factors": ["shape", "posX"], "fix": {"scale": 5}, "keep": {"posY": [11, 12]}}``
    reports only `factors`, fixes a factor to a class and keeps some classes; what is neither fixed nor listed
    varies freely. The cache is built where it is missing. Raises DataError.
    """
    family, name, options = resolve(spec)
    return family.load(name, options, data_root(root), None)


def prepare(spec: Spec, root: Root = None, progress: Progress | None = None) -> None:
    """Build the cache of a data set on this node, once, calling ``progress(done, total)``. Raises DataError."""
    family, name, options = resolve(spec)
    family.load(name, options, data_root(root), progress)


def check(spec: Spec, root: Root = None) -> list[str]:
    """Read the user's original and the cache in full: a sentence for each fault, none when all is right."""
    family, name, options = resolve(spec)
    return family.check(name, options, data_root(root))
