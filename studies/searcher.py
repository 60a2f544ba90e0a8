"""A searcher for several objectives and several seeds, on Optuna's `ask` and `tell`.

One configuration is suggested, all its seeds run as trials of their own, and Optuna is told once, with the means. Only
finite values of a whole budget are told as COMPLETE: an early-stopped configuration is PRUNED, and one with a failed
seed is FAIL. What has been suggested and what has come of it is in the journal; nothing is kept in a pickle.
"""

import dataclasses
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.trial import TrialState as OptunaState
from ray.tune.search import Searcher

from core.configuration import Configuration, TrialConfig
from studies.early_stop import Stopper
from studies.pace import Pace
from studies.seeds import more_seeds
from studies.spec import StudySpec
from studies.state import ConfigurationRecord, StudyState, TrialRecord
from studies.suggestions import Suggestions


class StudySearcher(Searcher):
    """Hands the trials of a study to Tune, and what came of them to Optuna."""

    def __init__(
        self,
        spec: StudySpec,
        state: StudyState,
        suggestions: Suggestions,
        make_trial: Callable[[Configuration, int], TrialConfig],
        slots: Callable[[], int],
        spent: Callable[[], bool] = lambda: False,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.state = state
        self.suggestions = suggestions
        self.make_trial = make_trial
        self.slots = slots
        self.spent = spent
        self.settled = settled
        self.stopper = Stopper(spec)
        self.pace = Pace()
        self.live: dict[str, TrialRecord] = {}
        self.beside: set[str] = set()  # identities of trials that have left their slots and are still evaluated
        self.gather: Callable[[], None] = lambda: None  # takes in what came of them (`studies.handover`)
        self.queue: deque[TrialRecord] = deque()
        self._take_up()

    def __reduce__(self) -> Any:
        return _nothing, ()  # Tune pickles its searcher; ours lives in the journal

    def set_search_properties(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        """Objectives are the study's own."""
        return True

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: every change is on the disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""

    def retry(self, trial: TrialRecord, share: float) -> None:
        """Queue a trial again, with another GPU share."""
        self.state.enlarge(trial, share)
        self.queue.append(trial)

    def _take_up(self) -> None:
        """Go on where the last driver stopped: unfinished seeds first, and what Optuna was not told yet."""
        for record in self.state.configurations.values():
            self.state.plan_seeds(record, self.spec.seeds.min)
            for trial in record.trials.values():
                if trial.state == "COMPLETED" and trial.step < self.spec.budget.steps:
                    self.state.reopen(trial)
            self.queue.extend(trial for trial in record.trials.values() if not trial.ended)
        for configuration, seed, step, metrics in self.state.reports:
            self.stopper.report(configuration, seed, step, metrics)
        for record in list(self.state.configurations.values()):
            self.settle(record)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's configuration; None while all slots are taken, or while a result may call for more."""
        self.gather()
        if self.spent():
            return None if self._busy() else Searcher.FINISHED
        if len(self.live) >= self.slots() or not self.pace.admits(len(self.live)):
            return None
        trial = self._next()
        if trial is None:
            return None if self._busy() else Searcher.FINISHED
        self.live[trial_id] = trial
        configuration = self.state.configurations[trial.configuration].configuration
        config = self.make_trial(configuration, trial.seed)
        return dataclasses.replace(config, device_share=trial.share or config.device_share).to_json()

    def _busy(self) -> bool:
        return bool(self.live or self.beside)

    def waiting(self) -> bool:
        """Whether another trial would take a slot that becomes free."""
        more = bool(self.queue) or len(self.state.configurations) < self.spec.num_configurations
        return more and not self.spent()

    def _next(self) -> TrialRecord | None:
        """The next trial to run: of the queue, or of a new configuration."""
        while self.queue or self._ask():
            trial = self.queue.popleft()
            if trial.configuration not in self.stopper.stopped:
                return trial
            self.state.end(trial, "PRUNED", step=trial.step, reason="stopped early", metrics={}, ledger={})
            self.settle(self.state.configurations[trial.configuration])
        return None

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Results are recorded by the callback (`studies.callback`)."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: ARG002
        """A slot is free; when all seeds ended, Optuna is told."""
        trial = self.live.pop(trial_id, None)
        if trial is not None:
            self.pace.end(trial.identity)
            self.settle(self.state.configurations[trial.configuration])

    def settle(self, record: ConfigurationRecord) -> None:
        """Tell the sampler of a configuration whose seeds have all ended, unless it deserves more seeds."""
        trials = list(record.trials.values())
        if record.told or not trials or not all(trial.ended for trial in trials):
            return
        state, values, reason = self._outcome(trials)
        if state == OptunaState.COMPLETE:
            wanted = more_seeds(self.spec, self.state, record)
            if wanted > len(trials):
                self.queue.extend(self.state.plan_seeds(record, wanted))
                return
        self.state.tell(record, state.name, values, reason)
        self.suggestions.tell(record)
        self.settled()

    def _outcome(self, trials: list[TrialRecord]) -> tuple[OptunaState, list[float] | None, str | None]:
        failed = [trial for trial in trials if trial.state == "FAILED"]
        if failed:
            return OptunaState.FAIL, None, f"seed {failed[0].seed}: {failed[0].reason}"
        if any(trial.state == "PRUNED" for trial in trials):
            return OptunaState.PRUNED, None, "stopped early"
        values = [
            float(np.mean([trial.metrics.get(objective, math.nan) for trial in trials]))
            for objective in self.spec.objectives
        ]
        if not all(math.isfinite(value) for value in values):
            return OptunaState.FAIL, None, "an objective is missing or not finite"
        return OptunaState.COMPLETE, values, None

    def _ask(self) -> bool:
        """Queue one more configuration; False when the plan has no more."""
        if len(self.state.configurations) >= self.spec.num_configurations:
            return False
        suggestion = self.suggestions.ask(self.state.configurations)
        if suggestion is None:
            return False
        record = self.state.add_configuration(*suggestion)
        self.queue.extend(self.state.plan_seeds(record, self.spec.seeds.min))
        return True


def _nothing() -> None:
    return None
