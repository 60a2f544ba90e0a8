"""Stores that this process, as a driver, writes to: MLflow, Optuna's storage, checkpoints."""

import logging
import os
from collections.abc import Callable, Iterator

from core.files import redact
from core.mistakes import StudyError, reason_of
from core.record.places import sqlite_file
from core.runtime import logging_at
from core.storage import Folder
from studies.delivery.mlflow_store import require_store
from studies.delivery.to_optuna import require_storage
from studies.doctor.finding import Asked, Finding, fault, ok
from studies.doctor.places import existing


def mlflow(asked: Asked) -> Iterator[Finding]:
    """MLflow answers, or its file is a database that the installed MLflow can open."""
    uri = asked.stores.tracking
    file = sqlite_file(uri)
    if file is not None and (place := existing(file)) != file:
        if os.access(place, os.W_OK | os.X_OK):
            yield ok("MLflow", f"{file} will be made")
        else:
            yield fault("MLflow", f"{file} cannot be made: {place} cannot be written", "give another --tracking-uri")
        return
    yield _answer("MLflow", uri, require_store, "start the server, or give another --tracking-uri")


def optuna(asked: Asked) -> Iterator[Finding]:
    """A server for Optuna answers; its embedded store is a file in the folder of each study."""
    url = asked.stores.optuna
    if sqlite_file(url) is not None:
        yield ok("Optuna", "a file in the folder of each study")
        return
    yield _answer("Optuna", url, require_storage, "start the server, or give another --storage")


def _answer(check: str, uri: str, require: Callable[[str], None], fix: str) -> Finding:
    try:
        require(uri)
    except StudyError as error:
        return fault(check, str(error), fix)
    return ok(check, f"{redact(uri)} answers")


def checkpoints(asked: Asked) -> Iterator[Finding]:
    """An object store answers; checkpoints under the root are a matter of the root."""
    uri = asked.stores.checkpoints
    if "://" not in uri:
        return
    try:
        with logging_at(logging.ERROR, "botocore", "urllib3"):
            Folder(uri).entries()
    except (OSError, ValueError) as error:
        yield fault("checkpoints", f"{redact(uri)} cannot be read: {reason_of(error)}", "give another --storage")
    else:
        yield ok("checkpoints", f"{redact(uri)} answers")
