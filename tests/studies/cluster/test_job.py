"""Ray jobs that drive a study, with a job server that takes everything."""

import pathlib
import shutil
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
