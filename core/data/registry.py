"""Finds the data sets: every module of `core.data.sets`, nothing to register by hand."""

import importlib
import os
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from core.data.family import Family
from core.mistakes import DataError, nearest

Spec = str | Mapping[str, Any]
"""A registered name, or a mapping with ``name`` and the options of that data set."""


@cache
def families() -> dict[str, Family]:
    """The family of every registered name."""
    from core.data import sets

    found = {}
    for module in pkgutil.iter_modules(sets.__path__):
        family = importlib.import_module(f"{sets.__name__}.{module.name}").FAMILY
        found.update(dict.fromkeys(family.names(), family))
    return found


def resolve(spec: Spec) -> tuple[Family, str, dict[str, Any]]:
    """The family, the registered name and the options that `spec` stands for. Raises DataError."""
    if isinstance(spec, str):
        spec = {"name": spec}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise DataError(f"a data set is a name or a mapping with a 'name', not {spec!r}")
    name = spec["name"]
    if name not in families():
        raise DataError(f"there is no data set {name!r}; {nearest(name, families())}")
    options = {str(key): value for key, value in spec.items() if key != "name" and value is not None}
    return families()[name], name, options


def dataset_name(spec: Spec) -> str:
    """The registered name in `spec`, without its options."""
    return spec if isinstance(spec, str) else str(spec["name"])


def data_root(root: str | os.PathLike[str] | None) -> Path:
    """The folder of originals and caches: `root`, else $STUDIES_DATA, else ./data; absolute."""
    path = Path(root or os.environ.get("STUDIES_DATA") or "data").expanduser().absolute()
    try:
        there = path.exists()
    except PermissionError:
        raise DataError(f"the data folder {path} cannot be reached: a folder above it cannot be looked into") from None
    if there and not path.is_dir():
        raise DataError(f"the data folder {path} is a file")
    if there and not os.access(path, os.R_OK | os.X_OK):
        raise DataError(f"the data folder {path} cannot be read")
    return path
