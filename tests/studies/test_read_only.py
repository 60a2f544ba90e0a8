"""A study on a root that cannot be written: every question is answered, and what would write says why it cannot."""

import fcntl
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

import studies
from core.mistakes import StudyError
from studies.record.folder import StudyFolder
from tests.analysis.kit import random_study
from tests.kernel import without_override

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Iterator[Run]:
    """A command, run in `here`, on the root `runs`, which it cannot write: its exit code, and what it said."""
    root, here = tmp_path / "runs", tmp_path / "here"
    here.mkdir()
    random_study(root)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    for path in (root, *before):
        path.chmod(0o555 if path.is_dir() else 0o444)
    prefix = without_override()

    def run(*arguments: str) -> tuple[int, str]:
        command = [*prefix, sys.executable, "-P", "-m", "studies.cli", *arguments, "--root", str(root)]
        path = str(pathlib.Path(studies.__file__).parents[1])
        ended = subprocess.run(
            command, cwd=here, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        return ended.returncode, ended.stdout + ended.stderr

    yield run
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    for path in (root, *(path for path in before if path.is_dir())):
        path.chmod(0o755)


@pytest.mark.slow
def test_questions_are_answered_and_drawings_go_to_a_place_that_is_named(run: Run, tmp_path: pathlib.Path) -> None:
    here = tmp_path / "here"
    assert run("status", "made")[0] == 0
    assert run("best", "made")[0] == 0
    drawn = here / "made-report" / "pareto_front.png"
    code, said = run("front", "made", "--plot")
    assert (code, said.splitlines()[-1], drawn.exists()) == (0, str(drawn), True), said
    drawn.unlink()
    page = drawn.with_name("report.html")
    assert run("report", "made") == (0, f"{page}\n")
    assert page.exists()
    assert drawn.exists()
    assert run("export", "made", "copy")[0] == 0
    assert len(studies.open("copy", here).trials()) == len(studies.open("made", tmp_path / "runs").trials())


@pytest.mark.slow
@pytest.mark.parametrize("command", [["resume", "made"], ["extend", "made", "--seeds", "3"]])
def test_what_would_write_is_refused_with_a_sentence(run: Run, command: list[str]) -> None:
    code, said = run(*command)
    assert (code, "cannot be written" in said, said.count("\n")) == (2, True, 1), said


def test_a_driver_at_work_is_seen_without_disturbing_it(tmp_path: pathlib.Path) -> None:
    random_study(tmp_path)
    folder = StudyFolder(tmp_path, "made")
    with folder.driving():
        assert folder.driver() == os.getpid()
        with pytest.raises(StudyError, match="is being driven"), StudyFolder(tmp_path, "made").driving():
            pass
        assert folder.driver() == os.getpid()
    assert folder.driver() is None


def test_who_looks_at_a_study_keeps_nobody_from_driving_it(tmp_path: pathlib.Path) -> None:
    random_study(tmp_path)
    folder = StudyFolder(tmp_path, "made")
    with (folder.path / ".lock").open("wb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        release = threading.Timer(0.05, fcntl.flock, (looking, fcntl.LOCK_UN))
        release.start()
        with folder.driving():
            assert folder.driver() == os.getpid()
        release.join()
