"""Handing evaluations over without Ray: who is handed over, and what becomes of the reports."""

import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from core.configuration import TrialConfig
from core.record import journal
from studies.handover import HandOver, LostError
from tests.studies.test_searcher import FINISHED, Bench
from trainables.trainable import TrialResult

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

    def answer(self) -> TrialResult | None:
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
        self.handover = HandOver(self.searcher, reserve=self._reserve, clock=lambda: self.now)

    def _reserve(self) -> FakeCore | None:
        if len(self.cores) >= self.idle:
            return None
        self.cores.append(FakeCore())
        return self.cores[-1]

    def train(self, number: int) -> bool:
        """A suggested trial is trained; whether its slot is free now."""
        record = self.searcher.live[f"t{number}"]
        self.state.start(record)
        base = self._make(self.state.configurations[record.configuration].configuration, record.seed)
        config = TrialConfig.from_json({**base.to_json(), "device_share": self.share})
        ledger = {"seconds_training": 15.0, "seconds_evaluating": 1.0, "seconds_waiting": 0.5}
        taken = self.handover.take(record, config, TrialResult(STEPS, {}, ledger, evaluated=False), ORIGIN)
        if taken:
            self.searcher.on_trial_complete(f"t{number}")
        return taken

    def evaluate(self, core: int, *, failure: str | None = None, **metrics: float) -> None:
        ledger = {"seconds_training": 15.0, "seconds_evaluating": 31.0, "seconds_handed_over": 30.0}
        self.cores[core].outcome = TrialResult(STEPS, metrics, ledger, done=True, failure=failure)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for _, event in journal.read(self.folder) if event["type"] == kind]


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
    bench.suggest()
    assert bench.suggest() is None
    assert bench.train(1)
    assert isinstance(bench.suggest(), dict)  # the slot's next trial
    assert bench.outcomes() == [("RUNNING", None), ("RUNNING", None)]
    assert bench.events("report") == []
    bench.evaluate(0, **METRICS)
    assert bench.suggest() is None  # Tune asks again
    assert bench.outcomes() == [("COMPLETE", [0.5, 2.0]), ("RUNNING", None)]
    assert bench.cores[0].released
    (report,), (end,) = bench.events("report"), bench.events("end")
    assert (end["state"], end["step"], end["metrics"]) == ("COMPLETED", STEPS, METRICS)
    assert report["ledger"] == end["ledger"]
    assert end["ledger"] == {
        **ORIGIN,
        "seconds_training": 15.0,
        "seconds_evaluating": 31.0,
        "seconds_handed_over": 30.0,
        "seconds_waiting": 0.5,
    }


def test_the_study_ends_only_when_all_evaluations_are_in(benches: Any) -> None:
    bench = benches(seeds=1, slots=1, search={"sampler": "random", "configurations": 2})
    bench.suggest()
    bench.train(1)
    bench.suggest()
    bench.finish(2, **METRICS)
    assert bench.suggest() is None
    bench.evaluate(0, **METRICS)
    assert bench.suggest() == FINISHED
    assert [state for state, _ in bench.outcomes()] == ["COMPLETE"] * 2


def test_a_report_may_call_for_more_seeds_after_all_slots_are_empty(benches: Any) -> None:
    seeds = {"min": 2, "max": 3, "until": "std_error(mig) < 0.02"}
    bench = benches(seeds=seeds, search={"sampler": "random", "configurations": 1}, slots=1)
    bench.suggest()
    bench.train(1)
    bench.suggest()
    bench.finish(2, mig=0.1, reconstruction_error=1.0)
    bench.evaluate(0, **METRICS)
    assert bench.suggest()["seed"] == 2


def test_only_a_slot_that_another_trial_wants_is_given_up(benches: Any) -> None:
    bench = benches(seeds=1, slots=1, search={"sampler": "random", "configurations": 2})
    bench.suggest()
    bench.searcher.spent = lambda: True
    assert not bench.train(1)
    bench.searcher.spent = lambda: False
    assert bench.train(1)
    bench.suggest()
    assert not bench.train(2)  # the last of the plan
    assert len(bench.cores) == 1


