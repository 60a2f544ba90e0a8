"""The actor's side of handing an evaluation over, without a cluster: what it offers, and what it does itself."""

import dataclasses
import math
import pathlib
import warnings
from typing import Any

import pytest

from core import checkpoints
from core.configuration import TrialConfig
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.trainable import TrialResult
from trainables.training.run import TrainingRun

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from trainables import ray_trainable
    from trainables.ray_trainable import StudyTrainable, evaluate


class Actor:
    """A `StudyTrainable` without Tune around it, on a cluster that is idle or not."""

    def __init__(self, config: TrialConfig, monkeypatch: pytest.MonkeyPatch, *, idle: bool) -> None:
        monkeypatch.setattr(ray_trainable, "core_is_idle", lambda: idle)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        Folder(config.folder).local.parent.mkdir(parents=True, exist_ok=True)  # type: ignore[union-attr]
        self.trainable = StudyTrainable.__new__(StudyTrainable)
        self.trainable.setup(config.to_json())

    def step(self) -> TrialResult:
        result: dict[str, Any] = self.trainable.step()
        report: TrialResult = result["result"]
        assert result["done"] == report.done
        return report


def forbidden(*_: object) -> None:
    raise AssertionError("trained again")


@pytest.mark.parametrize("idle", [True, False])
def test_a_trained_trial_is_offered_once_and_only_if_a_core_is_idle(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, idle: bool
) -> None:
    config = trial_config("vae", tmp_path)
    actor = Actor(config, monkeypatch, idle=idle)
    half = actor.step()
    assert (half.step, half.evaluated, half.done) == (2, True, False)
    if idle:
        offered = actor.step()
        assert (offered.step, offered.evaluated, offered.done) == (4, False, False)
        saved = checkpoints.newest(Folder(config.folder))
        assert saved is not None
        assert saved.step == 4
    last = actor.step()  # nobody took it
    assert (last.step, last.evaluated, last.done) == (4, True, True)
    assert "reconstruction_error" in last.metrics
    assert "seconds_handed_over" not in last.ledger
    assert "pictures" in Folder(config.folder).entries()


