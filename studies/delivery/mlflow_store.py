"""A study's MLflow store: reached, or refused in one sentence."""

import contextlib
import logging
import os
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from core.files import redact
from core.mistakes import StudyError
from core.runtime import environment, logging_at

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
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except Exception as error:
        reason = redact(str(error).strip().splitlines()[0])[:200]
        hint = next((f"; {text}" for code, text in REFUSALS.items() if f"error code {code}" in reason), "")
        raise StudyError(f"the MLflow store {redact(uri)} cannot be reached: {reason}{hint}") from None
    return client


def require_store(uri: str) -> None:
    """Refuse a tracking URI at once when it cannot work; an SQLite file is looked at without MLflow's own imports.

    Raises:
        StudyError: nothing answers there, or the file is no database.
    """
    if not uri.startswith("sqlite:///"):
        with quiet_mlflow():
            connect(uri)
        return
    path = pathlib.Path(uri.removeprefix("sqlite:///"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    except (OSError, sqlite3.Error) as error:
        raise StudyError(f"the MLflow store {uri} cannot be used: {error}") from None
