"""What a plan says of its cost: measured once, and then remembered."""

import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from studies import service
from studies.study_file import estimate
from tests.service import STUDY

SECONDS = 0.036


@pytest.fixture
def hours(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[float, int]]:
    """Hours of a plan, and how many models were timed for it."""
    monkeypatch.delenv("STUDIES_CACHE", raising=False)
    monkeypatch.setattr("core.runtime.configure_process", lambda _: None)

    def of(**changes: Any) -> tuple[float, int]:
        timed = []
        monkeypatch.setattr("trainables.training.cost.step_seconds", lambda *what: timed.append(what) or SECONDS)
        spec, _ = service.load({"name": "one", **STUDY, **changes}, str(tmp_path))
        found = estimate.hours_here(spec, str(tmp_path))
        assert found == pytest.approx(SECONDS * spec.budget.steps * spec.num_configurations * spec.seeds.min / 3600)
        return found, len(timed)

    return of


def test_a_step_is_timed_once(hours: Callable[..., tuple[float, int]]) -> None:
    two = {"beta_vae": {"beta": [1, 4]}, "chyvae": {"nu": [12, 500]}}
    assert hours(models=two)[1] == 2
    assert hours(models=two, seeds=3)[1] == 0
    assert hours(models={**two, "beta_vae": {"beta": [1, 4], "batch_size": [16, 32]}})[1] == 1


def test_a_changed_model_and_another_version_are_timed_anew(
    hours: Callable[..., tuple[float, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [hours()[1], hours()[1]] == [1, 0]
    monkeypatch.setattr("importlib.metadata.version", lambda _: "9.9")
    assert hours()[1] == 1


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_times_that_cannot_be_read_or_kept_are_measured(
    content: str, tmp_path: pathlib.Path, hours: Callable[..., tuple[float, int]]
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / estimate.KEPT_TIMES).write_text(content)
    assert [hours()[1], hours()[1]] == [1, 0]
    (folder / estimate.KEPT_TIMES).unlink()
    (folder / estimate.KEPT_TIMES).mkdir()
    assert [hours()[1], hours()[1]] == [1, 1]
