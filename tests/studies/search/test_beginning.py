"""The first configurations of a search: spread evenly, before its sampler learns."""

from typing import Any

import numpy as np
import pytest

from core.configuration import Configuration
from core.record.history import ConfigurationHistory, History
from studies.search.suggestions import Suggestions
from studies.study_file.document import from_mapping
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate

BETA = {"beta": {"log": [1, 256]}}


def spec(models: dict[str, Any], seed: int = 0, **search: Any) -> StudySpec:
    study = {
        "name": "beginning",
        "seed": seed,
        "dataset": "dsprites.quick",
        "models": models,
        "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
        "search": {"configurations": 20, **search},
        "budget": {"steps": 10},
    }
    return validate(from_mapping(study))


def ask(spec: StudySpec, count: int, known: tuple[Configuration, ...] = ()) -> list[Configuration]:
    """So many further configurations, by a driver that begins with those that are known."""
    history = History()
    for each in known:
        history.configurations[each.hash] = ConfigurationHistory(each, {})
    suggestions = Suggestions(spec, history)
    for _ in range(count):
        suggested = suggestions.ask(history.configurations)
        assert suggested
        history.configurations[suggested[0].hash] = ConfigurationHistory(suggested[0], {})
    return [each.configuration for each in history.configurations.values()][len(known) :]


def eighths(configurations: list[Configuration]) -> list[int]:
    return sorted(int(np.log2(each.hyperparameters["beta"])) for each in configurations)


def test_the_first_ones_fill_the_space_and_all_models_have_their_turns() -> None:
    assert eighths(ask(spec({"simulated": BETA}), 8)) == list(range(8))
    several = ask(spec({"simulated": BETA, "beta_vae": BETA, "vae": None}, configurations=40), 16)
    turns = [each.model for each in several if each.model != "vae"]  # of which there is one configuration
    assert set(turns[:2]) == {"simulated", "beta_vae"}
    assert turns == (turns[:2] * 8)[:15]
    assert [each.model for each in several[:3]].count("vae") == 1
    for model in ("simulated", "beta_vae"):
        mine = [each for each in several if each.model == model]
        assert eighths(mine[:4]) != eighths(mine[4:])
        assert {each // 2 for each in eighths(mine[:4])} == set(range(4))


def test_the_place_in_the_file_does_not_tell_which_models_get_one_more() -> None:
    models = {"simulated": BETA, "beta_vae": BETA, "beta_tcvae": BETA}
    first = {ask(spec(models, startup=1, seed=seed), 1)[0].model for seed in range(20)}
    assert first == set(models)


def test_a_driver_that_goes_on_neither_repeats_nor_skips_one() -> None:
    study = spec({"simulated": BETA})
    whole = ask(study, 8)
    for before in (1, 5):
        first = ask(study, before)
        assert first + ask(study, 8 - before, tuple(first)) == whole


def test_what_is_known_already_counts() -> None:
    points = [{"beta": 3.3}, {"beta": 77}]
    given = ask(spec({"simulated": BETA}, points=points, startup=4), 4)
    assert [each.hyperparameters["beta"] for each in given[:2]] == [3.3, 77]
    assert given[2:] == ask(spec({"simulated": BETA}, startup=4), 2)
    spread = ask(spec({"simulated": BETA}, startup=4), 4)
    assert ask(spec({"simulated": BETA}, startup=4), 1, tuple(given))[0] not in spread


@pytest.mark.parametrize("sampler", ["random", "grid", "nsga2", {"class": "QMCSampler"}], ids=str)
def test_other_samplers_begin_as_they_do(sampler: Any) -> None:
    space = {"simulated": {"beta": {"log": [1, 256], "num": 9}}}
    study = spec(space, sampler=sampler)
    assert study.search.startup == 0
    asked_to_spread = spec(space, sampler=sampler, startup=8)
    assert (ask(study, 3) == ask(asked_to_spread, 3)) == (sampler == "grid")
