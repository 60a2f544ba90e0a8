"""What a trial reports, as entries of the journal: its curve, its end, and what its report means for the others."""

from collections.abc import Mapping
from typing import Any

from core.record.journal import TrialState
from studies.searcher import StudySearcher
from studies.state import TrialRecord
from trainables.trainable import TrialResult

OUT_OF_MEMORY = "OutOfMemoryError"


class Recorder:
    """Writes the reports of trials, wherever they were evaluated."""

    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher

    def weigh(self, record: TrialRecord, report: TrialResult) -> None:
        """Let early stopping see a report; call it before `write`."""
        searcher = self._searcher
        configuration = searcher.state.configurations[record.configuration]
        spared = len(searcher.stopper.spared)
        searcher.stopper.report(configuration.configuration, record.seed, report.step, dict(report.metrics))
        if len(searcher.stopper.spared) > spared:
            searcher.state.spare(configuration)

    def write(
        self, trial: TrialRecord, report: TrialResult, origin: Mapping[str, Any], share: float, *, last: bool
    ) -> None:
        """Record a report, and the end of its trial if it is the last.

        Args:
            trial: the one that reported.
            report: what it said.
            origin: where it ran, for the ledger: `host`, `pid`, and `resumed_from` if it was.
            share: of a GPU that it occupied, except while its evaluation was handed over.
            last: no other report will follow.
        """
        ledger = {**report.ledger, **origin}
        if share:
            on_gpu = ledger.get("seconds_training", 0.0) + ledger.get("seconds_evaluating", 0.0)
            ledger["gpu_seconds"] = share * (on_gpu - ledger.get("seconds_handed_over", 0.0))
        state = self._searcher.state
        state.report(trial, report.step, report.metrics, ledger)
        if not last or self._retried(trial, report, share):
            return
        outcome = self._outcome(trial, report)
        if outcome is not None:
            reason = report.failure
            if outcome == "PRUNED":
                reason = f"stopped early by {self._searcher.spec.early_stop.rule}"  # type: ignore[union-attr]
            state.end(trial, outcome, step=report.step, reason=reason, metrics=dict(report.metrics), ledger=ledger)

    def _retried(self, record: TrialRecord, report: TrialResult, share: float) -> bool:
        """Whether a trial that ran out of device memory gets a second chance with a larger share."""
        if not (report.failure or "").startswith(OUT_OF_MEMORY) or record.share or not 0 < share < 1:
            return False
        self._searcher.retry(record, min(1.0, 2 * share))
        return True

    def _outcome(self, record: TrialRecord, report: TrialResult) -> TrialState | None:
        """How the trial ended; None when it was only interrupted."""
        if report.failure:
            return "FAILED"
        if report.step >= self._searcher.spec.budget.steps:
            return "COMPLETED"
        return "PRUNED" if record.configuration in self._searcher.stopper.stopped else None
