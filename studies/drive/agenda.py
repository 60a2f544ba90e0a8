"""How a study runs: what is to run next, what runs now, and what a result means for the others.

The agenda knows neither Ray nor Tune. `studies.drive.tune` translates what Tune asks and tells, and
`studies.drive.handover` lets trained trials be evaluated beside the slots. Everything that the agenda decides is an
event of the journal.

One configuration is suggested, all its seeds run as trials of their own, and Optuna is told once, with the means. Only
finite values of a whole budget are COMPLETE: an early-stopped configuration is PRUNED, and one with a failed seed is
FAIL.
"""

import dataclasses
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from core.configuration import Configuration, identity_of
from core.formulas.bounds import FRONT
from core.record.events import ENDED, TrialState
from core.record.history import ConfigurationHistory, TrialHistory
from studies.drive.pace import Pace
from studies.record.state import StudyState
from studies.search.early_stop import Stopper
from studies.search.seeds import in_doubt, more_seeds
from studies.search.suggestions import Suggestions
from studies.study_file.spec import StudySpec
from trainables.trainable import TrialResult, Underway

OUT_OF_MEMORY = "OutOfMemoryError"
RETRIES = 3  # of a trial whose process died

Verdict = Literal["go on", "stop"]


@dataclasses.dataclass(frozen=True)
class Planned:
    """A trial that is to run; `share` of a GPU where it is to have another one than the study's trials have."""

    configuration: Configuration
    seed: int
    share: float | None = None

    @property
    def identity(self) -> str:
        """Of the trial."""
        return identity_of(self.configuration.hash, self.seed)


