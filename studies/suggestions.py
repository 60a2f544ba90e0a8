"""The Optuna side of a study: its storage, its sampler, and configurations that are new."""

import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

import optuna
import sqlalchemy
from optuna.trial import TrialState

from analysis.constraints import parse_bounds
from core.configuration import Configuration
from studies.space import ModelSpace
from studies.spec import StudySpec
from studies.state import ConfigurationRecord

T = TypeVar("T")

PATIENCE = 600.0  # seconds that a storage may be away before the driver gives up; `resume` goes on then
RETRY_EVERY = 1.0
ATTEMPTS = 30  # suggestions that are already known or illegal before a finite space is searched for what is left


def open_optuna(spec: StudySpec, url: str) -> optuna.Study:
    """The Optuna study behind a study, made when it is not there; opens in optuna-dashboard."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=spec.name,
        storage=open_storage(url),
        directions=list(spec.objectives.values()),
        sampler=_sampler(spec),
        load_if_exists=True,
    )


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Optuna's storage; SQLite does not wait for the disk at every commit, since the journal can repair a power cut."""
    storage = optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    if storage.engine.dialect.name == "sqlite":

        @sqlalchemy.event.listens_for(storage.engine, "connect")
        def relax(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")

        storage.engine.dispose()  # connections made before do not know it
    return storage


def _sampler(spec: StudySpec) -> optuna.samplers.BaseSampler:
    search = spec.search
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if search.sampler == "tpe":
            return optuna.samplers.TPESampler(
                multivariate=True,
                group=True,
                constant_liar=True,
                n_startup_trials=search.startup,
                seed=spec.seed,
            )
        if search.sampler == "nsga2":
            return optuna.samplers.NSGAIISampler(population_size=search.population, seed=spec.seed)
        return optuna.samplers.RandomSampler(seed=spec.seed)


class Suggestions:
    """Asks Optuna for configurations that the study does not have yet, and tells it what came of them."""

    def __init__(self, spec: StudySpec, study: optuna.Study) -> None:
        self.study = study
        self._spaces = spec.spaces
        self._several = len(self._spaces) > 1
        self._bounds = parse_bounds(spec.search.where)
        self._points = iter([self._as_parameters(point) for point in spec.search.points])
        self._grid = self._grid_points() if spec.search.sampler == "grid" else None
        self._known: Collection[str] = ()
        self._open: dict[int, optuna.Trial] = {}
        earlier = study.get_trials(deepcopy=False)  # of the drivers before this one
        self._earlier = {trial.number: trial for trial in earlier}
        self._told: dict[str, tuple[TrialState, list[float] | None]] = {
            trial.user_attrs["configuration"]: (trial.state, trial.values)
            for trial in earlier
            if "configuration" in trial.user_attrs
        }

    def _patiently(self, action: Callable[[], T]) -> T:
        """Do something with the storage; while it is away, wait and try again."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return action()
            except (sqlalchemy.exc.OperationalError, optuna.exceptions.StorageInternalError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_EVERY)

    def ask(self, known: Mapping[str, ConfigurationRecord]) -> tuple[Configuration, int] | None:
        """A configuration that is not among `known`, and the number of its Optuna trial; None when there is none."""
        self._known = known
        for attempt in range(ATTEMPTS + 1):
            if attempt == ATTEMPTS and self._grid is None:
                self._grid = self._grid_points()
            fresh = [
                model for model in self._spaces if model not in {each.configuration.model for each in known.values()}
            ]
            if not self._steer(fresh):
                return None
            suggestion = self._patiently(self._suggest)
            if suggestion is not None:
                return suggestion
        return None

    def _suggest(self) -> tuple[Configuration, int] | None:
        """One suggestion; None when it is known already, or not legal as a whole."""
        trial = self.study.ask()
        try:
            configuration = self._configuration(trial)
        except ValueError:  # legal values that are not legal together
            configuration = None
        if configuration is None or configuration.hash in self._known:
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        trial.set_user_attr("configuration", configuration.hash)
        self._open[trial.number] = trial
        return configuration, trial.number

    def _steer(self, fresh: list[str]) -> bool:
        """Fix the next `ask` to a point of the file, of the grid, or to a fresh model; False at the grid's end."""
        point = next(self._points, None)
        if point is None and self._grid is not None:
            point = next(self._grid, None)
            if point is None:
                return False
        if point is None and fresh and self._several:
            point = {"model": fresh[0]}
        if point is not None:
            fixed = point
            self._patiently(lambda: self.study.enqueue_trial(fixed))
        return True

    def tell(self, record: ConfigurationRecord, state: TrialState, values: list[float] | None) -> None:
        """Tell Optuna once; values that changed later (more seeds, more steps) become a trial that supersedes it."""
        hash_ = record.configuration.hash
        trial = self._open.pop(record.number, None)
        before = self._told.get(hash_)
        if trial is not None:
            asked = trial
            self._constrain(asked, record, state)
            self._patiently(lambda: self.study.tell(asked, values, state=state, skip_if_finished=True))
        elif before is None:
            self._restore(record, state, values)
        elif before == (state, values):
            return
        elif before[0] == TrialState.RUNNING:
            if self._bounds:
                self._constrain(optuna.Trial(self.study, self._earlier[record.number]._trial_id), record, state)
            self._patiently(lambda: self.study.tell(record.number, values, state=state, skip_if_finished=True))
        else:
            self._supersede(record, state, values)
        self._told[hash_] = (state, values)

    def _restore(self, record: ConfigurationRecord, state: TrialState, values: list[float] | None) -> None:
        """Give Optuna back a configuration that its storage lost, as SQLite may in a power cut."""
        params, distributions = self._parameters_of(record.configuration) or ({}, {})
        self.study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=distributions,
                values=values,
                state=state,
                user_attrs={"configuration": record.configuration.hash},
                constraints=self._violations(record) or None,
            )
        )

    def _supersede(self, record: ConfigurationRecord, state: TrialState, values: list[float] | None) -> None:
        first = self._earlier.get(record.number) or self.study.get_trials(deepcopy=False)[record.number]
        self.study.add_trial(
            optuna.trial.create_trial(
                params=first.params,
                distributions=first.distributions,
                values=values,
                state=state,
                user_attrs={"configuration": record.configuration.hash, "supersedes": record.number},
                constraints=self._violations(record) or None,
            )
        )

    def _constrain(self, trial: optuna.Trial, record: ConfigurationRecord, state: TrialState) -> None:
        if state == TrialState.COMPLETE:
            for name, violation in self._violations(record).items():
                trial.set_constraint(name, violation)

    def _violations(self, record: ConfigurationRecord) -> dict[str, float]:
        """By how much the means are on the wrong side of each bound; feasible at most 0."""
        violations = {}
        for bound in self._bounds:
            seeds = [trial.metrics[bound.metric] for trial in record.trials.values() if bound.metric in trial.metrics]
            mean = sum(seeds) / len(seeds) if seeds else float("inf")
            violations[bound.text] = bound.violation({bound.metric: mean})
        return violations

    def forget_unrecorded(self, numbers: Collection[int]) -> None:
        """End what a driver asked for but died before it could record."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number not in numbers:
                self.study.tell(trial.number, state=TrialState.FAIL)

    def warm_start(self, results: Mapping[str, list[tuple[Configuration, list[float]]]]) -> list[str]:
        """Let the sampler learn from other studies' configurations, once; sentences on what could not be used."""
        notes = []
        done = {trial.user_attrs.get("warm_start") for trial in self.study.get_trials(deepcopy=False)}
        for name, configurations in results.items():
            unused = 0
            for configuration, values in configurations:
                origin = f"{name}/{configuration.hash}"
                parameters = self._parameters_of(configuration)
                if parameters is None:
                    unused += 1
                elif origin not in done:
                    params, distributions = parameters
                    trial = optuna.trial.create_trial(
                        params=params, distributions=distributions, values=values, user_attrs={"warm_start": origin}
                    )
                    self.study.add_trial(trial)
            if unused:
                notes.append(f"warm start from '{name}': {unused} configurations are outside this study's space")
        return notes

    def _parameters_of(self, configuration: Configuration) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A configuration of another study as parameters of this one; None when it is outside the space."""
        space = self._spaces.get(configuration.model)
        if space is None:
            return None
        params: dict[str, Any] = {}
        distributions: dict[str, Any] = {}
        if self._several:
            params["model"] = configuration.model
            distributions["model"] = optuna.distributions.CategoricalDistribution(tuple(self._spaces))
        for name, distribution in space.distributions().items():
            value = configuration.hyperparameters.get(name.partition(".")[2])
            if not distribution._contains(distribution.to_internal_repr(value)):
                return None
            params[name], distributions[name] = value, distribution
        fixed = space.fixed()
        if any(configuration.hyperparameters.get(name) != value for name, value in fixed.items()):
            return None
        return params, distributions

    def _as_parameters(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """A point of the study file as Optuna parameters."""
        model = point.get("model", next(iter(self._spaces)))
        values = {f"{model}.{name}": value for name, value in point.items() if name != "model"}
        return {"model": model, **values} if self._several else values

    def _grid_points(self) -> Iterator[dict[str, Any]]:
        """Points of the grid whose configuration is not in the study yet."""
        for model, space in self._spaces.items():
            for point in space.grid():
                values = {"model": model, **point} if self._several else point
                try:
                    configuration = self._configuration(optuna.trial.FixedTrial(values))
                except ValueError:
                    continue
                if configuration.hash not in self._known:
                    yield values

    def _configuration(self, trial: optuna.trial.BaseTrial) -> Configuration:
        models = tuple(self._spaces)
        model = trial.suggest_categorical("model", models) if self._several else models[0]
        space: ModelSpace = self._spaces[model]
        return space.suggest(trial)
