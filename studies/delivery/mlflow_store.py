"""A study's MLflow store: reached, or refused in one sentence."""

import contextlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import pathlib
import re
import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import filelock

from core.files import redact
from core.mistakes import StudyError, reason_of
from core.record.adoption import CURSOR
from core.record.places import SQLITE, sqlite_file, sqlite_url
from core.record.study import StudyRecord
from core.runtime import environment, logging_at
from studies.delivery.wording import told_apart

_REVISION = re.compile(r"^(down_)?revision\s*=\s*\W(\w+)", re.MULTILINE)
LAUNCH = "studies.launch"  # tag of an experiment
UNLESS_SET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
REFUSALS = {
    401: "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    403: "these credentials, or this host name, are not allowed there",
    404: "this is no MLflow server, or one of another version",
}


@contextlib.contextmanager
def quiet_mlflow() -> Iterator[None]:
    """MLflow without telemetry, with few retries and a quiet log, for a while; then as it was."""
    unset = {name: value for name, value in UNLESS_SET.items() if name not in os.environ}
    with environment(unset, ("_MLFLOW_",)), logging_at(logging.WARNING, "mlflow", "alembic"):
        yield


def connect(uri: str) -> Any:
    """A client for a tracking URI; an SQLite or PostgreSQL store is initialised by the first such call.

    Use it, and the client, inside of `quiet_mlflow`.

    Raises:
        StudyError: nothing answers there.
    """
    from mlflow import MlflowClient

    try:
        file = sqlite_file(uri)
        if file is not None:
            _initialise(file)
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
        _remove_strays(uri)
    except Exception as error:
        reason = reason_of(error)
        hint = next((f"; {text}" for code, text in REFUSALS.items() if f"error code {code}" in reason), "")
        raise StudyError(f"the MLflow store {redact(uri)} cannot be reached: {reason}{hint}") from None
    return client


def _initialise(file: pathlib.Path) -> None:
    """Make an embedded store whole or not at all.

    MLflow makes its tables one after the other. A process that is killed in between would leave a file that nobody can
    open any more.
    """
    from mlflow import MlflowClient

    def is_there() -> bool:
        return file.exists() and file.stat().st_size > 0

    if is_there():
        return
    with filelock.FileLock(file.with_name(f".{file.name}.lock")):
        if is_there():
            return
        part = file.with_name(f".{file.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            url = sqlite_url(part / "growing.db")
            MlflowClient(tracking_uri=url).search_experiments(max_results=1)
            _remove_strays(url)
            with (
                contextlib.closing(sqlite3.connect(part / "growing.db")) as grown,
                contextlib.closing(sqlite3.connect(part / "whole.db")) as whole,
            ):
                grown.backup(whole)
            (part / "whole.db").replace(file)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _remove_strays(uri: str) -> None:
    """MLflow makes the folder of an SQLite URL as it is written, also where characters of the path are quoted."""
    file = sqlite_file(uri)
    written = pathlib.Path(uri.removeprefix(SQLITE))
    if file is None or file == written:
        return
    with contextlib.suppress(OSError):  # it holds something, or is not there
        for folder in written.parents:
            folder.rmdir()


def require_store(uri: str) -> None:
    """Refuse a tracking URI at once when it cannot work; an SQLite file is looked at without MLflow's own imports.

    Raises:
        StudyError: nothing answers there, or the file is no database.
    """
    path = sqlite_file(uri)
    if path is None:
        with quiet_mlflow():
            connect(uri)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            known = "alembic_version" in tables
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall() if known else []
    except (OSError, sqlite3.Error) as error:
        raise StudyError(f"the MLflow store {uri} cannot be used: {error}") from None
    for (version,) in versions:
        ours, before = _schemas()
        if version in before:
            with quiet_mlflow():
                connect(uri)  # MLflow says what to do
        elif version not in ours:
            raise StudyError(
                f"the MLflow store {uri} was made by a newer MLflow (tables {version}) than the installed "
                f"{importlib.metadata.version('mlflow')}: install that one, or give another --tracking-uri"
            )


def _schemas() -> tuple[set[str], set[str]]:
    """The version of the installed MLflow's tables, and those before: from its migrations, as its import is slow."""
    found = importlib.util.find_spec("mlflow")
    folders = (found.submodule_search_locations if found else None) or ()
    revisions: dict[str, set[str]] = {"": set(), "down_": set()}
    for folder in folders:
        for file in pathlib.Path(folder).glob("store/db_migrations/versions/*.py"):
            for kind, revision in _REVISION.findall(file.read_text(encoding="utf-8")):
                revisions[kind].add(revision)
    return revisions[""] - revisions["down_"], revisions["down_"]


def find_experiment(client: Any, record: StudyRecord) -> Any:
    """The experiment of a launch, active or deleted; None before it is made.

    It is known by its id, so that it may be renamed in the UI; and by a tag, so that an experiment which an earlier
    study of the same name left behind is another one.
    """
    from mlflow.exceptions import MlflowException

    try:
        identifier = json.loads((record.path / CURSOR).read_text())["experiment"]
        found = client.get_experiment(identifier) if identifier else None
    except (OSError, ValueError, KeyError, MlflowException):  # never delivered, or gone from the store
        found = None
    named = (client.get_experiment_by_name(name) for name in experiment_names(record))
    return next((each for each in (found, *named) if each and each.tags.get(LAUNCH, "") == record.launch), None)


def experiment_names(record: StudyRecord) -> list[str]:
    """What the experiment of a launch may be called: as the study, or so that it is told apart from another's."""
    names = dict.fromkeys((record.name, record.launched_as))
    return [*names, *(told_apart(name, record.launch) for name in names)]
