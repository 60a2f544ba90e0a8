"""Learning curves without a network, so that a whole study runs in seconds: for tests, demonstrations and load tests.

The curves trade disentanglement against reconstruction by a weight, as β does, with noise from the seed. PyTorch is
not imported.
"""

import math
import threading
import time
from typing import ClassVar

import numpy as np

from core.configuration import TrialConfig
from trainables.hyperparameters import Hyperparameters, hyperparameter
from trainables.simulation import SimulationRun, WithoutNetwork
from trainables.trainable import TrialResult


class SimulatedHyperparameters(Hyperparameters):
    """A weight like β, and the ways in which a trial can go wrong."""

    beta: float = hyperparameter(
        4.0, "Trades reconstruction for disentanglement.", symbol="β", source="simulated", gt=0.0, le=1e4
    )
    noise: float = hyperparameter(0.02, "Spread over seeds.", symbol="σ", source="simulated", ge=0.0, le=1.0)
    interval: float = hyperparameter(
        0.0, "Duration of one interval between reports.", symbol="t", source="simulated", ge=0.0, le=3600.0
    )
    diverges_at: int = hyperparameter(
        0, "Step at which the loss becomes NaN; 0 never.", symbol="NaN", source="simulated", ge=0
    )
    crashes_at: int = hyperparameter(
        0, "Step at which the trial raises an error; 0 never.", symbol="error", source="simulated", ge=0
    )
    hangs_at: int = hyperparameter(
        0, "Step at which the trial waits for ever; 0 never.", symbol="hang", source="simulated", ge=0
    )
    loses_device_at: int = hyperparameter(
        0, "Step at which its process loses the device; 0 never.", symbol="CUDA error", source="simulated", ge=0
    )
    needs_share: float = hyperparameter(
        0.0, "GPU share below which the trial runs out of memory.", symbol="memory", source="simulated", ge=0.0, le=1.0
    )


_lost_devices: list[str] = []  # of this process, one entry for every trial that lost it


class OutOfMemoryError(RuntimeError):
    """It has the name of PyTorch's own, by which a trial gets a second chance."""


class Simulated(WithoutNetwork):
    """A stand-in for a model: the same reports and checkpoints, no images."""

    name: ClassVar[str] = "simulated"
    title: ClassVar[str] = "simulated"
    Hyperparameters: ClassVar = SimulatedHyperparameters

    @staticmethod
    def start(config: TrialConfig) -> "SimulatedRun":
        """The run of a trial."""
        return SimulatedRun(config)


class SimulatedRun(SimulationRun):
    """Follows closed-form curves."""

    def __init__(self, config: TrialConfig) -> None:
        super().__init__(config)
        self.hyperparameters = SimulatedHyperparameters(**config.configuration.hyperparameters)

    def pass_interval(self) -> None:
        """As long as was asked for."""
        if self.hyperparameters.interval:
            time.sleep(self.hyperparameters.interval)

    def advance(self) -> TrialResult:
        """The next point of the curves, or what goes wrong there."""
        h = self.hyperparameters
        result = super().advance()
        if h.hangs_at and self.step >= h.hangs_at:
            threading.Event().wait()
        if h.loses_device_at and self.step >= h.loses_device_at and not self.resumed:
            _lost_devices.append(self.config.identity)
        if _lost_devices:
            raise RuntimeError("CUDA error: an illegal memory access was encountered (simulated)")
        if self.config.device_share < h.needs_share:
            raise OutOfMemoryError(f"a GPU share of {self.config.device_share:g} does not hold the trial")
        if h.crashes_at and self.step >= h.crashes_at:
            raise RuntimeError(f"simulated error at step {self.step}")
        if h.diverges_at and self.step >= h.diverges_at:
            failure = "diverged: reconstruction became NaN or infinite"
            return TrialResult(self.step, {"train/reconstruction": math.nan}, result.ledger, done=True, failure=failure)
        return result

    def metrics(self) -> dict[str, float]:
        """Saturating curves, with noise from the seed."""
        h = self.hyperparameters
        learnt = 1.0 - math.exp(-3.0 * self.step / self.config.steps)
        rng = np.random.default_rng([self.config.training_seed, self.step, int(self.config.configuration.hash, 16)])
        noise = h.noise * rng.standard_normal(3)
        weight = math.log1p(h.beta) / (1.0 + math.log1p(h.beta))
        error = 600.0 - learnt * (560.0 - 160.0 * weight) + 20.0 * noise[0]
        return {
            "train/reconstruction": error,
            "train/kl": 30.0 * learnt / (1.0 + h.beta),
            "reconstruction_error": error,
            "factor_vae_score": float(np.clip(0.3 + 0.6 * learnt * weight + noise[1], 0.0, 1.0)),
            "mig": float(np.clip(0.5 * learnt * weight + noise[2], 0.0, 1.0)),
        }
