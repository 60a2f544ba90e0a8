"""The ground on which searches are compared: whole studies in memory, judged by true values."""

import dataclasses
import pathlib

import numpy as np
import pandas as pd
import pytest

from benchmarks.search.judge import Outcome, Setting, judge
from benchmarks.search.kept import Task, judged
from benchmarks.search.problems import MIG_AND_ERROR, dtlz2, families, zdt1
from benchmarks.search.record import with_earlier, without_single_points
from benchmarks.search.rehearsal import rehearse
from core.extensions import activate
from trainables.models.recorded.curves import Description, Knob, RecordedModel

RACE = {"min": 1, "max": 5, "until": "front"}


@pytest.fixture(autouse=True)
def _own_models_of_this_test_alone() -> None:
    activate(())


def test_best_volumes_are_those_of_the_known_fronts() -> None:
    assert zdt1().best == pytest.approx(6 + 2 / 3 + 0.1 * 7, rel=1e-3)  # ∫ (7 − (1 − √x)) dx over [0, 1], and the rest
    ball = 1.6**3 - np.pi / 6  # what an eighth of the unit ball leaves of the box
    assert dtlz2().best == pytest.approx(ball, rel=0.02)


def test_a_rehearsal_runs_the_whole_plan_on_the_trials_own_clock() -> None:
    spec = families().spec(3, {"sampler": "random", "configurations": 6}, seeds=2)
    rehearsal = rehearse(spec, slots=4)
    last = rehearsal.moments[-1]
    assert (last.steps, last.configurations, len(last.values)) == (6 * 2 * 3000, 6, 6)
    assert last.seconds == pytest.approx(3 * 3000)  # twelve trials in four slots
    again = rehearse(spec, slots=4)
    assert [each.steps for each in again.moments] == [each.steps for each in rehearsal.moments]
    assert again.configurations == rehearsal.configurations


def test_a_rehearsal_ends_when_its_steps_are_spent() -> None:
    rehearsal = rehearse(families().spec(3, {"sampler": "random", "configurations": 20}), slots=1, most_steps=5 * 3000)
    assert (rehearsal.moments[-1].steps, len(rehearsal.configurations)) == (5 * 3000, 5)


def test_what_is_recommended_is_measured_by_true_values() -> None:
    found = judge(("families", Setting("random", {"sampler": "random", "configurations": 12}), 0))
    assert (np.diff(found.steps) > 0).all()
    assert 0.0 < found.volumes[-1] <= found.possible <= 1.0
    assert found.at(found.steps[-1]) == found.volumes[-1]
    assert found.at(0) == 0.0


def test_a_benchmark_goes_on_with_the_outcomes_that_it_kept(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = Setting("random", {"sampler": "random", "configurations": 6}, {"seeds": RACE}, expected=(0.4, 1.0))
    task = Task("families", setting, 0, "this code", tmp_path)
    made = judged(task)
    assert made.first_seeds is not None
    monkeypatch.setattr("benchmarks.search.kept.judge", lambda _: pytest.fail("searched again"))
    np.testing.assert_equal(dataclasses.asdict(judged(task)), dataclasses.asdict(made))
    for other in ({"seed": 1}, {"key": "other code"}, {"folder": None}):
        with pytest.raises(pytest.fail.Exception, match="searched again"):
            judged(dataclasses.replace(task, **other))


def test_the_front_by_expected_values_is_judged_where_it_is_asked_for() -> None:
    search = {"sampler": "random", "configurations": 40}
    found = judge(("families", Setting("random", search, expected=(0.4, 1.0)), 0))
    assert sorted(found.expected) == [0.4, 1.0]
    assert found.expected[0.4] < found.expected[1.0] <= found.possible
    assert found.expected_claimed - found.expected[1.0] < found.claimed - found.volumes[-1]


def rows_of(model: str, knob: str, values: list[float], mig: float) -> pd.DataFrame:
    rows = [{"model": model, knob: value, "seed": 0, "step": 10, "mig": mig} for value in values]
    return pd.DataFrame(rows)


def described(model: str, knob: str, values: list[float]) -> Description:
    known = Knob(min(values), max(values), False, "β", "a weight", "nobody")
    return Description(10, {model: RecordedModel(model, {knob: known}, {"num_latents": 10}, 1)})


def test_a_table_grows_by_what_other_studies_recorded() -> None:
    earlier = rows_of("beta_vae", "beta", [1.0, 2.0], 0.25), described("beta_vae", "beta", [1.0, 2.0])
    more = rows_of("beta_vae", "beta", [2.0, 4.0], 0.5), described("beta_vae", "beta", [2.0, 4.0])
    rows, description = with_earlier(*more, *earlier)
    assert dict(zip(rows["beta"], rows["mig"], strict=True)) == {1.0: 0.25, 2.0: 0.5, 4.0: 0.5}
    beta = description.models["beta_vae"].knobs["beta"]
    assert (beta.low, beta.high) == (1.0, 4.0)
    other = rows_of("chyvae", "nu", [33.0], 0.3), described("chyvae", "nu", [33.0])
    rows, description = with_earlier(*other, rows, description)
    assert rows["model"].tolist() == ["beta_vae"] * 3 + ["chyvae"]
    assert sorted(description.models) == ["beta_vae", "chyvae"]
    rows, description = without_single_points(rows, description)
    assert (list(description.models), "nu" in rows) == (["beta_vae"], False)


def test_a_table_refuses_what_was_recorded_otherwise() -> None:
    rows, description = rows_of("beta_vae", "beta", [1.0, 2.0], 0.25), described("beta_vae", "beta", [1.0, 2.0])
    models = {"beta_vae": dataclasses.replace(description.models["beta_vae"], fixed={"num_latents": 6})}
    with pytest.raises(SystemExit, match="other hyperparameters"):
        with_earlier(rows, Description(10, models), rows, description)
    with pytest.raises(SystemExit, match="10 steps"):
        with_earlier(rows, Description(20, description.models), rows, description)


def test_racing_pays_for_the_front_alone() -> None:
    search = {"sampler": "random", "configurations": 12}
    fixed, race = (judge(("families", Setting("", search, {"seeds": seeds}), 0)) for seeds in (5, RACE))
    assert fixed.trials == 60
    assert 12 < race.trials < 50
    assert race.volumes[-1] == pytest.approx(fixed.volumes[-1], abs=0.05)


def test_steps_until_a_volume_are_those_after_which_it_stays() -> None:
    steps, volumes = np.array([10, 20, 30, 40]), np.array([0.5, 0.2, 0.6, 0.7])
    outcome = Outcome(steps, volumes, 0.0, 0.0, 1, 1.0, 4.0, 0.0)
    assert [outcome.steps_to(volume) for volume in (0.1, 0.4, 0.65, 0.8)] == [10, 30, 40, np.inf]


def test_true_values_are_in_the_order_of_the_objectives() -> None:
    problem = families()
    spec = problem.spec(0, {"sampler": "random", "configurations": 4})
    configurations = rehearse(spec, 1).configurations
    for each in configurations.values():
        mig, error = problem.truth(each)
        assert list(problem.objectives) == list(MIG_AND_ERROR)
        assert -0.6 < mig < 0.8
        assert 0.1 <= error < 1.3
