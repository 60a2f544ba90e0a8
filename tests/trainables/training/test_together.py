"""Trials that train at the same time take the steps that they take alone, in whichever way."""

import contextlib
import pathlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.trainables.training.test_stack import assert_equal_weights, opened
from trainables.training import together
from trainables.training.run import TrainingRun
from trainables.training.together import WAYS, InStreams, Sums, Together, Way

TURN = 2


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "TURN", TURN)


def assert_trained(trained: Together, runs: list[TrainingRun], alone: list[TrainingRun], count: int) -> None:
    sums = trained(count)
    for number, (run, other) in enumerate(zip(runs, alone, strict=True)):
        run.count_steps(count)
        expected = other.train(other.step + count)
        assert run.step == other.step
        parts = sums[number]
        assert not isinstance(parts, Exception)
        found = {name: float(value) / count for name, value in parts.items()}
        assert found == pytest.approx(expected, rel=1e-9)
        assert_equal_weights(other, run)


@pytest.mark.parametrize("way", WAYS)
def test_trials_take_the_steps_that_they_take_alone(tmp_path: pathlib.Path, way: str) -> None:
    runs, alone = opened("factor_vae", tmp_path), opened("factor_vae", tmp_path)
    trained = Together(runs, way)
    for count in (3, 1):
        assert_trained(trained, runs, alone, count)
    assert trained.way == way


@pytest.mark.parametrize("fastest", WAYS)
def test_they_go_on_in_the_way_that_is_faster(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, fastest: str
) -> None:
    """Having trained in both until that is known; the first turn of each is not judged."""
    runs, alone = opened("beta_vae", tmp_path), opened("beta_vae", tmp_path)
    trained, clock = Together(runs), [0.0]

    def timed(name: str, way: Way) -> Way:
        seconds = [1.0, 9.0] if name == fastest else [2.0, 0.0]  # from the last on

        def turn(first: int, last: int) -> list[Sums | Exception]:
            if last - first == TURN and seconds:
                clock[0] += seconds.pop()
            return way(first, last)

        return turn

    monkeypatch.setattr(trained, "_ways", {name: timed(name, way) for name, way in trained._ways.items()})
    monkeypatch.setattr(trained, "_now", lambda: clock[0])
    assert_trained(trained, runs, alone, TURN)
    assert_trained(trained, runs, alone, TURN - 1)  # too short to tell
    assert_trained(trained, runs, alone, 2 * TURN)
    assert trained.way is None
    assert_trained(trained, runs, alone, TURN + 1)
    assert trained.way == fastest
    assert_trained(trained, runs, alone, 3)


def test_one_trial_is_trained_by_its_own_loop(tmp_path: pathlib.Path) -> None:
    """So that a graph of it stays, whoever comes and goes."""
    (run, *_), alone = opened("beta_vae", tmp_path), opened("beta_vae", tmp_path)
    before = run.steps
    trained = Together([run])
    assert trained.way == "streams"
    assert_trained(trained, [run], alone[:1], 3)
    assert run.steps is before


@pytest.mark.parametrize("way", [None, "streams"])
def test_a_trial_that_fails_leaves_the_others_as_they_are(tmp_path: pathlib.Path, way: str | None) -> None:
    runs, alone = opened("beta_vae", tmp_path), opened("beta_vae", tmp_path)
    whole = runs[1].steps

    class Ill:
        stream = None

        def __call__(self, first: int, last: int) -> Sums:
            if last > runs[1].step + 2 * TURN:
                raise ValueError("this one")
            return whole(first, last)

    runs[1].steps = Ill()
    trained = Together(runs, way)
    found = trained(6 * TURN)  # with neither way known to be faster, the error comes in the midst of that question
    assert [isinstance(each, Exception) for each in found] == [False, True, False]
    assert trained.way == "streams"
    for number in (0, 2):
        runs[number].count_steps(6 * TURN)
        alone[number].train(alone[number].step + 6 * TURN)
        assert_equal_weights(alone[number], runs[number])
    assert isinstance(trained(TURN)[1], ValueError)


def test_every_trial_has_its_loops_stream_which_starts_and_ends_with_the_current_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[str] = []

    class Stream:
        def __init__(self, name: str) -> None:
            self.name = name

        def wait_stream(self, other: "Stream") -> None:
            log.append(f"{self.name} after {other.name}")

    current = [Stream("current")]

    @contextlib.contextmanager
    def within(stream: Stream) -> Iterator[None]:
        current.append(stream)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current[-1])
    monkeypatch.setattr(torch.cuda, "stream", within)

    class Steps:
        def __init__(self, stream: Stream) -> None:
            self.stream = stream

        def __call__(self, first: int, last: int) -> Sums:
            log.append(f"{current[-1].name} {first}-{last}")
            return {"loss": torch.tensor(float(last - first))}

    runs: Any = [SimpleNamespace(step=step, steps=Steps(Stream(name))) for step, name in ((0, "a"), (10, "b"))]
    sums = InStreams(runs)(1, 4)
    begun = ["a after current", "b after current"]
    assert log == [*begun, "a 1-3", "b 11-13", "a 3-4", "b 13-14", "current after a", "current after b"]
    assert sums == [{"loss": torch.tensor(3.0)}] * 2
