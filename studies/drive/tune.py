"""Ray Tune around an agenda: its searcher, scheduler and callback, each a translation; and the run of a study.

The one file here that imports Ray.
"""

import contextlib
import logging
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from pyarrow.fs import LocalFileSystem
from ray import tune
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from core.configuration import TrialConfig
from core.runtime import logging_at
from studies.cluster.idle_core import IdleCore
from studies.cluster.placement import Slots, gpu_share
from studies.cluster.waiting import StartWatch
from studies.drive.agenda import RETRIES, Agenda, Planned
from studies.drive.handover import HandOver
from studies.record.folder import Record
from studies.record.state import StudyState
from studies.record.trial import PULSE, make_trial
from trainables.ray_trainable import StudyTrainable, start_hosts
from trainables.trainable import TrialResult, Underway

PULSES = 10  # a second, of all trials together: each of them takes the driver milliseconds


class StudySearcher(Searcher):
    """Hands the trials of an agenda to Tune.

    Args:
        agenda: of the study.
        handover: whose results are collected whenever Tune asks, which is at every turn.
        make_trial: everything that a process needs to run what is planned.
        slots: number of trials that have room now.
        refresh: called at every turn of Tune's loop.
    """

    def __init__(
        self,
        agenda: Agenda,
        handover: HandOver,
        make_trial: Callable[[Planned], TrialConfig],
        slots: Callable[[], int],
        refresh: Callable[[], None],
    ) -> None:
        super().__init__()
        self._agenda = agenda
        self._handover = handover
        self._make_trial = make_trial
        self._slots = slots
        self._refresh = refresh
        self._identities: dict[str, str] = {}  # by Tune's own id of a trial

    def __reduce__(self) -> Any:
        return _nothing, ()  # Tune pickles its searcher; ours lives in the journal

    def set_search_properties(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        """Objectives are the study's own."""
        return True

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: every change is on the disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's configuration, nothing for now, or the end of the study."""
        self._refresh()
        self._handover.collect()
        planned = self._agenda.next(self._slots())
        if planned is None:
            return Searcher.FINISHED if self._agenda.over else None
        self._identities[trial_id] = planned.identity
        return self._make_trial(planned).to_json()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Results are recorded by `RecordCallback`."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: ARG002
        """A slot is free."""
        identity = self._identities.pop(trial_id, None)
        if identity is not None:
            self._agenda.ended(identity)


class StudyScheduler(FIFOScheduler):
    """Stops what the agenda stops, and trained trials whose evaluation is handed over.

    A trained trial that is not handed over goes on with its evaluation, even if the budget is spent.
    """

    def __init__(self, agenda: Agenda, handover: HandOver) -> None:
        super().__init__()
        self._agenda = agenda
        self._handover = handover

    def __reduce__(self) -> Any:
        return FIFOScheduler, ()

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Called before the callback sees the same result."""
        found: TrialResult | Underway = result["result"]
        if isinstance(found, Underway):
            stop = self._agenda.underway(trial_name(trial), found) == "stop"
        elif found.evaluated:
            stop = self._agenda.verdict(trial_name(trial), found, trial.config["device_share"]) == "stop"
        else:
            stop = self._handover.take(TrialConfig.from_json(trial.config), found, _origin(result))
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)


class RecordCallback(Callback):
    """Records starts, results and ends.

    Tune tells its callbacks of a last result before it tells the searcher, so an end is in the journal when the
    configuration is settled. A trial that was handed over has its last result and its end from the hand-over.

    Args:
        agenda: of the study.
        patience: seconds without a result after which a trial's process is killed; None waits for ever.
        watch: says why no trial starts.
        on_start: called whenever a trial starts.
        refresh: called at every turn of Tune's loop.
        say: a message for the user.
    """

    def __init__(
        self,
        agenda: Agenda,
        patience: float | None,
        watch: StartWatch,
        on_start: Callable[[], None],
        refresh: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._agenda = agenda
        self._patience = patience
        self._watch = watch
        self._on_start = on_start
        self._refresh = refresh
        self._say = say
        self._heard: dict[str, tuple[Trial, float]] = {}  # running trials, and when they were last heard of

    def __reduce__(self) -> Any:
        return Callback, ()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002
        """Every turn of the loop."""
        self._refresh()
        self._watch.look()
        self._end_hung()

    def _end_hung(self) -> None:
        """Kill the processes of trials that have been silent for too long; Ray starts them again, a few times."""
        if self._patience is None:
            return
        now = time.monotonic()
        for key, (trial, heard) in list(self._heard.items()):
            actor = trial.temporary_state.ray_actor
            if now - heard > self._patience and actor is not None:
                self._heard[key] = (trial, now)
                ray.kill(actor)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """An actor has the trial."""
        self._heard[trial.trial_id] = (trial, time.monotonic())
        self._agenda.started(trial_name(trial))
        self._watch.started()
        self._on_start()

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """One result; the last one ends the trial."""
        found: TrialResult | Underway = result["result"]
        self._heard[trial.trial_id] = (trial, time.monotonic())
        if result["done"]:
            del self._heard[trial.trial_id]
        if isinstance(found, TrialResult) and found.evaluated:
            share = trial.config["device_share"]
            self._agenda.record(trial_name(trial), found, _origin(result), share, last=result["done"])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial's process died more often than is forgiven.

        Or it had another trial before, and died before this one has started. Ray hears of that twice: it starts the
        trial again, and then takes what it hears the second time for an error of the trial that waits.
        """
        self._heard.pop(trial.trial_id, None)
        why = _why(trial)
        if not self._agenda.lost(trial_name(trial), why, again=bool(trial.should_recover())):
            self._say(f"trial {trial_name(trial)} is given up, its process died too often: {why}")

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial's process died, and Ray starts the trial again."""
        self._say(f"trial {trial_name(trial)} goes on in another process: {_why(trial)}")


def trial_name(trial: Trial) -> str:
    """A trial's identity, which names it and its directory in Ray too."""
    return TrialConfig.from_json(trial.config).identity


def _why(trial: Trial) -> str:
    """What Ray noted last of the errors of a trial, in a line."""
    with contextlib.suppress(OSError, TypeError, IndexError):
        last = pathlib.Path(trial.error_file).read_text(encoding="utf-8").strip().splitlines()[-1]
        return last.split(" Worker exit type")[0]
    return "its process died"


def _origin(result: Mapping[str, Any]) -> dict[str, Any]:
    """Which process a result is from, and the step from which it went on, if that was not the first."""
    origin = {"host": result["hostname"], "pid": result["pid"]}
    return origin | ({"resumed_from": result["resumed_from"]} if result["resumed_from"] else {})


def _nothing() -> None:
    return None


def run(
    record: Record,
    state: StudyState,
    agenda: Agenda,
    on_start: Callable[[], None],
    refresh: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Hand what is missing of a study to Tune, on the Ray cluster that this process is connected to, and wait.

    Args:
        record: of the study.
        state: where it stands.
        agenda: what is to run.
        on_start: called whenever a trial starts.
        refresh: called at every turn of Tune's loop.
        say: a message for the user.

    Raises:
        StudyError: no node can take a trial.
    """
    spec = record.spec
    share = gpu_share(spec, state, lambda configuration: make_trial(record, configuration, 0, 0.0))
    slots = Slots(spec, share)
    handover = HandOver(agenda, IdleCore.reserve, spec.budget.patience)
    watch = StartWatch(say)
    hosts = start_hosts() if spec.resources.stack > 1 and share else None

    def planned_trial(planned: Planned) -> TrialConfig:
        pulse = max(PULSE, slots() / PULSES)
        return make_trial(record, planned.configuration, planned.seed, planned.share or share, pulse)

    def resources(config: dict[str, Any]) -> Any:
        share = config["device_share"]
        return tune.PlacementGroupFactory([{"CPU": spec.resources.cores(share), "GPU": share}])

    tuner = tune.Tuner(
        tune.with_resources(StudyTrainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=StudySearcher(
                agenda,
                handover,
                planned_trial,
                slots,
                refresh,
            ),
            scheduler=StudyScheduler(agenda, handover),
            num_samples=-1,
            max_concurrent_trials=10_000,  # the agenda itself keeps to the slots, which change as nodes come and go
            reuse_actors=True,
            trial_name_creator=trial_name,
            trial_dirname_creator=trial_name,
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(record.folder.path),
            storage_filesystem=LocalFileSystem(),  # which takes a path as it is, and not for a URI
            callbacks=[RecordCallback(agenda, spec.budget.patience, watch, on_start, refresh, say)],
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            verbose=0,
            progress_reporter=tune.CLIReporter(),  # which says nothing; the one for notebooks would clear our display
        ),
    )
    try:
        with logging_at(logging.CRITICAL, "ray.tune.tune"):  # which counts a trial that was queued again as incomplete
            tuner.fit()
    finally:
        handover.close()
        del hosts  # whose processes end with this reference
