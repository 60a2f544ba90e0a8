"""Drive a study: Ray, Tune, Optuna and MLflow around one `StudyState`, until the plan is done or someone stops it."""

import dataclasses
import logging
import os
import pathlib
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import core.data
from analysis.study import Study
from analysis.table import hyperparameters
from core.configuration import Configuration, TrialConfig
from core.runtime import package_versions, source_revision
from core.storage import Folder
from studies.budget import Spent, seconds_driven
from studies.delivery import Delivery
from studies.folder import Folders, Stores, StudyFolder
from studies.placement import Slots, gpu_share, require_shared
from studies.spec import StudySpec
from studies.state import StudyState
from studies.study_file import StudyError

RETRIES = 3  # of a trial whose process died
REPORT_PATIENCE = 900.0
DELIVERY_PATIENCE = 60.0  # seconds to wait for the stores at the end


class Display(Protocol):
    """Shows how a study goes on."""

    def message(self, text: str) -> None:
        """One line for the user."""

    def data_progress(self, done: int, total: int) -> None:
        """Images rendered so far."""

    def refresh(self, state: StudyState, trouble: str | None) -> None:
        """Called often; draws at its own pace."""

    def close(self) -> None:
        """The loop is over."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a drive ended."""

    finished: bool
    failed_trials: int
    delivered: bool
    spent: bool


def drive(folder: StudyFolder, display: Display, address: str | None = None) -> Outcome:
    """Run what is missing of a study.

    Raises:
        StudyError: another driver has the study, a store cannot be reached, or no node can take a trial.
    """
    spec, stores = folder.spec(), folder.stores()
    with folder.driving(), Delivery(folder) as delivery:
        core.data.prepare(spec.dataset, stores.data, display.data_progress)
        before = seconds_driven(folder.path)
        state = StudyState(folder.path)
        state.journal.write("session", pid=os.getpid(), versions=package_versions(), source=source_revision())
        trials = Folders(stores, spec.name)
        try:
            with cluster(address):
                _share_folder(trials)
                spent = Spent(spec, state, before)
                notes = _tune(folder, spec, stores, state, trials, spent, delivery, display)
        finally:
            display.close()
            state.journal.close()
            delivered = delivery.flush(DELIVERY_PATIENCE)
        if not delivered:
            missing = delivery.trouble or f"nothing was taken for {DELIVERY_PATIENCE:.0f} s"
            notes.append(f"not everything was delivered yet ({missing}); `studies resume` delivers the rest")
        trouble = delivery.finish(REPORT_PATIENCE)
        if trouble is not None:
            notes.append(f"the report is not complete: {trouble}")
    counts = state.counts()
    finished = not counts["PENDING"] and not counts["RUNNING"]
    finished = finished and (not spent() or len(state.configurations) >= spec.num_configurations)
    for note in notes:
        display.message(note)
    return Outcome(finished, counts["FAILED"], delivered, spent())


def _share_folder(trials: Folders) -> None:
    """Make the folder of the trials, which every node must see."""
    local = Folder(trials.uri).local
    if local is not None:
        local.mkdir(parents=True, exist_ok=True)
        require_shared(str(local))


def require_address(address: str | None) -> None:
    """Refuse an address at once when nothing listens there; Ray itself would try for minutes.

    Raises:
        StudyError: with the address.
    """
    if address is None or address == "auto" or "://" in address:  # Ray asks a job server itself
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise StudyError(f"no Ray cluster answers at '{address}' ({error}); write auto or HOST:PORT") from None


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """A Ray cluster for the study: the one at `address`, or one on this machine that ends with the driver.

    Raises:
        StudyError: nothing answers at the address.
    """
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # every listener stays on loopback
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"  # a failed trial has no metrics; the study goes on
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "300")  # Tune's own snapshots are not what a study resumes from
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # the study shows its own progress
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of evaluations that an interrupted study gives up
    require_address(address)
    import ray

    arguments: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address is None:
        arguments |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "num_cpus": os.cpu_count()}
        arguments["address"] = "local"  # never a cluster that somebody else runs here
    else:
        arguments["address"] = address
    mine = not ray.is_initialized()
    try:
        if mine:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ray.init(**arguments)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise StudyError(f"no Ray cluster answers at '{address}': {str(error).splitlines()[0]}") from None
    try:
        logging.getLogger("ray").setLevel(logging.ERROR)
        yield
    finally:
        if mine:
            ray.shutdown()


