import contextlib
import json
import pathlib
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest

from analysis.models.mlflow_model import encoder_of, log_model, tracking_at
from analysis.study import Study
from core.mistakes import QueryError
from studies.testing.trials import trial_config
from tests.analysis.kit import StudyWriter, random_study


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, pathlib.Path]:
    """A study, and its export moved to where neither root nor stores of the original are."""
    root = tmp_path_factory.mktemp("here")
    study = random_study(root, configurations=3, seeds=2)
    study.export(root / "out")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "renamed"
    shutil.move(root / "out", elsewhere)
    return study, elsewhere


def test_an_export_opens_elsewhere(exported: tuple[Study, pathlib.Path]) -> None:
    study, folder = exported
    there = Study(folder.name, folder.parent)
    pd.testing.assert_frame_equal(there.trials(), study.trials())
    pd.testing.assert_frame_equal(there.front(), study.front())
    assert (folder / "report" / "report.html").exists()


def test_tables_can_be_read_by_other_tools(exported: tuple[Study, pathlib.Path]) -> None:
    study, folder = exported
    assert len(pd.read_parquet(folder / "parquet" / "curves.parquet")) == len(study.curves())
    with contextlib.closing(sqlite3.connect(folder / "study.sqlite")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETED'").fetchone()
    assert count == len(study.trials())


def test_a_folder_with_content_is_refused(exported: tuple[Study, pathlib.Path]) -> None:
    study, folder = exported
    with pytest.raises(QueryError, match="holds something already"):
        study.export(folder)


def trained(root: pathlib.Path) -> StudyWriter:
    """A study with one trial that has a real checkpoint."""
    from trainables.training.run import TrainingRun

    writer = StudyWriter(root, models={"beta_vae": {"beta": [4]}})
    config = trial_config("beta_vae", root)
    key = writer.configuration("beta_vae", 1, **config.configuration.hyperparameters)
    run = TrainingRun(config)
    report = run.advance()
    while not report.done:
        report = run.advance()
    from core.storage import Folder

    run.save(Folder(writer.study.checkpoint_folder(f"{key}-s0")))
    writer.complete(key, 0, {"factor_vae_score": 0.5, "reconstruction_error": 40.0})
    return writer


@pytest.mark.slow
def test_models_and_mlflow_runs_come_along(tmp_path: pathlib.Path) -> None:
    from mlflow import MlflowClient

    writer = trained(tmp_path / "runs")
    uri = f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    client = MlflowClient(uri)
    for name in ("made", "another"):
        experiment = client.create_experiment(
            name, artifact_location=(tmp_path / "runs" / "mlartifacts" / name).as_uri()
        )
        run = client.create_run(experiment)
        client.log_metric(run.info.run_id, "mig", 0.5)
        client.log_text(run.info.run_id, "text", "note.txt")
        if name == "made":
            (writer.path / "mlflow_runs.jsonl").write_text(json.dumps(["study", run.info.run_id]) + "\n")
    record = json.loads((writer.path / "study.json").read_text())
    record["stores"]["tracking"] = uri
    (writer.path / "study.json").write_text(json.dumps(record))
    folder = tmp_path / "made_elsewhere"
    writer.study.export(folder)
    original = writer.study.best()[0].load()
    shutil.rmtree(tmp_path / "runs")

    model = Study(folder.name, tmp_path).best()[0].load()
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 64, 64), dtype=np.uint8)
    np.testing.assert_array_equal(model.encode(images), original.encode(images))
    assert not list(folder.glob("trials/*/step-*/training.pt"))
    copy = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    assert [each.name for each in copy.search_experiments() if each.name != "Default"] == ["made"]
    (run,) = copy.search_runs([copy.get_experiment_by_name("made").experiment_id])
    assert run.data.metrics == {"mig": 0.5}
    assert (folder / run.info.artifact_uri / "note.txt").read_text() == "text"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow and torch.export, on their own affairs
def test_a_winner_as_an_mlflow_model(tmp_path: pathlib.Path) -> None:
    import mlflow
    import torch
    from mlflow import MlflowClient

    writer = trained(tmp_path / "runs")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("made", artifact_location=(tmp_path / "artifacts").as_uri()))
    trial = writer.study.best()[0]
    with pytest.raises(QueryError, match="no run in MLflow"):
        log_model(writer.study, trial, tracking_uri=uri)
    (writer.path / "mlflow_runs.jsonl").write_text(json.dumps([trial.identity, run.info.run_id]) + "\n")
    found = log_model(writer.study, trial, tracking_uri=uri)
    registered = log_model(writer.study, trial, tracking_uri=uri, register="dsprites", alias="best")
    assert registered == "models:/dsprites@best"
    assert client.get_model_version_by_alias("dsprites", "best").run_id == run.info.run_id
    assert log_model(writer.study, trial, tracking_uri=uri, register="dsprites") == "models:/dsprites/2"
    with pytest.raises(QueryError, match="MLflow does not register 'dsprites': "):
        log_model(writer.study, trial, tracking_uri=uri, register="dsprites", alias="v1")
    with pytest.raises(QueryError, match="is of a registered model"):
        log_model(writer.study, trial, tracking_uri=uri, alias="best")
    assert not mlflow.is_tracking_uri_set()  # where the next study would be recorded
    with tracking_at(uri):
        loaded = mlflow.pyfunc.load_model(found)
    images = np.random.default_rng(0).random((5, 1, 64, 64), dtype=np.float32)
    expected = encoder_of(trial.load())(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(loaded.predict(images), expected, atol=1e-5)
    assert loaded.metadata.signature.outputs.inputs[0].shape == (-1, expected.shape[1])
