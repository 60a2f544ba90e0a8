"""The Optuna side of a search: configurations that are new, and a sampler that learns what came of them.

The sampler works on an Optuna study in memory, which is rebuilt from the journal, so that a suggestion waits for no
database. The study that users open (`studies.delivery.to_optuna`) is fed from the same journal.
"""

import dataclasses
import itertools
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import optuna
from optuna.trial import TrialState

from core.configuration import Configuration
from core.record.history import ConfigurationHistory, History
from studies.record.expected import expected_values
from studies.search.forms import TrialForm, finish_trial
from studies.search.per_model import GENERATION, PerModel
from studies.study_file.auto import learns_after
from studies.study_file.checks.sampler import make_sampler
from studies.study_file.space import ModelSpace
from studies.study_file.spec import Search, StudySpec

ATTEMPTS = 30  # suggestions that are already known or illegal before a finite space is searched for what is left
OF_ONE_SPACE = (  # samplers that draw at random what is not in every trial
    optuna.samplers.CmaEsSampler,
    optuna.samplers.GPSampler,
    optuna.samplers.NSGAIISampler,
    optuna.samplers.NSGAIIISampler,
    optuna.samplers.QMCSampler,
)

_Point: TypeAlias = tuple[str, dict[str, Any]]
"""A model, and Optuna parameters."""


def _sampler(spec: StudySpec, suggested: int) -> optuna.samplers.BaseSampler:
    """The study's sampler; one that goes on after `suggested` configurations does not draw the first ones again."""
    seed = int(np.random.SeedSequence([spec.seed, suggested]).generate_state(1)[0])
    sampler = _made(spec, seed)
    if len(spec.spaces) == 1 or not isinstance(sampler, OF_ONE_SPACE):
        return sampler
    spaces = {model: space.distributions() for model, space in spec.spaces.items()}
    return PerModel(lambda seed: _made(spec, seed), spaces, seed)


