"""Ray jobs that drive a study, with a job server that takes everything."""

import pathlib
import shutil
import subprocess
from typing import Any

import pytest

from studies.cluster import job
from studies.record.folder import StudyFolder


class Server:
    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []

    def submit_job(self, **options: Any) -> str:
        self.taken.append(options)
        return "job-1"


@pytest.mark.parametrize("installed", [False, True])
def test_a_job_carries_a_checkout_but_no_site_packages(
    installed: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    monkeypatch.setattr(job, "_client", lambda _: server)
    place = tmp_path / "place"
    (place / "studies" / "cluster").mkdir(parents=True)
    if not installed:
        (place / "pyproject.toml").touch()
    monkeypatch.setattr(job, "__file__", str(shutil.copy(job.__file__, place / "studies" / "cluster")))
    folder = StudyFolder(tmp_path, "away")
    folder.path.mkdir()
    assert job.submit(folder, "http://head:8265") == "job-1"
    environment = server.taken[0]["runtime_env"]
    assert environment.get("working_dir") == (None if installed else str(place))
    assert "working_dir" in environment or "excludes" not in environment


def test_a_job_is_sent_all_of_the_code(tmp_path: pathlib.Path) -> None:
    """By the rules of .gitignore files, which Ray's are: everything that Git keeps is sent, and no data or results."""
    root = pathlib.Path(job.__file__).parents[2]
    rules = tmp_path / "excluded"
    rules.write_text("\n".join(job.EXCLUDED))
    code = [str(path.relative_to(root)) for floor in ("core", "studies") for path in (root / floor).rglob("*.py")]
    left_out = [
        "data/cache/dsprites.npy",
        "runs/mlflow.db",
        ".git/config",
        ".venv/bin/python",
        "core/__pycache__/a.pyc",
    ]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    asked = subprocess.run(
        ["git", "-C", str(tmp_path), "-c", f"core.excludesFile={rules}", "check-ignore", "--no-index", "--stdin"],
        input="\n".join([*code, *left_out]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert any(path.startswith("core/data/") for path in code)
    assert set(asked.stdout.split()) == set(left_out)
