"""What a person sees while a study runs: it moves between results, and says whose the best is."""

import io
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from core.configuration import Configuration
from core.record.history import History, TrialHistory
from studies import service
from studies.drive.display import ProgressDisplay
from studies.record.standing import standing
from studies.record.state import StudyState
from studies.study_file.spec import StudySpec

STUDY: dict[str, Any] = {
    "name": "shown",
    "dataset": "dsprites.quick",
    "seeds": 2,
    "models": {"simulated": {"beta": {"log": [1, 16]}, "noise": 0.5}},
    "search": {"sampler": "random", "configurations": 2},
    "objectives": {"mig": "maximize"},
    "budget": {"steps": 1000},
}


@pytest.fixture
def spec() -> StudySpec:
    return service.load(STUDY)[0]


@pytest.fixture
def state(tmp_path: pathlib.Path) -> Iterator[StudyState]:
    state = StudyState(tmp_path)
    yield state
    state.close()


@pytest.fixture
def trials(state: StudyState) -> list[TrialHistory]:
    """Two seeds of one configuration, of which both run."""
    configuration = state.add_configuration(Configuration("simulated", {"beta": 4.25, "noise": 0.5}), {})
    trials = state.plan_seeds(configuration, 2)
    for trial in trials:
        state.start(trial)
    return trials


def shown(display: ProgressDisplay, history: History) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(display.picture(history, None))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_it_moves_between_results(spec: StudySpec, state: StudyState, trials: list[TrialHistory]) -> None:
    display = ProgressDisplay(spec, meanwhile="look there")
    assert "step 0 of 1,000" in shown(display, state)
    state.note_progress(trials[0].identity, 600, 30.0)
    text = shown(display, state)
    assert "simulated beta 4.25 seed 0" in text
    assert "step 600 of 1,000" in text
    assert " 15 %" in text  # 600 of 4,000 steps
    assert "left about 1:25" in text  # 3,400 steps of 0.05 s in two slots
    assert text.rstrip().endswith("look there")


def test_a_result_counts_more_than_what_was_said_on_the_way(
    spec: StudySpec, state: StudyState, trials: list[TrialHistory]
) -> None:
    state.note_progress(trials[0].identity, 600, 30.0)
    state.end(trials[0], "COMPLETED", step=1000, metrics={"mig": 0.25}, ledger={"seconds_training": 100.0})
    assert trials[0].identity not in state.underway
    assert standing(spec, state).share_done == 0.25
    text = shown(ProgressDisplay(spec), state)
    assert "0.25 (simulated beta 4.25)" in text
    assert "step 600" not in text


def test_other_processes_see_it_too(state: StudyState, trials: list[TrialHistory], tmp_path: pathlib.Path) -> None:
    state.note_progress(trials[1].identity, 250, 10.0)
    read = History.read(tmp_path)
    assert read.progress(read.trial(trials[1].identity)).step == 250
    assert read.progress(read.trial(trials[0].identity)).step == 0
    state.end(trials[1], "FAILED", step=300, reason="why")
    assert History.read(tmp_path).underway == {}
    (tmp_path / "progress.json").write_text("{")
    assert History.read(tmp_path).underway == {}


def test_lines_for_files_say_the_same(spec: StudySpec, state: StudyState, trials: list[TrialHistory]) -> None:
    console = Console(file=io.StringIO(), width=200)
    display = ProgressDisplay(spec, console)
    state.note_progress(trials[0].identity, 600, 30.0)
    display.refresh(state, "no answer")
    display.refresh(state, None)  # at once: nothing
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 1
    assert "15 %, trials 0 of 4 ended, 2 running" in lines[0]
    assert lines[0].endswith("MLflow away: no answer")


def test_what_the_next_would_add_is_shown_from_five_on(state: StudyState) -> None:
    objectives = {"mig": "maximize", "reconstruction_error": "minimize"}
    spec = service.load({**STUDY, "objectives": objectives, "search": {"sampler": "random", "configurations": 20}})[0]
    for index in range(6):
        assert ("hypervolume" in shown(ProgressDisplay(spec), state)) == (index > 4)
        configuration = state.add_configuration(Configuration("simulated", {"beta": 1.0 + index, "noise": 0.5}), {})
        (trial,) = state.plan_seeds(configuration, 1)
        state.start(trial)
        metrics = {"mig": 0.1 * index, "reconstruction_error": 10.0 * index}
        state.end(trial, "COMPLETED", step=1000, metrics=metrics, ledger={})
    now = standing(spec, state).gain
    assert now is not None
    line = next(line for line in shown(ProgressDisplay(spec), state).splitlines() if line.startswith("hypervolume"))
    assert line.split(maxsplit=1)[1].rstrip() == f"{now.hypervolume:.4g}, next 10 likely + {now.in_percent}"
    assert len(line.rstrip()) <= 80
    alone = spec.model_copy(update={"objectives": {"mig": "maximize"}})
    assert standing(alone, state).gain is None
    grid = spec.model_copy(update={"search": spec.search.model_copy(update={"sampler": "grid"})})
    assert standing(grid, state).gain is None
