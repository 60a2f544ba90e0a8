"""Handing evaluations over without Ray: who is handed over, and what becomes of the reports."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest

from core.configuration import TrialConfig
from core.record import journal
from core.record.events import ControlChosen, Event, TrialEnded, TrialReported
from studies.cluster.reserved_core import CoreLostError
from studies.drive.handover import HandOver
from tests.studies.drive.test_agenda import OVER, Bench
from trainables.trainable import TrialResult

E = TypeVar("E", bound=Event)

STEPS = 10
ORIGIN = {"host": "node", "pid": 7}
METRICS = {"mig": 0.5, "reconstruction_error": 2.0}


class FakeCore:
    """Answers with what a test puts into `outcome`."""

    def __init__(self) -> None:
        self.outcome: TrialResult | Exception | None = None
        self.config: TrialConfig | None = None
        self.released = False

    def begin(self, config: TrialConfig) -> None:
        self.config = config

    def result(self) -> TrialResult | None:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def release(self) -> None:
        self.released = True


class HandOverBench(Bench):
    """A searcher whose trials are handed over to `idle` fake cores."""

    def __init__(self, folder: pathlib.Path, *, share: float = 0.0, **changes: Any) -> None:
        self.share, self.now, self.idle = share, 0.0, 99
        self.cores: list[FakeCore] = []
        super().__init__(folder, **changes)

    def open(self) -> None:
        super().open()
        self.handover = HandOver(self.agenda, self._reserve, self.spec.budget.patience, clock=lambda: self.now)

    def next(self) -> Any:
        self.handover.collect()
        return super().next()

    def _reserve(self) -> FakeCore | None:
        if len(self.cores) >= self.idle:
            return None
        self.cores.append(FakeCore())
        return self.cores[-1]

    def train(self, number: int) -> bool:
        """A trial that has a slot is trained; whether its slot is free now."""
        config = dataclasses.replace(self.given[number], device_share=self.share)
        self.agenda.started(config.identity)
        ledger = {"seconds_training": 15.0, "seconds_evaluating": 1.0, "seconds_waiting": 0.5}
        taken = self.handover.take(config, TrialResult(STEPS, {}, ledger, evaluated=False), ORIGIN)
        if taken:
            self.agenda.ended(config.identity)
        return taken

    def evaluate(self, core: int, *, failure: str | None = None, **metrics: float) -> None:
        ledger = {"seconds_training": 15.0, "seconds_evaluating": 31.0, "seconds_handed_over": 30.0}
        self.cores[core].outcome = TrialResult(STEPS, metrics, ledger, done=True, failure=failure)

    def events(self, kind: type[E]) -> list[E]:
        return [event for _, event in journal.read(self.folder) if isinstance(event, kind)]


@pytest.fixture
def benches(tmp_path: pathlib.Path) -> Iterator[Any]:
    made: list[HandOverBench] = []

    def make(**changes: Any) -> HandOverBench:
        made.append(HandOverBench(tmp_path, **changes))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


def test_a_slot_is_free_while_its_trial_is_evaluated_and_the_report_ends_the_trial(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    bench.next()
    assert bench.next() is None
    assert bench.train(1)
    assert isinstance(bench.next(), TrialConfig)  # the slot's next trial
    assert bench.outcomes() == [("RUNNING", None), ("RUNNING", None)]
    assert bench.events(TrialReported) == []
    bench.evaluate(0, **METRICS)
    assert bench.next() is None  # Tune asks again
    assert bench.outcomes() == [("COMPLETE", [0.5, 2.0]), ("RUNNING", None)]
    assert bench.cores[0].released
    (report,), (end,) = bench.events(TrialReported), bench.events(TrialEnded)
    assert (end.state, end.step, end.metrics) == ("COMPLETED", STEPS, METRICS)
    assert report.ledger == end.ledger
    assert end.ledger == {
        **ORIGIN,
        "seconds_training": 15.0,
        "seconds_evaluating": 31.0,
        "seconds_handed_over": 30.0,
        "seconds_waiting": 0.5,
        "device_seconds": 46.0,
    }


def test_the_study_ends_only_when_all_evaluations_are_in(benches: Any) -> None:
    bench = benches(seeds=1, slots=1, search={"sampler": "random", "configurations": 2})
    bench.next()
    bench.train(1)
    bench.next()
    bench.finish(2, **METRICS)
    assert bench.next() is None
    bench.evaluate(0, **METRICS)
    assert bench.next() == OVER
    assert [state for state, _ in bench.outcomes()] == ["COMPLETE"] * 2


def test_a_report_may_call_for_more_seeds_after_all_slots_are_empty(benches: Any) -> None:
    seeds = {"min": 2, "max": 3, "until": "std_error(mig) < 0.02"}
    bench = benches(seeds=seeds, search={"sampler": "random", "configurations": 1}, slots=1)
    bench.next()
    bench.train(1)
    bench.next()
    bench.finish(2, mig=0.1, reconstruction_error=1.0)
    bench.evaluate(0, **METRICS)
    assert bench.next().seed == 2


def test_only_a_slot_that_another_trial_wants_is_given_up(benches: Any) -> None:
    bench = benches(seeds=1, slots=1, search={"sampler": "random", "configurations": 2})
    bench.next()
    bench.spent = True
    assert not bench.train(1)
    bench.spent = False
    assert bench.train(1)
    bench.next()
    assert not bench.train(2)  # the last of the plan
    assert len(bench.cores) == 1


def test_without_an_idle_core_and_once_stopped_a_trial_keeps_its_slot(
    benches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches(seeds=1, slots=2)
    bench.next(), bench.next()
    bench.idle = 0
    assert not bench.train(1)
    bench.idle = 1
    monkeypatch.setattr(bench.agenda, "is_stopped", lambda identity: identity == bench.identity(1))
    assert not bench.train(1)
    assert bench.train(2)
    assert bench.next() is not None  # the second's slot is free
    assert bench.next() is None  # and the first's is not


@pytest.mark.parametrize("fate", ["lost", "silent"])
def test_what_a_task_does_not_answer_a_slot_evaluates(benches: Any, fate: str) -> None:
    bench = benches(seeds=1, slots=1, budget={"steps": STEPS, "evaluate_every": 5, "patience": 60.0})
    first = bench.next()
    bench.train(1)
    bench.next()
    if fate == "lost":
        bench.cores[0].outcome = CoreLostError("its node died")
    bench.now = 59.0 if fate == "lost" else 61.0
    assert bench.next() is None  # the slot is taken
    assert bench.cores[0].released
    bench.finish(2, **METRICS)
    assert bench.next() == first
    assert not bench.train(4)  # not handed over again
    bench.finish(4, **METRICS)
    assert bench.outcomes() == [("COMPLETE", [0.5, 2.0])] * 2


def test_a_failed_evaluation_is_a_failed_trial_with_its_reason(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    bench.next()
    bench.train(1)
    bench.evaluate(0, failure="MetricError: no factors")
    bench.next()
    (end,) = bench.events(TrialEnded)
    assert (end.state, end.reason) == ("FAILED", "MetricError: no factors")
    assert bench.outcomes()[0] == ("FAIL", None)


def test_a_gpu_is_not_charged_for_an_evaluation_beside_it(benches: Any) -> None:
    bench = benches(seeds=1, slots=1, share=0.5)
    bench.next()
    bench.train(1)
    bench.evaluate(0, **METRICS)
    bench.next()
    assert bench.events(TrialEnded)[0].ledger["gpu_seconds"] == 0.5 * (15.0 + 1.0)
    assert bench.state.gpu_seconds == 8.0


def test_an_interrupted_study_gives_its_cores_back_and_the_next_driver_evaluates(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    first = bench.next()
    bench.train(1)
    bench.handover.close()
    assert bench.cores[0].released
    bench.close()
    bench.open()
    assert bench.next() == first


def test_early_stopping_sees_the_results_of_tasks(benches: Any) -> None:
    """The second is worse in everything at the first rung, and runs on as a control."""
    rule = {"rule": "dominated", "grace": 5, "control": 1.0}
    bench = benches(seeds=1, slots=1, early_stop=rule, budget={"steps": 20, "evaluate_every": 5})
    for number, metrics in ((1, METRICS), (2, {"mig": 0.1, "reconstruction_error": 9.0})):
        bench.next()
        bench.train(number)
        assert bench.events(ControlChosen) == []
        bench.evaluate(number - 1, **metrics)
    bench.next()
    kinds = [type(event) for _, event in journal.read(bench.folder)]
    shown = [kind for kind in kinds if kind in (ControlChosen, TrialReported)]
    assert shown == [TrialReported, ControlChosen, TrialReported]


def test_many_at_once_come_in_in_any_order(benches: Any) -> None:
    bench = benches(seeds=1, slots=2, search={"sampler": "random", "configurations": 5})
    for number in itertools.count(1):
        suggestion = bench.next()
        if not isinstance(suggestion, TrialConfig) or not bench.train(number):
            break
    assert len(bench.cores) == 4  # the fifth is the plan's last
    for core in (3, 1, 2, 0):
        bench.evaluate(core, mig=0.1 * core, reconstruction_error=1.0)
        bench.next()
    bench.finish(5, **METRICS)
    assert bench.next() == OVER
    values = [values for _, values in bench.outcomes()]
    assert [value[0] for value in values] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.5])
