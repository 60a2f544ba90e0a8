"""A study whose model is not in this version: everything that was measured can still be read."""

import json
import pathlib
from typing import Any

import pytest

from core.mistakes import StudyError
from core.record.places import sqlite_url
from studies.shown import view_of
from tests.analysis.kit import StudyWriter


@pytest.fixture
def trial(tmp_path: pathlib.Path) -> str:
    """Of the study `made`, one of whose two models is gone."""
    models = {"gone_vae": {"beta": {"log": [1, 16]}}, "beta_vae": {"beta": [1, 4]}}
    search = {"sampler": "random", "configurations": 4}
    writer = StudyWriter(tmp_path, models=models, search=search)
    record = json.loads((writer.path / "study.json").read_text())
    record["stores"] |= {
        "tracking": sqlite_url(tmp_path / "mlflow.db"),
        "optuna": sqlite_url(writer.path / "optuna.db"),
    }
    (writer.path / "study.json").write_text(json.dumps(record))
    for model, beta, score in (("gone_vae", 2.0, 0.8), ("gone_vae", 8.0, 0.9), ("beta_vae", 4.0, 0.5)):
        key = writer.configuration(model, beta=beta)
        for seed in (0, 1):
            metrics = {"factor_vae_score": score - 0.01 * seed, "reconstruction_error": 50.0 * score + seed}
            writer.complete(key, seed, metrics)
    return f"{key}-s0"


@pytest.mark.parametrize("command", ["status", "best", "front", "knee", "logs"])
def test_results_are_read(command: str, ask: Any, trial: str) -> None:  # noqa: ARG001
    code, out, err = ask(command, "made")
    assert (code, err) == (0, "")
    assert "gone_vae" in out


def test_trials_and_lists_are_read(ask: Any, trial: str) -> None:
    (row,) = map(json.loads, ask("list", "--json")[1].splitlines())
    assert (row["best"], row["model"], row["ended"], row["trials"], row["fault"]) == (0.895, "gone_vae", 6, 8, None)
    assert ask("show", trial)[0] == 0
    assert ask("compare", "made", "gone_vae", "beta_vae")[0] == 0


@pytest.mark.timeout(120)
def test_stores_are_compared_and_the_whole_is_exported(ask: Any, trial: str, tmp_path: pathlib.Path) -> None:  # noqa: ARG001
    code, out, _ = ask("check", "made")
    assert (code, "MLflow has no experiment of the study" in out, "Optuna has no study" in out) == (1, True, True)
    assert list(tmp_path.rglob("*.db")) == []  # to look for something does not make it
    code, out, _ = ask("export", "made", str(tmp_path / "elsewhere"))
    assert code == 0
    assert (tmp_path / "elsewhere" / "study.json").exists()


@pytest.mark.slow
def test_the_report_is_written(ask: Any, trial: str) -> None:  # noqa: ARG001
    code, out, _ = ask("report", "made")
    assert code == 0
    assert "gone_vae" in pathlib.Path(out.strip()).read_text()


def test_a_store_that_is_not_there_is_not_made_to_be_shown(trial: str, tmp_path: pathlib.Path) -> None:  # noqa: ARG001
    with pytest.raises(StudyError, match="MLflow has nothing of study 'made'; `studies resume made` delivers it"):
        view_of("made", tmp_path)
    assert list(tmp_path.rglob("mlflow.db")) == []


def test_what_needs_the_model_says_so(ask: Any, trial: str) -> None:  # noqa: ARG001
    said = "study 'made' cannot go on: model 'gone_vae' is not in this version; its results can be read\n"
    assert ask("resume", "made")[::2] == (2, said)
    assert ask("extend", "made", "--seeds", "5")[::2] == (2, said)
    assert ask("log-model", "made")[0] == 2
