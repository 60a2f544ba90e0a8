"""Where a study stands, as its driver knows it: every change is written to the journal, and then applied."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from core.configuration import Configuration
from core.record import journal, progress
from core.record.events import (
    ConfigurationEnded,
    ConfigurationSuggested,
    ControlChosen,
    DriverStarted,
    Event,
    PriorResult,
    SeedsPlanned,
    ShareChosen,
    ShareEnlarged,
    TrialEnded,
    TrialReopened,
    TrialReported,
    TrialStarted,
    TrialState,
)
from core.record.history import ConfigurationHistory, History, TrialHistory
from core.record.journal import Journal
from core.record.progress import Progress
from core.runtime import package_versions, source_revision
from studies.study_file.spec import StudySpec
from trainables.training.cost import Footprint

NOTE_EVERY = 2.0  # seconds


class StudyState(History):
    """The history of a study that goes on; what ran when the last driver died is pending again.

    Attributes:
        earlier_reports: what trials reported to earlier drivers, in order.
        seconds_before: during which earlier drivers were at work.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__()
        self.earlier_reports: list[TrialReported] = []
        for _, event in journal.read(folder):
            self.apply(event)
            if isinstance(event, TrialReported):
                self.earlier_reports.append(event)
        for trial in self.trials():
            if not trial.ended:
                trial.state = "PENDING"
        self.seconds_before = self.seconds_driven
        self._folder = folder
        self._started = False
        self._noted = 0.0  # when progress was last written
        self._journal = Journal(folder)

    def close(self) -> None:
        """Force everything to the disk."""
        self._journal.close()

    def start_driver(self) -> None:
        """This process drives the study from now on; once. A driver that changes nothing leaves no trace."""
        if not self._started:
            self._started = True
            self._write(DriverStarted(pid=os.getpid(), versions=package_versions(), source=source_revision()))

    def add_configuration(self, configuration: Configuration, notes: Mapping[str, Any]) -> ConfigurationHistory:
        """A suggestion."""
        self._write(
            ConfigurationSuggested(
                configuration=configuration.hash,
                number=len(self.configurations),
                model=configuration.model,
                hyperparameters=dict(configuration.hyperparameters),
                notes=dict(notes),
            )
        )
        return self.configurations[configuration.hash]

    def add_prior_result(self, origin: str, configuration: Configuration, values: list[float]) -> None:
        """A result of another study that the sampler starts from, once."""
        if origin not in self.prior_results:
            hyperparameters = dict(configuration.hyperparameters)
            self._write(PriorResult(origin, configuration.model, hyperparameters, values))

    def choose_share(self, share: float, footprints: Sequence[Footprint]) -> None:
        """The GPU share of every trial, and what it was chosen by."""
        self._write(ShareChosen(share, [dataclasses.asdict(each) for each in footprints]))

    def plan_seeds(self, configuration: ConfigurationHistory, seeds: int) -> list[TrialHistory]:
        """Complete a configuration to `seeds` trials; those that are new."""
        new = range(len(configuration.trials), seeds)
        if new:
            self._write(SeedsPlanned(configuration.hash, seeds))
        return [configuration.trials[seed] for seed in new]

    def choose_control(self, configuration: ConfigurationHistory) -> None:
        """A configuration runs on although early stopping would have ended it."""
        self._write(ControlChosen(configuration.hash))

    def reopen(self, trial: TrialHistory) -> None:
        """Let a trial that ended go on: a completed one for a budget that was extended, a failed one once more."""
        self._write(TrialReopened.of(trial.configuration, trial.seed))

    def enlarge(self, trial: TrialHistory, share: float) -> None:
        """Give a trial that ran out of memory a larger GPU share, once."""
        self._write(ShareEnlarged.of(trial.configuration, trial.seed, share=share))

    def start(self, trial: TrialHistory) -> None:
        """A process took the trial up."""
        self._write(TrialStarted.of(trial.configuration, trial.seed))

    def note_progress(self, identity: str, step: int, seconds: float) -> None:
        """A trial is at `step`, after so many seconds of training and evaluating; written down now and then."""
        self.underway[identity] = Progress(step, seconds)
        if time.monotonic() - self._noted >= NOTE_EVERY:
            self._noted = time.monotonic()
            progress.write(self._folder, self.underway)

    def report(self, trial: TrialHistory, step: int, metrics: Mapping[str, float], ledger: Mapping[str, Any]) -> None:
        """The trial reached `step`."""
        event = TrialReported.of(trial.configuration, trial.seed, step=step, metrics=dict(metrics), ledger=dict(ledger))
        self._write(event)

    def end(
        self,
        trial: TrialHistory,
        state: TrialState,
        *,
        step: int,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        ledger: Mapping[str, Any] | None = None,
    ) -> None:
        """The trial ended; a second end of the same trial is ignored."""
        if not trial.ended:
            event = TrialEnded.of(
                trial.configuration,
                trial.seed,
                state=state,
                step=step,
                reason=reason,
                metrics=dict(metrics or {}),
                ledger=dict(ledger or {}),
            )
            self._write(event)

    def close_configuration(
        self, configuration: ConfigurationHistory, outcome: str, values: list[float] | None, reason: str | None
    ) -> None:
        """All seeds of a configuration ended; called before Optuna is told."""
        self._write(ConfigurationEnded(configuration.hash, outcome, values, reason))

    def _write(self, event: Event) -> None:
        self.start_driver()
        self.apply(self._journal.write(event))


def planned_trials(spec: StudySpec, history: History) -> int:
    """Trials of the whole plan, as far as it is known."""
    suggested = len(history.configurations)
    if suggested >= spec.search.configurations:  # the whole plan; no need to look at the models' spaces
        return len(history.trials())
    return max(0, spec.num_configurations - suggested) * spec.seeds.min + len(history.trials())
