"""What Tune tells of its trials, as entries of the journal; and when a trial must stop."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from core.configuration import TrialConfig
from studies.handover import HandOver
from studies.recording import Recorder
from studies.searcher import StudySearcher
from studies.state import TrialRecord
from trainables.trainable import TrialResult


class StudyScheduler(FIFOScheduler):
    """Stops the trials of a configuration that early stopping gave up, and all trials once the budget is spent.

    A trained trial whose evaluation is handed over is stopped too: the task will end it. One that is not goes on with
    its evaluation, even if the budget is spent.
    """

    def __init__(self, searcher: StudySearcher, handover: HandOver) -> None:
        super().__init__()
        self._searcher = searcher
        self._recorder = Recorder(searcher)
        self._handover = handover

    def __reduce__(self) -> Any:
        return FIFOScheduler, ()

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Called before the callback sees the same result."""
        searcher = self._searcher
        record = searcher.state.trial(trial_name(trial))
        report: TrialResult = result["result"]
        if not report.evaluated:
            config = TrialConfig.from_json(trial.config)
            taken = self._handover.take(record, config, report, _origin(result))
            return TrialScheduler.STOP if taken else TrialScheduler.CONTINUE
        self._recorder.weigh(record, report)
        if record.configuration in searcher.stopper.stopped or searcher.spent():
            return TrialScheduler.STOP
        return TrialScheduler.CONTINUE


class RecordCallback(Callback):
    """Records starts, reports and ends; `begun` is called at every start, `refresh` at every turn of Tune's loop.

    Tune tells its callbacks of a last result before it tells the searcher, so an end is in the journal when the
    searcher settles the configuration. A trial that was handed over has its last report and its end from
    `studies.handover`.
    """

    def __init__(self, searcher: StudySearcher, begun: Callable[[], None], refresh: Callable[[], None]) -> None:
        self._searcher = searcher
        self._recorder = Recorder(searcher)
        self._begun = begun
        self._refresh = refresh
        self._heard: dict[str, tuple[Trial, float]] = {}  # running trials, and when they were last heard of

    def __reduce__(self) -> Any:
        return Callback, ()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002
        """Every turn of the loop."""
        self._refresh()
        self._end_hung()

    def _end_hung(self) -> None:
        """Kill the processes of trials that have been silent for too long; Ray starts them again, a few times."""
        patience = self._searcher.spec.budget.patience
        if patience is None:
            return
        now = time.monotonic()
        for key, (trial, heard) in list(self._heard.items()):
            actor = trial.temporary_state.ray_actor
            if now - heard > patience and actor is not None:
                self._heard[key] = (trial, now)
                ray.kill(actor)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """An actor has the trial."""
        self._heard[trial.trial_id] = (trial, time.monotonic())
        record = self._record(trial)
        self._searcher.pace.start(record.identity)
        self._searcher.state.start(record)
        self._begun()

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """One report; the last one ends the trial."""
        report: TrialResult = result["result"]
        self._heard[trial.trial_id] = (trial, time.monotonic())
        if result["done"]:
            del self._heard[trial.trial_id]
        if report.evaluated:
            share = trial.config["device_share"]
            self._recorder.write(self._record(trial), report, _origin(result), share, last=result["done"])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial's process died more often than is forgiven."""
        self._heard.pop(trial.trial_id, None)
        record, state = self._record(trial), self._searcher.state
        error = str(trial.get_error() or "its process died").strip().splitlines()
        state.end(record, "FAILED", step=record.step, reason=f"lost: {error[-1]}", metrics={}, ledger={})
        self._searcher.settle(state.configurations[record.configuration])

    def _record(self, trial: Trial) -> TrialRecord:
        return self._searcher.state.trial(trial_name(trial))


def _origin(result: Mapping[str, Any]) -> dict[str, Any]:
    """Which process a result is from, and the step at which it took the trial up, if that was not the first."""
    origin = {"host": result["hostname"], "pid": result["pid"]}
    return origin | ({"resumed_from": result["resumed_from"]} if result["resumed_from"] else {})


def trial_name(trial: Trial) -> str:
    """A trial's identity, which names it and its directory in Ray too."""
    return TrialConfig.from_json(trial.config).identity
