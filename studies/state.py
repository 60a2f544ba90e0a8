"""Where a study stands: its configurations and trials, rebuilt from the journal and written to it."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from core.configuration import Configuration
from core.record import journal
from core.record.journal import ENDED, Event, Journal, TrialState
from studies.spec import StudySpec
from trainables.training.cost import Footprint


@dataclasses.dataclass
class TrialRecord:
    """One trial as far as the driver knows it."""

    configuration: str
    seed: int
    state: TrialState = "PENDING"
    step: int = 0
    reason: str | None = None
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    gpu_seconds: float = 0.0
    share: float = 0.0  # of a GPU, when it differs from the study's

    @property
    def identity(self) -> str:
        """`<configuration hash>-s<seed>`."""
        return f"{self.configuration}-s{self.seed}"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED


@dataclasses.dataclass
class ConfigurationRecord:
    """One configuration, its place in the order of suggestions, and its trials by seed.

    Attributes:
        notes: what the sampler must find again about its suggestion (NSGA-II: the generation).
        told: whether all its seeds ended, so that `outcome` (a state of Optuna) and `values` are final.
    """

    configuration: Configuration
    number: int
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    trials: dict[int, TrialRecord] = dataclasses.field(default_factory=dict)
    told: bool = False
    outcome: str | None = None
    values: list[float] | None = None


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A result of another study that the sampler starts from; `origin` is `<study>/<configuration hash>`."""

    origin: str
    configuration: Configuration
    values: list[float]


