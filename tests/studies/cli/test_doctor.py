"""`studies doctor`: a table or rows, an exit code, and its quick part before every launch."""

import json
import pathlib
import sys
import time
from collections.abc import Iterator

import pytest

import studies
from core.mistakes import StudyError
from studies.cli import app, output
from studies.doctor import examine
from studies.doctor.finding import Asked, Finding, fault, ok, warning
from tests.kernel import without_override
from tests.service import STUDY, Service
from tests.studies.doctor.kit import asked


def doubtful(_: Asked) -> Iterator[Finding]:
    yield ok("first", "it is there")
    yield warning("second", "it is slow", "make it faster")


def broken(given: Asked) -> Iterator[Finding]:
    yield fault("third", f"{given.root} is [not] there", "make it")


@pytest.mark.parametrize(("checks", "code"), [((doubtful,), 0), ((doubtful, broken), 2)])
def test_the_exit_code_says_whether_a_study_would_run(
    checks: tuple[examine.Check, ...],
    code: int,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(examine, "QUICK", ())
    monkeypatch.setattr(examine, "THOROUGH", checks)
    monkeypatch.setattr(output.OUT, "width", 300)  # in which the path fits
    for option in ("--json", None):
        monkeypatch.setattr(sys, "argv", [*filter(None, ["studies", "doctor", option]), "--root", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert ended.value.code == code
        out = capsys.readouterr().out
        if option is not None:
            rows = [json.loads(line) for line in out.splitlines()]
            assert rows[1] == {"check": "second", "state": "warning", "says": "it is slow", "fix": "make it faster"}
            assert len(rows) == 2 + (code == 2)
        else:
            assert ("is [not] there" in " ".join(out.split())) == (code == 2)


def test_a_launch_is_refused_by_faults_before_anything_is_made(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "QUICK", (doubtful, broken))
    with pytest.raises(StudyError) as refused:
        studies.launch({"name": "refused", **STUDY}, root=tmp_path / "runs", data_root=str(tmp_path / "data"))
    assert str(refused.value) == f"third: {tmp_path}/runs is [not] there; make it"
    assert list(tmp_path.iterdir()) == []


def test_what_every_launch_looks_at_takes_no_time(tmp_path: pathlib.Path) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        examine.require_fit(asked(tmp_path / "runs"))
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.2


@pytest.mark.slow
def test_a_launch_on_a_root_that_cannot_be_written_is_one_sentence(tmp_path: pathlib.Path) -> None:
    prefix = without_override()
    service = Service(tmp_path)
    path = service.write("refused")
    tmp_path.chmod(0o555)
    refused = service.run("launch", path, prefix=prefix)
    tmp_path.chmod(0o755)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"root: {tmp_path} cannot be written: Permission denied; give a directory with --root that you may write\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["refused.yaml"]


@pytest.mark.slow
def test_this_machine_is_fit(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    rows = service.rows("doctor")
    assert {row["check"]: row["state"] for row in rows}["locks"] == "ok"
    assert len(rows) >= len(examine.QUICK) + len(examine.THOROUGH) - 1  # checkpoints are under the root
    assert list(tmp_path.iterdir()) == []
