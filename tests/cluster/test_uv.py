"""A study launched by `uv run`, under which Ray would start its workers in another environment, without itself."""

import pathlib
import sys

import pytest

from tests.service import Service

uv = pytest.importorskip("uv", reason="needs uv (make servers)")

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


def test_trials_start_under_uv_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = '[project]\nname = "mine"\nversion = "0.1"\nrequires-python = ">=3.11"\ndependencies = []\n'
    (tmp_path / "pyproject.toml").write_text(project)
    (tmp_path / ".venv").symlink_to(sys.prefix)  # the user's environment, which has the service
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path.cwd()))
    service = Service(tmp_path)
    prefix = [uv.find_uv_bin(), "run", "--no-sync", "--offline"]
    result = service.run("launch", service.write("under-uv", seeds=1), prefix=prefix)
    assert result.returncode == 0, result.stderr
    service.assert_exactly_once("under-uv", configurations=4, seeds=1)
