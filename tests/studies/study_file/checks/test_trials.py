"""What one trial is given, and how many there are."""

import pytest

from core.machine import Grant
from studies.study_file.checks import trials
from studies.study_file.checks.trials import check_cpus, check_intervals, check_seeds, check_share, check_stack
from studies.study_file.spec import Budget, Resources, Seeds


def test_seeds_reversed_and_seeds_without_a_condition() -> None:
    assert [problem.path for problem in check_seeds(Seeds(min=3, max=2))] == [("seeds", "max")]
    assert [problem.path for problem in check_seeds(Seeds(min=2, max=3))] == [("seeds",)]
    assert not list(check_seeds(Seeds(min=2, max=3, until="std_error(mig) < 0.02")))
    assert not list(check_seeds(Seeds(min=3, max=3)))


def test_a_trial_may_be_evaluated_at_its_last_step_and_not_after() -> None:
    assert not list(check_intervals(Budget(steps=100, evaluate_every=100)))
    assert [str(problem) for problem in check_intervals(Budget(steps=100, evaluate_every=101))] == [
        "budget.evaluate_every: 101 is more than the 100 steps of a trial"
    ]


@pytest.mark.parametrize("gpu", [0, 0.25, "auto"])
def test_a_stack_needs_a_whole_gpu(gpu: float | str) -> None:
    assert ["write gpu: 1" in problem.message for problem in check_stack(Resources(gpu=gpu, stack=4))] == [True]
    assert not list(check_stack(Resources(gpu=gpu)))
    assert not list(check_stack(Resources(gpu=1, stack=4)))


def test_a_share_divides_a_gpu() -> None:
    assert all(not list(check_share(Resources(gpu=gpu))) for gpu in (0, "auto", 1, 0.5, 0.2, 1 / 3))
    assert all(
        [problem.path for problem in check_share(Resources(gpu=gpu))] == [("resources", "gpu")] for gpu in (0.3, 0.75)
    )


def test_a_trial_takes_no_more_cpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "granted_cores", lambda: Grant(2, "the machine has 2"))
    assert not list(check_cpus(Resources(cpu=2)))
    assert [problem.message for problem in check_cpus(Resources(cpu=3))] == [
        "a trial asks for 3 CPUs, but there are 2: the machine has 2"
    ]
