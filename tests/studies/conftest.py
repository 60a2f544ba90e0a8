import pathlib
import sys
from typing import Any

import pytest

from studies.cli import app
from tests.service import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="session")
def finished(service: Service) -> Service:
    """A service with one finished study, `done`."""
    result = service.run("launch", service.write("done"))
    assert result.returncode == 0, result.stderr
    return service


@pytest.fixture
def ask(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command on a root; its exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        root = () if words[0] == "validate" else ("--root", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["studies", *words, *root])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run
