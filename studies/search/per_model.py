"""A sampler of its own for every model, and a bandit that chooses among the models.

Many samplers (quasi-random sequences, Gaussian processes, genetic algorithms) need one space with fixed dimensions, and
draw at random where parameters depend on a choice. A study of several models is such a choice. Here each model has a
study of its own, in which its sampler works as it should.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from core.pareto import as_losses, non_dominated
from studies.search.forms import finish_trial

GENERATION = ":generation"  # the attribute in which samplers of Optuna note the generation of a trial
GOOD = 0.25  # share of the finished trials, the best by non-domination, that count as a success of their model


class PerModel(BaseSampler):
    """Chooses a model by Thompson sampling, and its hyperparameters by the model's own sampler.

    A trial succeeds when it is among the best quarter so far. A model's rate of success has a uniform prior; the model
    with the largest draw from its posterior is next. Trials that run count as failures, so that many slots do not all
    try one model.

    Args:
        make: the sampler of a model, from a seed.
        spaces: distributions of each model's parameters, by the name of the model.
        seed: of the choice of models, and of the samplers.
    """

    def __init__(
        self, make: Callable[[int], BaseSampler], spaces: Mapping[str, Mapping[str, BaseDistribution]], seed: int
    ) -> None:
        self._make = make
        self._spaces = {model: dict(space) for model, space in spaces.items()}
        self._rng = np.random.default_rng(seed)
        self._storage = optuna.storages.InMemoryStorage()
        self._studies: dict[str, Study] = {}
        self._inner: dict[int, int] = {}  # number of a trial to its number in the study of its model
        self._told: set[int] = set()
        self._next = ""  # the model of the trial that is being asked for

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The model, and its parameters."""
        self._next = trial.system_attrs.get("fixed_params", {}).get("model") or self._choose(study, trial.number)
        return {"model": CategoricalDistribution(tuple(self._spaces)), **self._spaces[self._next]}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the model's own sampler suggests."""
        model = self._next
        inner = self._study(study, model)
        self._tell(study)
        asked = inner.ask({name: each for name, each in search_space.items() if name != "model"})
        self._inner[trial.number] = asked.number
        for key, value in _generation(inner.get_trials(deepcopy=False)[asked.number]).items():
            study._storage.set_trial_system_attr(trial._trial_id, key, value)  # as samplers of Optuna do
        return {"model": model, **asked.params}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """What was fixed in part, the rest at random."""
        return optuna.samplers.RandomSampler(int(self._rng.integers(2**31))).sample_independent(
            study, trial, param_name, param_distribution
        )

    def _choose(self, study: Study, number: int) -> str:
        trials = [each for each in study.get_trials(deepcopy=False) if each.number != number and "model" in each.params]
        good = self._good(study, [each for each in trials if each.state == TrialState.COMPLETE])
        draws = {}
        for model in self._spaces:
            mine = [each for each in trials if each.params["model"] == model and each.state != TrialState.FAIL]
            successes = sum(each.number in good for each in mine)
            draws[model] = self._rng.beta(1 + successes, 1 + len(mine) - successes)
        return max(draws, key=lambda model: draws[model])

    @staticmethod
    def _good(study: Study, complete: list[FrozenTrial]) -> set[int]:
        """Numbers of the best quarter of what is feasible, by non-domination: whole fronts, the first in any case."""
        complete = [each for each in complete if all(violation <= 0 for violation in each.constraints.values())]
        if not complete:
            return set()
        losses = as_losses(
            np.array([each.values for each in complete]), [each.name.lower() for each in study.directions]
        )
        left, good = np.arange(len(complete)), set[int]()
        while len(left) and (not good or len(good) < GOOD * len(complete)):
            front = non_dominated(losses[left], ["minimize"] * losses.shape[1])
            if good and len(good) + front.sum() > GOOD * len(complete):
                break
            good |= {complete[index].number for index in left[front]}
            left = left[~front]
        return good

    def _study(self, study: Study, model: str) -> Study:
        if model not in self._studies:
            seed = int(self._rng.integers(2**31))
            self._studies[model] = optuna.create_study(
                storage=self._storage, directions=study.directions, sampler=self._make(seed)
            )
        return self._studies[model]

    def _tell(self, study: Study) -> None:
        """Tell the models' own studies what is new, also of trials that were not asked for here."""
        for trial in study.get_trials(deepcopy=False):
            model = trial.params.get("model")
            if trial.number in self._told or model not in self._spaces or not trial.state.is_finished():
                continue
            self._told.add(trial.number)
            inner = self._study(study, model)
            space = self._spaces[model]
            number = self._inner.get(trial.number)
            running = None if number is None else inner.get_trials(deepcopy=False)[number]
            if running is not None and running.params == {name: trial.params.get(name) for name in space}:
                finish_trial(inner, self._storage, running, trial)
                continue
            if number is not None:  # a point was given, and what was suggested never ran
                inner.tell(number, state=TrialState.FAIL)
            if set(space) <= set(trial.params) and trial.state != TrialState.FAIL:
                inner.add_trial(
                    optuna.trial.create_trial(
                        params={name: trial.params[name] for name in space},
                        distributions=space,
                        values=trial.values,
                        state=trial.state,
                        system_attrs=_generation(trial),
                        constraints=trial.constraints,
                    )
                )


def _generation(trial: FrozenTrial) -> dict[str, Any]:
    """What samplers note about the generation of a trial."""
    return {key: value for key, value in trial.system_attrs.items() if key.endswith(GENERATION)}
