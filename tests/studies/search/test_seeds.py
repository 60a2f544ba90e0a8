"""Which configurations deserve another seed."""

import numpy as np
import pytest

from core.configuration import Configuration
from core.pareto import non_dominated
from core.record.history import ConfigurationHistory, History, TrialHistory
from studies.search.seeds import in_doubt, probability_of_front
from studies.study_file.document import from_mapping
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate


@pytest.fixture
def spec() -> StudySpec:
    return validate(
        from_mapping(
            {
                "name": "race",
                "dataset": "dsprites.quick",
                "models": {"simulated": {"beta": {"log": [1, 16]}}},
                "seeds": {"min": 1, "max": 3, "until": "front"},
                "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
                "budget": {"steps": 10},
            }
        )
    )


def history(**values: list[tuple[float, float]]) -> History:
    """Configurations by name, with the objectives of each seed."""
    found = History()
    for number, (name, seeds) in enumerate(values.items()):
        configuration = ConfigurationHistory(Configuration("simulated", {"beta": number}), number, closed=True)
        for seed, (mig, error) in enumerate(seeds):
            metrics = {"mig": mig, "reconstruction_error": error}
            configuration.trials[seed] = TrialHistory(name, seed, "COMPLETED", 10, metrics=metrics)
        found.configurations[name] = configuration
    return found


def doubtful(spec: StudySpec, found: History) -> list[str]:
    names = {id(each): name for name, each in found.configurations.items()}
    return [names[id(each)] for each in in_doubt(spec, found)]


def test_at_first_it_is_the_front_that_gets_another_seed(spec: StudySpec) -> None:
    assert doubtful(spec, history(a=[(0.5, 10)], b=[(0.4, 5)], c=[(0.3, 12)])) == ["a", "b"]


def test_who_is_behind_by_less_than_the_seeds_differ_is_in_doubt_too(spec: StudySpec) -> None:
    near = history(a=[(0.5, 10), (0.6, 11)], b=[(0.54, 11)], c=[(0.1, 90)])
    assert doubtful(spec, near) == ["a", "b"]
    far = history(a=[(0.550, 10), (0.551, 10.01)], b=[(0.54, 11)], c=[(0.1, 90)])
    assert doubtful(spec, far) == ["a"]


def test_nobody_has_more_than_the_most(spec: StudySpec) -> None:
    assert doubtful(spec, history(a=[(0.5, 10), (0.6, 11), (0.5, 10)], c=[(0.1, 90)])) == []


def test_one_whose_seed_is_still_running_waits(spec: StudySpec) -> None:
    found = history(a=[(0.5, 10)], b=[(0.4, 5)])
    found.configurations["a"].trials[1] = TrialHistory("a", 1, "RUNNING")
    assert doubtful(spec, found) == ["b"]


def test_all_wait_for_the_last_that_is_not_measured_at_all(spec: StudySpec) -> None:
    found = history(a=[(0.5, 10)], b=[(0.4, 5)])
    found.configurations["b"].trials[0].state = "RUNNING"
    assert doubtful(spec, found) == []


def test_failed_and_infeasible_ones_are_left_out(spec: StudySpec) -> None:
    found = history(a=[(0.5, 10)], b=[(0.4, 5)], c=[(0.6, 20)])
    found.configurations["b"].trials[0].state = "FAILED"
    search = spec.search.model_copy(update={"where": "reconstruction_error < 15"})
    assert doubtful(spec.model_copy(update={"search": search}), found) == ["a"]


def test_fixed_seeds_are_never_in_doubt(spec: StudySpec) -> None:
    fixed = spec.model_copy(update={"seeds": spec.seeds.model_copy(update={"until": None})})
    assert doubtful(fixed, history(a=[(0.5, 10)])) == []


def test_the_probability_is_that_of_a_duel() -> None:
    """Two points, one objective: P(a < b) of normal means, here one standard deviation apart."""
    means, errors = np.array([[0.0], [1.0]]), np.full((2, 1), np.sqrt(0.5))
    chances = probability_of_front(means, errors, draws=20_000)
    assert chances == pytest.approx([0.8413, 0.1587], abs=0.01)


@pytest.mark.parametrize("objectives", [2, 3])
def test_chances_are_how_often_draws_are_on_the_front(objectives: int) -> None:
    rng = np.random.default_rng(0)
    means, errors = rng.normal(size=(9, objectives)), rng.uniform(0.1, 1.0, (9, objectives))
    drawn = rng.normal(means, errors, (2_000, 9, objectives))
    often = np.mean([non_dominated(each, ["minimize"] * objectives) for each in drawn], axis=0)
    assert probability_of_front(means, errors, draws=2_000) == pytest.approx(often, abs=0.05)


def test_what_is_far_behind_is_not_drawn_and_what_is_alone_ahead_is_certain() -> None:
    means = np.array([[0.0, 0.0], [5.0, 5.0], [-1.0, 9.0]])
    assert probability_of_front(means, np.full((3, 2), 0.1)) == pytest.approx([1.0, 0.0, 1.0])
