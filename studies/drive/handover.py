"""Last evaluations beside the slots: a trained trial hands its evaluation to an idle core, and its slot to the next.

Metrics and pictures may take longer than the training did. A trial that has saved its trained state is evaluated by a
task with one core and no GPU, while the next trial trains in its slot; the task's result ends it. What a task cannot
do, for whatever reason, a slot does: the trial is queued again and goes on from what it saved.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from core.configuration import TrialConfig
from studies.cluster.reserved_core import CoreLostError, ReservedCore
from studies.drive.agenda import Agenda
from trainables.trainable import TrialResult


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A trial whose last evaluation runs on a core, with what its own process said: `trained` and `origin`."""

    config: TrialConfig
    core: ReservedCore
    trained: TrialResult
    origin: Mapping[str, Any]
    began: float

    @property
    def identity(self) -> str:
        """Of the trial."""
        return self.config.identity


class HandOver:
    """Starts evaluations, and collects their results.

    Args:
        agenda: of the study.
        reserve: gives a core that nothing else uses, if there is one.
        patience: seconds after which an evaluation is taken for hung; None waits for ever.
        clock: in seconds.
    """

    def __init__(
        self,
        agenda: Agenda,
        reserve: Callable[[], ReservedCore | None],
        patience: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agenda = agenda
        self._reserve = reserve
        self._patience = patience
        self._clock = clock
        self._evaluations: list[Evaluation] = []
        self._lost: set[str] = set()  # trials that are not handed over a second time

    def take(self, config: TrialConfig, trained: TrialResult, origin: Mapping[str, Any]) -> bool:
        """Have a trained trial evaluated on an idle core, if another trial waits for its slot and there is a core."""
        agenda, identity = self._agenda, config.identity
        if agenda.is_stopped(identity) or identity in self._lost or not agenda.wants_slots:
            return False
        core = self._reserve()
        if core is None:
            return False
        core.begin(config)
        self._evaluations.append(Evaluation(config, core, trained, origin, self._clock()))
        agenda.set_aside(identity)
        return True

    def collect(self) -> None:
        """Record the results that are there; trials whose task is lost or silent for too long are queued again."""
        for evaluation in list(self._evaluations):
            try:
                result = evaluation.core.result()
            except CoreLostError:
                self._take_back(evaluation)
                continue
            if result is not None:
                self._record(evaluation, result)
            elif self._patience is not None and self._clock() - evaluation.began > self._patience:
                self._take_back(evaluation)

    def close(self) -> None:
        """Give up what is not evaluated yet, when the study was interrupted; `resume` starts it again."""
        for evaluation in list(self._evaluations):
            self._release(evaluation)
            self._agenda.give_up(evaluation.identity)

    def _record(self, evaluation: Evaluation, result: TrialResult) -> None:
        self._release(evaluation)
        whole = dataclasses.replace(result, ledger={**evaluation.trained.ledger, **result.ledger})
        self._agenda.evaluated(evaluation.identity, whole, evaluation.origin, evaluation.config.device_share)

    def _take_back(self, evaluation: Evaluation) -> None:
        self._release(evaluation)
        self._lost.add(evaluation.identity)
        self._agenda.take_back(evaluation.identity)

    def _release(self, evaluation: Evaluation) -> None:
        evaluation.core.release()
        self._evaluations.remove(evaluation)
