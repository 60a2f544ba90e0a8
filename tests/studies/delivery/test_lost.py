"""What a person deletes or renames in MLflow or Optuna is there again after `resume`, and nothing else is touched."""

import pathlib
import subprocess
import sys

import optuna
import pytest

from core.record.places import sqlite_url
from studies.delivery.mlflow_store import connect
from tests.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Service:
    service = Service(tmp_path_factory.mktemp("lost"))
    assert service.run("launch", service.write("lost")).returncode == 0
    return service


def test_deleted_and_renamed_runs(launched: Service) -> None:
    client = connect(launched.tracking)
    runs = {run.data.tags["studies.identity"]: run.info.run_id for run in launched.runs("lost")}
    trials = [identity for identity in runs if "-s" in identity]
    configurations = [identity for identity in runs if len(identity) == 12]
    client.delete_run(runs[trials[0]])
    client.delete_run(runs[configurations[0]])
    client.update_run(runs[trials[1]], name="my favourite")
    client.delete_run(runs[trials[2]])
    collect = ["--tracking-uri", launched.tracking, "--backend-store-uri", launched.tracking]
    subprocess.run(
        [sys.executable, "-m", "mlflow", "gc", *collect, "--run-ids", runs[trials[2]]],
        check=True,
        capture_output=True,
    )
    found = launched.run("check", "lost")
    assert (found.returncode, found.stdout.count("no run in MLflow")) == (1, 3), found.stdout

    assert launched.run("resume", "lost").returncode == 0
    launched.assert_exactly_once("lost", configurations=4, seeds=2)
    again = {run.data.tags["studies.identity"]: run for run in launched.runs("lost")}
    assert again[trials[0]].info.run_id == runs[trials[0]]
    assert again[trials[1]].info.run_name == "my favourite"
    assert again[trials[2]].info.run_id != runs[trials[2]]
    assert len(client.get_metric_history(again[trials[2]].info.run_id, "mig")) == 2


def test_a_renamed_and_a_deleted_experiment(launched: Service) -> None:
    client = connect(launched.tracking)
    experiment = client.get_experiment_by_name("lost").experiment_id
    client.rename_experiment(experiment, "found")
    assert launched.run("check", "lost").returncode == 0
    client.delete_experiment(experiment)
    found = launched.run("check", "lost")
    assert (found.returncode, "is deleted" in found.stdout) == (1, True)
    assert launched.run("resume", "lost").returncode == 0
    assert client.get_experiment(experiment).name == "found"
    client.rename_experiment(experiment, "lost")
    launched.assert_exactly_once("lost", configurations=4, seeds=2)


def test_a_deleted_study_of_optuna(launched: Service) -> None:
    storage = optuna.storages.RDBStorage(sqlite_url(pathlib.Path(launched.root) / "lost" / "optuna.db"))
    optuna.delete_study(study_name="lost", storage=storage)
    storage.engine.dispose()
    found = launched.run("check", "lost")
    assert (found.returncode, found.stdout) == (1, "Optuna has no study of this launch\n")
    assert launched.run("resume", "lost").returncode == 0
    launched.assert_exactly_once("lost", configurations=4, seeds=2)
