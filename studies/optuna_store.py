"""Deliver the journal to Optuna's storage: the study that optuna-dashboard and other programs open.

Every configuration is one trial, with the means over its seeds. A finished trial of Optuna cannot be changed, so
values that changed later (more seeds, more steps) are a further trial that `supersedes` the first.
"""

from collections.abc import Sequence

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from core.record.journal import Event
from core.storage import redact
from studies.spec import StudySpec
from studies.state import ConfigurationRecord, StudyState
from studies.study_file import StudyError
from studies.suggestions import TrialForm


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Optuna's storage.

    Raises:
        StudyError: nothing answers there.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StudyError(f"Optuna's storage {redact(url)} cannot be reached: {redact(reason)[:200]}") from None


class OptunaSink:
    """Feeds Optuna's storage; delivering an event again changes nothing."""

    name = "Optuna"

    def __init__(self, spec: StudySpec, url: str) -> None:
        self._spec = spec
        self._url = url
        self._form = TrialForm(spec)
        self._state = StudyState.empty()
        self._changed: dict[str, None] = {}
        self._study: optuna.Study | None = None
        self._first: dict[str, FrozenTrial] = {}
        self._newest: dict[str, FrozenTrial] = {}
        self._learnt: set[str] = set()
        self._offset = 0

    def begin(self) -> int:
        """Connect and look at what is there; the place in the journal from which events are wanted."""
        if self._study is None:
            study = optuna.create_study(
                study_name=self._spec.name,
                storage=open_storage(self._url),
                directions=list(self._spec.objectives.values()),
                load_if_exists=True,
            )
            self._first, self._newest, self._learnt = {}, {}, set()
            for trial in study.get_trials(deepcopy=False):
                self._learnt.add(trial.user_attrs.get("warm_start", ""))
                self._note(trial)
            self._study = study
        return self._offset

    def deliver(self, chunk: Sequence[tuple[int, Event]]) -> None:
        """Write what the events change; after an error the same chunk is delivered again."""
        assert self._study is not None
        for offset, event in chunk:
            if offset > self._offset:
                self._offset = offset
                self._state.apply(event)
                if event["type"] in ("configuration", "configuration_end"):
                    self._changed[event["configuration"]] = None
        for lesson in self._state.lessons.values():
            if lesson.origin not in self._learnt:
                self._study.add_trial(self._form.lesson(lesson))
                self._learnt.add(lesson.origin)
        for key in list(self._changed):
            self._write(self._study, self._state.configurations[key])
            del self._changed[key]

    def forget(self) -> None:
        """Look at the storage anew in the next `begin`."""
        if self._study is not None:
            self._study._storage._backend.engine.dispose()  # type: ignore[attr-defined]
            self._study = None

    def _write(self, study: optuna.Study, record: ConfigurationRecord) -> None:
        key = record.configuration.hash
        wanted, stored = self._form.trial(record), self._newest.get(key)
        if stored is None:
            self._add(study, wanted)
        elif wanted.state == TrialState.RUNNING or (wanted.state, wanted.values) == (stored.state, stored.values):
            return
        elif stored.state == TrialState.RUNNING:
            for name, violation in wanted.constraints.items():
                if name not in stored.constraints:
                    optuna.Trial(study, stored._trial_id).set_constraint(name, violation)
            self._note(study.tell(stored.number, wanted.values, state=wanted.state, skip_if_finished=True))
        else:
            self._add(study, self._form.trial(record, supersedes=self._first[key].number))

    def _add(self, study: optuna.Study, trial: FrozenTrial) -> None:
        storage = study._storage
        self._note(storage.get_trial(storage.create_new_trial(study._study_id, template_trial=trial)))

    def _note(self, trial: FrozenTrial) -> None:
        key = trial.user_attrs.get("configuration")
        if key is not None:
            self._first.setdefault(key, trial)
            self._newest[key] = trial
