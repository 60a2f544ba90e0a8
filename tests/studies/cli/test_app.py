"""Whose fault it was: a user's mistake is a sentence and exit code 2, a fault of ours a traceback."""

import pathlib
import sys
from typing import Any

import numpy as np
import pytest

import core.data
from analysis.results import Results
from core.mistakes import DataError, MetricError, NoCheckpointError, StudyError, UserError
from studies.cli import app
from tests.analysis.kit import random_study


@pytest.fixture
def best(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`studies best` of a study, where asking for the best trials raises an error."""
    random_study(tmp_path)

    def run(error: Exception) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(Results, "best", fail)
        monkeypatch.setattr(sys, "argv", ["studies", "best", "made", "--root", str(tmp_path)])
        app.main()

    return run


@pytest.mark.parametrize("kind", [UserError, StudyError, DataError, MetricError, NoCheckpointError])
def test_a_mistake_is_a_sentence(best: Any, kind: type[UserError], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        best(kind("write [another] name"))
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", "write [another] name\n")


@pytest.mark.parametrize(
    "error", [FileNotFoundError("a file of ours"), FileExistsError(), ValueError("ours"), KeyError()]
)
def test_a_fault_of_ours_is_raised(best: Any, error: Exception) -> None:
    with pytest.raises(type(error)):
        best(error)


def test_an_interruption_has_a_code_of_its_own(best: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        best(KeyboardInterrupt())
    assert ended.value.code == 130


def test_a_picture_that_cannot_be_written_is_a_mistake(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(core.data, "contact_sheet", lambda *_: (np.zeros((2, 2, 3), np.uint8), []))
    output = tmp_path / "absent" / "sheet.png"
    monkeypatch.setattr(sys, "argv", ["studies", "data", "show", "dsprites.quick", "--output", str(output)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    assert "cannot be written" in capsys.readouterr().err
