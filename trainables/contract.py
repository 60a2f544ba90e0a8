"""What a class must have to be a model, looked at without making one: an extension is refused with a sentence."""

import re
from typing import Any

from pydantic import ValidationError

from trainables.hyperparameters import Hyperparameters

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
STREAMS = ("all", "annotated", "pairs")


def is_trainable(kind: type) -> bool:
    """Whether a class is meant to be run by a trial: what a `Model` has, or a simulation."""
    return hasattr(kind, "learns") and hasattr(kind, "warm_up_steps")


def fault(kind: Any) -> str | None:
    """Which half of the contract a class does not keep, as a sentence; None when it keeps both."""
    own, called = vars(kind), kind.__name__
    name = own.get("name")
    if name is None:
        return f"class {called} has no name; write name: ClassVar[str] = 'my_model'"
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"{name!r} is no name of a model: letters, digits and '_'"
    if not isinstance(getattr(kind, "title", None), str):
        return f"model '{name}' has no title, which is how figures write it"
    return _of_hyperparameters(kind, name) or _of_training(kind, name)


def _of_hyperparameters(kind: Any, name: str) -> str | None:
    typed = getattr(kind, "Hyperparameters", None)
    if not (isinstance(typed, type) and issubclass(typed, Hyperparameters)):
        return f"model '{name}' has no class Hyperparameters, derived from trainables.hyperparameters.Hyperparameters"
    try:
        typed()
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"])) or typed.__name__
        return f"the defaults of model '{name}' are not legal: {where}: {detail['msg']}"
    return None


def _of_training(kind: Any, name: str) -> str | None:
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        return f"model '{name}' does not define {', '.join(missing)}"
    if not kind.learns:
        return None if hasattr(kind, "start") else f"model '{name}' does not learn, and has no start"
    from trainables.base import Model

    if not issubclass(kind, Model):
        return f"model '{name}' learns, but does not derive from trainables.base.Model"
    if all(getattr(kind, each) is getattr(Model, each) for each in ("loss", "update", "training_step")):
        return f"model '{name}' does not say how it learns: it has neither loss, update nor training_step"
    unknown = set(kind.streams) - set(STREAMS)
    if unknown:
        return f"a stream of model '{name}' is {', '.join(map(repr, STREAMS[:-1]))} or 'pairs', not {min(unknown)!r}"
    if "annotated" in kind.streams and kind.attach is Model.attach:
        return f"model '{name}' has the stream 'annotated', and no attach that chooses its images"
    if any(now == "pairs" and before != "all" for before, now in zip(("", *kind.streams), kind.streams, strict=False)):
        return f"the stream 'pairs' of model '{name}' does not come after the stream 'all', whose partners it gives"
    if "pairs" in kind.streams and "changed" not in kind.Hyperparameters.model_fields:
        return f"model '{name}' has the stream 'pairs', and no hyperparameter 'changed': factors that differ in a pair"
    absent = set(kind.stackable) - set(kind.Hyperparameters.model_fields)
    if absent:
        return f"stackable of model '{name}' names '{min(absent)}', which is none of its hyperparameters"
    return None
