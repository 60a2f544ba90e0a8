"""Trials that make their learning curves themselves: the same reports and checkpoints, no weights, no images."""

import time
from typing import Any, ClassVar

from core import checkpoints
from core.checkpoints import Checkpoint
from core.configuration import TrialConfig
from core.storage import Folder
from trainables.trainable import TrialResult, next_result


class WithoutNetwork:
    """What the classes of simulations have in common: nothing is learnt, and nothing can be asked of them."""

    streams: ClassVar[tuple[str, ...]] = ()
    serves: ClassVar[frozenset[str]] = frozenset()
    extra_inputs: ClassVar[frozenset[str]] = frozenset()
    learns: ClassVar[bool] = False
    most_steps: ClassVar[int | None] = None  # up to which the curves are known; None: there is no end

    @staticmethod
    def warm_up_steps(hyperparameters: Any) -> int:  # noqa: ARG004
        """No schedule."""
        return 0


class SimulationRun:
    """Follows curves that are known for every step; see `trainables.trainable.Run`.

    Args:
        config: the trial.
    """

    def __init__(self, config: TrialConfig) -> None:
        self.config = config
        self.step = 0
        self.seconds = 0.0
        self.resumed = False
        self.earlier: TrialResult | None = None

    def metrics(self) -> dict[str, float]:
        """Results at `step`; every simulation has its own."""
        raise NotImplementedError

    def ledger(self) -> dict[str, Any]:
        """What the trial has cost at `step`."""
        spent = {"seconds_training": self.seconds, "seconds_evaluating": 0.0}
        return {**spent, "peak_memory": 0, "parameters": 0, "device": "simulated"}

    def pass_interval(self) -> None:
        """What takes time between two results."""

    def restore(self, folder: Folder) -> int:
        """Go on from the newest checkpoint."""
        checkpoint = checkpoints.newest(folder, up_to=self.config.steps)
        if checkpoint is not None:
            self.step, self.resumed = checkpoint.step, True
            self.seconds = checkpoint.description["ledger"]["seconds_training"]
            if self.step < self.config.steps:
                self.earlier = TrialResult(self.step, self.metrics(), self.ledger())
        return self.step

    def close(self) -> None:
        """Nothing is held elsewhere."""

    @property
    def progress(self) -> int:
        """Steps so far."""
        return self.step

    def train_for(self, seconds: float) -> bool:  # noqa: ARG002
        """There is nothing to train between results."""
        return True

    def catch_up(self) -> None:
        """All is here."""

    def train_interval(self) -> None:
        """There is nothing to train apart from the evaluation."""

    def advance(self) -> TrialResult:
        """The next point of the curves."""
        began = time.perf_counter()
        if self.step < self.config.steps:
            self.pass_interval()
            self.step = next_result(self.step, self.config)
        self.seconds += time.perf_counter() - began
        return TrialResult(self.step, self.metrics(), self.ledger(), done=self.step >= self.config.steps)

    def save(self, folder: Folder) -> None:
        """Write a checkpoint without weights."""
        report = {"step": self.step, "metrics": self.metrics()}
        description = {"trial": self.config.to_json(), "ledger": self.ledger(), "report": report}
        checkpoints.save(folder, Checkpoint(self.step, description))
