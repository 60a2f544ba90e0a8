"""What stores outside of the folder know of a study, and how they lose sight of it."""

import logging
from typing import Any

import optuna

from core.files import redact
from core.record.places import is_absent, sqlite_file
from core.runtime import logging_at
from core.storage import Folder
from studies.delivery.mlflow_store import connect, experiment_names, find_experiment, quiet_mlflow
from studies.delivery.to_optuna import name_in_optuna, open_storage
from studies.delivery.wording import told_apart
from studies.record.folder import Record
from studies.upkeep.plan import Step


def experiment_of(record: Record) -> Any:
    """The study's experiment in MLflow; None where it has none, or shares that of the study that it is a copy of.

    Raises:
        StudyError: the store cannot be reached.
    """
    original = record.written.original
    shared = original is not None and original.stores.tracking == record.stores.tracking
    if shared or is_absent(record.stores.tracking):
        return None
    with quiet_mlflow():
        return find_experiment(connect(record.stores.tracking), record.written)


def hide_experiment(record: Record) -> list[Step]:
    """MLflow marks the study's experiment as deleted; its name is free for another study."""
    found = experiment_of(record)
    if found is None or found.lifecycle_stage != "active":
        return []

    def act() -> None:
        with quiet_mlflow():
            client = connect(record.stores.tracking)
            if found.name in (record.folder.name, record.written.launched_as):
                apart = told_apart(found.name, record.written.launch or found.experiment_id)
                client.rename_experiment(found.experiment_id, apart)
            client.delete_experiment(found.experiment_id)

    return [Step(f"mark experiment '{found.name}' in MLflow ({redact(record.stores.tracking)}) as deleted", act)]


def rename_experiment(record: Record, new: str) -> list[Step]:
    """MLflow shows the new name, unless somebody gave the experiment a name of their own."""
    found = experiment_of(record)
    if found is None or found.name not in experiment_names(record.written):
        return []

    def act() -> None:
        with quiet_mlflow():
            client = connect(record.stores.tracking)
            taken = client.get_experiment_by_name(new) is not None
            client.rename_experiment(found.experiment_id, told_apart(new, record.written.launch) if taken else new)

    return [Step(f"rename experiment '{found.name}' in MLflow to '{new}'", act)]


def delete_from_optuna(record: Record) -> list[Step]:
    """Delete the study from a storage of Optuna that is not in its folder."""
    file, url = sqlite_file(record.stores.optuna), record.stores.optuna
    inside = file is not None and file.is_relative_to(record.folder.path)
    if record.written.original is not None or inside or is_absent(url):
        return []
    with logging_at(logging.ERROR, "optuna"):
        storage = open_storage(url)
        name = name_in_optuna(storage, record.written.launched_as, record.written.launch)
        there = name in {each.study_name for each in storage.get_all_studies()}
        storage.engine.dispose()
    if not there:
        return []

    def act() -> None:
        with logging_at(logging.ERROR, "optuna"):
            storage = open_storage(url)
            optuna.delete_study(study_name=name, storage=storage)
            storage.engine.dispose()

    return [Step(f"delete study '{name}' from Optuna's storage {redact(url)}", act)]


def trials_elsewhere(record: Record) -> Folder | None:
    """Where the trials' checkpoints are, if not in the study's folder."""
    trials = Folder(record.written.trials_uri)
    inside = trials.local is not None and trials.local.is_relative_to(record.folder.path)
    return None if inside else trials


def delete_trials(record: Record) -> list[Step]:
    """Delete checkpoints and pictures that are not in the study's folder."""
    trials = trials_elsewhere(record)
    if trials is None or record.written.original is not None:
        return []

    def act() -> None:
        for name in trials.entries():
            trials.delete(name)

    return [Step(f"delete checkpoints and pictures of all trials in {redact(trials.uri)}", act)]