def test_without_an_idle_core_and_once_stopped_a_trial_keeps_its_slot(benches: Any) -> None:
    bench = benches(seeds=1, slots=2)
    bench.suggest(), bench.suggest()
    bench.idle = 0
    assert not bench.train(1)
    bench.idle = 1
    bench.searcher.stopper.stopped.add(bench.searcher.live["t1"].configuration)
    assert not bench.train(1)
    assert bench.train(2)
    assert list(bench.searcher.live) == ["t1"]


@pytest.mark.parametrize("fate", ["lost", "silent"])
def test_what_a_task_does_not_answer_a_slot_evaluates(benches: Any, fate: str) -> None:
    bench = benches(seeds=1, slots=1, budget={"steps": STEPS, "evaluate_every": 5, "patience": 60.0})
    first = bench.suggest()
    bench.train(1)
    bench.suggest()
    if fate == "lost":
        bench.cores[0].outcome = LostError("its node died")
    bench.now = 59.0 if fate == "lost" else 61.0
    assert bench.suggest() is None  # the slot is taken
    assert bench.cores[0].released
    bench.finish(2, **METRICS)
    assert bench.suggest()["configuration"] == first["configuration"]
    bench.count = 4
    bench.searcher.live["t1"] = bench.searcher.live.pop("t4")
    assert not bench.train(1)  # not handed over again
    bench.finish(1, **METRICS)
    assert bench.outcomes() == [("COMPLETE", [0.5, 2.0])] * 2


def test_a_failed_evaluation_is_a_failed_trial_with_its_reason(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    bench.suggest()
    bench.train(1)
    bench.evaluate(0, failure="MetricError: no factors")
    bench.suggest()
    (end,) = bench.events("end")
    assert (end["state"], end["reason"]) == ("FAILED", "MetricError: no factors")
    assert bench.outcomes()[0] == ("FAIL", None)


def test_a_gpu_is_not_charged_for_an_evaluation_beside_it(benches: Any) -> None:
    bench = benches(seeds=1, slots=1, share=0.5)
    bench.suggest()
    bench.train(1)
    bench.evaluate(0, **METRICS)
    bench.suggest()
    assert bench.events("end")[0]["ledger"]["gpu_seconds"] == 0.5 * (15.0 + 1.0)
    assert sum(trial.gpu_seconds for trial in bench.state.trials()) == 8.0


def test_an_interrupted_study_gives_its_cores_back_and_the_next_driver_evaluates(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    first = bench.suggest()
    bench.train(1)
    bench.handover.close()
    assert bench.cores[0].released
    bench.close()
    bench.open()
    assert bench.suggest() == first


def test_early_stopping_sees_the_reports_of_tasks(benches: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"rule": "dominated", "grace": 5, "control": 1.0}
    bench = benches(seeds=1, slots=1, early_stop=rule)
    seen: list[Any] = []
    stopper = bench.searcher.stopper

    def spare(configuration: Any, *report: Any) -> None:
        seen.append(report)
        stopper.spared.add(configuration.hash)

    monkeypatch.setattr(stopper, "report", spare)
    bench.suggest()
    bench.train(1)
    assert seen == []
    bench.evaluate(0, **METRICS)
    bench.suggest()
    assert seen == [(0, STEPS, METRICS)]
    kinds = [event["type"] for _, event in journal.read(bench.folder)]
    assert [kind for kind in kinds if kind in ("spared", "report", "end")] == ["spared", "report", "end"]


def test_many_at_once_come_in_in_any_order(benches: Any) -> None:
    bench = benches(seeds=1, slots=2, search={"sampler": "random", "configurations": 5})
    for number in itertools.count(1):
        suggestion = bench.suggest()
        if suggestion is None or suggestion == FINISHED or not bench.train(number):
            break
    assert len(bench.cores) == 4  # the fifth is the plan's last
    for core in (3, 1, 2, 0):
        bench.evaluate(core, mig=0.1 * core, reconstruction_error=1.0)
        bench.suggest()
    bench.finish(5, **METRICS)
    assert bench.suggest() == FINISHED
    values = [values for _, values in bench.outcomes()]
    assert [value[0] for value in values] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.5])
