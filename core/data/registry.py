"""Finds the data sets: every module of `core.data.sets`, and of extensions; nothing to register by hand."""

import importlib
import os
import pkgutil
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from core import extensions
from core.configuration import Extension
from core.data.family import Family
from core.data.own import family as own
from core.mistakes import DataError, ExtensionError, nearest

Spec = str | Mapping[str, Any]
"""A registered name, or a mapping with ``name`` and the options of that data set, or with the place of own images."""


def families() -> dict[str, Family]:
    """The family of every registered name."""
    return _with_own(extensions.generation())


@cache
def _shipped() -> dict[str, Family]:
    from core.data import sets

    found = {}
    for module in pkgutil.iter_modules(sets.__path__):
        family = importlib.import_module(f"{sets.__name__}.{module.name}").FAMILY
        found.update(dict.fromkeys(family.names(), family))
    return found


@lru_cache(maxsize=1)
def _with_own(generation: int) -> dict[str, Family]:  # noqa: ARG001 - what a cached answer is good for
    found = dict(_shipped())
    for definition in extensions.constants("FAMILY"):
        if not isinstance(definition.value, Family):
            fault = f"FAMILY is no instance of a core.data.family.Family, but of type {type(definition.value).__name__}"
            raise ExtensionError(f"{definition.where}: {fault}")
    made = {type(each.value) for each in extensions.definitions(Family)}
    for definition in extensions.definitions(type):
        kind = definition.value
        own = issubclass(kind, Family) and kind.__module__ == definition.module.__name__ and "name" in vars(kind)
        if own and not any(issubclass(each, kind) for each in made):
            raise ExtensionError(f"{definition.where}: the class makes no data set; write FAMILY = {kind.__name__}()")
    for definition in extensions.definitions(Family):
        family: Family = definition.value
        if any(family is each for each in found.values()):
            continue  # imported from here
        for name in _names(definition):
            if name in found:
                raise ExtensionError(f"{definition.where}: there is a data set '{name}' already; take another name")
            found[name] = family
    return found


def _names(definition: extensions.Definition) -> list[str]:
    """The names of an extension's family, which has what every family has."""
    family: Family = definition.value
    try:
        names, shape = family.names(), tuple(family.image_shape)
    except (AttributeError, TypeError) as error:
        raise ExtensionError(f"{definition.where}: the data set has no name or image_shape: {error}") from None
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ExtensionError(f"{definition.where}: the names of a data set are words, not {names!r}")
    if len(shape) != 3 or not all(isinstance(size, int) for size in shape):
        raise ExtensionError(f"{definition.where}: the image_shape of a data set is (C, H, W), not {shape!r}")
    return names


def of_extension(extension: Extension) -> list[str]:
    """The names of the data sets that an active extension defines."""
    own = {id(each.value) for each in extensions.definitions(Family, extension)}
    return [name for name, family in families().items() if id(family) in own and name not in _shipped()]


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
        extensions.load_installed()
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
