"""Models whose learning curves were recorded, so that a whole study of them runs in seconds: `recorded.beta_vae`.

What was recorded is in `search_table.parquet`, described in the README beside it. A trial replays curves of the mean
over seeds with the deviation of a real seed (`curves.Curves`); PyTorch is not imported.
"""

import functools
import zlib
from typing import Any, ClassVar, Literal, cast

import numpy as np
from pydantic import create_model

from core.configuration import TrialConfig
from core.mistakes import UserError
from trainables.hyperparameters import Hyperparameters, hyperparameter
from trainables.models.recorded import curves
from trainables.models.recorded.curves import SPENT, RecordedModel
from trainables.simulation import SimulationRun, WithoutNetwork

FAMILY = "recorded"


def members() -> list[str]:
    """Names of the models that were recorded, such as `recorded.beta_vae`."""
    return [f"{FAMILY}.{model}" for model in curves.describe().models]


@functools.lru_cache(maxsize=32)
def member(name: str) -> type["Recorded"]:
    """The class of one of them."""
    model = name.removeprefix(f"{FAMILY}.")
    found = curves.describe().models[model]
    own: dict[str, Any] = {
        "name": name,
        "title": f"{found.title}, recorded",
        "Hyperparameters": _hyperparameters(model, found),
    }
    own["most_steps"] = curves.describe().steps
    return type(f"Recorded{model.title().replace('_', '')}", (Recorded,), {**own, "__module__": __name__})


def _hyperparameters(model: str, found: RecordedModel) -> type[Hyperparameters]:
    """Knobs within what was recorded; what all models have, as it was."""
    fields: dict[str, Any] = {}
    for name, knob in found.knobs.items():
        middle = (knob.low * knob.high) ** 0.5
        value = hyperparameter(
            round(middle) if knob.integer else middle,
            knob.description,
            symbol=knob.symbol,
            source=knob.source,
            ge=knob.low,
            le=knob.high,
        )
        fields[name] = (int if knob.integer else float, value)
    for name, field in Hyperparameters.model_fields.items():
        if name in fields:
            continue
        value, extra = found.fixed[name], cast(dict[str, Any], field.json_schema_extra)
        number = isinstance(value, int | float)
        described = hyperparameter(
            value,
            f"{field.description} As it was recorded.",
            symbol=extra["symbol"],
            source=extra["source"],
            **({"ge": value, "le": value} if number else {}),
        )
        fields[name] = (field.annotation if number else Literal[value], described)
    return create_model(f"Recorded_{model}", __base__=Hyperparameters, __module__=__name__, **fields)


class Recorded(WithoutNetwork):
    """What recorded models have in common; none of them had a schedule."""

    name: ClassVar[str]
    title: ClassVar[str]
    Hyperparameters: ClassVar[type[Hyperparameters]]

    @staticmethod
    def start(config: TrialConfig) -> "RecordedRun":
        """The run of a trial."""
        return RecordedRun(config)


class RecordedRun(SimulationRun):
    """Follows recorded curves; the time that a trial has cost is what it cost then.

    Seeds of a study are recorded seeds in an order that the study's own seed gives. At points of the grid it is the
    same for all: seed s of every configuration shared initialisation and data order. Elsewhere every configuration has
    an order of its own, since what a seed does to one point of the grid says next to nothing of the next point: two
    configurations between the same points are not to share their luck.
    """

    def __init__(self, config: TrialConfig) -> None:
        super().__init__(config)
        model = config.configuration.model.removeprefix(f"{FAMILY}.")
        described = curves.describe()
        if config.steps > described.steps:
            raise UserError(f"'{config.configuration.model}' was recorded up to step {described.steps:,}")
        self._parameters = described.models[model].parameters
        self._curves = curves.curves(model)
        knobs = {name: float(config.configuration.hyperparameters[name]) for name in self._curves.axes}
        seeds = self._curves.seeds
        turn, place = divmod(config.seed, seeds)
        own = [] if self._curves.has(knobs) else [int(config.configuration.hash, 16)]
        order = np.random.default_rng([config.study_seed, turn, *own]).permutation(seeds)
        chance = zlib.crc32(f"{config.study_seed} {config.identity}".encode()) / 2**32
        self._values = self._curves.replay(knobs, int(order[place]), chance)

    def metrics(self) -> dict[str, float]:
        """Results at `step`; some were measured at the last recorded step only."""
        return {key: value for key, value in self._now().items() if key not in SPENT and np.isfinite(value)}

    def ledger(self) -> dict[str, Any]:
        """What the recorded trial had cost at `step`."""
        now = self._now() if self.step else dict.fromkeys(SPENT, 0.0)
        spent = {key: now[key] for key in SPENT}
        return {**spent, "peak_memory": 0, "parameters": self._parameters, "device": "recorded"}

    def _now(self) -> dict[str, float]:
        """All values at `step`, between two recorded steps on the line between them."""
        columns = zip(self._curves.keys, self._values.T, strict=True)
        return {key: float(np.interp(self.step, self._curves.steps, values)) for key, values in columns}
