"""Which configurations are stopped early, and where; pure logic, rebuilt from the journal by every driver."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import trainables
from core.configuration import Configuration
from core.pareto import as_losses
from studies.study_file.spec import EarlyStop, StudySpec

MEDIAN_OF = 4  # other configurations that must have reached a step before their median means something


class Stopper:
    """Decides at every report whether a configuration goes on; all its seeds share one fate."""

    def __init__(self, spec: StudySpec) -> None:
        self.rule: EarlyStop | None = spec.early_stop
        self.stopped: set[str] = set()
        self.controls: set[str] = set()  # the rule would have stopped them; they run on to show what stopping costs
        self._steps = spec.budget.steps
        if self.rule is None:
            return
        directions = spec.objectives
        metric = self.rule.metric or next(iter(directions))
        self._keys = list(directions) if self.rule.rule == "dominated" else [metric]
        self._directions = [directions.get(key) or _direction(key) for key in self._keys]
        self._values: dict[int, dict[str, dict[int, np.ndarray]]] = {}

    def report(self, configuration: Configuration, seed: int, step: int, metrics: Mapping[str, float]) -> None:
        """Take in one report; afterwards `stopped` says who must end."""
        rule, key = self.rule, configuration.hash
        if rule is None or key in self.stopped | self.controls or step >= self._steps:
            return
        if not all(name in metrics for name in self._keys):
            return
        rung = self._rung(rule, configuration, step)
        if rung is None:
            return
        losses = as_losses(np.array([[metrics[name] for name in self._keys]]), self._directions)[0]
        at_rung = self._values.setdefault(rung, {})
        at_rung.setdefault(key, {}).setdefault(seed, losses)
        if self._falls_behind(rule, at_rung, key):
            (self.controls if _is_control(key, rule.control) else self.stopped).add(key)

    def _rung(self, rule: EarlyStop, configuration: Configuration, step: int) -> int | None:
        """The decision point that a report belongs to: the step itself for `median`, else the last rung reached."""
        trainable = trainables.get(configuration.model)
        own = trainable.warm_up_steps(trainable.Hyperparameters(**configuration.hyperparameters))
        if step < rule.grace + own:
            return None
        if rule.rule == "median":
            return step
        rung = rule.grace
        while rung * rule.reduction + own <= step:
            rung *= rule.reduction
        return rung

    def _falls_behind(self, rule: EarlyStop, at_rung: Mapping[str, Mapping[int, np.ndarray]], key: str) -> bool:
        means = {name: np.mean(list(seeds.values()), axis=0) for name, seeds in at_rung.items()}
        mine = means.pop(key)
        others = np.array(list(means.values())).reshape(-1, len(mine))
        if rule.rule == "dominated":
            return bool((others < mine).all(1).any())
        if rule.rule == "median":
            return len(others) >= MEDIAN_OF and bool(mine[0] > np.median(others[:, 0]))
        better = int((others[:, 0] < mine[0]).sum())
        return len(others) + 1 >= rule.reduction and better >= (len(others) + 1) / rule.reduction


def _is_control(key: str, control: float) -> bool:
    """A fixed share of configurations, by their hash."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32 < control


def _direction(key: str) -> Any:
    import core.metrics

    metric, _ = core.metrics.find_key(key)
    return metric.directions.get(key.partition("/")[0]) or "maximize"
