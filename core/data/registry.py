"""Finds the data sets: every module of `core.data.sets`, nothing to register by hand."""

import importlib
import os
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from core.data.family import Family
from core.data.own import family as own
from core.mistakes import DataError, nearest

Spec = str | Mapping[str, Any]
"""A registered name, or a mapping with ``name`` and the options of that data set, or with the place of own images."""


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
    kind = own.kind_of(spec) if isinstance(spec, Mapping) else None
    if isinstance(spec, Mapping) and kind:
        name = own.label(spec, kind)
        if name in families():
            raise DataError(f"{name!r} is the name of another data set: call these images otherwise with 'name'")
        return own.FAMILY, name, {str(key): value for key, value in spec.items() if key != "name" and value is not None}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise DataError(
            f"a data set is a name, a mapping with a 'name', or one of {', '.join(own.KINDS)} with a path, not {spec!r}"
        )
    name = spec["name"]
    if name not in families():
        raise DataError(f"there is no data set {name!r}; {nearest(name, families())}")
    options = {str(key): value for key, value in spec.items() if key != "name" and value is not None}
    return families()[name], name, options


def dataset_name(spec: Spec) -> str:
    """The registered name in `spec`, without its options; of own images, what they are called."""
    if isinstance(spec, str):
        return spec
    kind = own.kind_of(spec)
    return own.label(spec, kind) if kind else str(spec["name"])


def anchored(spec: Any, base: Path) -> Any:
    """A spec whose paths do not depend on where a process is: relative ones begin at `base`."""
    kind = own.kind_of(spec) if isinstance(spec, Mapping) else None
    return own.anchored(dict(spec), kind, base.absolute()) if kind else spec


def pinned(spec: Any, root: Path) -> Any:
    """A spec of own images with a digest of their `content`: from then on no others are taken. Raises DataError."""
    if not isinstance(spec, Mapping) or not own.kind_of(spec):
        return spec
    _, name, options = resolve(spec)
    return {**spec, "content": own.FAMILY.opened(name, options, root).content}


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
