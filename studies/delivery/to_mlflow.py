"""Deliver the journal to MLflow: experiment = study, parent run = configuration, child run = trial.

A run is found by its tag `studies.identity` before it is created, and a metric that is logged twice with the same step
and time is stored once, so delivering an event again changes nothing.
"""

import functools
import hashlib
import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

import core.data
from analysis.reading.purpose import purpose
from core.checkpoints import names as checkpoint_names
from core.configuration import Configuration
from core.files import write_whole
from core.formulas.costs import COSTS
from core.mistakes import StudyError
from core.record import journal
from core.record.adoption import CURSOR
from core.record.events import (
    ConfigurationEnded,
    ConfigurationSuggested,
    Event,
    TrialEnded,
    TrialEvent,
    TrialReopened,
    TrialReported,
    TrialStarted,
)
from core.record.history import ConfigurationHistory, History
from core.record.journal import RUN_IDS
from core.record.places import sqlite_file
from core.storage import CorruptEntryError, Folder
from studies.delivery import view, wording
from studies.delivery.curves import Curves
from studies.delivery.mlflow_store import LAUNCH, connect, experiment_names, find_experiment
from studies.record.folder import Record

IDENTITY = "studies.identity"
REASON = "studies.reason"  # tag: why a run failed or was stopped
STUDY_RUN = "study"
REPORT_MARK = "studies.report"  # tag of that run: which report is attached
BATCH = 900  # metrics in one request; MLflow takes 1,000
LONGEST_TAG = 5000  # characters that MLflow keeps, a server of some years ago too
TRAINED = ("device", "precision")  # of the ledger: on what, and in which numbers, a trial was trained
STATUS = {"COMPLETED": "FINISHED", "COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAILED": "FAILED", "FAIL": "FAILED"}


