"""Whose fault it was: a user's mistake is a sentence and exit code 2, a fault of ours a traceback."""

import json
import os
import pathlib
import socket
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import core.data
import studies
from analysis.results import Results
from core.mistakes import DataError, MetricError, NoCheckpointError, StudyError, UserError
from studies.cli import app
from studies.cli.commands import ui
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


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_knows_no_greek_sees_the_rest(tmp_path: pathlib.Path, encoding: str) -> None:
    random_study(tmp_path)
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(pathlib.Path.cwd())}
    shown = []
    for options in ((), ("--json",)):
        command = [sys.executable, "-m", "studies.cli", "front", "made", "--root", str(tmp_path), *options]
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        shown.append(done.stdout.decode(encoding))
    assert "hypervolume" in shown[0]
    study = studies.open("made", tmp_path)
    assert [json.loads(row)["model"] for row in shown[1].splitlines()] == study.front()["model"].tolist()


def test_the_ui_takes_the_next_port_that_is_free(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    random_study(tmp_path)
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _, command, __: started.append(command))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ui.ui(root=tmp_path, port=port)
    chosen = int(started[0][started[0].index("--port") + 1])
    assert port < chosen < port + ui.PORTS
    assert f"http://127.0.0.1:{chosen}/" in capsys.readouterr().err


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


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["best", "-h"], ["data", "show", "-h"], ["--version"]])
def test_help_and_version_need_nothing_else(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["studies", *words])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert not ended.value.code
    assert ("0." if words == ["--version"] else "Usage:") in capsys.readouterr().out


def test_every_command_has_an_example_of_itself_and_help_loads_nothing_heavy() -> None:
    examples = [(name, example) for commands in app.COMMANDS.values() for name, _, example in commands]
    assert all(example.startswith(f"studies {name} ") or example == f"studies {name}" for name, example in examples)
    code = "import sys, runpy; sys.argv = ['studies', '-h']\ntry: runpy.run_module('studies', run_name='__main__')\n"
    code += "except SystemExit: sys.exit(sorted({'torch', 'pandas', 'ray', 'mlflow', 'optuna'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
