"""A study that was moved, copied or renamed: at home where it is now, and never writing to where it came from."""

import contextlib
import dataclasses
import pathlib
import sqlite3
import uuid

from core.files import redact
from core.mistakes import StudyError
from core.record import journal
from core.record.places import sqlite_file
from core.record.study import StudyRecord

CURSOR = "tracking.json"  # where the delivery to MLflow stands


def adopt(record: StudyRecord) -> StudyRecord:
    """Settle a study in the folder where it is now; call it before anything is written to the study or its stores.

    A moved or renamed study goes on as it was. A copy whose MLflow store is its own goes on as well. A copy that shares
    the store with its original becomes a study of its own, whose runs are made anew from the journal.

    Raises:
        StudyError: a copy whose checkpoints are its original's.
    """
    if record.place == record.path:
        return record
    original = record.original
    if original is not None:
        if record.trials_uri == original.trials_uri:
            raise StudyError(
                f"study '{record.name}' is a copy of {original.path}, and the checkpoints in "
                f"{redact(original.trials_uri)} are the original's: go on with that, or launch a study of another name"
            )
        if record.stores.tracking == original.stores.tracking:
            record = _as_a_study_of_its_own(record)
    _move_artifacts(record)
    return record.write()


def _as_a_study_of_its_own(record: StudyRecord) -> StudyRecord:
    """With another identity, and without what says where things are in stores that it shares with its original."""
    for name in (CURSOR, journal.RUN_IDS):
        (record.path / name).unlink(missing_ok=True)
    storage = sqlite_file(record.stores.optuna)
    if storage is not None and storage.is_relative_to(record.path):
        for file in storage.parent.glob(f"{storage.name}*"):  # with its write-ahead log
            file.unlink()
    return dataclasses.replace(record, launch=uuid.uuid4().hex, launched_as=record.name)


def _move_artifacts(record: StudyRecord) -> None:
    """Let MLflow's embedded store find under the root what it knew under the root that the study came from."""
    store, before, now = sqlite_file(record.stores.tracking), record.place.parent, record.root
    if store is None or before == now or not store.is_relative_to(now) or not store.exists():
        return
    columns = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"))
    with contextlib.closing(sqlite3.connect(store)) as connection, connection:
        for table, column in columns:
            with contextlib.suppress(sqlite3.OperationalError):  # a version of MLflow without this table
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                    (_prefix(now), len(_prefix(before)) + 1, len(_prefix(before)), _prefix(before)),
                )


def _prefix(root: pathlib.Path) -> str:
    """How addresses of artifacts under a root begin."""
    return f"{root.as_uri()}/"