class StudyState:
    """All configurations in the order in which they were suggested; every change goes to the journal first.

    `StudyState(folder)` is the driver's: what ran when the last driver died is pending again. `StudyState.read` only
    looks.
    """

    journal: Journal

    def __init__(self, folder: pathlib.Path) -> None:
        self.configurations: dict[str, ConfigurationRecord] = {}
        self.lessons: dict[str, Lesson] = {}
        self.share: float | None = None  # of a GPU, once `gpu: auto` is measured
        self.reports: list[tuple[Configuration, int, int, dict[str, float]]] = []
        self._replay(folder)
        for trial in self.trials():
            if not trial.ended:
                trial.state = "PENDING"
        self.journal = Journal(folder)

    @classmethod
    def read(cls, folder: pathlib.Path) -> "StudyState":
        """The state as it is in the journal, of a study that another process may be driving."""
        state = cls.empty()
        state._replay(folder)
        return state

    @classmethod
    def empty(cls) -> "StudyState":
        """A state to which events are applied one by one."""
        state = cls.__new__(cls)
        state.configurations, state.lessons, state.reports, state.share = {}, {}, [], None
        return state

    def _replay(self, folder: pathlib.Path) -> None:
        """Rebuild everything; what early stopping saw is kept in `reports`."""
        for _, event in journal.read(folder):
            self.apply(event)
            if event["type"] == "report":
                configuration = self.configurations[event["configuration"]].configuration
                self.reports.append((configuration, event["seed"], event["step"], event["metrics"]))

    def trials(self) -> list[TrialRecord]:
        """All trials that were suggested."""
        return [trial for record in self.configurations.values() for trial in record.trials.values()]

    def trial(self, identity: str) -> TrialRecord:
        """The trial of that identity."""
        configuration, _, seed = identity.rpartition("-s")
        return self.configurations[configuration].trials[int(seed)]

    def planned(self, spec: StudySpec) -> int:
        """Trials of the whole plan, as far as it is known."""
        missing = max(0, spec.num_configurations - len(self.configurations)) * spec.seeds.min
        return missing + len(self.trials())

    def counts(self) -> dict[TrialState, int]:
        """Number of trials by state."""
        counts: dict[TrialState, int] = {"PENDING": 0, "RUNNING": 0, "COMPLETED": 0, "PRUNED": 0, "FAILED": 0}
        for trial in self.trials():
            counts[trial.state] += 1
        return counts

    def add_configuration(self, configuration: Configuration, notes: Mapping[str, Any]) -> ConfigurationRecord:
        """Record a suggestion."""
        self._record(
            "configuration",
            configuration=configuration.hash,
            number=len(self.configurations),
            model=configuration.model,
            hyperparameters=dict(configuration.hyperparameters),
            **({"notes": dict(notes)} if notes else {}),
        )
        return self.configurations[configuration.hash]

    def teach(self, lesson: Lesson) -> None:
        """Record a result of another study that the sampler starts from, once."""
        if lesson.origin not in self.lessons:
            self._record(
                "lesson",
                origin=lesson.origin,
                model=lesson.configuration.model,
                hyperparameters=dict(lesson.configuration.hyperparameters),
                values=lesson.values,
            )

    def choose_share(self, share: float, footprints: Sequence[Footprint]) -> None:
        """Record the GPU share of every trial, and what it was chosen by."""
        self._record("share", share=share, footprints=[dataclasses.asdict(each) for each in footprints])

    def plan_seeds(self, record: ConfigurationRecord, seeds: int) -> list[TrialRecord]:
        """Complete a configuration to `seeds` trials; those that are new."""
        new = range(len(record.trials), seeds)
        if new:
            self._record("seeds", configuration=record.configuration.hash, seeds=seeds)
        return [record.trials[seed] for seed in new]

    def spare(self, record: ConfigurationRecord) -> None:
        """Note that a configuration runs on although early stopping would have ended it."""
        self._record("spared", configuration=record.configuration.hash)

    def reopen(self, trial: TrialRecord) -> None:
        """Let a completed trial train on, for a budget that was extended."""
        self._record("reopen", **_key(trial))

    def enlarge(self, trial: TrialRecord, share: float) -> None:
        """Give a trial that ran out of memory a larger GPU share, once."""
        self._record("enlarge", **_key(trial), share=share)

    def start(self, trial: TrialRecord, **fields: Any) -> None:
        """A process took the trial up."""
        self._record("start", **_key(trial), **fields)

    def report(self, trial: TrialRecord, step: int, metrics: Mapping[str, float], ledger: Mapping[str, Any]) -> None:
        """The trial reached `step`."""
        self._record("report", **_key(trial), step=step, metrics=dict(metrics), ledger=dict(ledger))

    def end(self, trial: TrialRecord, state: TrialState, **fields: Any) -> None:
        """The trial ended; a second end of the same trial is ignored."""
        if not trial.ended:
            self._record("end", **_key(trial), state=state, **fields)

    def tell(self, record: ConfigurationRecord, state: str, values: list[float] | None, reason: str | None) -> None:
        """All seeds of a configuration ended; called before Optuna is told."""
        self._record(
            "configuration_end", configuration=record.configuration.hash, state=state, values=values, reason=reason
        )

    def _record(self, type: str, **fields: Any) -> None:  # noqa: A002
        self.apply(self.journal.write(type, **fields))

    def apply(self, event: Event) -> None:
        """Take in one event of the journal."""
        match event["type"]:
            case "share":
                self.share = event["share"]
            case "lesson":
                configuration = Configuration(event["model"], event["hyperparameters"])
                self.lessons[event["origin"]] = Lesson(event["origin"], configuration, event["values"])
            case "configuration":
                configuration = Configuration(event["model"], event["hyperparameters"])
                record = ConfigurationRecord(configuration, event["number"], event.get("notes", {}))
                self.configurations[event["configuration"]] = record
            case "seeds":
                trials = self.configurations[event["configuration"]].trials
                for seed in range(event["seeds"]):
                    trials.setdefault(seed, TrialRecord(event["configuration"], seed))
                self.configurations[event["configuration"]].told = False
            case "enlarge":
                trial = self.configurations[event["configuration"]].trials[event["seed"]]
                trial.share, trial.state = event["share"], "PENDING"
            case "reopen":
                record = self.configurations[event["configuration"]]
                record.trials[event["seed"]].state = "PENDING"
                record.told = False
            case "start" | "report" | "end":
                trials = self.configurations[event["configuration"]].trials
                trial = trials.setdefault(event["seed"], TrialRecord(event["configuration"], event["seed"]))
                trial.step = event.get("step", trial.step)
                trial.state = event.get("state", "RUNNING")
                trial.reason = event.get("reason")
                trial.metrics = event.get("metrics") or trial.metrics
                trial.gpu_seconds = event.get("ledger", {}).get("gpu_seconds", trial.gpu_seconds)
            case "configuration_end":
                record = self.configurations[event["configuration"]]
                record.told, record.outcome, record.values = True, event["state"], event["values"]


def _key(trial: TrialRecord) -> dict[str, Any]:
    return {"trial": trial.identity, "configuration": trial.configuration, "seed": trial.seed}
