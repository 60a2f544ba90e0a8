"""What Ray, `replay` and the study file need of anything that a trial can run, with PyTorch or without it.

A `Trainable` is a class: a model in PyTorch (`trainables.base.Model`), or the simulated one. The run of a trial is a
`Run`, and says where it is by `TrialResult`s.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from core.configuration import TrialConfig
from core.storage import Folder
from trainables.hyperparameters import Hyperparameters


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What a trial says at the end of an interval.

    Attributes:
        step: optimiser steps so far.
        metrics: result key to value; means of the loss parts over the interval are under `train/…`.
        ledger: seconds training and evaluating so far, peak memory, parameters, device; `seconds_handed_over` of the
            seconds evaluating were another process's than the trial's (`trainables.training.run.evaluate_trained`).
        done: this is the last result.
        failure: why the trial failed, as a sentence, or None.
        evaluated: False between the two halves of an interval: there are only means of the loss parts yet.
        again: an earlier process saved it, and may have ended before it could say it.
    """

    step: int
    metrics: Mapping[str, float]
    ledger: Mapping[str, Any]
    done: bool = False
    failure: str | None = None
    evaluated: bool = True
    again: bool = False


@dataclasses.dataclass(frozen=True)
class Underway:
    """Where a trial is between two results: optimiser steps, and seconds of training and evaluating so far."""

    step: int
    seconds: float


class Run(Protocol):
    """One trial in a process.

    Attributes:
        step: optimiser steps of the state that is held here.
        earlier: the last result in the checkpoint that was taken up, where others follow; else None.
        progress: optimiser steps so far, also where another process takes them.
        seconds: of training and evaluating so far.
    """

    step: int
    earlier: TrialResult | None

    @property
    def progress(self) -> int:
        """Optimiser steps so far."""

    @property
    def seconds(self) -> float:
        """Spent so far."""

    def restore(self, folder: Folder) -> int:
        """Go on from the newest whole checkpoint in the folder; the step reached (0 without one)."""

    def train_for(self, seconds: float) -> bool:
        """Train for about so long towards the next result; whether nothing is left to train before it."""

    def catch_up(self) -> None:
        """Fetch the state of `progress`, which `save` is to write."""

    def train_interval(self) -> TrialResult | None:
        """Train to the next result, without evaluating; None of a run that trains and evaluates in one."""

    def advance(self) -> TrialResult:
        """Train to the next result, and evaluate."""

    def save(self, folder: Folder) -> None:
        """Write a checkpoint of the current state."""

    def close(self) -> None:
        """Give up what the trial holds outside of this process; it is not trained any more."""


class Trainable(Protocol):
    """The class of what a trial runs.

    Attributes:
        name: the file's name, and the one in study files.
        title: how figures write it.
        Hyperparameters: its typed hyperparameters; the legal search space.
        streams: the batches that one step takes, in order; see `trainables.base.Model`.
        serves: what metrics and pictures may ask of it; see `trainables.representation.Representation`.
        extra_inputs: names of inputs of metrics that only this model gives.
        learns: it is a `trainables.base.Model`, with weights and images. What does not learn makes its metrics itself
            and is a `Simulation`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Hyperparameters: ClassVar[type[Hyperparameters]]
    streams: ClassVar[tuple[str, ...]]
    serves: ClassVar[frozenset[str]]
    extra_inputs: ClassVar[frozenset[str]]
    learns: ClassVar[bool]

    @staticmethod
    def warm_up_steps(hyperparameters: Any) -> int:
        """Steps until all schedules have ended; before, curves say little about where they lead."""


class Simulation(Trainable, Protocol):
    """A trainable that has a run of its own, since it does not learn."""

    @staticmethod
    def start(config: TrialConfig) -> Run:
        """The run of a trial, at step 0."""


def next_result(step: int, config: TrialConfig) -> int:
    """The step of the next result: a multiple of `evaluate_every`, or the last step."""
    return min((step // config.evaluate_every + 1) * config.evaluate_every, config.steps)