def test_a_trial_that_was_trained_before_its_process_died_is_not_trained_again(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = trial_config("vae", tmp_path)
    before = Actor(config, monkeypatch, idle=True)
    before.step()
    offered = before.step()
    monkeypatch.setattr(TrainingRun, "_take", forbidden)
    after = Actor(config, monkeypatch, idle=True)
    assert after.trainable.resumed_from == 4
    again = after.step()
    assert (again.evaluated, again.metrics) == (False, offered.metrics)
    report = evaluate(config.to_json())
    assert report.failure is None
    assert after.step().metrics == report.metrics
    assert Actor(config, monkeypatch, idle=True).step().metrics == report.metrics  # of a task whose driver died


def test_a_result_that_was_saved_is_said_again_by_the_process_that_goes_on(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process saved it, and its driver was stopped before it heard."""
    config = trial_config("vae", tmp_path, steps=6)
    lost = Actor(config, monkeypatch, idle=False).step()
    after = Actor(config, monkeypatch, idle=False)
    said = after.step()
    assert (said.step, said.again, said.done, said.metrics) == (2, True, False, lost.metrics)
    following = after.step()
    assert (following.step, following.again) == (4, False)
    straight = TrainingRun(trial_config("vae", tmp_path / "straight", steps=6))
    assert [straight.advance().metrics for _ in range(2)] == [said.metrics, following.metrics]
    ended = Actor(config, monkeypatch, idle=False)
    assert [ended.step().step for _ in range(2)] == [4, 6]
    final = Actor(config, monkeypatch, idle=False).step()
    assert (final.step, final.done, final.again) == (6, True, False)


@pytest.mark.parametrize("idle", [True, False])
def test_a_trial_goes_on_with_a_larger_budget_once_its_end_is_evaluated_and_said(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, idle: bool
) -> None:
    config = trial_config("vae", tmp_path, steps=4)
    before = Actor(config, monkeypatch, idle=idle)
    ended = [before.step() for _ in range(2)]
    assert [each.step for each in ended] == [2, 4]
    assert ended[-1].done == ended[-1].evaluated == (not idle)  # else it is offered, and nobody takes it
    larger = Actor(dataclasses.replace(config, steps=6), monkeypatch, idle=False)
    said = [larger.step() for _ in range(2)]
    assert [(each.step, each.evaluated, each.done) for each in said] == [(4, True, False), (6, True, True)]
    assert [each.again for each in said] == [not idle, False]
    straight = TrainingRun(trial_config("vae", tmp_path / "straight", steps=6))
    fresh = [each.metrics for each in said if not each.again]  # what is said again has the metrics of an end, too
    assert [straight.advance().metrics for _ in range(3)][-len(fresh) :] == fresh


def test_a_simulation_says_its_last_result_again_too(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = trial_config("simulated", tmp_path, steps=4)
    lost = Actor(config, monkeypatch, idle=False).step()
    again = Actor(config, monkeypatch, idle=False).step()
    assert (again.step, again.again, again.metrics) == (lost.step, True, lost.metrics)


def test_a_trial_says_where_it_is_and_saves_that_when_it_is_stopped(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = trial_config("vae", tmp_path, steps=30, evaluate_every=30, pulse=0.001)
    stopped = Actor(config, monkeypatch, idle=False)
    where = stopped.trainable.step()["result"]
    assert (where.step, where.seconds > 0) == (10, True)
    assert checkpoints.newest(Folder(config.folder)) is None
    stopped.trainable.cleanup()
    resumed = Actor(config, monkeypatch, idle=False)
    assert resumed.trainable.resumed_from == 10
    where, last = (resumed.trainable.step()["result"] for _ in range(2))
    assert (where.step, last.step, last.done) == (20, 30, True)
    straight = TrainingRun(trial_config("vae", tmp_path / "straight", steps=30, evaluate_every=30)).advance()
    assert last.metrics == straight.metrics
    names = Folder(config.folder).entries()
    resumed.trainable.cleanup()
    assert Folder(config.folder).entries() == names


def test_a_long_interval_is_saved_by_time_and_before_it_is_evaluated(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_trainable, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(ray_trainable, "BEFORE_EVALUATING", 0.0)
    config = trial_config("vae", tmp_path, steps=20, evaluate_every=20, pulse=0.001)
    actor = Actor(config, monkeypatch, idle=False)
    assert actor.trainable.step()["result"].step == 10
    assert Folder(config.folder).entries() == ["step-000000010"]
    monkeypatch.setattr(TrainingRun, "evaluate", forbidden)
    failed = actor.trainable.step()
    while not failed["done"]:
        failed = actor.trainable.step()
    saved = checkpoints.newest(Folder(config.folder))
    assert saved is not None
    assert (saved.step, saved.description["report"]) == (20, None)


def test_a_diverged_trial_is_not_offered(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = Actor(trial_config("vae", tmp_path, evaluate_every=4), monkeypatch, idle=True)
    monkeypatch.setattr(TrainingRun, "end_interval", lambda _: {"kl": math.nan})
    report = actor.step()
    assert (report.done, report.evaluated, report.failure) == (True, True, "diverged: kl became NaN or infinite")


def test_the_simulated_model_is_not_offered(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = Actor(trial_config("simulated", tmp_path), monkeypatch, idle=True)
    assert [actor.step().evaluated for _ in range(2)] == [True, True]


def test_an_evaluation_that_raises_says_why_and_keeps_nan_out_of_the_journal(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = trial_config("vae", tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    lacking = evaluate(config.to_json())
    assert lacking.failure is not None
    assert lacking.failure.startswith("FileNotFoundError: no checkpoint of step 4")
    run = TrainingRun(config)
    run.advance()
    run.train_interval()
    run.save(Folder(config.folder))
    monkeypatch.setattr(TrainingRun, "_evaluate", lambda *_: {"mig": math.nan})
    report = evaluate(config.to_json())
    assert (report.done, report.failure) == (True, "diverged: mig became NaN or infinite")
    assert "mig" not in report.metrics
