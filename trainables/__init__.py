"""Models and their training: one file per model in `trainables/models/` or in an extension, found by its name.

A package in `trainables/models/` is a family of models, `family.model`, which it makes itself.

>>> import trainables
>>> trainables.get("beta_vae").Hyperparameters(beta=4.0).beta
4.0
"""

import functools
import importlib
import itertools
import pkgutil
from typing import cast

from core import extensions
from core.configuration import Extension
from core.mistakes import ExtensionError, UserError, nearest
from trainables import models
from trainables.contract import fault, is_trainable
from trainables.trainable import Trainable


def names() -> list[str]:
    """Names of all models, sorted."""
    extensions.load_installed()
    return sorted({*shipped(), *_own()})


def shipped() -> list[str]:
    """Names of the models of this repository, sorted."""
    return list(_listed(tuple(models.__path__)))


def get(name: str) -> type[Trainable]:
    """The class of a model.

    Raises:
        UserError: there is no such model; the nearest name is proposed.
        ExtensionError: an extension does not define what it should.
    """
    found = known(name)
    if found is None and name not in names():
        raise UserError(f"unknown model '{name}'; {nearest(name, names())}")
    return found or _own()[name]


def known(name: str) -> type[Trainable] | None:
    """The class of a model, if it is one of this repository or of an extension that was loaded; nothing is run."""
    return _shipped(name) if name in shipped() else _own().get(name)


def of_extension(extension: Extension) -> list[type[Trainable]]:
    """The models that an active extension defines."""
    defined = {id(each.value) for each in extensions.definitions(type, extension)}
    return [each for each in _own().values() if id(each) in defined]


@functools.cache
def _listed(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the modules in these folders, sorted: a report asks a model for its symbols hundreds of times."""
    return tuple(sorted(itertools.chain.from_iterable(map(_members, pkgutil.iter_modules(folders)))))


def _members(module: pkgutil.ModuleInfo) -> list[str]:
    """The model of a file, or those of a package, which is a family."""
    return importlib.import_module(f"trainables.models.{module.name}").members() if module.ispkg else [module.name]


def _shipped(name: str) -> type[Trainable]:
    family, _, member = name.partition(".")
    module = importlib.import_module(f"trainables.models.{family}")
    if member:
        return cast(type[Trainable], module.member(name))
    classes: list[type[Trainable]] = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and vars(value).get("name") == name
    ]
    if len(classes) != 1:
        raise ImportError(f"{module.__file__} must define exactly one class with name = '{name}'")
    return classes[0]


def _own() -> dict[str, type[Trainable]]:
    return _of_extensions(extensions.generation())


@functools.lru_cache(maxsize=1)
def _of_extensions(generation: int) -> dict[str, type[Trainable]]:  # noqa: ARG001 - what a cached answer is good for
    """The models of extensions: every class with a name, and no class that lacks one and is nobody's base."""
    found: dict[str, type[Trainable]] = {}
    classes = [each for each in extensions.definitions(type) if each.value.__module__ == each.module.__name__]
    for definition in classes:
        kind = definition.value
        if not is_trainable(kind):
            continue
        derived = [each for each in classes if kind in each.value.__mro__[1:]]
        if "name" not in vars(kind) and derived:
            continue  # what several models share
        wrong = fault(kind)
        name = vars(kind).get("name")
        if wrong is None and (name in found or name in shipped()):
            wrong = f"there is a model '{name}' already; give yours another name"
        if wrong:
            raise ExtensionError(f"{definition.where}: {wrong}")
        found[name] = kind
    return found
