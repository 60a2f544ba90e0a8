"""A trial whose training happens in another process, the host of its device (`trainables.training.host`)."""

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from core.checkpoints import Checkpoint
from core.configuration import TrialConfig
from trainables.training.run import TrainingRun

log = logging.getLogger(__name__)

ATTEMPTS = 3  # to reach a host


class HostLostError(Exception):
    """The host's process died; its trials go on in another from what they fetched last."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trial at its next result.

    Attributes:
        state: weights, optimiser and generator state, with the sums of the loss parts since the result before.
        ledger: `device`, `stack` (trials that were trained together when it got there) and `training_pid`.
    """

    state: Checkpoint
    ledger: dict[str, Any]


class TrainingHost(Protocol):
    """What a trial asks of its host."""

    def join(self, config: dict[str, Any], checkpoint: Checkpoint | None) -> int:
        """Take a trial in, at its checkpoint; the step it stands at."""

    def next_result(self, identity: str, seconds: float) -> Trained | int:
        """Wait for the next result of a trial, at most so long; the step where it is, when that was too short."""

    def state(self, identity: str) -> Checkpoint:
        """Where a trial is now, at its next result at most."""

    def leave(self, identity: str) -> None:
        """Drop a trial; no error when it is not there."""


class HostedRun(TrainingRun):
    """A trial that is trained by the host of its device, and evaluated and saved here, on the CPU.

    Args:
        config: the trial.
        connect: gives the host, another than the lost one that it is told of, or None.
    """

    def __init__(self, config: TrialConfig, connect: Callable[[Any], TrainingHost]) -> None:
        super().__init__(config, on_cpu=True)
        self._connect = connect
        self._host: TrainingHost | None = None
        self._of_host: dict[str, Any] = {}  # what the host said for the ledger
        self._there = 0  # the step that the host came to

    @property
    def progress(self) -> int:
        """Steps so far, of the host."""
        return max(self.step, self._there)

    def train_for(self, seconds: float) -> bool:
        """Wait so long for the next result, and fetch it; a host that died is replaced."""
        if self.waits or self.step >= self.target:
            return True
        began = time.perf_counter()
        found = self._fetch(seconds)
        self.ledger["seconds_training"] += time.perf_counter() - began
        if isinstance(found, int):
            self._there = found
            return False
        assert found.state.step == self.target
        self.load_state(found.state)
        self._of_host = found.ledger
        if self.step >= self.config.steps:
            self.close()
        return True

    def _fetch(self, seconds: float) -> Trained | int:
        lost: TrainingHost | None = None
        for attempt in range(ATTEMPTS):
            try:
                if self._host is None:
                    self._host = self._connect(lost)
                    self._host.join(self.config.to_json(), self.checkpoint() if self.step else None)
                return self._host.next_result(self.config.identity, seconds)
            except HostLostError:
                lost, self._host = self._host, None
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def catch_up(self) -> None:
        """Fetch the host's state; where that is lost, the one here stays."""
        if self._host is not None and self.step < self.target:
            try:
                self.load_state(self._host.state(self.config.identity))
            except HostLostError:
                log.info("%s stays at step %d: its host is gone", self.config.identity, self.step)

    def measured(self) -> dict[str, Any]:
        """The ledger, with what the host says of the training."""
        return {**super().measured(), **self._of_host}

    def close(self) -> None:
        """Give up the place on the device."""
        if self._host is not None:
            try:
                self._host.leave(self.config.identity)
            except HostLostError:
                log.info("%s leaves a host that is gone", self.config.identity)
            self._host = None
