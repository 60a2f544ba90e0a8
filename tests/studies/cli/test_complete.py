"""What the shell completes."""

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import typer

from studies.cli import complete
from studies.cli.app import app
from tests.analysis.kit import StudyWriter, random_study


@pytest.fixture
def typing(tmp_path: pathlib.Path) -> Any:
    """The context of a command on a root, and what it holds so far."""
    command = typer.main.get_command(app)

    def at(*args: str, **params: Any) -> Any:
        context = typer.Context(command)
        context.params, context.args = {"root": tmp_path, **params}, list(args)
        return context

    return at


def test_names_that_begin_so(tmp_path: pathlib.Path, typing: Any) -> None:
    for name in ("first", "second"):
        StudyWriter(tmp_path, name)
    assert complete.of_studies(typing(), "") == ["first", "second"]
    assert complete.of_studies(typing(), "s") == ["second"]
    assert complete.of_studies(typing(root=tmp_path / "absent"), "") == []
    assert complete.of_catalogue(typing(), "few_labels-s") == ["few_labels-smoke"]
    assert "dsprites.quick" in complete.of_datasets(typing(), "dsprites.q")


def test_metrics_are_those_of_the_study(tmp_path: pathlib.Path, typing: Any) -> None:
    random_study(tmp_path)
    measured = ["factor_vae_score", "reconstruction_error"]
    assert complete.of_metrics(typing(name="made"), "") == complete.of_metrics(typing("made"), "") == measured
    assert complete.of_metrics(typing("nobody"), "") == []
    assert complete.of_metrics(typing(), "mi") == ["mig"]


def test_study_files_come_before_shipped_studies(
    tmp_path: pathlib.Path, typing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("few.yaml", "few.txt", ".few.yaml", "folder/inner.yml"):
        (tmp_path / name).touch()
    assert complete.of_files(typing(), "few")[:2] == ["few.yaml", "few_labels-smoke"]
    assert complete.of_files(typing(), "fo") == ["folder/"]
    assert complete.of_files(typing(), "folder/") == ["folder/inner.yml"]
    assert complete.of_files(typing(), "absent/x") == []


def test_a_shell_is_answered(tmp_path: pathlib.Path) -> None:
    StudyWriter(tmp_path, "mine")
    words = f"studies best --root {tmp_path} m"
    environment = {**os.environ, "_STUDIES_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "4"}
    code = "import sys; sys.argv = ['studies']; from studies.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["mine"]
