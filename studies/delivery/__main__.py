"""Deliver the journal to the stores of MLflow and Optuna, from a process beside the driver.

The journal is the spool. One thread per store reads it from where it last stopped and delivers it; while a store is
away its thread waits and tries again, and neither the study nor a point is lost. The process ends with the driver: when
its standard input closes, it stops at once, and the next driver's goes on from there.
"""

import json
import logging
import os
import queue
import signal
import sqlite3
import sys
import threading
from typing import Any

import sqlalchemy

from core.mistakes import reason_of
from core.runtime import logging_at
from studies.delivery.feeder import Feeder
from studies.delivery.mlflow_store import quiet_mlflow
from studies.delivery.to_mlflow import MlflowSink
from studies.delivery.to_optuna import OptunaSink
from studies.record import own_code
from studies.record.folder import StudyFolder


def relax_sqlite(connection: Any, _: Any) -> None:
    """Readers do not stop the writer, and a commit does not wait for the disk: the journal repairs a power cut."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


def main() -> None:
    """`python -m studies.delivery ROOT NAME`, with commands as JSON lines on standard input."""
    with quiet_mlflow(), logging_at(logging.ERROR, "optuna"):
        serve(sys.argv[1], sys.argv[2])


def serve(root: str, name: str) -> None:
    """Feed the stores of a study, and do what is asked, until the input closes."""
    os.nice(5)  # training comes first
    voice = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # MLflow greets every run that ends
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # for the driver, which closes the input when done
        signal.signal(number, signal.SIG_IGN)
    commands: queue.Queue[dict[str, Any]] = queue.Queue()
    speaking = threading.Lock()

    def say(message: dict[str, Any]) -> None:
        with speaking:
            print(json.dumps(message), file=voice, flush=True)

    def tell(store: str, trouble: str | None) -> None:
        say({"store": store, "trouble": trouble})

    def listen() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", relax_sqlite)
    record = StudyFolder(root, name).open()
    own_code.use(record)
    mlflow, optuna = MlflowSink(record), OptunaSink.of(record)
    feeders = [Feeder(record.folder.path, sink, tell) for sink in (mlflow, optuna)]

    def flush(command: dict[str, Any]) -> None:
        for feeder in feeders:
            feeder.flush(command["offset"])
        say({"number": command["number"]})

    while True:
        command = commands.get()
        if command["do"] == "flush":  # which lasts as long as a store is away
            threading.Thread(target=flush, args=(command,), daemon=True).start()
        else:
            say({"number": command["number"], "trouble": _finish(record.folder, mlflow)})


def _finish(folder: StudyFolder, mlflow: MlflowSink) -> str | None:
    """Here and not in the driver, since the pictures of a large study take memory of their own."""
    from analysis.study import Study

    try:
        report = str(Study(folder.name, folder.root).report().parent)
        trouble = None
    except Exception as error:  # a picture that cannot be drawn never costs a study its results
        report, trouble = None, f"{error}; `studies report {folder.name}` tries again"
    try:
        mlflow.finish(report)
    except Exception as error:
        return trouble or f"MLflow did not take it: {reason_of(error)}"
    return trouble


if __name__ == "__main__":
    main()
