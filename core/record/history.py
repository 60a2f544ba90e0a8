"""Where a study stands, folded from its journal: the one reader of events that changes anything.

The driver, the delivery, the tables, the budget and the report all ask a `History`.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Self

from core.configuration import Configuration, identity_of, split_identity
from core.record import journal, progress
from core.record.events import (
    ENDED,
    CodeChanged,
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
    TrialEvent,
    TrialReopened,
    TrialReported,
    TrialStarted,
    TrialState,
)
from core.record.progress import Progress


@dataclasses.dataclass
class TrialHistory:
    """One trial as far as it is known.

    Attributes:
        configuration: hash of its configuration.
        step: where it stands; the furthest it ever was is `furthest`.
        reason: why it ended as it did, or None.
        metrics: of its last result.
        ledger: of its last result.
        share: of a GPU, where it differs from the study's.
    """

    configuration: str
    seed: int
    state: TrialState = "PENDING"
    step: int = 0
    furthest: int = 0
    reason: str | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    ledger: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    share: float = 0.0

    @property
    def identity(self) -> str:
        """Of the trial, `<configuration hash>-s<seed>`."""
        return identity_of(self.configuration, self.seed)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED

    @property
    def final_metrics(self) -> dict[str, float]:
        """What a completed trial is measured by, without means over its last interval; of others nothing."""
        if self.state != "COMPLETED":
            return {}
        return {key: value for key, value in self.metrics.items() if not key.startswith("train/")}


@dataclasses.dataclass
class ConfigurationHistory:
    """One configuration, its place in the order of suggestions, and its trials by seed.

    Attributes:
        notes: what the sampler must find again about its suggestion (NSGA-II: the generation).
        closed: whether all its seeds ended, so that `outcome` (a state of Optuna) and `values` (the means of the
            objectives) are final.
    """

    configuration: Configuration
    number: int
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trials: dict[int, TrialHistory] = dataclasses.field(default_factory=dict)
    closed: bool = False
    outcome: str | None = None
    values: list[float] | None = None

    @property
    def hash(self) -> str:
        """Of the configuration."""
        return self.configuration.hash

    @property
    def given_up(self) -> bool:
        """Whether a seed failed or was stopped early, so that no other seed makes it complete."""
        return any(trial.state in ("FAILED", "PRUNED") for trial in self.trials.values())

    @property
    def completed(self) -> list[TrialHistory]:
        """Its completed trials."""
        return [trial for trial in self.trials.values() if trial.state == "COMPLETED"]


class History:
    """All configurations in the order in which they were suggested, and how the study came to where it is.

    Attributes:
        configurations: by hash.
        prior_results: of other studies, by origin.
        share: of a GPU, once `gpu: auto` is measured.
        drivers: the first event of every driver.
        seconds_driven: during which a driver was at work, by the times of events.
        most_running: most trials that ran at the same time.
        code_changes: of the user's own code, that were accepted.
        controls: hashes of configurations that run on although early stopping would have ended them.
        underway: where running trials are since their last result, by identity.
    """

    def __init__(self) -> None:
        self.configurations: dict[str, ConfigurationHistory] = {}
        self.prior_results: dict[str, PriorResult] = {}
        self.share: float | None = None
        self.drivers: list[DriverStarted] = []
        self.code_changes: list[CodeChanged] = []
        self.seconds_driven = 0.0
        self.most_running = 0
        self.controls: set[str] = set()
        self.underway: dict[str, Progress] = {}
        self._running: set[str] = set()
        self._last = 0.0

    @classmethod
    def read(cls, folder: pathlib.Path) -> Self:
        """What the journal in a folder says, of a study that another process may be driving."""
        history = cls()
        for _, event in journal.read(folder):
            history.apply(event)
        history.underway = {
            identity: each for identity, each in progress.read(folder).items() if identity in history._running
        }
        return history

    def progress(self, trial: TrialHistory) -> Progress:
        """Where a trial is, and the seconds of training and evaluating that it took to get there."""
        spent = sum(trial.ledger.get(key, 0.0) for key in ("seconds_training", "seconds_evaluating"))
        now = self.underway.get(trial.identity)
        if now is not None and now.step > trial.step:
            return now
        return Progress(trial.step, spent)

    def trials(self) -> list[TrialHistory]:
        """All trials that are planned so far."""
        return [trial for each in self.configurations.values() for trial in each.trials.values()]

    def trial(self, identity: str) -> TrialHistory:
        """The trial of that identity."""
        configuration, seed = split_identity(identity)
        return self.configurations[configuration].trials[seed]

    def of_trial(self, identity: str) -> ConfigurationHistory:
        """The configuration of a trial."""
        return self.configurations[split_identity(identity)[0]]

    def counts(self) -> dict[TrialState, int]:
        """Number of trials by state."""
        counts: dict[TrialState, int] = {"PENDING": 0, "RUNNING": 0, "COMPLETED": 0, "PRUNED": 0, "FAILED": 0}
        for trial in self.trials():
            counts[trial.state] += 1
        return counts

    @property
    def gpu_seconds(self) -> float:
        """Share of a GPU times seconds, over all trials."""
        return float(sum(trial.ledger.get("gpu_seconds", 0.0) for trial in self.trials()))

    def apply(self, event: Event) -> None:
        """Take in one event."""
        self._count_time(event)
        match event:
            case DriverStarted():
                self.drivers.append(event)
                self._running.clear()
            case CodeChanged():
                self.code_changes.append(event)
            case ShareChosen():
                self.share = event.share
            case PriorResult():
                self.prior_results[event.origin] = event
            case ConfigurationSuggested():
                described = ConfigurationHistory(event.described, event.number, event.notes)
                self.configurations[event.configuration] = described
            case SeedsPlanned():
                configuration = self.configurations[event.configuration]
                for seed in range(event.seeds):
                    configuration.trials.setdefault(seed, TrialHistory(event.configuration, seed))
                configuration.closed = False
            case ControlChosen():
                self.controls.add(event.configuration)
            case ConfigurationEnded():
                configuration = self.configurations[event.configuration]
                configuration.closed, configuration.outcome, configuration.values = True, event.state, event.values
            case TrialEvent():
                self._apply_to_trial(event)

    def _apply_to_trial(self, event: TrialEvent) -> None:
        configuration = self.configurations[event.configuration]
        trial = configuration.trials.setdefault(event.seed, TrialHistory(event.configuration, event.seed))
        trial.reason = None
        self.underway.pop(event.trial, None)
        match event:
            case TrialStarted():
                trial.state = "RUNNING"
                self._running.add(event.trial)
                self.most_running = max(self.most_running, len(self._running))
            case TrialReopened():
                trial.state, configuration.closed = "PENDING", False
            case ShareEnlarged():
                trial.state, trial.share = "PENDING", event.share
            case TrialReported() | TrialEnded():
                trial.step, trial.furthest = event.step, max(trial.furthest, event.step)
                trial.metrics = event.metrics or trial.metrics
                trial.ledger = {**trial.ledger, **event.ledger}
                if isinstance(event, TrialEnded):
                    trial.state, trial.reason = event.state, event.reason
                    self._running.discard(event.trial)
                else:
                    trial.state = "RUNNING"

    def _count_time(self, event: Event) -> None:
        """A driver is at work from its first event to its last; a clock that is set back counts nothing."""
        if self.drivers and not isinstance(event, DriverStarted | CodeChanged):
            self.seconds_driven += max(0.0, event.time - self._last)
        self._last = event.time
