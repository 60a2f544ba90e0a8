"""What a sampler learns from: means over seeds, or what is expected of configurations over all seeds."""

from typing import Any

import numpy as np
import pytest

from core.configuration import Configuration
from core.record.history import ConfigurationHistory, History, TrialHistory
from studies.record.expected import expected_values
from studies.search.suggestions import Suggestions
from studies.study_file.document import from_mapping
from studies.study_file.space import configure
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate

BETAS = tuple(float(f"{beta:.4g}") for beta in np.geomspace(1, 256, 12))
LUCKY = 5


def spec(by: str, sampler: Any = "tpe") -> StudySpec:
    study = {
        "name": "learning",
        "dataset": "dsprites.quick",
        "models": {"beta_vae": {"beta": {"log": [1, 256]}}},
        "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
        "search": {"sampler": sampler, "configurations": 20, "startup": 0, "by": by},
        "budget": {"steps": 10},
    }
    return validate(from_mapping(study))


def completed(number: int, beta: float, mig: float) -> ConfigurationHistory:
    configuration = configure("beta_vae", {"beta": beta})
    metrics = {"mig": mig, "reconstruction_error": 20.0 + 10.0 * np.log2(beta)}
    trial = TrialHistory(configuration.hash, seed=0, state="COMPLETED", metrics=metrics)
    return ConfigurationHistory(
        configuration, number, {}, {0: trial}, closed=True, outcome="COMPLETE", values=list(metrics.values())
    )


def history() -> History:
    """MIG rises with β, but for one configuration that was lucky."""
    known = History()
    rng = np.random.default_rng(0)
    for number, beta in enumerate(BETAS):
        luck = 0.3 if number == LUCKY else float(rng.normal(0, 0.01))
        each = completed(number, beta, 0.1 + 0.02 * number + luck)
        known.configurations[each.hash] = each
    return known


def learnt(suggestions: Suggestions) -> dict[float, list[float]]:
    trials = suggestions.study.get_trials(deepcopy=False)
    return {each.params["beta_vae.beta"]: each.values for each in trials if each.values}


def test_by_means_it_learns_what_was_seen() -> None:
    seen = {each.configuration.hyperparameters["beta"]: each.values for each in history().configurations.values()}
    assert learnt(Suggestions(spec("mean"), history())) == seen


def test_by_expected_values_luck_is_not_learnt() -> None:
    known = history()
    study = spec("expected")
    found = learnt(Suggestions(study, known))
    results: list[tuple[Configuration, np.ndarray]] = [
        (each.configuration, np.array([each.values])) for each in known.configurations.values()
    ]
    assert list(found.values()) == pytest.approx(expected_values(study, results)[0])
    assert results[LUCKY][1][0, 0] == pytest.approx(0.5)
    assert found[BETAS[LUCKY]][0] < 0.35


def test_a_new_result_changes_what_is_expected_of_the_others() -> None:
    known = history()
    suggestions = Suggestions(spec("expected"), known)
    before = learnt(suggestions)
    more = completed(len(BETAS), 14.0, 0.1)  # beside the lucky one
    known.configurations[more.hash] = more
    suggestions.tell(more)
    suggested = suggestions.ask(known.configurations)
    assert suggested
    assert suggested[0].hash not in known.configurations
    after = learnt(suggestions)
    assert after[BETAS[LUCKY]][0] < before[BETAS[LUCKY]][0]


def test_what_runs_is_still_known_to_run() -> None:
    known = history()
    suggestions = Suggestions(spec("expected"), known)
    for _ in range(3):
        suggested = suggestions.ask(known.configurations)
        assert suggested
        known.configurations[suggested[0].hash] = ConfigurationHistory(suggested[0], len(known.configurations))
    states = [each.state.name for each in suggestions.study.get_trials(deepcopy=False)]
    assert states.count("COMPLETE") == len(BETAS)
    assert states.count("RUNNING") == 3
