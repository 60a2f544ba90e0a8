"""Models with closed-form curves and known fronts: an extension that the held-out problems of the benchmark run with.

`steady`, `strong`, `plain` and `late` are models to choose among, each with a weight that trades disentanglement for
reconstruction and a learning rate with one good value; `late` is the best of them at the end, and looks the worst
before. `zdt1` (Zitzler, Deb and Thiele 2000) and `dtlz2` (Deb and others 2002) are the standard problems of that name.
"""

import math
import zlib
from typing import Any, ClassVar

import numpy as np

from core.configuration import TrialConfig
from trainables.hyperparameters import Hyperparameters, hyperparameter
from trainables.simulation import SimulationRun, WithoutNetwork

SPREAD = 0.04  # of seeds, in every objective; half of its variance stays the same over a trial's steps


class SyntheticRun(SimulationRun):
    """Approaches the true values of its configuration, with a seed's deviation."""

    def __init__(self, config: TrialConfig, truth: dict[str, float], start: dict[str, float], speed: float) -> None:
        super().__init__(config)
        self._truth, self._start, self._speed = truth, start, speed
        self._seed = [config.training_seed, zlib.crc32(config.configuration.hash.encode())]

    def metrics(self) -> dict[str, float]:
        """Results at `step`."""
        learnt = -math.expm1(-self._speed * self.step / self.config.steps) / -math.expm1(-self._speed)
        lasting = np.random.default_rng(self._seed).standard_normal(len(self._truth))
        passing = np.random.default_rng([*self._seed, self.step]).standard_normal(len(self._truth))
        deviation = SPREAD * math.sqrt(0.5) * (lasting + passing)
        return {
            key: self._start[key] + learnt * (value - self._start[key]) + float(noise)
            for (key, value), noise in zip(self._truth.items(), deviation, strict=True)
        }

    def ledger(self) -> dict[str, Any]:
        """A second for every step."""
        return {**super().ledger(), "seconds_training": float(self.step)}


class Synthetic(WithoutNetwork):
    """What these models have in common."""

    Hyperparameters: ClassVar[type[Hyperparameters]]
    START: ClassVar[dict[str, float]]
    SPEED: ClassVar[float] = 4.0

    @classmethod
    def truth(cls, values: Any) -> dict[str, float]:
        """Final results without a deviation."""
        raise NotImplementedError

    @classmethod
    def start(cls, config: TrialConfig) -> SyntheticRun:
        """The run of a trial."""
        values = cls.Hyperparameters(**config.configuration.hyperparameters)
        return SyntheticRun(config, cls.truth(values), cls.START, cls.SPEED)


class FamilyHyperparameters(Hyperparameters):
    """A weight, and the learning rate that all models have."""

    weight: float = hyperparameter(1.0, "Trades reconstruction.", symbol="w", source="synthetic", ge=0.1, le=10.0)


class Family(Synthetic):
    """A model to choose among: quality rises with the weight, and so does the error."""

    Hyperparameters: ClassVar = FamilyHyperparameters
    START: ClassVar = {"mig": 0.0, "reconstruction_error": 1.0}
    QUALITY: ClassVar[tuple[float, float]]
    ERROR: ClassVar[tuple[float, float]]
    GOOD_RATE: ClassVar[float] = 0.5  # on the scale from 1e-4 to 1e-2

    @classmethod
    def truth(cls, values: Any) -> dict[str, float]:
        """Final results without a deviation."""
        weight = math.log10(values.weight / 0.1) / 2
        lost = 0.6 * (math.log10(values.learning_rate / 1e-4) / 2 - cls.GOOD_RATE) ** 2
        quality = cls.QUALITY[0] + cls.QUALITY[1] * weight - lost
        return {"mig": quality, "reconstruction_error": cls.ERROR[0] + cls.ERROR[1] * weight**2 + lost}


class Steady(Family):
    """Low error, low quality."""

    name: ClassVar[str] = "steady"
    title: ClassVar[str] = "steady"
    QUALITY: ClassVar = (0.1, 0.3)
    ERROR: ClassVar = (0.1, 0.4)


class Strong(Family):
    """Higher quality at a higher error."""

    name: ClassVar[str] = "strong"
    title: ClassVar[str] = "strong"
    QUALITY: ClassVar = (0.3, 0.4)
    ERROR: ClassVar = (0.35, 0.5)
    GOOD_RATE: ClassVar = 0.7


class Plain(Family):
    """Dominated everywhere."""

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "plain"
    QUALITY: ClassVar = (0.05, 0.15)
    ERROR: ClassVar = (0.12, 0.3)


class Late(Family):
    """Ahead of `strong` in the end, behind everything before."""

    name: ClassVar[str] = "late"
    title: ClassVar[str] = "late"
    QUALITY: ClassVar = (0.35, 0.4)
    ERROR: ClassVar = (0.33, 0.5)
    GOOD_RATE: ClassVar = 0.3
    SPEED: ClassVar = 0.5


def _coordinate(number: int) -> Any:
    return hyperparameter(0.5, "A coordinate.", symbol=f"x{number}", source="synthetic", ge=0.0, le=1.0)


class CubeHyperparameters(Hyperparameters):
    """Five coordinates."""

    x1: float = _coordinate(1)
    x2: float = _coordinate(2)
    x3: float = _coordinate(3)
    x4: float = _coordinate(4)
    x5: float = _coordinate(5)

    @property
    def coordinates(self) -> np.ndarray:
        """(5,)."""
        return np.array([self.x1, self.x2, self.x3, self.x4, self.x5])


class Zdt1(Synthetic):
    """A convex front of two objectives, at x2 = … = x5 = 0.3: not at a corner, where some designs begin."""

    name: ClassVar[str] = "zdt1"
    title: ClassVar[str] = "ZDT1"
    Hyperparameters: ClassVar = CubeHyperparameters
    START: ClassVar = {"reconstruction_error": 1.0, "reconstruction_mse": 10.0}

    @classmethod
    def truth(cls, values: Any) -> dict[str, float]:
        """Final results without a deviation."""
        first, *rest = values.coordinates
        far = 1.0 + 9.0 * float(np.mean(np.abs(np.array(rest) - 0.3) / 0.7))
        return {"reconstruction_error": float(first), "reconstruction_mse": far * (1.0 - math.sqrt(first / far))}


class Dtlz2(Synthetic):
    """An eighth of a sphere of three objectives, at x3 = x4 = x5 = 1/2."""

    name: ClassVar[str] = "dtlz2"
    title: ClassVar[str] = "DTLZ2"
    Hyperparameters: ClassVar = CubeHyperparameters
    START: ClassVar = dict.fromkeys(("reconstruction_error", "reconstruction_mse", "total_correlation_gaussian"), 2.0)

    @classmethod
    def truth(cls, values: Any) -> dict[str, float]:
        """Final results without a deviation."""
        first, second, *rest = values.coordinates
        far = 1.0 + float(np.sum((np.array(rest) - 0.5) ** 2))
        a, b = first * math.pi / 2, second * math.pi / 2
        points = (far * math.cos(a) * math.cos(b), far * math.cos(a) * math.sin(b), far * math.sin(a))
        return dict(zip(cls.START, points, strict=True))
