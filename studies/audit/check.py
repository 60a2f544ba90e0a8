"""Compare what the journal, the trials' own processes in Ray, Optuna and MLflow say of a study, number by number.

And whether the journal has all results of the trials that ended.
"""

import logging
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.checkpoints import newest
from core.record import journal
from core.record.events import TrialReported
from core.record.history import History, TrialHistory
from core.record.places import is_absent
from core.runtime import logging_at
from core.storage import Folder
from studies.delivery.mlflow_store import connect, find_experiment, quiet_mlflow
from studies.delivery.to_mlflow import IDENTITY, STATUS, STUDY_RUN
from studies.delivery.to_optuna import name_in_optuna, open_storage
from studies.record.folder import Record
from studies.study_file.spec import StudySpec

NOT_IN_OPTUNA = "Optuna has no study of this launch"
NOT_IN_MLFLOW = "MLflow has no experiment of the study"


def check(record: Record) -> list[str]:
    """Every disagreement, and every missing result, as a sentence; none when all four agree and nothing is missing.

    Raises:
        StudyError: the study's MLflow store or Optuna storage cannot be reached.
    """
    history = History.read(record.folder.path)
    findings = []
    for trial in history.trials():
        if not trial.ended and record.folder.driver() is None:
            findings.append(f"{trial.identity}: is {trial.state} and nobody drives the study")
    findings += _curves(history, record)
    findings += _ray(history, Folder(record.written.trials_uri), record.spec)
    with quiet_mlflow(), logging_at(logging.ERROR, "optuna"):
        findings += _optuna(history, record)
        findings += _mlflow(history, record)
    return findings


def _ended(history: History) -> list[TrialHistory]:
    return [trial for trial in history.trials() if trial.ended]


def _differing(mine: Mapping[str, float], other: Mapping[str, Any]) -> list[str]:
    """Metrics that differ, or that the other does not have."""
    return [
        key for key, value in mine.items() if key not in other or not math.isclose(value, other[key], rel_tol=1e-12)
    ]


def _curves(history: History, record: Record) -> list[str]:
    """A trial says something at every multiple of `evaluate_every` that it came to."""
    said: dict[str, set[int]] = {}
    for _, event in journal.read(record.folder.path):
        if isinstance(event, TrialReported):
            said.setdefault(event.trial, set()).add(event.step)
    findings = []
    for trial in _ended(history):
        if trial.state in ("COMPLETED", "PRUNED"):
            every = record.spec.budget.evaluate_every
            missing = set(range(every, trial.step + 1, every)) - said.get(trial.identity, set())
            findings += [f"{trial.identity}: the journal has no result of step {step}" for step in sorted(missing)]
    return findings


def _ray(history: History, folder: Folder, spec: StudySpec) -> list[str]:
    """One folder per trial that ran, in which its own process saved the last report that the journal has.

    What the driver measured, it alone knows: costs are taken from the journal.
    """
    findings = []
    for trial in _ended(history):
        checkpoint = newest(folder.child(trial.identity))
        if checkpoint is None:
            continue  # it failed or was stopped before it saved, or retention dropped what it saved
        report = checkpoint.description["report"]
        if trial.state == "COMPLETED" and checkpoint.step != trial.step:
            findings.append(f"{trial.identity}: its process saved step {checkpoint.step}, the journal has {trial.step}")
        elif trial.state == "COMPLETED":
            configuration = history.configurations[trial.configuration].configuration
            saved = spec.results(report["metrics"], configuration, trial.ledger)
            keys = ", ".join(_differing(trial.metrics, saved))
            if keys:
                findings.append(f"{trial.identity}: its process and the journal differ in {keys}")
    known = {trial.identity for trial in history.trials()}
    strangers = [name for name in folder.entries() if name not in known]
    return findings + [f"{name}: a trial ran that the journal does not know" for name in strangers]


def _optuna(history: History, record: Record) -> list[str]:
    """One Optuna trial per configuration (the last that supersedes it), with the means over its seeds."""
    import optuna

    if is_absent(record.stores.optuna):
        return [NOT_IN_OPTUNA]
    storage = open_storage(record.stores.optuna)
    name = name_in_optuna(storage, record.written.launched_as, record.written.launch)
    try:
        trials = optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
    except KeyError:
        return [NOT_IN_OPTUNA]
    finally:
        storage.engine.dispose()
    findings = [f"Optuna trial {trial.number} is RUNNING" for trial in trials if trial.state.name == "RUNNING"]
    by_hash = {trial.user_attrs["configuration"]: trial for trial in trials if "configuration" in trial.user_attrs}
    repeated = Counter(
        trial.user_attrs["configuration"]
        for trial in trials
        if "configuration" in trial.user_attrs and "supersedes" not in trial.user_attrs
    )
    findings += [f"{key}: is {count} times in Optuna" for key, count in repeated.items() if count > 1]
    for key, configuration in history.configurations.items():
        trial = by_hash.get(key)
        if trial is None:
            findings.append(f"{key}: is not in Optuna")
        elif configuration.closed and (trial.values or None) != configuration.values:
            findings.append(f"{key}: Optuna has {trial.values}, the journal {configuration.values}")
    return findings


def _mlflow(history: History, record: Record) -> list[str]:
    """One run per trial and configuration, with the journal's final metrics and state."""
    if is_absent(record.stores.tracking):
        return [NOT_IN_MLFLOW]
    client = connect(record.stores.tracking)
    experiment = find_experiment(client, record.written)
    if experiment is None:
        return [NOT_IN_MLFLOW]
    if experiment.lifecycle_stage != "active":
        return ["the study's experiment in MLflow is deleted; `studies resume` restores it"]
    runs, token = [], None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        runs += list(page)
        token = page.token
        if not token:
            break
    counts = Counter(run.data.tags.get(IDENTITY, "no identity") for run in runs)
    findings = [f"{key}: has {count} runs in MLflow" for key, count in counts.items() if count > 1]
    by_identity = {run.data.tags.get(IDENTITY): run for run in runs}
    known = {STUDY_RUN, *history.configurations, *(trial.identity for trial in history.trials())}
    findings += [f"{key}: MLflow has a run that the journal does not know" for key in counts if key not in known]
    for trial in _ended(history):
        run = by_identity.get(trial.identity)
        if run is None:
            findings.append(f"{trial.identity}: has no run in MLflow")
            continue
        if run.info.status != STATUS[trial.state]:
            findings.append(f"{trial.identity}: is {trial.state}, but {run.info.status} in MLflow")
        differing = _differing(trial.metrics, run.data.metrics)
        if differing and trial.state == "COMPLETED":
            findings.append(f"{trial.identity}: MLflow and the journal differ in {', '.join(differing)}")
    return findings + _parents(history, by_identity)


def _parents(history: History, by_identity: Mapping[str, Any]) -> list[str]:
    findings = []
    for key, configuration in history.configurations.items():
        run = by_identity.get(key)
        if run is None:
            findings.append(f"{key}: has no run in MLflow")
        elif configuration.closed and configuration.values is not None:
            done = [trial.final_metrics for trial in configuration.completed]
            for metric in {metric for metrics in done for metric in metrics}:
                mean = float(np.mean([metrics[metric] for metrics in done if metric in metrics]))
                if not math.isclose(run.data.metrics.get(f"mean/{metric}", math.nan), mean, rel_tol=1e-12):
                    findings.append(f"{key}: the mean of {metric} in MLflow is not the one over its trials")
    return findings
