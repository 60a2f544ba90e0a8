"""Deliver the journal to Optuna's storage: the study that optuna-dashboard and other programs open.

Every configuration is one trial, with the means over its seeds. A finished trial of Optuna cannot be changed, so
values that changed later (more seeds, more steps) are a further trial that `supersedes` the first.
"""

import logging
import math
import statistics
import warnings
from collections.abc import Sequence
from typing import Self

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from core.files import redact
from core.mistakes import StudyError, reason_of
from core.record.events import ConfigurationEnded, ConfigurationSuggested, Event
from core.record.history import ConfigurationHistory, History
from core.runtime import logging_at
from studies.delivery.wording import told_apart
from studies.record.folder import Record
from studies.search.forms import TrialForm, finish_trial
from studies.study_file.spec import StudySpec

LAUNCH = "studies.launch"
SECONDS = ("seconds_training", "seconds_evaluating")  # of a trial's ledger


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Optuna's storage.

    Raises:
        StudyError: nothing answers there.
    """
    try:
        return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError) as error:
        raise StudyError(f"Optuna's storage {redact(url)} cannot be reached: {reason_of(error)}") from None


def require_storage(url: str) -> None:
    """Refuse a storage of Optuna at once when it cannot work.

    Raises:
        StudyError: nothing answers there.
    """
    with logging_at(logging.ERROR, "optuna"):
        open_storage(url).engine.dispose()


def name_in_optuna(storage: optuna.storages.BaseStorage, name: str, launch: str) -> str:
    """Name of a launch's study in Optuna's storage: its own, unless an earlier launch has it there.

    A study is made, and then marked with its launch; one that is empty and without a mark is of a process that was
    killed in between, and belongs to who finds it.
    """
    marks = {each.study_name: each.user_attrs.get(LAUNCH, "") for each in storage.get_all_studies()}
    own = next((each for each, mark in marks.items() if launch and mark == launch), None)
    if own is not None:
        return own
    if marks.get(name, launch) == launch:
        return name
    abandoned = not marks[name] and not storage.get_n_trials(storage.get_study_id_from_name(name))
    return name if abandoned else told_apart(name, launch)


class OptunaSink:
    """Feeds Optuna's storage; delivering all events again changes nothing.

    It has no place in the journal: every process begins at the start, and meets values that were superseded since.
    """

    name = "Optuna"
    at_once: int | None = None  # so that only the newest values are compared with what is stored

    def __init__(self, spec: StudySpec, url: str, name: str | None = None, launch: str = "") -> None:
        self._spec = spec
        self._url = url
        self._name = name or spec.name
        self._launch = launch
        self._form = TrialForm(spec)
        self._history = History()
        self._changed: dict[str, None] = {}
        self._storage: optuna.storages.RDBStorage | None = None
        self._study: optuna.Study | None = None
        self._stored: dict[str, list[FrozenTrial]] = {}  # by configuration, each superseding the one before
        self._prior_results: set[str] = set()  # origins of those that the storage has
        self._offset = 0

    @classmethod
    def of(cls, record: Record) -> Self:
        """The sink of a launch, whatever else is in its storage."""
        return cls(record.spec, record.stores.optuna, record.written.launched_as, record.written.launch)

    def begin(self) -> int:
        """Connect and look at what is there; the place in the journal from which events are wanted."""
        if self._study is None:
            self._storage = open_storage(self._url)
            study = self._open(self._storage)
            self._stored, self._prior_results = {}, set()
            for trial in study.get_trials(deepcopy=False):
                self._prior_results.add(trial.user_attrs.get("warm_start", ""))
                self._note(trial)
            self._study = study
            self._changed = dict.fromkeys(self._history.configurations)  # whatever was lost is written again
            self._write_changes(study)
        return self._offset

    def deliver(self, chunk: Sequence[tuple[int, Event]]) -> None:
        """Write what the events change; after an error the same chunk is delivered again."""
        assert self._study is not None
        for offset, event in chunk:
            if offset > self._offset:
                self._offset = offset
                self._history.apply(event)
                if isinstance(event, ConfigurationSuggested | ConfigurationEnded):
                    self._changed[event.configuration] = None
        self._write_changes(self._study)

    def _write_changes(self, study: optuna.Study) -> None:
        for result in self._history.prior_results.values():
            if result.origin not in self._prior_results:
                study.add_trial(self._form.prior_result(result))
                self._prior_results.add(result.origin)
        for key in list(self._changed):
            self._write(study, self._history.configurations[key])
            del self._changed[key]

    def _open(self, storage: optuna.storages.BaseStorage) -> optuna.Study:
        """The study of this launch; one of another launch that has its name is left alone."""
        self._name = name_in_optuna(storage, self._name, self._launch)
        directions = list(self._spec.objectives.values())
        study = optuna.create_study(study_name=self._name, storage=storage, directions=directions, load_if_exists=True)
        if self._launch and LAUNCH not in study.user_attrs:
            study.set_user_attr(LAUNCH, self._launch)
        names = list(self._spec.objectives)
        if study.metric_names != names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(names)
        return study

    def trials(self) -> list[FrozenTrial]:
        """What the storage has; call it after `begin`."""
        assert self._study is not None
        return self._study.get_trials()

    def reset(self) -> None:
        """Look at the storage anew in the next `begin`."""
        if self._storage is not None:
            self._storage.engine.dispose()
            self._storage = self._study = None

    def _write(self, study: optuna.Study, configuration: ConfigurationHistory) -> None:
        assert self._storage is not None
        facts = self._facts(configuration)
        wanted, stored = self._form.trial(configuration, **facts), self._stored.get(configuration.hash)
        if stored is None:
            self._add(wanted)
        elif wanted.state == TrialState.RUNNING or _says(stored[-1]) == _says(wanted):
            return
        elif stored[-1].state == TrialState.RUNNING:
            stored[-1] = finish_trial(study, self._storage, stored[-1], wanted)
        else:
            self._add(self._form.trial(configuration, **facts, supersedes=stored[0].number))

    def _facts(self, configuration: ConfigurationHistory) -> dict[str, float]:
        """What a reader of the storage wants to know of a configuration whose seeds ended, beside the means."""
        if not configuration.closed:
            return {}
        trials = configuration.trials.values()
        seconds = sum(float(trial.ledger.get(key, 0.0)) for trial in trials for key in SECONDS)
        facts = {"seeds": len(configuration.completed), "seconds": seconds}
        for objective in self._spec.objectives:
            found = (trial.metrics.get(objective, math.nan) for trial in configuration.completed)
            values = [value for value in found if math.isfinite(value)]
            if len(values) > 1:
                facts[f"std {objective}"] = statistics.stdev(values)
        return facts

    def _add(self, trial: FrozenTrial) -> None:
        assert self._storage is not None
        study = self._storage.get_study_id_from_name(self._name)
        self._note(self._storage.get_trial(self._storage.create_new_trial(study, template_trial=trial)))

    def _note(self, trial: FrozenTrial) -> None:
        key = trial.user_attrs.get("configuration")
        if key is not None:
            self._stored.setdefault(key, []).append(trial)


def _says(trial: FrozenTrial) -> tuple[TrialState, list[float] | None]:
    return trial.state, trial.values
