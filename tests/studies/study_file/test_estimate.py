"""What a plan says of its cost: measured once, and then remembered."""

import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from core.machine import Grant
from studies import service
from studies.cli.rows import plan_row, roughly
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


def test_a_model_is_built_once_to_know_its_size(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIES_CACHE", raising=False)
    spec, _ = service.load({"name": "one", **STUDY, "models": {"beta_vae": {"beta": [1, 4]}}}, str(tmp_path))
    first = estimate.disk_needed(spec, str(tmp_path))
    monkeypatch.setattr("trainables.training.loading.build_model", None)
    assert estimate.disk_needed(spec, str(tmp_path)) == first > 0


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": null}'])
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


def test_the_plan_says_the_time_on_this_machine_and_what_its_hours_allow(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "hours_here", lambda *_: 45.0)
    monkeypatch.setattr(estimate, "granted_cores", lambda: Grant(2, "the machine has 2"))

    def of(**changes: Any) -> dict[str, Any]:
        spec, _ = service.load({"name": "one", **STUDY, **changes}, str(tmp_path))
        return estimate.plan(spec, str(tmp_path))

    budget = STUDY["budget"]
    models = {"beta_vae": {"beta": {"log": [1, 16]}, "batch_size": [16, 32]}, "vae": None}
    search = {"configurations": 5}
    odd = {"models": models, "search": search, "seeds": 3}  # 15 trials of 3 hours in 8 rounds
    assert of(**odd)["hours_here"] == 24.0
    assert of(**odd, resources={"cpu": 2})["hours_here"] == 45.0
    assert of(**odd, budget={**budget, "hours": 30})["trials_within_hours"] == 15
    short = of(**odd, budget={**budget, "hours": 7})
    assert short["trials_within_hours"] == 4
    assert short["space"] == {"beta_vae": {"beta": "1 to 16, logarithmic", "batch_size": "16, 32"}, "vae": {}}
    row = plan_row(short)
    assert row["time"] == "about 24 hours of training on these 2 cores"
    assert row["ends after"] == "7 hours (with about 4 of 15 trials)"
    assert (row["beta_vae"], row["vae"]) == ("beta: 1 to 16, logarithmic\nbatch_size: 16, 32", "nothing is searched")
    assert short["elsewhere"] is None
    assert "elsewhere" not in row

    spec, _ = service.load({"name": "one", **STUDY, **odd, "budget": {**budget, "hours": 1}}, str(tmp_path))
    row = plan_row(estimate.plan(spec, str(tmp_path), slots=4, speed=6.0))  # half an hour each, in 4 rounds
    faster = "about 2 hours with 4 trials at a time, each 6 times as fast as a core here: nothing measured"
    assert row["elsewhere"] == faster
    assert row["ends after"] == "60 minutes (with about 0 of 15 trials); elsewhere with about 8 of 15 trials"
    row = plan_row(estimate.plan(spec, str(tmp_path), slots=100))
    assert row["elsewhere"] == "about 3 hours with 15 trials at a time: nothing measured"
    assert estimate.plan(spec, str(tmp_path), speed=2.0)["elsewhere"]["hours"] == 12.0


def test_times_are_said_in_their_unit() -> None:
    assert [roughly(each) for each in (0.2, 3, 250, 110_000, 44 * 86_400)] == [
        "a second", "3 seconds", "4 minutes", "31 hours", "44 days"
    ]  # fmt: skip
