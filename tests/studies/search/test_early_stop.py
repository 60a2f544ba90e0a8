"""Which configurations are stopped, and where."""

from typing import Any

import pytest

from core.configuration import Configuration
from studies import service
from studies.search.early_stop import Stopper
from studies.study_file.space import configure


def configuration(beta: float) -> Configuration:
    return configure("simulated", {"beta": beta})


def stopper(**rule: Any) -> Stopper:
    spec, _ = service.load(
        {
            "name": "stopping",
            "dataset": "dsprites.quick",
            "models": {"simulated": {"beta": {"log": [1, 16]}}},
            "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
            "budget": {"steps": 900, "evaluate_every": 50},
            "early_stop": {"grace": 100, "control": 0.0, **rule},
        }
    )
    return Stopper(spec)


def report(stop: Stopper, number: int, step: int, mig: float, error: float = 50.0, seed: int = 0) -> bool:
    config = configuration(float(number + 1))
    stop.report(config, seed, step, {"mig": mig, "reconstruction_error": error})
    return config.hash in stop.stopped


def test_the_rule_adds_the_metrics_that_it_looks_at() -> None:
    spec, _ = service.load(
        {
            "name": "stopping",
            "dataset": "dsprites.quick",
            "models": {"beta_vae": {"beta": {"log": [1, 16]}}},
            "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
            "budget": {"steps": 900, "evaluate_every": 50},
            "early_stop": {"rule": "dominated", "grace": 100},
        }
    )
    assert spec.metrics.during == ["mig", "reconstruction_error"]


def test_asha_keeps_the_best_third_of_each_rung() -> None:
    stop = stopper(rule="asha", metric="mig", reduction=3)
    assert not report(stop, 0, 100, mig=0.5)
    assert not report(stop, 1, 100, mig=0.4)  # two are too few to judge
    assert report(stop, 2, 100, mig=0.3)
    assert not report(stop, 3, 100, mig=0.9)
    assert report(stop, 4, 100, mig=0.45)
    assert not report(stop, 3, 150, mig=0.0)  # the rung's value is the first one at it
    assert not report(stop, 0, 300, mig=0.5)  # the next rung is judged on its own


def test_nothing_is_stopped_in_its_grace_or_at_its_end() -> None:
    stop = stopper(rule="asha", metric="mig")
    for number in range(4):
        assert not report(stop, number, 50, mig=0.1 * number)
    for number in range(4):
        report(stop, number, 900, mig=0.1 * number)
    assert not stop.stopped


def test_minimised_metrics_are_compared_the_other_way() -> None:
    stop = stopper(rule="asha", metric="reconstruction_error")
    report(stop, 0, 100, mig=0, error=10.0)
    report(stop, 1, 100, mig=0, error=20.0)
    assert report(stop, 2, 100, mig=0, error=30.0)


def test_dominated_stops_only_what_is_worse_in_every_objective() -> None:
    stop = stopper(rule="dominated")
    assert not report(stop, 0, 100, mig=0.5, error=50)
    assert not report(stop, 1, 100, mig=0.4, error=40)
    assert report(stop, 2, 100, mig=0.3, error=45)
    assert not report(stop, 3, 100, mig=0.6, error=90)


def test_median_waits_for_enough_others_at_the_same_step() -> None:
    stop = stopper(rule="median", metric="mig")
    for number in range(4):
        assert not report(stop, number, 200, mig=0.5)
    assert report(stop, 4, 200, mig=0.4)
    assert not report(stop, 5, 250, mig=0.1)


def test_seeds_are_judged_by_their_mean() -> None:
    stop = stopper(rule="dominated")
    report(stop, 0, 100, mig=0.5, error=50)
    assert not report(stop, 1, 100, mig=0.9, error=60, seed=0)
    assert report(stop, 1, 100, mig=0.0, error=60, seed=1)  # the mean, 0.45, is dominated


def test_a_control_share_runs_on() -> None:
    stop = stopper(rule="dominated", control=1.0)
    report(stop, 0, 100, mig=0.5, error=50)
    assert not report(stop, 1, 100, mig=0.4, error=60)
    assert stop.controls == {configuration(2.0).hash}


@pytest.mark.parametrize("rule", ["asha", "median", "dominated"])
def test_the_same_reports_give_the_same_decisions(rule: str) -> None:
    first, second = stopper(rule=rule), stopper(rule=rule)
    for stop in (first, second):
        for step in (100, 200, 300):
            for number in range(9):
                report(stop, number, step, mig=(number * 37 % 11) / 11, error=float(number * 53 % 17))
    assert first.stopped == second.stopped
