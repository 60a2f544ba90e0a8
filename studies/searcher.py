"""A searcher for several objectives and several seeds, on Optuna's `ask` and `tell`.

One configuration is suggested, all its seeds run as trials of their own, and Optuna is told once, with the means. Only
finite values of a whole budget are told as COMPLETE: an early-stopped configuration is PRUNED, and one with a failed
seed is FAIL. What has been suggested and what has come of it is in the journal and in Optuna's storage; nothing is kept
in a pickle.
"""

import math
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState as OptunaState
from ray.tune.search import Searcher

from core.configuration import Configuration, TrialConfig
from studies.spec import StudySpec
from studies.state import ConfigurationRecord, StudyState, TrialRecord

ATTEMPTS = 30  # suggestions that are already known or illegal before a finite space is searched for what is left


def open_optuna(spec: StudySpec, url: str) -> optuna.Study:
    """The Optuna study behind a study, made when it is not there; opens in optuna-dashboard."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=spec.name,
        storage=optuna.storages.RDBStorage(url, skip_compatibility_check=False),
        directions=list(spec.objectives.values()),
        sampler=_sampler(spec),
        load_if_exists=True,
    )


def _sampler(spec: StudySpec) -> optuna.samplers.BaseSampler:
    search = spec.search
    if search.sampler == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                multivariate=True, group=True, constant_liar=True, n_startup_trials=search.startup, seed=spec.seed
            )
    if search.sampler == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=search.population, seed=spec.seed)
    return optuna.samplers.RandomSampler(seed=spec.seed)


class StudySearcher(Searcher):
    """Hands the trials of a study to Tune, and what came of them to Optuna."""

    def __init__(
        self,
        spec: StudySpec,
        state: StudyState,
        study: optuna.Study,
        make_trial: Callable[[Configuration, int], TrialConfig],
        slots: Callable[[], int],
    ) -> None:
        super().__init__(
            metric=list(spec.objectives), mode=["max" if d == "maximize" else "min" for d in spec.objectives.values()]
        )
        self.spec = spec
        self.state = state
        self.study = study
        self.make_trial = make_trial
        self.slots = slots
        self.live: dict[str, TrialRecord] = {}
        self.queue: deque[TrialRecord] = deque()
        self._spaces = spec.spaces
        self._grid = self._grid_points() if spec.search.sampler == "grid" else None
        self._exhausted = False
        self._take_up()

    def __reduce__(self) -> Any:
        return _nothing, ()  # Tune pickles its searcher; ours lives in the journal and in Optuna

    def set_search_properties(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        """Objectives are the study's own."""
        return True

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: every change is on the disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""

    def _take_up(self) -> None:
        """Go on where the last driver stopped: unfinished seeds first, and what Optuna was not told yet."""
        numbers = set()
        for record in self.state.configurations.values():
            numbers.add(record.number)
            self.queue.extend(self.state.add_trials(record, self.spec.seeds))
            self.settle(record)
        for trial in self.study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)):
            if trial.number not in numbers:  # the driver died between asking Optuna and writing the journal
                self.study.tell(trial.number, state=OptunaState.FAIL)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's configuration; None while all slots are taken."""
        if len(self.live) >= self.slots():
            return None
        if not self.queue and not self._ask():
            return None if self.live else Searcher.FINISHED
        trial = self.queue.popleft()
        self.live[trial_id] = trial
        configuration = self.state.configurations[trial.configuration].configuration
        return self.make_trial(configuration, trial.seed).to_json()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Results are recorded by the callback (`studies.callback`)."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: ARG002
        """A slot is free; when all seeds ended, Optuna is told."""
        trial = self.live.pop(trial_id, None)
        if trial is not None:
            self.settle(self.state.configurations[trial.configuration])

    def settle(self, record: ConfigurationRecord) -> None:
        """Tell Optuna of a configuration whose seeds have all ended."""
        trials = list(record.trials.values())
        if len(trials) < self.spec.seeds or not all(trial.ended for trial in trials):
            return
        state, values, reason = self._outcome(trials)
        if not record.told:
            self.state.tell(record, state.name, values, reason)
        frozen = self.study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,))
        if any(trial.number == record.number for trial in frozen):
            self.study.tell(record.number, values, state=state)

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
        if self._exhausted or len(self.state.configurations) >= self.spec.num_configurations:
            return False
        for attempt in range(ATTEMPTS + 1):
            if not self._enqueue(attempt):
                break
            trial = self.study.ask()
            try:
                configuration = self._configuration(trial)
            except ValueError:
                self.study.tell(trial, state=OptunaState.FAIL)
                continue
            if configuration.hash in self.state.configurations:
                self.study.tell(trial, state=OptunaState.FAIL)
                continue
            trial.set_user_attr("configuration", configuration.hash)
            record = self.state.add_configuration(configuration, trial.number)
            self.queue.extend(self.state.add_trials(record, self.spec.seeds))
            return True
        self._exhausted = True
        return False

    def _enqueue(self, attempt: int) -> bool:
        """Steer the next `ask`: to the grid's next point, or to every model once; False at the end of the grid."""
        if self._grid is None and attempt == ATTEMPTS:
            self._grid = self._grid_points()
        if self._grid is not None:
            point = next(self._grid, None)
            if point is not None:
                self.study.enqueue_trial(point)
            return point is not None
        tried = {record.configuration.model for record in self.state.configurations.values()}
        fresh = [model for model in self._spaces if model not in tried]
        if fresh and len(self._spaces) > 1:
            self.study.enqueue_trial({"model": fresh[0]})
        return True

    def _grid_points(self) -> Iterator[dict[str, Any]]:
        """Points of the grid whose configuration is not in the study yet."""
        for model, space in self._spaces.items():
            for point in space.grid():
                values = {"model": model, **point} if len(self._spaces) > 1 else point
                try:
                    configuration = self._configuration(optuna.trial.FixedTrial(values))
                except ValueError:
                    continue
                if configuration.hash not in self.state.configurations:
                    yield values

    def _configuration(self, trial: optuna.trial.BaseTrial) -> Configuration:
        models = tuple(self._spaces)
        model = trial.suggest_categorical("model", models) if len(models) > 1 else models[0]
        return self._spaces[model].suggest(trial)


def _nothing() -> None:
    return None
