"""Tables of learning curves that were recorded, and what lies between them."""

import dataclasses
import functools
import itertools
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

TABLE = pathlib.Path(__file__).with_name("search_table.parquet")
HELD_OUT = TABLE.with_name("held_out.parquet")  # trials off its grid, in the same columns
SPENT = ("seconds_training", "seconds_evaluating")


@dataclasses.dataclass(frozen=True)
class Knob:
    """A hyperparameter that was varied, and how its model describes it."""

    low: float
    high: float
    integer: bool
    symbol: str
    description: str
    source: str


@dataclasses.dataclass(frozen=True)
class RecordedModel:
    """What was recorded of a model: its knobs, and what all its trials had in common."""

    title: str
    knobs: Mapping[str, Knob]
    fixed: Mapping[str, Any]
    parameters: int


@dataclasses.dataclass(frozen=True)
class Description:
    """What a table is of.

    Attributes:
        steps: of every recorded trial.
        models: by name.
    """

    steps: int
    models: Mapping[str, RecordedModel]


@functools.lru_cache(maxsize=4)
def describe(table: pathlib.Path = TABLE) -> Description:
    """What a table is of, from the file beside it; a table that is not there is of nothing."""
    file = table.with_suffix(".json")
    raw: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"steps": 1, "models": {}}
    models = {
        name: RecordedModel(**{**model, "knobs": {key: Knob(**knob) for key, knob in model["knobs"].items()}})
        for name, model in raw["models"].items()
    }
    return Description(raw["steps"], models)


class Curves:
    """Curves of one model over a full grid of its knobs, replayed between the grid's points too.

    The mean over seeds is interpolated linearly in the logarithm of every knob and in the step. A seed's deviation from
    the mean is that of a whole recorded trial, at a neighbouring point of the grid: the nearer one is the likelier. So
    all results of a trial, at all steps, deviate together as they really did, and at a point of the grid a recorded
    seed is what was recorded.

    Args:
        axes: values of every knob at the grid's points, rising.
        steps: of the evaluations (T,), rising.
        keys: of the results (M).
        values: (points of each knob…, S, T, M), over S seeds.
    """

    def __init__(self, axes: Mapping[str, np.ndarray], steps: np.ndarray, keys: list[str], values: np.ndarray) -> None:
        self.axes = {name: np.log(np.asarray(points, dtype=float)) for name, points in axes.items()}
        self.steps = steps
        self.keys = keys
        self.seeds = values.shape[-3]
        self.values = values
        self._means = values.mean(-3)
        self._variances = values.var(-3, ddof=1)
        self._deviations = values - self._means[..., None, :, :]
        everything = values.reshape(-1, len(keys))
        self._lowest, self._highest = np.fmin.reduce(everything), np.fmax.reduce(everything)  # NaN where not measured

    def mean(self, knobs: Mapping[str, float]) -> np.ndarray:
        """Curves (T, M) of the mean over seeds."""
        return sum(weight * self._means[point] for point, weight in self._neighbours(knobs))

    def deviation(self, knobs: Mapping[str, float]) -> np.ndarray:
        """Standard deviation over seeds (T, M)."""
        return np.sqrt(sum(weight * self._variances[point] for point, weight in self._neighbours(knobs)))

    def standard_error(self, knobs: Mapping[str, float]) -> np.ndarray:
        """Of `mean` (T, M), from the spread over the recorded seeds."""
        weighted = sum(weight**2 * self._variances[point] for point, weight in self._neighbours(knobs))
        return np.sqrt(weighted / self.seeds)

    def replay(self, knobs: Mapping[str, float], seed: int, uniform: float) -> np.ndarray:
        """Curves (T, M) of a trial.

        Args:
            knobs: of the trial.
            seed: which of the recorded ones, 0 … S − 1.
            uniform: a number in [0, 1) that chooses the neighbour.
        """
        points, weights = zip(*self._neighbours(knobs), strict=True)
        chosen = points[min(int(np.searchsorted(np.cumsum(weights), uniform, side="right")), len(points) - 1)]
        return np.clip(self.mean(knobs) + self._deviations[chosen][seed], self._lowest, self._highest)

    def has(self, knobs: Mapping[str, float]) -> bool:
        """Whether a setting is a point of the grid."""
        return len(list(self._neighbours(knobs))) == 1

    def _neighbours(self, knobs: Mapping[str, float]) -> Iterator[tuple[tuple[int, ...], float]]:
        """Points of the grid around a setting, with their weights, which are above 0 and sum to 1."""
        sides = []
        for name, axis in self.axes.items():
            place = float(np.interp(np.log(knobs[name]), axis, np.arange(len(axis))))
            low = min(int(place), len(axis) - 2) if len(axis) > 1 else 0
            share = place - low
            sides.append([(index, weight) for index, weight in ((low, 1 - share), (low + 1, share)) if weight > 0])
        for corner in itertools.product(*sides):
            yield tuple(index for index, _ in corner), float(np.prod([weight for _, weight in corner]))


@functools.lru_cache(maxsize=32)
def curves(model: str, table: pathlib.Path = TABLE) -> Curves:
    """The curves of a model of a table."""
    import pandas as pd

    knobs = list(describe(table).models[model].knobs)
    rows = pd.read_parquet(table, filters=[("model", "==", model)]).dropna(axis=1, how="all")  # of other models
    keys = [key for key in rows.columns if key not in ("model", "seed", "step", *_all_knobs(table))]
    rows = rows.sort_values([*knobs, "seed", "step"])
    axes = {name: np.unique(rows[name].to_numpy()) for name in knobs}
    steps = np.unique(rows["step"].to_numpy())
    shape = (*map(len, axes.values()), rows["seed"].nunique(), len(steps), len(keys))
    return Curves(axes, steps, keys, rows[keys].to_numpy(dtype=float).reshape(shape))


def _all_knobs(table: pathlib.Path) -> set[str]:
    return {name for model in describe(table).models.values() for name in model.knobs}