def _tune(
    folder: StudyFolder,
    spec: StudySpec,
    stores: Stores,
    state: StudyState,
    trials: Folders,
    spent: Spent,
    delivery: Delivery,
    display: Display,
) -> list[str]:
    """Hand what is missing to Tune, and wait; sentences for the user."""
    from ray import tune

    from studies.callback import RecordCallback, StudyScheduler, trial_name
    from studies.handover import HandOver
    from studies.retention import FrontOnly
    from studies.searcher import StudySearcher
    from studies.suggestions import Suggestions, learn_from
    from trainables.ray_trainable import StudyTrainable, keep_hosts

    def make_trial(configuration: Configuration, seed: int) -> TrialConfig:
        trial = TrialConfig(
            study=spec.name,
            configuration=configuration,
            seed=seed,
            study_seed=spec.seed,
            dataset=spec.dataset,
            data_root=stores.data,
            steps=spec.budget.steps,
            evaluate_every=spec.budget.evaluate_every,
            metrics=tuple(spec.metrics.during),
            final_metrics=tuple(spec.metrics.final),
            folder="",
            threads=spec.resources.threads,
            stacked=spec.resources.stack > 1,
        )
        return dataclasses.replace(trial, folder=trials.of(trial.identity))

    share = gpu_share(spec, state, make_trial)

    def placed(configuration: Configuration, seed: int) -> TrialConfig:
        return dataclasses.replace(make_trial(configuration, seed), device_share=share)

    def refresh() -> None:
        display.refresh(state, delivery.trouble)

    def resources(config: dict[str, Any]) -> Any:
        share = config["device_share"]
        return tune.PlacementGroupFactory([{"CPU": spec.resources.cores(share), "GPU": share}])

    notes = learn_from(spec, state, {name: _results(name, folder, spec) for name in spec.search.warm_start})
    suggestions = Suggestions(spec, state)
    settled = FrontOnly(spec, state, trials.of) if spec.retention == "front" else lambda: None
    searcher = StudySearcher(spec, state, suggestions, placed, Slots(spec, share), spent, settled)
    handover = HandOver(searcher, refresh)
    keeper = keep_hosts() if spec.resources.stack > 1 and share else None
    tuner = tune.Tuner(
        tune.with_resources(StudyTrainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=StudyScheduler(searcher, handover),
            num_samples=-1,
            max_concurrent_trials=10_000,  # the searcher itself keeps to the slots, which change as nodes come and go
            reuse_actors=True,
            trial_name_creator=trial_name,
            trial_dirname_creator=trial_name,
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(folder.path),
            callbacks=[RecordCallback(searcher, delivery.begin, refresh)],
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        handover.close()
        del keeper  # and with it the hosts
    return notes


def _results(name: str, folder: StudyFolder, spec: StudySpec) -> list[tuple[Configuration, list[float]]]:
    """Completed configurations of another study under the same root, with the means of this study's objectives.

    Raises:
        StudyError: there is no such study, or it did not measure these objectives.
    """
    other = Study(name, folder.root)
    table = other.configurations()
    columns = [f"{objective}_mean" for objective in spec.objectives]
    if not set(columns) <= set(table.columns):
        raise StudyError(f"study '{name}' cannot warm-start this one: it did not measure {', '.join(spec.objectives)}")
    values = hyperparameters(other.path)
    return [
        (Configuration(row["model"], values[row["configuration"]]), [float(row[column]) for column in columns])
        for _, row in table[table["state"] == "COMPLETED"].iterrows()
    ]


def default_stores(
    root: pathlib.Path, name: str, *, tracking: str | None, storage: str | None, data: str | None
) -> Stores:
    """The embedded stores under the root, except where a URI says otherwise.

    `storage` is either an SQLAlchemy URL for Optuna (`postgresql://…`, `sqlite:///…`) or a URI for checkpoints.
    """
    checkpoints, optuna_url = str(root), f"sqlite:///{root / name / 'optuna.db'}"
    if storage is not None:
        if storage.startswith(("postgresql", "sqlite", "mysql")):
            optuna_url = storage
        else:
            checkpoints = storage
    return Stores(
        tracking=tracking or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}",
        optuna=optuna_url,
        checkpoints=checkpoints,
        data=str(core.data.data_root(data)),
    )
