"""Any sampler of Optuna, by its class; what it cannot do is one sentence before anything starts."""

import pathlib
from typing import Any

import optuna
import pytest

from studies.record.state import StudyState
from studies.search.suggestions import Suggestions
from studies.study_file.checks.sampler import sampler_class
from studies.study_file.document import StudyFileError, from_mapping
from studies.study_file.validation import validate

STUDY: dict[str, Any] = {
    "name": "named",
    "dataset": "dsprites.quick",
    "models": {"simulated": {"beta": {"log": [1, 16]}}},
    "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
    "budget": {"steps": 10},
}


def study(sampler: Any) -> dict[str, Any]:
    return {**STUDY, "search": {"sampler": sampler, "configurations": 3}}


@pytest.mark.parametrize("name", ["NSGAIIISampler", "optuna.samplers.NSGAIIISampler"])
def test_a_named_sampler_suggests(name: str, tmp_path: pathlib.Path) -> None:
    spec = validate(from_mapping(study({"class": name, "options": {"population_size": 4}})))
    assert sampler_class(name) is optuna.samplers.NSGAIIISampler
    again = type(spec).model_validate(spec.model_dump(mode="json"))
    assert again.search.sampler == {"class": name, "options": {"population_size": 4}}
    state = StudyState(tmp_path)
    suggestions = Suggestions(again, state)
    assert isinstance(suggestions.study.sampler, optuna.samplers.NSGAIIISampler)
    assert suggestions.ask(state.configurations) is not None
    state.close()


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ({"class": "NSGAISampler"}, "'NSGAISampler' is no sampler of Optuna; did you mean 'NSGAIISampler'?"),
        ({"class": "nowhere.Sampler"}, "there is no sampler 'nowhere.Sampler': "),
        ({"class": "pathlib.Path"}, "'pathlib.Path' is no sampler of Optuna"),
        ({"class": "TPESampler", "options": {"startup": 3}}, "TPESampler has no option 'startup'; "),
        ({"class": "NSGAIISampler", "options": {"population_size": 1}}, "NSGAIISampler cannot be made: "),
        ({"class": "GridSampler"}, "GridSampler cannot be made: "),
        ({"class": "TPESampler", "seed": 3}, "is written {class: GPSampler, options: {n_startup_trials: 20}}"),
        ("nsga", "unknown sampler 'nsga'; did you mean 'nsga2'?"),
    ],
)
def test_what_cannot_search_is_one_sentence(sampler: Any, message: str) -> None:
    with pytest.raises(StudyFileError) as caught:
        validate(from_mapping(study(sampler)))
    assert f"search.sampler: {message}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


class OnlyOne(optuna.samplers.RandomSampler):
    """One objective, and no more, as CMA-ES."""

    def sample_relative(self, study: optuna.Study, trial: Any, search_space: Any) -> dict[str, Any]:
        self._raise_error_if_multi_objective(study)
        return super().sample_relative(study, trial, search_space)


def test_a_sampler_of_one_objective_is_refused_for_two() -> None:
    name = f"{__name__}.OnlyOne"
    with pytest.raises(StudyFileError, match=r"OnlyOne does not search this study: .*multi-objective"):
        validate(from_mapping(study({"class": name})))
    validate(from_mapping({**study({"class": name}), "objectives": {"mig": "maximize"}}))


@pytest.mark.parametrize(
    ("sampler", "named"),
    [("random", "random"), ("grid", "grid"), ({"class": "QMCSampler"}, "QMCSampler"), ("tpe", None), ("nsga2", None)],
    ids=str,
)
def test_what_is_expected_is_for_samplers_that_learn(sampler: Any, named: str | None) -> None:
    models = {"simulated": {"beta": [1, 4, 16]}}
    asked = from_mapping({**study(sampler), "models": models, "search": {"sampler": sampler, "by": "expected"}})
    if named is None:
        assert validate(asked).search.by == "expected"
        return
    with pytest.raises(StudyFileError, match=f"search.by: {named} does not learn from results, expected or not"):
        validate(asked)
