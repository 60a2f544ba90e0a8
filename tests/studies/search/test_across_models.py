"""A sampler that sees the models of a study as one space."""

from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from core.record.history import History
from studies.search.across_models import AcrossModels
from studies.search.suggestions import Suggestions
from studies.study_file.document import from_mapping
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate

RATE = FloatDistribution(1e-4, 1e-2, log=True)
SPACES: dict[str, dict[str, Any]] = {
    "a": {"a.rate": RATE, "a.depth": IntDistribution(1, 9)},
    "b": {
        "b.rate": RATE,
        "b.beta": FloatDistribution(1.0, 16.0, log=True),
        "b.kind": CategoricalDistribution(("x", "y")),
    },
    "c": {"c.rate": FloatDistribution(1e-4, 1.0, log=True)},
}


class Watched(optuna.samplers.RandomSampler):
    """Keeps what was known whenever it was asked."""

    def __init__(self, seed: int, known: list[list[FrozenTrial]]) -> None:
        super().__init__(seed)
        self._known = known

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._known.append([each for each in study.get_trials() if each.number != trial.number])


def watched(known: list[list[FrozenTrial]]) -> optuna.Study:
    sampler = AcrossModels(lambda seed: Watched(seed, known), SPACES, seed=0)
    return optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)


def suggest(trial: optuna.Trial) -> str:
    model = str(trial.suggest_categorical("model", tuple(SPACES)))
    for name, distribution in SPACES[model].items():
        trial._suggest(name, distribution)
    return model


def test_knobs_of_the_same_name_and_range_are_one_and_the_others_rest() -> None:
    asked: list[list[FrozenTrial]] = []
    study = watched(asked)
    study.enqueue_trial({"model": "a", "a.rate": 2e-3, "a.depth": 3})
    study.enqueue_trial({"model": "b", "b.rate": 3e-3, "b.beta": 2.0, "b.kind": "y"})
    for _ in range(2):
        trial = study.ask()
        suggest(trial)
        study.tell(trial, [0.0, 1.0])
    suggest(study.ask())
    ((first, second),) = asked
    assert list(first.params.values()) == ["a", 2e-3, 3, pytest.approx(4.0), "x", pytest.approx(1e-2)]
    assert list(second.params.values()) == ["b", 3e-3, 5, 2.0, "y", pytest.approx(1e-2)]


def test_what_runs_and_what_failed_are_told_apart_and_constraints_are_passed_on() -> None:
    asked: list[list[FrozenTrial]] = []
    study = watched(asked)
    states = [TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING]
    for number, state in enumerate(states):
        trial = study.ask()
        suggest(trial)
        if state == TrialState.COMPLETE:
            trial.set_constraint("where", 0.5)
            study.tell(trial, [float(number), 2.0])
        elif state == TrialState.FAIL:
            study.tell(trial, state=state)
    suggest(study.ask())
    known = asked[-1]
    assert [each.state for each in known] == [TrialState.COMPLETE, TrialState.RUNNING]
    assert known[0].values == [0.0, 2.0]
    assert dict(known[0].constraints) == {"where": 0.5}


def test_a_model_that_is_given_has_what_is_given_with_it() -> None:
    asked: list[list[FrozenTrial]] = []
    study = watched(asked)
    study.enqueue_trial({"model": "c"})
    trial = study.ask()
    assert suggest(trial) == "c"
    assert 1e-4 <= trial.params["c.rate"] <= 1.0
    assert asked == []


def spec(sampler: Any, models: dict[str, Any]) -> StudySpec:
    return validate(
        from_mapping(
            {
                "name": "several",
                "dataset": "dsprites.quick",
                "models": models,
                "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
                "search": {"sampler": sampler, "configurations": 40},
                "budget": {"steps": 3000},
            }
        )
    )


def test_a_gaussian_process_learns_of_one_model_what_another_told() -> None:
    """Both are best at the same β; a few trials of the second are enough, where the first has had many."""
    ranges = {"beta": {"log": [1, 16]}}
    study = spec({"class": "GPSampler", "options": {"n_startup_trials": 4}}, {"beta_vae": ranges, "beta_tcvae": ranges})
    suggestions = Suggestions(study, History())
    assert isinstance(suggestions.study.sampler, AcrossModels)

    def measured(model: str, beta: float) -> list[float]:
        off = np.log2(beta / 4.0) ** 2
        better = 0.1 if model == "beta_tcvae" else 0.0
        return [0.5 + better - 0.1 * off, 100.0 * (1 - better) + 20.0 * off]

    def add(model: str, beta: float) -> None:
        models = CategoricalDistribution(("beta_vae", "beta_tcvae"))
        distributions = {"model": models, f"{model}.beta": FloatDistribution(1, 16, log=True)}
        params = {"model": model, f"{model}.beta": beta}
        values = measured(model, beta)
        suggestions.study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, values=values)
        )

    for beta in np.geomspace(1, 16, 9):
        add("beta_vae", float(beta))
    add("beta_tcvae", 1.2)
    add("beta_tcvae", 14.0)
    trial = suggestions.study.ask()
    configuration = suggestions._configuration(trial)
    assert configuration.model == "beta_tcvae"
    assert 3.0 < configuration.hyperparameters["beta"] < 5.3
