"""What a study file gets that leaves the search to the service."""

from typing import Any

import pytest

from studies.study_file.auto import CLAIMED, MISSING, as_chosen_before, claimed, missing
from studies.study_file.document import from_mapping
from studies.study_file.spec import Seeds, StudySpec
from studies.study_file.validation import validate

ONE = {"beta_vae": {"beta": {"log": [1, 16]}}}


def read(**changes: Any) -> StudySpec:
    study = {"name": "auto", "dataset": "dsprites.quick", "models": ONE, "budget": {"steps": 3000}}
    return validate(from_mapping({**study, **changes}))


def sampler(**changes: Any) -> Any:
    found = read(**changes).search.sampler
    return found["class"] if isinstance(found, dict) else found


def test_one_model_with_ranges_and_long_trials_has_a_gaussian_process() -> None:
    assert sampler() == sampler(search={"sampler": "auto"}) == "GPSampler"
    assert read().search.sampler["options"] == {"n_startup_trials": 5, "deterministic_objective": False}


@pytest.mark.parametrize(
    "changes",
    [
        {"models": {**ONE, "vae": None}},
        {"models": {"beta_vae": {"beta": [1, 4, 16]}}},
        {"models": {"beta_vae": None}},
        {"search": {"configurations": 200}},
        {"budget": {"steps": 100}},
    ],
    ids=str,
)
def test_all_others_have_tpe(changes: dict[str, Any]) -> None:
    assert sampler(**changes) == "tpe"


def test_with_three_objectives_tpe_models_each_knob_alone() -> None:
    three = {"mig": "maximize", "reconstruction_error": "minimize", "parameters": "minimize"}
    chosen = {"class": "TPESampler", "options": {"n_startup_trials": 5, "constant_liar": True}}
    assert read(objectives=three).search.sampler == chosen


@pytest.mark.parametrize(("configurations", "startup"), [(5, 5), (10, 8), (20, 8), (40, 16), (1000, 16)])
def test_two_fifths_are_spread_before_tpe_learns(configurations: int, startup: int) -> None:
    search = {"sampler": "tpe", "configurations": configurations}
    assert read(search=search).search.startup == startup
    assert read(search={**search, "startup": 3}).search.startup == 3


@pytest.mark.parametrize(("models", "startup"), [(2, 8), (5, 10), (6, 12), (9, 16)])
def test_two_of_each_model_are_spread(models: int, startup: int) -> None:
    names = [
        "beta_vae",
        "beta_tcvae",
        "factor_vae",
        "dip_vae",
        "chyvae",
        "joint_vae",
        "cascade_vae",
        "vae",
        "simulated",
    ]
    several = dict.fromkeys(names[:models])
    assert read(models=several, search={"configurations": 20}).search.startup == startup
    assert read(models=several, search={"configurations": 7}).search.startup == 7


@pytest.mark.parametrize(("configurations", "startup"), [(5, 5), (20, 8), (100, 8)])
def test_eight_are_spread_before_a_gaussian_process_learns(configurations: int, startup: int) -> None:
    assert read(search={"configurations": configurations}).search.startup == startup
    assert read(search={"sampler": "random"}).search.startup == 0


def test_auto_learns_from_what_is_expected_where_trials_are_long() -> None:
    several = {**ONE, "vae": None}
    assert read(models=several).search.by == "expected"
    assert read(models=several, budget={"steps": 999}).search.by == "mean"
    assert read().search.by == "mean"  # by a Gaussian process, which has a noise of its own
    assert read(search={"sampler": "tpe"}).search.by == "mean"
    assert read(search={"sampler": "tpe", "by": "expected"}).search.by == "expected"


def test_what_is_written_is_taken_and_what_was_chosen_stays() -> None:
    assert sampler(search={"sampler": "random"}) == "random"
    chosen = read()
    assert StudySpec(**chosen.model_dump(mode="json")).search == chosen.search


def test_what_an_earlier_version_learnt_from_stays() -> None:
    """Its record says nothing of it, and neither does the file."""
    several = {**ONE, "vae": None}
    now = read(models=several)
    before = now.search.model_copy(update={"by": None})
    assert now.search.by == "expected"
    assert as_chosen_before(now, before, {"models": several}).search.by is None
    written = {"search": {"by": "expected"}}
    assert as_chosen_before(read(models=several, **written), before, written).search.by == "expected"


def test_seeds_auto_are_one_each_and_five_on_the_front() -> None:
    assert read(seeds="auto").seeds == Seeds(min=1, max=5, until="front")
    assert read().seeds == Seeds(min=1, max=1)


def test_what_a_front_lacks_is_as_measured_and_falls_with_configurations() -> None:
    sizes = (5, 10, 20, 40, 100, 200, 500, 1000, 3000)
    found = [missing(read(search={"configurations": each})) for each in sizes]
    measured = {size: each for size, each in zip(sizes, found, strict=True) if size in MISSING}
    assert measured == {size: pytest.approx(each) for size, each in MISSING.items()}
    assert found == sorted(found, key=lambda each: each or (0.0, 0.0), reverse=True)
    assert found[0] == found[1]  # nothing is known below ten
    assert found[-1] == found[-2]  # nor above a thousand


@pytest.mark.parametrize(
    "changes",
    [
        {"search": {"sampler": "grid"}, "models": {"beta_vae": {"beta": [1, 4]}}},
        {"search": {"configurations": 2, "points": [{"beta": 1}, {"beta": 4}]}},
        {"objectives": {"mig": "maximize"}},
    ],
    ids=str,
)
def test_where_nothing_is_searched_and_of_one_objective_nothing_is_told(changes: dict[str, Any]) -> None:
    assert missing(read(**changes)) is None


def test_a_study_that_is_there_keeps_what_was_chosen_for_it() -> None:
    """Its file is launched again with a version that would choose otherwise."""
    now = read()
    before = now.search.model_copy(update={"sampler": "tpe", "startup": 10, "by": "mean"})
    assert as_chosen_before(now, before, {}).search == before
    assert as_chosen_before(now, before, {"search": {"sampler": "auto"}}).search == before
    written = {"search": {"sampler": "random", "startup": 3}}
    asked = read(**written)
    assert as_chosen_before(asked, before, written).search == asked.search


def test_what_a_front_shows_by_luck_is_as_measured_and_falls_with_seeds() -> None:
    found = {seeds: claimed(read(seeds=seeds)) for seeds in (1, 2, 3, 4, 5, 9)}
    assert {seeds: found[seeds] for seeds in CLAIMED} == CLAIMED
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert found[9] == found[5] == claimed(read(seeds="auto"))
    assert all(claimed(read(seeds=seeds), expected=True)[1] < high for seeds, (_, high) in found.items())
