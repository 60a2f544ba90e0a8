"""Samplers of one space, in studies of several models."""

from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from core.record.history import History
from studies.search.per_model import PerModel
from studies.search.suggestions import Suggestions
from studies.study_file.document import from_mapping
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate

SPACES = {
    "a": {"a.x": optuna.distributions.FloatDistribution(0.0, 1.0)},
    "b": {"b.y": optuna.distributions.FloatDistribution(1.0, 16.0, log=True)},
}
SAMPLERS: list[Any] = [
    "nsga2",
    {"class": "QMCSampler"},
    {"class": "NSGAIIISampler", "options": {"population_size": 4}},
    {"class": "GPSampler", "options": {"n_startup_trials": 4}},
]


def spec(sampler: Any) -> StudySpec:
    ranges = {"beta": {"log": [1, 16]}, "noise": {"uniform": [0, 1]}}
    return validate(
        from_mapping(
            {
                "name": "several",
                "dataset": "dsprites.quick",
                "models": {"simulated": ranges, "beta_vae": {"beta": {"log": [1, 16]}}},
                "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
                "search": {"sampler": sampler, "population": 4, "configurations": 20},
                "budget": {"steps": 10},
            }
        )
    )


def searched(sampler: PerModel, rounds: int, violation: float = 0.0) -> optuna.Study:
    """A study in which `a` is always good and `b` always bad; `a` may miss a constraint."""
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    for _ in range(rounds):
        trial = study.ask()
        model = trial.suggest_categorical("model", tuple(SPACES))
        for name, space in SPACES[model].items():
            trial._suggest(name, space)
        trial.set_constraint("where", violation if model == "a" else 0.0)
        study.tell(trial, [0.1, 0.1 + trial.number / 1000] if model == "a" else [0.9, 0.9])
    return study


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_all_that_is_suggested_comes_from_the_models_own_sampler(sampler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a hyperparameter was drawn at random")

    monkeypatch.setattr(PerModel, "sample_independent", refuse)
    suggestions = Suggestions(spec(sampler), History())
    assert isinstance(suggestions.study.sampler, PerModel)
    for number in range(10):
        trial = suggestions.study.ask()
        configuration = suggestions._configuration(trial)
        assert configuration.model in ("simulated", "beta_vae")
        suggestions.study.tell(trial, [0.1 * number, 1.0])


@pytest.mark.parametrize("sampler", ["tpe", "random", {"class": "TPESampler"}], ids=str)
def test_samplers_that_know_choices_search_all_models_together(sampler: Any) -> None:
    assert not isinstance(Suggestions(spec(sampler), History()).study.sampler, PerModel)


def test_the_better_model_is_tried_more_often() -> None:
    sampler = PerModel(lambda seed: optuna.samplers.RandomSampler(seed), SPACES, seed=0)
    models = [each.params["model"] for each in searched(sampler, 40).trials]
    assert models.count("a") > 25
    assert models.count("b") > 0


def test_a_model_that_misses_the_constraint_is_not_the_better_one_and_its_sampler_knows() -> None:
    sampler = PerModel(lambda seed: optuna.samplers.RandomSampler(seed), SPACES, seed=0)
    study = searched(sampler, 40, violation=1.0)
    models = [each.params["model"] for each in study.trials]
    assert models.count("b") > 25
    finished = [each for each in sampler._studies["a"].trials if each.state == TrialState.COMPLETE]
    assert finished
    assert all(dict(each.constraints) == {"where": 1.0} for each in finished)


def test_trials_that_were_not_asked_for_are_learnt_from() -> None:
    """As after a restart, when a study is rebuilt: the sampler's own study of the model has them all."""
    before = searched(PerModel(lambda seed: optuna.samplers.RandomSampler(seed), SPACES, seed=0), 12)
    sampler = PerModel(lambda seed: optuna.samplers.NSGAIISampler(population_size=4, seed=seed), SPACES, seed=1)
    after = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    after.add_trials(before.trials)
    after.ask({"model": optuna.distributions.CategoricalDistribution(tuple(SPACES))})
    known = {name: [each.params for each in inner.trials] for name, inner in sampler._studies.items()}
    for name, space in SPACES.items():
        own = [{key: each.params[key] for key in space} for each in before.trials if each.params["model"] == name]
        assert known[name][: len(own)] == own


def test_a_point_that_is_given_fixes_the_model_and_its_values() -> None:
    sampler = PerModel(lambda seed: optuna.samplers.NSGAIISampler(population_size=4, seed=seed), SPACES, seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.enqueue_trial({"model": "b", "b.y": 2.5})
    trial = study.ask()
    assert trial.suggest_categorical("model", tuple(SPACES)) == "b"
    assert trial._suggest("b.y", SPACES["b"]["b.y"]) == 2.5
    study.tell(trial, [1.0, 2.0], state=TrialState.COMPLETE)
    study.ask({"model": optuna.distributions.CategoricalDistribution(tuple(SPACES))})
    complete = [each for each in sampler._studies["b"].trials if each.state == TrialState.COMPLETE]
    assert [(each.params, each.values) for each in complete] == [
        ({"b.y": 2.5}, [1.0, 2.0])
    ]  # and not what it suggested


def test_models_without_a_range_are_told_apart() -> None:
    """Their spaces are equal, since both are empty."""
    spaces: Any = {"a": {}, "b": {}}
    sampler = PerModel(lambda seed: optuna.samplers.NSGAIISampler(population_size=4, seed=seed), spaces, seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    models = []
    for _ in range(12):
        trial = study.ask()
        models.append(trial.suggest_categorical("model", tuple(spaces)))
        study.tell(trial, [0.5, 0.5])
    assert set(models) == {"a", "b"}
