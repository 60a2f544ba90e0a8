"""A trial whose training happens in another process, the host of its device (`trainables.training.host`)."""

import dataclasses
import logging
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
        parts: means of the loss parts since the result before.
        state: weights, optimiser and generator state.
        ledger: `device`, `stack` (trials that were trained together when it got there) and `training_pid`.
    """

    parts: dict[str, float]
    state: Checkpoint
    ledger: dict[str, Any]


class TrainingHost(Protocol):
    """What a trial asks of its host."""

    def join(self, config: dict[str, Any], checkpoint: Checkpoint | None) -> int:
        """Take a trial in, at its checkpoint; the step it stands at."""

    def next_result(self, identity: str) -> Trained:
        """Wait for the next result of a trial."""

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

    def train(self, target: int) -> dict[str, float]:
        """Fetch the result at `target`; a host that died is replaced."""
        lost: TrainingHost | None = None
        for attempt in range(ATTEMPTS):
            try:
                if self._host is None:
                    self._host = self._connect(lost)
                    self._host.join(self.config.to_json(), self.checkpoint() if self.step else None)
                trained = self._host.next_result(self.config.identity)
                break
            except HostLostError:
                lost, self._host = self._host, None
                if attempt == ATTEMPTS - 1:
                    raise
        assert trained.state.step == target
        self.load_state(trained.state)
        self._of_host = trained.ledger
        if self.step >= self.config.steps:
            self.close()
        return trained.parts

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
