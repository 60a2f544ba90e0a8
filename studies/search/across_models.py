"""One sampler for several models at once, which have in common what is called the same.

A Gaussian process needs one space of fixed dimensions. Here the choice of the model is one of them, and so is every
hyperparameter; those of the same name and range (a learning rate, the β of two models) are one, so that each model's
search knows what the others' trials tell of it. What a model does not have rests in the middle.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

MODEL = "model"


class AcrossModels(BaseSampler):
    """Chooses a model and its hyperparameters together, by a sampler that sees one space.

    Keeps nothing from one suggestion to the next: each is made in a study of its own, of all trials that are complete
    or running.

    Args:
        make: the sampler, from a seed.
        spaces: distributions of each model's parameters (`model.name`), by the name of the model.
        seed: of all suggestions.
    """

    def __init__(
        self, make: Callable[[int], BaseSampler], spaces: Mapping[str, Mapping[str, BaseDistribution]], seed: int
    ) -> None:
        self._make = make
        self._spaces = {model: dict(space) for model, space in spaces.items()}
        self._rng = np.random.default_rng(seed)
        self._models = CategoricalDistribution(tuple(self._spaces))
        self._axes = {
            name: f"{name.partition('.')[2]} {distribution_to_json(distribution)}"
            for space in self._spaces.values()
            for name, distribution in space.items()
        }
        self._joint: dict[str, BaseDistribution] = {MODEL: self._models}
        for space in self._spaces.values():
            self._joint |= {self._axes[name]: distribution for name, distribution in space.items()}
        self._rest = {axis: _middle(each) for axis, each in self._joint.items() if axis != MODEL}
        self._suggested: dict[str, Any] = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The model, and its parameters; nothing where the model is given, and with it the rest, or drawn at random."""
        if MODEL in trial.system_attrs.get("fixed_params", {}):
            return {}
        self._suggested = self._suggest(study)
        return {MODEL: self._models, **self._spaces[self._suggested[MODEL]]}

    def sample_relative(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """What the sampler suggests in the joint space, in the model's own."""
        return self._suggested if search_space else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """What was fixed in part, the rest at random."""
        return optuna.samplers.RandomSampler(int(self._rng.integers(2**31))).sample_independent(
            study, trial, param_name, param_distribution
        )

    def _suggest(self, study: Study) -> dict[str, Any]:
        """A model and its parameters, by what is known and what is being tried."""
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING))
        known = [trial for trial in trials if self._is_whole(trial)]
        joint = optuna.create_study(directions=study.directions, sampler=self._make(int(self._rng.integers(2**31))))
        joint.add_trials([self._joined(trial) for trial in known])
        suggested = joint.ask(self._joint).params
        model = suggested[MODEL]
        return {MODEL: model, **{name: suggested[self._axes[name]] for name in self._spaces[model]}}

    def _is_whole(self, trial: FrozenTrial) -> bool:
        """Whether a trial has all parameters of its model; the one that is being asked for has none yet."""
        model = trial.params.get(MODEL)
        return model in self._spaces and self._spaces[model].keys() <= trial.params.keys()

    def _joined(self, trial: FrozenTrial) -> FrozenTrial:
        """A trial in the joint space."""
        model = trial.params[MODEL]
        return optuna.trial.create_trial(
            params={
                MODEL: model,
                **self._rest,
                **{self._axes[name]: trial.params[name] for name in self._spaces[model]},
            },
            distributions=self._joint,
            values=trial.values,
            state=trial.state,
            constraints=trial.constraints,
        )


def _middle(distribution: BaseDistribution) -> Any:
    """A value for who has no use of it: the middle of a range, the first of some choices."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    middle = math.sqrt(low * high) if distribution.log else (low + high) / 2
    return round(middle) if isinstance(distribution, IntDistribution) else middle
