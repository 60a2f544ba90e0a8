"""Models and their training: one file per model in `trainables/models/`, found by its name.

>>> import trainables
>>> trainables.get("beta_vae").Hyperparameters(beta=4.0).beta
4.0
"""

import importlib
import pkgutil

from core.mistakes import nearest
from trainables import models
from trainables.trainable import Trainable


def names() -> list[str]:
    """Names of all models, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(models.__path__))


def get(name: str) -> type[Trainable]:
    """The class of a model.

    Raises:
        ValueError: there is no such model; the nearest name is proposed.
    """
    if name not in names():
        raise ValueError(f"unknown model '{name}'; {nearest(name, names())}")
    module = importlib.import_module(f"trainables.models.{name}")
    classes: list[type[Trainable]] = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and vars(value).get("name") == name
    ]
    if len(classes) != 1:
        raise ImportError(f"{module.__file__} must define exactly one class with name = '{name}'")
    return classes[0]
