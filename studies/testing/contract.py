"""A check of a contract: what it promises, to whom it applies, and how it says what is wrong."""

import dataclasses
import inspect
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import core.data
import trainables
from core import extensions
from core.configuration import TrialConfig
from studies.testing.trials import trial_config


class NotApplicable(Exception):  # noqa: N818 - no error
    """A check does not apply to what it looks at, for the reason that is given."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """What a check is given.

    Attributes:
        name: of the model, the request of the metric, the data set or the labeller.
        folder: to write into, empty and this check's alone; data sets are cached in `data`.
        data: directory of data sets.
        dataset: that models are trained on; None for a small one of sprites.
    """

    name: str
    folder: pathlib.Path
    data: pathlib.Path
    dataset: Any = None

    @property
    def model(self) -> Any:
        """The class of the model."""
        return trainables.get(self.name)

    def trial(self, *, seed: int = 0, **changes: Any) -> TrialConfig:
        """A small trial of the model: four steps, evaluated after two.

        Raises:
            NotApplicable: the model refuses the data set.
            ValueError: the hyperparameters are not legal together.
        """
        given = {"data_root": str(self.data), "extensions": extensions.active(), **changes}
        if self.dataset is not None:
            given = {"dataset": self.dataset, **given}
        config = trial_config(self.name, self.folder, seed=seed, **given)
        if "hyperparameters" not in changes:
            refusal = self.model.Hyperparameters(**config.configuration.hyperparameters).refuse(
                core.data.describe(config.dataset, config.data_root)
            )
            if refusal:
                raise NotApplicable(f"it cannot be trained on what it is tried on, give another --dataset: {refusal}")
        return config


Check = Callable[[Bench], None]


def hold(condition: object, otherwise: str) -> None:
    """Fail with a sentence unless a condition holds.

    Raises:
        AssertionError: it does not.
    """
    if not condition:
        raise AssertionError(otherwise)


def refuses(call: Callable[[], object], error: type[Exception], saying: str, what: str) -> None:
    """Fail unless a call raises an error of that kind that says so.

    Raises:
        AssertionError: it raises nothing, or something else.
    """
    try:
        call()
    except error as raised:
        hold(saying in str(raised), f"{what} is refused with '{raised}', which does not say '{saying}'")
        return
    raise AssertionError(f"{what} is not refused with {error.__name__}")


def identical(one: Any, other: Any) -> bool:
    """Whether two states are equal to the last bit, whatever order the two were written in."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(identical(value, other[key]) for key, value in one.items())
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if hasattr(one, "untyped_storage"):
        import torch

        return torch.equal(one, other)
    return bool(one == other)


def law(check: Check) -> str:
    """What a check promises, in a few words: the first line of its docstring."""
    return (inspect.getdoc(check) or check.__name__).splitlines()[0].rstrip(".")
