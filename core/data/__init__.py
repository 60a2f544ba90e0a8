"""Data sets of images with known factors: rendered by this project or read from the user's own files.

    >>> import core.data
    >>> sprites = core.data.load("dsprites.quick")
    >>> sprites.images([0, 1]).shape
    (2, 1, 64, 64)

A data set is one file in `core.data.sets`, or images of a user's own (`core.data.own`). Originals and caches live
under one folder (`root`, else $STUDIES_DATA, else ./data); every process of a node maps the same cache file.
"""

import copyreg
import os
from pathlib import Path
from typing import Any

import numpy as np

from core import extensions
from core.data.dataset import IMAGE_SIZES, DatasetInfo, FactorDataset, Progress
from core.data.files import cache
from core.data.registry import Spec, anchored, data_root, dataset_name, families, pinned, resolve
from core.data.sheet import draw
from core.mistakes import DataError

__all__ = [
    "IMAGE_SIZES",
    "DataError",
    "DatasetInfo",
    "FactorDataset",
    "anchored",
    "cache_folder",
    "cache_path",
    "catalogue",
    "check",
    "contact_sheet",
    "data_root",
    "dataset_name",
    "describe",
    "found",
    "load",
    "names",
    "pinned",
    "prepare",
]

Root = str | os.PathLike[str] | None


def cache_folder(root: Root = None) -> Path:
    """Where caches are: $STUDIES_CACHE, else the folder `cache` of the data root. Raises DataError."""
    return cache.folder(data_root(root))


def names() -> list[str]:
    """Every registered name, versions included."""
    extensions.load_installed()
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
    varies freely. ``{"folder": path}``, ``{"npz": path, "images": key, "factors": keys}``, ``{"h5": …}`` and
    ``{"parquet": …}`` are images of your own. The cache is built where it is missing. Raises DataError.
    """
    family, name, options = resolve(spec)
    return family.load(name, options, data_root(root), None)


def _by_name(dataset: FactorDataset) -> tuple[Any, ...]:
    return load, (dataset.spec, dataset.root)


copyreg.pickle(FactorDataset, _by_name)


def cache_path(spec: Spec, root: Root = None) -> Path | None:
    """Where the cache of a data set is or will be; None for a set that needs none. Raises DataError."""
    family, name, options = resolve(spec)
    return family.cache_path(name, options, data_root(root))


def prepare(spec: Spec, root: Root = None, progress: Progress | None = None) -> None:
    """Build the cache of a data set on this node, once, calling ``progress(done, total)``. Raises DataError."""
    family, name, options = resolve(spec)
    family.load(name, options, data_root(root), progress)


def check(spec: Spec, root: Root = None) -> list[str]:
    """Read the user's original and the cache in full: a sentence for each fault, none when all is right.

    An original is compared with its published shapes, dtypes and keys, and its images with what their labels
    describe. Raises DataError for a bad `spec` only.
    """
    family, name, options = resolve(spec)
    folder = data_root(root)
    try:
        found = family.check(name, options, folder)
        path = family.cache_path(name, options, folder)
    except DataError as error:
        return [str(error)]
    return found + (cache.findings(path) if path else [])


def found(spec: Spec, root: Root = None) -> list[str]:
    """What a data set holds, in lines: images, factors and their classes; of own images also what was done to them.

    Raises DataError.
    """
    family, name, options = resolve(spec)
    return family.found(name, options, data_root(root))


def contact_sheet(spec: Spec, root: Root = None) -> tuple[np.ndarray, list[str]]:
    """A picture uint8 (H, W, 3) of a set with a row for each factor, and a caption for each row."""
    return draw(load(spec, root))


def catalogue(root: Root = None) -> list[dict[str, Any]]:
    """A row for every registered name: name, images, factors, sizes, image_shape, source, cache, bytes, missing.

    `source` is "original", "rendered" or None; `cache` is the path of the cache file (None where none is
    needed) and `bytes` its size, 0 before it is built; `missing` is the sentence that says what to bring.
    """
    folder, rows = data_root(root), []
    extensions.load_installed()
    for name, family in families().items():
        row: dict[str, Any] = {"name": name, "images": None, "factors": [], "sizes": [], "source": None}
        row |= {"image_shape": list(family.image_shape), "cache": None, "bytes": 0, "missing": None}
        try:
            info, path = family.describe(name, {}, folder), family.cache_path(name, {}, folder)
        except DataError as error:
            row["missing"] = str(error)
        else:
            row |= {"images": info.num_images, "source": info.source, "cache": str(path) if path else None}
            row |= {"factors": list(info.factor_names), "sizes": list(info.factor_sizes)}
            row["bytes"] = path.stat().st_size if path and path.exists() else 0
        rows.append(row)
    return rows
