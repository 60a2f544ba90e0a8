"""A whole study in memory: the service's own agenda, searcher, stopper and seeds; trials that make their own curves.

What Ray does is left out, and nothing else: slots are places in a queue of events, and the clock is that of the trials.
"""

import dataclasses
import heapq
import itertools
import math
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

import trainables
from core.configuration import Configuration, TrialConfig
from core.record.history import ConfigurationHistory, TrialHistory
from studies.drive.agenda import Agenda
from studies.record.state import StudyState
from studies.search.suggestions import Suggestions
from studies.study_file.spec import StudySpec


class Searcher(Protocol):
    """What an agenda asks for configurations."""

    def ask(self, known: Any) -> tuple[Configuration, dict[str, Any]] | None: ...

    def tell(self, configuration: ConfigurationHistory) -> None: ...


@dataclasses.dataclass(frozen=True)
class Moment:
    """Where a study stands when a configuration has its outcome.

    Attributes:
        steps: of training so far, of all trials.
        seconds: on the clock of the trials.
        configurations: suggested so far.
        results: of the configurations that are complete: hash to the objectives (S, M) of all their seeds.
    """

    steps: int
    seconds: float
    configurations: int
    results: dict[str, np.ndarray]

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The means that the study saw: hash to (M,)."""
        return {key: seeds.mean(0) for key, seeds in self.results.items()}


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """A study that was rehearsed."""

    moments: list[Moment]
    configurations: dict[str, Configuration]


def rehearse(
    spec: StudySpec,
    slots: int,
    searcher: Callable[[StudySpec, StudyState], Searcher] = Suggestions,
    most_steps: float = math.inf,
) -> Rehearsal:
    """Run a study whose models are simulations.

    Args:
        spec: of the study.
        slots: trials that run at the same time.
        searcher: makes what suggests configurations; the service's own by default.
        most_steps: of training of all trials, after which it is left as it is.
    """
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        state = StudyState(pathlib.Path(folder))
        try:
            return _run(spec, state, slots, searcher, most_steps)
        finally:
            state.close()


def _memory() -> str | None:
    shared = pathlib.Path("/dev/shm")
    return str(shared) if shared.is_dir() else None


def _run(spec: StudySpec, state: StudyState, slots: int, searcher: Any, most_steps: float) -> Rehearsal:
    moments: list[Moment] = []
    steps: dict[str, int] = {}
    clock = 0.0

    def settled() -> None:
        results = {
            key: np.array([[done.metrics[name] for name in spec.objectives] for done in completed(each)])
            for key, each in state.configurations.items()
            if each.outcome == "COMPLETE"
        }
        moments.append(Moment(sum(steps.values()), clock, len(state.configurations), results))

    agenda = Agenda(spec, state, searcher(spec, state), on_settled=settled)
    events: list[tuple[float, int, str, Any, Any]] = []
    order = itertools.count()

    def advance(identity: str, run: Any, now: float) -> None:
        before = run.ledger().get("seconds_training", 0.0)
        result = run.advance()
        duration = result.ledger["seconds_training"] - before
        heapq.heappush(events, (now + max(duration, 1e-9), next(order), identity, run, result))

    while sum(steps.values()) < most_steps:
        while (planned := agenda.next(slots)) is not None:
            agenda.started(planned.identity)
            config = _trial(spec, planned.configuration, planned.seed)
            advance(planned.identity, trainables.get(planned.configuration.model).start(config), clock)  # type: ignore[attr-defined]
        if not events:
            break
        clock, _, identity, run, result = heapq.heappop(events)
        steps[identity] = result.step
        last = agenda.verdict(identity, result, 0.0) == "stop" or result.done
        agenda.record(identity, result, {}, 0.0, last=last)
        if last:
            agenda.ended(identity)
        else:
            advance(identity, run, clock)
    configurations = {key: each.configuration for key, each in state.configurations.items()}
    return Rehearsal(moments, configurations)


def completed(configuration: ConfigurationHistory) -> list[TrialHistory]:
    """Seeds that are; others may be on their way."""
    return [trial for trial in configuration.trials.values() if trial.state == "COMPLETED"]


def _trial(spec: StudySpec, configuration: Configuration, seed: int) -> TrialConfig:
    return TrialConfig(
        study=spec.name,
        configuration=configuration,
        seed=seed,
        study_seed=spec.seed,
        dataset=spec.dataset,
        data_root="",
        steps=spec.budget.steps,
        evaluate_every=spec.budget.evaluate_every,
        metrics=(),
        final_metrics=(),
        folder="",
    )