class MlflowSink:
    """Feeds an MLflow store, and notes its place in the journal in the study's folder."""

    name = "MLflow"
    at_once: int | None = 500  # between two notes of the place in the journal

    def __init__(self, record: Record) -> None:
        self.folder = record.folder.path
        self.study = record.folder.name
        self._record = record.written
        self._spec = record.written.spec
        self._uri = record.stores.tracking
        self._trials = record.written.trials_uri
        # artifacts of an SQLite store lie beside it; a server decides for itself
        store = sqlite_file(self._uri)
        self._artifacts = (record.folder.root / "mlartifacts").as_uri() if store else None
        self.client: Any = None
        self._cursor = self._load()
        self._runs: dict[str, str] = {}
        self._history = History()
        self._outbox: dict[str, dict[str, list[Any]]] = {}
        self._curves = Curves(self.folder)

    def _load(self) -> dict[str, Any]:
        try:
            cursor: dict[str, Any] = json.loads((self.folder / CURSOR).read_text())
        except (OSError, ValueError):
            cursor = {"offset": 0, "experiment": None}
        return cursor

    def begin(self) -> int:
        """Connect and find the runs that are there; the place in the journal from which events are wanted."""
        if self.client is None:
            self.client = connect(self._uri)
        self._open_experiment()
        return int(self._cursor["offset"])

    def deliver(self, chunk: Sequence[tuple[int, Event]]) -> None:
        """Write what the events say; after an error, and a `reset`, the same chunk is delivered again."""
        self._outbox.clear()
        for _, event in chunk:
            self._history.apply(event)
            self._curves.note(event)
            self._handle(event)
        for run in list(self._outbox):
            self._send(run)
        self._cursor["offset"] = chunk[-1][0]
        write_whole(self.folder / CURSOR, json.dumps(self._cursor))

    def reset(self) -> None:
        """Find the runs anew in the next `begin`."""
        self._runs = {}

    def _handle(self, event: Event) -> None:
        match event:
            case ConfigurationSuggested():
                configuration = self._history.configurations[event.configuration]
                name = wording.configuration_name(self._spec, configuration)
                tags = {wording.NOTE: wording.CONFIGURATION, **_tags("configuration", configuration)}
                run = self._find_or_create(event.configuration, name, tags, event.time)
                self._pack_parameters(run, configuration.configuration)
            case TrialStarted():
                self._create_trial(event)
            case TrialReopened():
                for identity in (event.trial, event.configuration):
                    self._reopen(self._run(identity))
            case TrialReported():
                self._pack(self._run(event.trial), event.metrics, event.time, event.step)
            case TrialEnded():
                run = self._create_trial(event)  # one that was stopped before it ran has none yet
                self._pack(run, _costs(event.ledger), event.time, event.step)  # its metrics were reported just before
                self._pack_tags(
                    run, {f"studies.{key}": str(event.ledger[key]) for key in TRAINED if key in event.ledger}
                )
                if event.state == "COMPLETED":
                    self._log_artifacts(run, event.trial)
                warnings = event.ledger.get("warnings") or ()
                self._end(run, event.state, event.reason, event.time, warnings)
            case ConfigurationEnded():
                run = self._run(event.configuration)
                configuration = self._history.configurations[event.configuration]
                last = max((trial.step for trial in configuration.completed), default=0)
                for step, means in self._curves.means(configuration):
                    self._pack(run, means, event.time, step)
                self._pack(run, _summary(configuration), event.time, last)
                self._end(run, event.state, event.reason, event.time)

    def _batch(self, run: str) -> dict[str, list[Any]]:
        """The next batch of a run."""
        return self._outbox.setdefault(run, {"metrics": [], "params": [], "tags": []})

    def _pack(self, run: str, metrics: Mapping[str, float], seconds: float, step: int = 0) -> None:
        from mlflow.entities import Metric

        time_ms = int(seconds * 1000)
        self._batch(run)["metrics"] += [Metric(key, float(value), time_ms, step) for key, value in metrics.items()]

    def _pack_parameters(self, run: str, configuration: Configuration) -> None:
        from mlflow.entities import Param

        values = {"model": configuration.model, **configuration.hyperparameters}
        self._batch(run)["params"] = [Param(key, str(value)) for key, value in values.items()]

    def _pack_tags(self, run: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._batch(run)["tags"] += [RunTag(key, value) for key, value in tags.items()]

    def _send(self, run: str) -> None:
        """Deliver the batch of a run."""
        batch = self._outbox.pop(run, None)
        if batch is None:
            return
        metrics = batch["metrics"]
        self.client.log_batch(run, metrics=metrics[:BATCH], params=batch["params"], tags=batch["tags"])
        for begin in range(BATCH, len(metrics), BATCH):
            self.client.log_batch(run, metrics=metrics[begin : begin + BATCH])

    def _end(self, run: str, state: str, reason: str | None, seconds: float, warnings: Sequence[str] = ()) -> None:
        tags = {"studies.state": state}
        if reason:
            tags[REASON] = reason[:LONGEST_TAG]
        if warnings:
            tags["studies.warnings"] = "\n".join(warnings)[:LONGEST_TAG]
        self._pack_tags(run, tags)
        self._send(run)
        self.client.set_terminated(run, STATUS[state], int(seconds * 1000))

    def _reopen(self, run: str) -> None:
        """A run that ended goes on; why it had failed does not hold any more."""
        self._send(run)
        found = self.client.get_run(run)
        if REASON in found.data.tags:
            self.client.delete_tag(run, REASON)
        if found.info.status != "RUNNING":  # as a configuration's is from its first seed on that goes on
            self.client.update_run(run, "RUNNING")

    def _open_experiment(self) -> None:
        """Find the experiment and its runs; what was deleted is restored, and what is gone is delivered anew."""
        if self._runs:
            return
        identifier = self._experiment()
        self._cursor["experiment"] = identifier
        self._runs = self._find_runs(identifier)
        self._fold()
        if any(identity not in self._runs for identity in self._delivered()):
            self._cursor["offset"] = 0  # delivering an event again changes nothing where its run is still there
            self._fold()
        self._show(identifier)

    def _show(self, experiment: str) -> None:
        """The run of the report, a link to it above everything else, and the view that `studies ui` opens."""
        known = STUDY_RUN in self._runs
        tags = {"studies.kind": "study", wording.NOTE: wording.REPORT}
        report = self._find_or_create(STUDY_RUN, wording.report_name(self.study), tags, time.time())
        shown = {view.TAG: view.view(self._spec, int(time.time() * 1000))}
        if not known:  # later, a description is whoever's who changed it
            note = self.client.get_experiment(experiment).tags.get(wording.NOTE, "")
            shown[wording.NOTE] = f"{wording.link_to_report(experiment, report)} {note}"
        for key, value in shown.items():
            self.client.set_experiment_tag(experiment, key, value)

    def _experiment(self) -> str:
        """The id of the experiment of this launch, made if there is none."""
        found, names = find_experiment(self.client, self._record), experiment_names(self._record)
        if found is not None and found.lifecycle_stage == "active":
            return str(found.experiment_id)
        name = next((each for each in names if self.client.get_experiment_by_name(each) is None), names[-1])
        if found is None:
            tags = wording.experiment_tags(self._spec, purpose(self.folder)) | {LAUNCH: self._record.launch}
            place = f"{self._artifacts}/{quote(name)}" if self._artifacts else None
            return str(self.client.create_experiment(name, place, tags))
        self.client.restore_experiment(found.experiment_id)
        if found.name in names and found.name != name:  # which made room for another study
            self.client.rename_experiment(found.experiment_id, name)
        return str(found.experiment_id)

    def _find_runs(self, experiment: str) -> dict[str, str]:
        """Run id by identity; a deleted run is restored, unless another has its identity."""
        from mlflow.entities import ViewType

        found: dict[str, str] = {}
        for kind in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY):
            token = None
            while True:
                page = self.client.search_runs([experiment], run_view_type=kind, max_results=1000, page_token=token)
                for run in page:
                    identity = run.data.tags.get(IDENTITY)
                    if identity is not None and identity not in found:
                        found[identity] = run.info.run_id
                        if kind == ViewType.DELETED_ONLY:
                            self.client.restore_run(run.info.run_id)
                token = page.token
                if not token:
                    break
        return found

    def _fold(self) -> None:
        """What the journal says up to the place that is delivered."""
        self._history = History()
        for offset, event in journal.read(self.folder):
            if offset > self._cursor["offset"]:
                break
            self._history.apply(event)

    def _delivered(self) -> list[str]:
        """Identities that must have a run."""
        begun = [trial.identity for trial in self._history.trials() if trial.state != "PENDING" or trial.metrics]
        return [*self._history.configurations, *begun]

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
        self.client.log_inputs(run.info.run_id, datasets=[self._dataset()])
        with (self.folder / RUN_IDS).open("a") as stream:
            stream.write(json.dumps([identity, run.info.run_id]) + "\n")
        return str(run.info.run_id)

    @functools.cache  # noqa: B019 - of a sink that lives as long as its process
    def _dataset(self) -> Any:
        """The study's data set as MLflow knows one: its name, and a digest of all that the study file says of it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps(self._spec["dataset"], sort_keys=True)
        digest = hashlib.sha256(source.encode()).hexdigest()[:8]
        described = Dataset(core.data.dataset_name(self._spec["dataset"]), digest, "studies", source)
        return DatasetInput(described, [InputTag("mlflow.data.context", "training and evaluation")])

    def _create_trial(self, event: TrialEvent) -> str:
        configuration = self._history.configurations[event.configuration]
        tags = {
            **_tags("trial", configuration),
            wording.NOTE: wording.TRIAL,
            "studies.seed": str(event.seed),
            "mlflow.parentRunId": self._run(event.configuration),
        }
        run = self._find_or_create(event.trial, wording.trial_name(configuration, event.seed), tags, event.time)
        self._pack_parameters(run, configuration.configuration)
        return run

    def _log_artifacts(self, run: str, trial: str) -> None:
        """Weights, description and pictures of a finished trial."""
        import tempfile

        folder = Folder(self._trials).child(trial)
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

    def finish(self, report: str | None) -> None:
        """End the study's own run, with the directory of the report attached, unless it has that very report.

        Raises:
            StudyError: the store is away.
        """
        if STUDY_RUN not in self._runs:
            raise StudyError("the store is away")
        run = self._run(STUDY_RUN)
        found, mark = self.client.get_run(run), report and _digest(pathlib.Path(report))
        if mark and (found.data.tags.get(REPORT_MARK), found.info.status) == (mark, "FINISHED"):
            return
        if report is not None:
            self.client.log_artifacts(run, report, "report")
            self.client.set_tag(run, REPORT_MARK, mark)
        self.client.set_terminated(run, "FINISHED", found.info.start_time + int(self._history.seconds_driven * 1000))


def _digest(report: pathlib.Path) -> str:
    """SHA-256 of a report's page, which holds or links all else of it."""
    return hashlib.sha256((report / "report.html").read_bytes()).hexdigest()


def _tags(kind: str, configuration: ConfigurationHistory) -> dict[str, str]:
    return {
        "studies.kind": kind,
        "studies.configuration": configuration.hash,
        "studies.model": configuration.configuration.model,
        "studies.number": str(configuration.number),
    }


def _costs(ledger: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a ledger as metrics."""
    return {key: float(ledger[key]) for key in (*COSTS, "seconds_evaluating", "seconds_waiting") if key in ledger}


def _summary(configuration: ConfigurationHistory) -> dict[str, float]:
    """Mean, standard deviation and number of the final values over completed seeds."""
    finals = [trial.final_metrics for trial in configuration.completed]
    summary: dict[str, float] = {"n": len(finals)}
    for key in sorted({key for metrics in finals for key in metrics}):
        seeds = [metrics[key] for metrics in finals if key in metrics]
        summary[f"mean/{key}"] = float(np.mean(seeds))
        if len(seeds) > 1:
            summary[f"std/{key}"] = float(np.std(seeds, ddof=1))
    return summary
