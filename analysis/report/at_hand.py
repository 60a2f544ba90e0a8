"""What of a study is at hand on this machine: its data set, its models, and the pictures that its trials left."""

import dataclasses
import functools
from typing import Any

from analysis.models.latents import Dimensions, describe
from analysis.reading.trial import Trial
from analysis.results import Results
from core.data import DataError
from core.mistakes import ExtensionError, MetricError


def cached(study: Results) -> bool:
    """Whether the data set can be opened here without rendering or downloading anything."""
    import core.data

    try:
        path = core.data.cache_path(study.spec["dataset"], study.stores["data"])
    except core.data.DataError:
        return False
    return path is not None and path.exists()


def best_seed(study: Results, configuration: str) -> Trial:
    """The completed trial of a configuration that is best by the first objective."""
    metric, direction = next(iter(study.objectives.items()))
    trials = study.trials()
    own = trials[(trials["configuration"] == configuration) & (trials["state"] == "COMPLETED")]
    best = own.sort_values(metric, ascending=direction == "minimize", kind="stable").iloc[0]
    return study.trial(configuration, int(best["seed"]))


@dataclasses.dataclass(frozen=True)
class Opened:
    """A trained model, and what its dimensions stand for."""

    model: Any
    dimensions: Dimensions


class Models:
    """The models of a study's trials, each opened once."""

    def __init__(self, study: Results) -> None:
        self._study = study
        self._there = cached(study)
        self._opened: dict[str, Opened | None] = {}

    def opened(self, trial: Trial) -> Opened | None:
        """The model of a trial; None without its weights, or without the data set."""
        if trial.identity not in self._opened:
            self._opened[trial.identity] = self._open(trial) if self._there else None
        return self._opened[trial.identity]

    @functools.cached_property
    def _dataset(self) -> Any:
        return self._study.dataset()

    def _open(self, trial: Trial) -> Opened | None:
        try:
            model = trial.load()
            return Opened(model, describe(model, self._dataset))
        except (FileNotFoundError, DataError, MetricError, ExtensionError):
            # no checkpoint is kept, the data set is too small to vote, or the model is in code that is not run to read
            return None
