"""What Tune tells of its trials, as entries of the journal."""

from collections.abc import Callable
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from core.configuration import TrialConfig
from core.journal import TrialState
from studies.searcher import StudySearcher
from studies.state import TrialRecord


class RecordCallback(Callback):
    """Records starts, reports and ends; `refresh` is called at every turn of Tune's loop.

    Tune tells its callbacks of a last result before it tells the searcher, so an end is in the journal when the
    searcher settles the configuration.
    """

    def __init__(self, searcher: StudySearcher, refresh: Callable[[], None]) -> None:
        self._searcher = searcher
        self._refresh = refresh

    def __reduce__(self) -> Any:
        return Callback, ()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002
        """Every turn of the loop."""
        self._refresh()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """An actor has the trial."""
        self._searcher.state.start(self._record(trial))

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """One report; the last one ends the trial."""
        record, state = self._record(trial), self._searcher.state
        ledger = {**result["ledger"], "host": result["hostname"], "pid": result["pid"]}
        if result["resumed_from"]:
            ledger["resumed_from"] = result["resumed_from"]
        state.report(record, result["step"], result["metrics"], ledger)
        if result["done"]:
            outcome: TrialState = "COMPLETED" if result["step"] >= self._searcher.spec.budget.steps else "PRUNED"
            if result["failure"]:
                outcome = "FAILED"
            state.end(
                record,
                outcome,
                step=result["step"],
                reason=result["failure"],
                metrics=result["metrics"],
                ledger=ledger,
            )

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial's process died more often than is forgiven."""
        record, state = self._record(trial), self._searcher.state
        error = str(trial.get_error() or "its process died").strip().splitlines()
        state.end(record, "FAILED", step=record.step, reason=f"lost: {error[-1]}", metrics={}, ledger={})
        self._searcher.settle(state.configurations[record.configuration])

    def _record(self, trial: Trial) -> TrialRecord:
        return self._searcher.state.trial(trial_name(trial))


def trial_name(trial: Trial) -> str:
    """A trial's identity, which names it and its directory in Ray too."""
    return TrialConfig.from_json(trial.config).identity
