"""What a reserved core of the cluster promises to whoever has a trial to evaluate; knows no Ray."""

from typing import Protocol

from core.configuration import TrialConfig
from trainables.trainable import TrialResult


class CoreLostError(Exception):
    """An evaluation ended without a result: its process or its node died."""


class ReservedCore(Protocol):
    """A core that evaluates one trial."""

    def begin(self, config: TrialConfig) -> None:
        """Start the evaluation."""

    def result(self) -> TrialResult | None:
        """The result, or None before it is there.

        Raises:
            CoreLostError: it will never be there.
        """

    def release(self) -> None:
        """Give the core back, and end what runs on it."""
