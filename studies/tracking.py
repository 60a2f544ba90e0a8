"""Deliver the journal to MLflow: experiment = study, parent run = configuration, child run = trial.

A run is found by its tag `studies.identity` before it is created, and a metric that is logged twice with the same step
and time is stored once, so delivering an event again changes nothing.
"""

import contextlib
import json
import logging
import os
import pathlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.purpose import purpose
from core.checkpoints import names as checkpoint_names
from core.record import journal
from core.record.journal import RUN_IDS, Event
from core.storage import CorruptEntryError, Folder, redact
from studies import presentation
from studies.folder import Folders, StudyFolder
from studies.study_file import StudyError

IDENTITY = "studies.identity"
CURSOR = "tracking.json"
STUDY_RUN = "study"
BATCH = 900  # metrics in one request; MLflow takes 1,000
STATUS = {"COMPLETED": "FINISHED", "COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAILED": "FAILED", "FAIL": "FAILED"}

REFUSALS = {
    401: "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    403: "these credentials, or this host name, are not allowed there",
    404: "this is no MLflow server, or one of another version",
}


def connect(uri: str) -> Any:
    """A client for a tracking URI; an SQLite or PostgreSQL store is initialised by the first such call.

    Raises:
        StudyError: nothing answers there.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
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
        connect(uri)
        return
    path = pathlib.Path(uri.removeprefix("sqlite:///"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    except (OSError, sqlite3.Error) as error:
        raise StudyError(f"the MLflow store {uri} cannot be used: {error}") from None


class MlflowSink:
    """Feeds an MLflow store, and notes its place in the journal in the study's folder."""

    name = "MLflow"

    def __init__(self, folder: StudyFolder) -> None:
        stores = folder.stores()
        self.folder = folder.path
        self.study = folder.name
        self._spec = folder.record()["spec"]
        self.uri = stores.tracking
        self.trials = Folders(stores, folder.name).uri
        # artifacts of an SQLite store lie beside it; a server decides for itself
        local = stores.tracking.startswith("sqlite:")
        self.artifacts = (folder.root / "mlartifacts" / folder.name).as_uri() if local else None
        self.client: Any = None
        self._cursor = self._load()
        self._runs: dict[str, str] = {}
        self._descriptions: dict[str, Event] = {}
        self._outbox: dict[str, dict[str, list[Any]]] = {}
        self._finals: dict[str, dict[int, Mapping[str, float]]] = {}

    def _load(self) -> dict[str, Any]:
        try:
            cursor: dict[str, Any] = json.loads((self.folder / CURSOR).read_text())
        except (OSError, ValueError):
            cursor = {"offset": 0, "experiment": None}
        return cursor

    def _store(self) -> None:
        temporary = self.folder / f".{CURSOR}.{os.getpid()}"
        temporary.write_text(json.dumps(self._cursor))
        temporary.replace(self.folder / CURSOR)

    def begin(self) -> int:
        """Connect and find the runs that are there; the place in the journal from which events are wanted."""
        if self.client is None:
            self.client = connect(self.uri)
        self._open_experiment()
        return int(self._cursor["offset"])

    def deliver(self, chunk: Sequence[tuple[int, Event]]) -> None:
        """Write what the events say; after an error the same chunk is delivered again."""
        self._outbox.clear()
        for _, event in chunk:
            self._remember(event)
            self._handle(event)
        for run in list(self._outbox):
            self._send(run)
        self._cursor["offset"] = chunk[-1][0]
        self._store()

    def forget(self) -> None:
        """Find the runs anew in the next `begin`."""
        self._runs = {}

    def _handle(self, event: Event) -> None:
        match event["type"]:
            case "configuration":
                run = self._find_or_create(
                    event["configuration"],
                    presentation.configuration_name(self._spec, event),
                    {presentation.NOTE: presentation.CONFIGURATION, **_tags("configuration", event)},
                    event["time"],
                )
                self._pack(run, parameters=event)
            case "start":
                self._create_trial(event)
            case "report":
                self._pack(self._run(event["trial"]), metrics=event["metrics"], event=event)
            case "end":
                run = self._create_trial(event)  # one that was stopped before it ran has none yet
                self._pack(run, metrics={**event["metrics"], **_ledger(event)}, event=event)
                if event["state"] == "COMPLETED":
                    self._log_artifacts(run, event["trial"])
                self._end(run, event)
            case "configuration_end":
                run = self._run(event["configuration"])
                self._pack(run, metrics=self._summary(event["configuration"]), event=event)
                self._end(run, event)

    def _pack(
        self,
        run: str,
        *,
        metrics: Mapping[str, float] | None = None,
        event: Event | None = None,
        parameters: Event | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Put values into the next batch of a run."""
        from mlflow.entities import Metric, Param, RunTag

        batch = self._outbox.setdefault(run, {"metrics": [], "params": [], "tags": []})
        if metrics is not None and event is not None:
            time_ms, step = int(event["time"] * 1000), int(event.get("step", 0))
            batch["metrics"] += [Metric(key, float(value), time_ms, step) for key, value in metrics.items()]
        if parameters is not None:
            values = {"model": parameters["model"], **parameters["hyperparameters"]}
            batch["params"] = [Param(key, str(value)) for key, value in values.items()]
        batch["tags"] += [RunTag(key, value) for key, value in (tags or {}).items()]

    def _send(self, run: str) -> None:
        """Deliver the batch of a run."""
        batch = self._outbox.pop(run, None)
        if batch is None:
            return
        metrics = batch["metrics"]
        self.client.log_batch(run, metrics=metrics[:BATCH], params=batch["params"], tags=batch["tags"])
        for begin in range(BATCH, len(metrics), BATCH):
            self.client.log_batch(run, metrics=metrics[begin : begin + BATCH])

    def _end(self, run: str, event: Event) -> None:
        tags = {"studies.state": event["state"]}
        if event["reason"]:
            tags["studies.reason"] = event["reason"][:500]
        warnings = event.get("ledger", {}).get("warnings")
        if warnings:
            tags["studies.warnings"] = "\n".join(warnings)[:2000]
        self._pack(run, tags=tags)
        self._send(run)
        self.client.set_terminated(run, STATUS[event["state"]], int(event["time"] * 1000))

    def _open_experiment(self) -> None:
        if self._runs:
            return
        for offset, event in journal.read(self.folder):
            if offset > self._cursor["offset"]:
                break
            self._remember(event)
        experiment = self.client.get_experiment_by_name(self.study)
        if experiment is None:
            tags = presentation.experiment_tags(self._spec, purpose(self.folder))
            identifier = self.client.create_experiment(self.study, self.artifacts, tags)
        else:
            identifier = experiment.experiment_id
        self._cursor["experiment"] = identifier
        token = None
        while True:
            page = self.client.search_runs([identifier], max_results=1000, page_token=token)
            self._runs |= {run.data.tags[IDENTITY]: run.info.run_id for run in page if IDENTITY in run.data.tags}
            token = page.token
            if not token:
                break
        tags = {"studies.kind": "study", presentation.NOTE: presentation.REPORT}
        self._find_or_create(STUDY_RUN, presentation.report_name(self.study), tags, time.time())

    def _run(self, identity: str) -> str:
        run: str = self._runs[identity]
        return run

    def _find_or_create(self, identity: str, run_name: str, tags: Mapping[str, str], start: float) -> str:
        if identity in self._runs:
            return self._run(identity)
        run = self.client.create_run(
            self._cursor["experiment"],
            start_time=int(start * 1000),
            tags={IDENTITY: identity, **tags},
            run_name=run_name,
        )
        self._runs[identity] = run.info.run_id
        with (self.folder / RUN_IDS).open("a") as stream:
            stream.write(json.dumps([identity, run.info.run_id]) + "\n")
        return str(run.info.run_id)

    def _remember(self, event: Event) -> None:
        """Keep what later events refer to: descriptions of configurations, and final metrics of their seeds."""
        if event["type"] == "configuration":
            self._descriptions[event["configuration"]] = event
        elif event["type"] == "end" and event["state"] == "COMPLETED":
            self._finals.setdefault(event["configuration"], {})[event["seed"]] = event["metrics"]

    def _create_trial(self, event: Event) -> str:
        description = self._descriptions[event["configuration"]]
        tags = {
            **_tags("trial", description),
            presentation.NOTE: presentation.TRIAL,
            "studies.seed": str(event["seed"]),
            "mlflow.parentRunId": self._run(event["configuration"]),
        }
        name = presentation.trial_name(description, event["seed"])
        run = self._find_or_create(event["trial"], name, tags, event["time"])
        self._pack(run, parameters=description)
        return run

    def _log_artifacts(self, run: str, trial: str) -> None:
        """Weights, description and pictures of a finished trial."""
        import tempfile

        folder = Folder(self.trials).child(trial)
        entries = [*checkpoint_names(folder)[-1:], *(name for name in folder.entries() if name == "pictures")]
        for entry in entries:
            place = "pictures" if entry == "pictures" else "checkpoint"
            with tempfile.TemporaryDirectory() as directory:
                try:
                    files = folder.read(entry)
                except CorruptEntryError:
                    continue
                for name, data in files.items():
                    if name != "training.pt":
                        (pathlib.Path(directory) / name).write_bytes(data)
                self.client.log_artifacts(run, directory, place)

    def _summary(self, configuration: str) -> dict[str, float]:
        """Mean, standard deviation and number of the final values over completed seeds."""
        finals = list(self._finals.get(configuration, {}).values())
        keys = sorted({key for metrics in finals for key in metrics if not key.startswith("train/")})
        summary: dict[str, float] = {"n": len(finals)}
        for key in keys:
            seeds = [metrics[key] for metrics in finals if key in metrics]
            summary[f"mean/{key}"] = float(np.mean(seeds))
            if len(seeds) > 1:
                summary[f"std/{key}"] = float(np.std(seeds, ddof=1))
        return summary

    def finish(self, report: str | None) -> None:
        """End the study's own run, with the directory of the report attached.

        Raises:
            StudyError: the store is away.
        """
        if STUDY_RUN not in self._runs:
            raise StudyError("the store is away")
        run = self._run(STUDY_RUN)
        if report is not None:
            self.client.log_artifacts(run, report, "report")
        self.client.set_terminated(run, "FINISHED")


def _tags(kind: str, event: Event) -> dict[str, str]:
    return {
        "studies.kind": kind,
        "studies.configuration": event["configuration"],
        "studies.model": event["model"],
        "studies.number": str(event["number"]),
    }


def _ledger(event: Event) -> dict[str, float]:
    """The numbers of the ledger as metrics."""
    keys = ("seconds_training", "seconds_evaluating", "seconds_waiting", "peak_memory")
    return {key: float(event["ledger"][key]) for key in keys if key in event["ledger"]}
