"""Last evaluations beside the slots: a trained trial hands its evaluation to an idle core, and its slot to the next.

Metrics and pictures may take longer than the training did. A trial that has saved its trained state is evaluated by a
task with one core and no GPU, while the next trial trains in its slot; the task's report ends it. What a task cannot
do, for whatever reason, a slot does: the trial is queued again and goes on from what it saved.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Protocol

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from core.configuration import TrialConfig
from studies.recording import Recorder
from studies.searcher import StudySearcher
from studies.state import TrialRecord
from trainables.ray_trainable import core_is_idle, evaluate
from trainables.trainable import TrialResult

TASK = ray.remote(num_cpus=1, num_gpus=0, max_retries=0)(evaluate)  # no second try, since a slot will
PLACED_WITHIN = 1  # whole seconds; an idle core is reserved in milliseconds
LOOK_EVERY = 5.0  # seconds between two looks whether the core's node is there


class LostError(Exception):
    """A task ended without a report."""


class Core(Protocol):
    """A reserved core that evaluates one trial."""

    def begin(self, config: TrialConfig) -> None:
        """Start the evaluation."""

    def answer(self) -> TrialResult | None:
        """The report, or None before it is there; LostError when it will never be."""

    def release(self) -> None:
        """Give the core back, and end what runs on it."""


class IdleCore:
    """A core of the cluster that nothing else uses.

    It is reserved before anything is promised to it, so that an evaluation never waits for a core that another trial
    took in between.
    """

    def __init__(self, group: PlacementGroup) -> None:
        self._group = group
        self._report: Any = None
        self._looked = time.monotonic()

    @classmethod
    def reserve(cls) -> "IdleCore | None":
        """One, if there is one now."""
        if not core_is_idle():
            return None
        group = placement_group([{"CPU": 1}])
        if group.wait(PLACED_WITHIN):
            return cls(group)
        remove_placement_group(group)
        return None

    def begin(self, config: TrialConfig) -> None:
        """Start the evaluation."""
        strategy = PlacementGroupSchedulingStrategy(self._group)
        self._report = TASK.options(scheduling_strategy=strategy).remote(config.to_json())

    def answer(self) -> TrialResult | None:
        """The report, or None before it is there.

        Raises:
            LostError: the process or its node died.
        """
        ready, _ = ray.wait([self._report], timeout=0)
        if not ready:
            self._require_node()
            return None
        try:
            report: TrialResult = ray.get(self._report)
        except RayError as error:
            raise LostError(str(error)) from error
        return report

    def _require_node(self) -> None:
        """A reservation whose node died waits for another core, maybe for ever."""
        if time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        state = placement_group_table(self._group).get("state", "gone")
        if state != "CREATED":
            raise LostError(f"the reserved core is {state}")

    def release(self) -> None:
        """Give the core back, and end what runs on it."""
        remove_placement_group(self._group)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A trial whose last evaluation runs on a core, with what its own process said: `trained`, `origin`, `share`."""

    record: TrialRecord
    core: Core
    trained: TrialResult
    origin: dict[str, Any]
    share: float
    began: float


class HandOver:
    """Starts evaluations, and takes their reports in whenever Tune asks the searcher for a trial.

    That is at every turn of its loop; once no trial is left, Tune only asks, every second, so that the display is
    refreshed here too.
    """

    def __init__(
        self,
        searcher: StudySearcher,
        refresh: Callable[[], None] = lambda: None,
        reserve: Callable[[], Core | None] = IdleCore.reserve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._searcher = searcher
        self._recorder = Recorder(searcher)
        self._refresh = refresh
        self._reserve = reserve
        self._clock = clock
        self._evaluations: list[Evaluation] = []
        self._lost: set[str] = set()  # trials that are not handed over a second time
        searcher.gather = self.gather

    def take(self, record: TrialRecord, config: TrialConfig, trained: TrialResult, origin: dict[str, Any]) -> bool:
        """Have a trained trial evaluated on an idle core, if another trial waits for its slot and there is a core."""
        searcher = self._searcher
        stopped = record.configuration in searcher.stopper.stopped
        if stopped or record.identity in self._lost or not searcher.waiting():
            return False
        core = self._reserve()
        if core is None:
            return False
        core.begin(config)
        self._evaluations.append(Evaluation(record, core, trained, origin, config.device_share, self._clock()))
        searcher.beside.add(record.identity)
        return True

    def gather(self) -> None:
        """Record the reports that came in; trials whose task is lost or silent for too long are queued again."""
        if not self._evaluations:
            return
        self._refresh()
        patience = self._searcher.spec.budget.patience
        for evaluation in list(self._evaluations):
            try:
                report = evaluation.core.answer()
            except LostError:
                self._take_back(evaluation)
                continue
            if report is not None:
                self._record(evaluation, report)
            elif patience is not None and self._clock() - evaluation.began > patience:
                self._take_back(evaluation)

    def close(self) -> None:
        """Give up what is not evaluated yet, when the study was interrupted; `resume` starts it again."""
        for evaluation in list(self._evaluations):
            self._close(evaluation)

    def _record(self, evaluation: Evaluation, report: TrialResult) -> None:
        self._close(evaluation)
        record = evaluation.record
        whole = dataclasses.replace(report, ledger={**evaluation.trained.ledger, **report.ledger})
        self._recorder.weigh(record, whole)
        self._recorder.write(record, whole, evaluation.origin, evaluation.share, last=True)
        self._searcher.settle(self._searcher.state.configurations[record.configuration])

    def _take_back(self, evaluation: Evaluation) -> None:
        self._close(evaluation)
        self._lost.add(evaluation.record.identity)
        self._searcher.queue.appendleft(evaluation.record)

    def _close(self, evaluation: Evaluation) -> None:
        evaluation.core.release()
        self._evaluations.remove(evaluation)
        self._searcher.beside.discard(evaluation.record.identity)