def _made(spec: StudySpec, seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _of_file(spec.search, seed)


def _of_file(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    if isinstance(search.sampler, dict):
        return make_sampler(search.sampler, seed)
    if search.sampler == "tpe":
        return optuna.samplers.TPESampler(
            multivariate=True,
            group=True,
            constant_liar=True,
            n_startup_trials=learns_after(search.startup or 0),
            seed=seed,
        )
    if search.sampler == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=search.population, seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _in_turn(of_models: Iterable[Iterable[_Point]]) -> Iterator[_Point]:
    """The first point of each model, then the second of each, and so on."""
    return (point for turn in itertools.zip_longest(*of_models) for point in turn if point is not None)


def _goes_by_model(spec: StudySpec) -> bool:
    """Whether a grid goes model by model, since trials of one model train together best.

    Else all models are in turn, so that what has run so far tells something of each; so, too, where the study may end
    before its grid does.
    """
    limited = spec.budget.hours is not None or spec.budget.gpu_hours is not None
    return spec.resources.stack > 1 and not limited and spec.num_configurations >= spec.grid_size


class Suggestions:
    """Asks the sampler for configurations that the study does not have yet, and tells it what came of them."""

    def __init__(self, spec: StudySpec, history: History) -> None:
        self._spec = spec
        self._form = TrialForm(spec)
        self._spaces = spec.spaces
        self._several = len(self._spaces) > 1
        given = [self._as_parameters(point) for point in spec.search.points]
        self._points = itertools.chain(given, self._beginning(spec, len(history.prior_results)))
        self._by_model = _goes_by_model(spec)
        self._grid = self._grid_points() if spec.search.sampler == "grid" else None
        self._known: Collection[str] = ()
        self._prior_results = list(history.prior_results.values())
        self._begin(history.configurations)

    def _begin(self, known: Mapping[str, ConfigurationHistory]) -> None:
        """Make Optuna's study, of all that is known."""
        self._storage = optuna.storages.InMemoryStorage()
        self.study = optuna.create_study(
            storage=self._storage,
            directions=list(self._spec.objectives.values()),
            sampler=_sampler(self._spec, len(known)),
        )
        self._numbers: dict[str, int] = {}  # of the trial of a configuration that runs, by hash
        for result in self._prior_results:
            self.study.add_trial(self._form.prior_result(result))
        expected = self._expected(known.values()) if self._spec.search.by == "expected" else {}
        for configuration in known.values():
            self._numbers[configuration.hash] = len(self.study.get_trials(deepcopy=False))
            values = expected.get(configuration.hash, configuration.values)
            self.study.add_trial(self._form.trial(dataclasses.replace(configuration, values=values)))

    def _expected(self, known: Iterable[ConfigurationHistory]) -> dict[str, list[float]]:
        """What is expected of the objectives of complete configurations, by hash: the luck of their seeds taken out."""
        complete = [each for each in known if each.closed and each.outcome == TrialState.COMPLETE.name]
        results = [
            (
                each.configuration,
                np.array([[trial.metrics[key] for key in self._spec.objectives] for trial in each.completed]),
            )
            for each in complete
        ]
        values, _ = expected_values(self._spec, results)
        return {each.hash: row.tolist() for each, row in zip(complete, values, strict=True)}

    def ask(self, known: Mapping[str, ConfigurationHistory]) -> tuple[Configuration, dict[str, Any]] | None:
        """A configuration that is not among `known`, and the sampler's notes on it; None when there is none."""
        self._known = known
        if self._spec.search.by == "expected":
            self._begin(known)  # since every result says something of all others
        tried = {each.configuration.model for each in known.values()} if self._several else set()
        fresh = [model for model in self._spaces if model not in tried]
        for attempt in range(ATTEMPTS + 1):
            if attempt == ATTEMPTS and self._grid is None:
                self._grid = self._grid_points()
            if not self._steer(fresh):
                return None
            suggestion = self._suggest()
            if suggestion is not None:
                return suggestion
        return None

    def _suggest(self) -> tuple[Configuration, dict[str, Any]] | None:
        """One suggestion; None when it is known already, or not legal as a whole."""
        trial = self.study.ask()
        try:
            configuration = self._configuration(trial)
        except ValueError:  # legal values that are not legal together
            configuration = None
        if configuration is None or configuration.hash in self._known:
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        self._numbers[configuration.hash] = trial.number
        attributes = self.study.get_trials(deepcopy=False)[trial.number].system_attrs
        return configuration, {key: value for key, value in attributes.items() if key.endswith(GENERATION)}

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
            self.study.enqueue_trial(point)
        return True

    def tell(self, configuration: ConfigurationHistory) -> None:
        """What came of a configuration; one that came to something else before gets a second trial."""
        number = self._numbers.pop(configuration.hash, None)
        final = self._form.trial(configuration)
        running = None if number is None else self.study.get_trials(deepcopy=False)[number]
        if running is None or running.state.is_finished():
            self.study.add_trial(final)
        else:
            finish_trial(self.study, self._storage, running, final)

    def _as_parameters(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """A point of the study file as Optuna parameters."""
        model = point.get("model", next(iter(self._spaces)))
        values = {f"{model}.{name}": value for name, value in point.items() if name != "model"}
        return {"model": model, **values} if self._several else values

    def _grid_points(self) -> Iterator[dict[str, Any]]:
        """Points of the grid whose configuration is not in the study yet."""
        of_models = [zip(itertools.repeat(model), space.grid()) for model, space in self._spaces.items()]
        return self._new(itertools.chain(*of_models) if self._by_model else _in_turn(of_models))

    def _beginning(self, spec: StudySpec, prior: int) -> Iterator[dict[str, Any]]:
        """Points that are spread evenly, of all models in turn, until with prior results there are `startup`.

        In an order that the seed draws: the last turn may end early, and what a model gets is not to follow from its
        place in the study file.
        """
        count = (spec.search.startup or 0) - prior
        if count <= 0 or spec.search.sampler == "grid":
            return
        of_models = [
            [(model, point) for point in space.spread(count, (spec.seed, number))]
            for number, (model, space) in enumerate(self._spaces.items())
        ]
        order = np.random.default_rng((spec.seed, len(of_models))).permutation(len(of_models))
        for point in self._new(_in_turn(of_models[number] for number in order)):
            if len(self._known) >= count:
                return
            yield point

    def _new(self, points: Iterable[_Point]) -> Iterator[dict[str, Any]]:
        """Those of some points of models whose configuration is legal, and not in the study yet."""
        for model, point in points:
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