class Agenda:
    """The trials of a study, from their suggestion to their end.

    Args:
        spec: what was asked.
        state: where the study stands; the agenda goes on from there.
        suggestions: gives configurations, and is told what came of them.
        spent: whether the study's own budget is used up.
        on_settled: called whenever a configuration has its outcome.
    """

    def __init__(
        self,
        spec: StudySpec,
        state: StudyState,
        suggestions: Suggestions,
        spent: Callable[[], bool] = lambda: False,
        on_settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._spec = spec
        self._state = state
        self._suggestions = suggestions
        self._spent = spent
        self._on_settled = on_settled
        self._stopper = Stopper(spec)
        self._pace = Pace()
        self._queue: deque[TrialHistory] = deque()
        self._in_slots: set[str] = set()  # identities
        self._set_aside: set[str] = set()  # of trials that left their slots, and are still evaluated
        self._losses: Counter[str] = Counter()  # of trials that were queued again after they were lost
        self._exhausted = False  # the search space holds nothing more
        self._doubt: tuple[tuple[int, int], list[ConfigurationHistory]] = ((-1, -1), [])
        self._go_on()

    def _go_on(self) -> None:
        """From where the last driver stopped: unfinished seeds first, and what Optuna was not told yet."""
        for configuration in self._state.configurations.values():
            if not configuration.given_up:
                self._state.plan_seeds(configuration, self._spec.seeds.min)
            for trial in configuration.trials.values():
                if trial.state == "COMPLETED" and trial.step < self._spec.budget.steps:
                    self._state.reopen(trial)
            self._queue.extend(trial for trial in configuration.trials.values() if not trial.ended)
        for event in self._state.earlier_reports:
            configuration = self._state.configurations[event.configuration]
            self._stopper.report(configuration.configuration, event.seed, event.step, event.metrics)
        for configuration in list(self._state.configurations.values()):
            self._settle(configuration)

    # What is to run

    def next(self, slots: int) -> Planned | None:
        """The next trial, which takes one of the slots; None while all are taken, or a result may call for more."""
        if self._spent() or len(self._in_slots) >= slots or not self._pace.admits(len(self._in_slots)):
            return None
        trial = self._next_trial()
        if trial is None:
            return None
        self._in_slots.add(trial.identity)
        configuration = self._state.configurations[trial.configuration].configuration
        return Planned(configuration, trial.seed, trial.share or None)

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing more will; ask it once `next` gives nothing."""
        return not self._in_slots and not self._set_aside and not self.wants_slots

    @property
    def wants_slots(self) -> bool:
        """Whether another trial would take a slot that becomes free."""
        more = bool(self._queue) or self._more_to_suggest or bool(self._in_doubt())
        return more and not self._spent()

    def _next_trial(self) -> TrialHistory | None:
        """Of the queue, or of a new configuration."""
        while self._queue or self._suggest() or self._settle_the_front():
            trial = self._queue.popleft()
            if not self.is_stopped(trial.identity):
                return trial
            self._state.end(trial, "PRUNED", step=trial.step, reason="stopped early")
            self._settle(self._state.configurations[trial.configuration])
        return None

    def _suggest(self) -> bool:
        """Queue one more configuration; False when the plan has no more."""
        if not self._more_to_suggest:
            return False
        suggestion = self._suggestions.ask(self._state.configurations)
        if suggestion is None:
            self._exhausted = True
            return False
        configuration = self._state.add_configuration(*suggestion)
        self._queue.extend(self._state.plan_seeds(configuration, self._spec.seeds.min))
        return True

    def _settle_the_front(self) -> bool:
        """Queue another seed of every configuration that may be on the front; False when it is settled."""
        for configuration in self._in_doubt():
            self._queue.extend(self._state.plan_seeds(configuration, len(configuration.trials) + 1))
        return bool(self._queue)

    def _in_doubt(self) -> list[ConfigurationHistory]:
        """Configurations that deserve another seed, once all are suggested; looked for when another trial ended."""
        if self._spec.seeds.until != FRONT or self._more_to_suggest:
            return []
        now = (sum(self._state.counts()[state] for state in ENDED), len(self._state.trials()))
        if self._doubt[0] != now:
            self._doubt = (now, in_doubt(self._spec, self._state))
        return self._doubt[1]

    @property
    def _more_to_suggest(self) -> bool:
        return not self._exhausted and len(self._state.configurations) < self._spec.num_configurations

    # What runs

    def started(self, identity: str) -> None:
        """A process has the trial."""
        self._pace.start(identity)
        self._state.start(self._state.trial(identity))

    def underway(self, identity: str, where: Underway) -> Verdict:
        """Whether a trial goes on that is between two results."""
        self._state.note_progress(identity, where.step, where.seconds)
        return "stop" if self.is_stopped(identity) or self._spent() else "go on"

    def verdict(self, identity: str, result: TrialResult, share: float) -> Verdict:
        """Whether the trial goes on after an evaluated result, which early stopping sees; call it before `record`."""
        if not self._is_known(identity, result):
            self._show_early_stopping(identity, result, share)
        return "stop" if self.is_stopped(identity) or self._spent() else "go on"

    def _is_known(self, identity: str, result: TrialResult) -> bool:
        """Whether a result that is said again was heard the first time."""
        return result.again and self._state.trial(identity).furthest >= result.step

    def _show_early_stopping(self, identity: str, result: TrialResult, share: float) -> None:
        trial, configuration = self._state.trial(identity), self._state.of_trial(identity)
        metrics = self._spec.results(result.metrics, configuration.configuration, self._ledger(result, share))
        controls = len(self._stopper.controls)
        self._stopper.report(configuration.configuration, trial.seed, result.step, metrics)
        if len(self._stopper.controls) > controls:
            self._state.choose_control(configuration)

    def is_stopped(self, identity: str) -> bool:
        """Whether early stopping gave up the trial's configuration."""
        return self._state.trial(identity).configuration in self._stopper.stopped

    def record(
        self, identity: str, result: TrialResult, origin: Mapping[str, Any], share: float, *, last: bool
    ) -> None:
        """Note an evaluated result, unless it is known, and how its trial ended if no other follows.

        Args:
            identity: of the trial.
            result: what it said.
            origin: where it ran, for the ledger: `host`, `pid`, and `resumed_from` if it was.
            share: of a GPU that it occupied, except while its evaluation was handed over.
            last: no other result will follow.
        """
        if self._is_known(identity, result):
            return
        trial = self._state.trial(identity)
        ledger = {**self._ledger(result, share), **origin}
        metrics = self._spec.results(result.metrics, self._state.of_trial(identity).configuration, ledger)
        self._state.report(trial, result.step, metrics, ledger)
        if not last or self._gets_another_chance(trial, result, share):
            return
        outcome = self._outcome_of_trial(trial, result)
        if outcome is not None:
            rule = self._spec.early_stop
            reason = f"stopped early by {rule.rule}" if outcome == "PRUNED" and rule else result.failure
            self._state.end(trial, outcome, step=result.step, reason=reason, metrics=metrics, ledger=ledger)

    def _ledger(self, result: TrialResult, share: float) -> dict[str, Any]:
        """What a trial said that it cost, with what it occupied of its device for so long."""
        ledger = dict(result.ledger)
        busy = ledger.get("seconds_training", 0.0) + ledger.get("seconds_evaluating", 0.0)
        if share:
            ledger["gpu_seconds"] = share * (busy - ledger.get("seconds_handed_over", 0.0))
        ledger["device_seconds"] = ledger["gpu_seconds"] if share else self._spec.resources.cores(0.0) * busy
        return ledger

    def _gets_another_chance(self, trial: TrialHistory, result: TrialResult, share: float) -> bool:
        """Whether a trial that ran out of device memory is queued again, once, with twice the share."""
        if not (result.failure or "").startswith(OUT_OF_MEMORY) or trial.share or not 0 < share < 1:
            return False
        self._state.enlarge(trial, min(1.0, 2 * share))
        self._queue.append(trial)
        return True

    def _outcome_of_trial(self, trial: TrialHistory, result: TrialResult) -> TrialState | None:
        """How the trial ended; None when it was only interrupted."""
        if result.failure:
            return "FAILED"
        if result.step >= self._spec.budget.steps:
            return "COMPLETED"
        return "PRUNED" if self.is_stopped(trial.identity) else None

    def ended(self, identity: str) -> None:
        """The trial left its slot; when all seeds of its configuration ended, Optuna is told."""
        if identity in self._in_slots:
            self._in_slots.remove(identity)
            self._pace.end(identity)
            self._settle(self._state.of_trial(identity))

    def lost(self, identity: str, reason: str, *, again: bool = False) -> bool:
        """The trial's process died, and the trial left its slot; whether it is queued again.

        Args:
            identity: of the trial.
            reason: what is known of it.
            again: the trial may be queued again, unless that was of no use before; else it failed.
        """
        trial = self._state.trial(identity)
        if again and self._losses[identity] < RETRIES:
            self._losses[identity] += 1
            self._queue.append(trial)
            return True
        self._state.end(trial, "FAILED", step=trial.step, reason=f"lost: {reason}")
        self._settle(self._state.of_trial(identity))
        return False

    # What is evaluated beside the slots

    def set_aside(self, identity: str) -> None:
        """The trial leaves its slot, but is still evaluated."""
        self._set_aside.add(identity)

    def evaluated(self, identity: str, result: TrialResult, origin: Mapping[str, Any], share: float) -> None:
        """The last result of a trial that was set aside; see `record`."""
        self._set_aside.discard(identity)
        self._show_early_stopping(identity, result, share)
        self.record(identity, result, origin, share, last=True)
        self._settle(self._state.of_trial(identity))

    def take_back(self, identity: str) -> None:
        """The trial that was set aside needs a slot again."""
        self._set_aside.discard(identity)
        self._queue.appendleft(self._state.trial(identity))

    def give_up(self, identity: str) -> None:
        """The evaluation of a trial that was set aside is interrupted; the next driver starts it again."""
        self._set_aside.discard(identity)

    # What Optuna is told

    def _settle(self, configuration: ConfigurationHistory) -> None:
        """Tell the sampler of a configuration whose seeds have all ended, unless it deserves more seeds."""
        trials = list(configuration.trials.values())
        if configuration.closed or not trials or not all(trial.ended for trial in trials):
            return
        outcome, values, reason = self._outcome(trials)
        if outcome == "COMPLETE":
            wanted = more_seeds(self._spec, self._state, configuration)
            if configuration in self._in_doubt():
                wanted = len(trials) + 1
            if wanted > len(trials):
                self._queue.extend(self._state.plan_seeds(configuration, wanted))
                return
        self._state.close_configuration(configuration, outcome, values, reason)
        self._suggestions.tell(configuration)
        self._on_settled()

    def _outcome(self, trials: list[TrialHistory]) -> tuple[str, list[float] | None, str | None]:
        """State of the Optuna trial, the means of the objectives, and why there are none."""
        failed = [trial for trial in trials if trial.state == "FAILED"]
        if failed:
            return "FAIL", None, f"seed {failed[0].seed}: {failed[0].reason}"
        if any(trial.state == "PRUNED" for trial in trials):
            return "PRUNED", None, "stopped early"
        values = [
            float(np.mean([trial.metrics.get(objective, math.nan) for trial in trials]))
            for objective in self._spec.objectives
        ]
        if not all(math.isfinite(value) for value in values):
            return "FAIL", None, "an objective is missing or not finite"
        return "COMPLETE", values, None
