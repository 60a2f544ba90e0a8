"""Trials that one process trains together report and save what they report and save alone."""

import dataclasses
import os
import pathlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from core import checkpoints
from core.checkpoints import Checkpoint
from core.configuration import TrialConfig
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.trainable import TrialResult
from trainables.training import host as host_module
from trainables.training import together
from trainables.training.host import Host
from trainables.training.hosted_run import HostedRun, HostLostError, Trained
from trainables.training.run import TrainingRun
from trainables.training.together import Together

CLOSE = {"rel": 1e-3, "abs": 1e-3}  # float32, a few steps of Adam


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the groups that were trained together, one for every new group."""
    sizes: list[int] = []

    class Noted(Together):
        def __init__(self, runs: Any, way: Any = None) -> None:
            sizes.append(len(runs))
            super().__init__(runs, way)

    monkeypatch.setattr(together, "Together", Noted)
    return sizes


def hosted(host: Host, model: str, folder: pathlib.Path, seed: int, **changes: Any) -> HostedRun:
    return HostedRun(trial_config(model, folder, seed=seed, **changes), lambda _: host)


def to_the_end(run: TrainingRun) -> list[TrialResult]:
    reports: list[TrialResult] = []
    while not reports or not reports[-1].done:
        reports.append(run.advance())
        run.save(Folder(run.config.folder))
    return reports


def all_to_the_end(runs: list[Any]) -> list[list[TrialResult]]:
    with ThreadPoolExecutor(len(runs)) as threads:
        return list(threads.map(to_the_end, runs))


@pytest.mark.parametrize("model", ["beta_vae", "factor_vae", "modular", "zero_dim"])
def test_trials_report_what_they_report_alone(model: str, tmp_path: pathlib.Path, stacks: list[int]) -> None:
    host = Host()
    together = [hosted(host, model, tmp_path / "together", seed) for seed in range(3)]
    for run in together:
        run._host = host
        host.join(run.config.to_json(), None)
    found = all_to_the_end(together)
    assert max(stacks) > 1
    for seed, reports in enumerate(found):
        alone = TrainingRun(trial_config(model, tmp_path / "alone", seed=seed))
        expected = to_the_end(alone)
        assert [report.step for report in reports] == [report.step for report in expected]
        for report, other in zip(reports, expected, strict=True):
            assert report.metrics == pytest.approx(other.metrics, **CLOSE)
        assert reports[-1].ledger["stack"] in stacks
        saved, other = (checkpoints.newest(Folder(run.config.folder)) for run in (together[seed], alone))
        assert saved is not None
        assert other is not None
        noise = [checkpoints.decode_training(each.training)["generator"] for each in (saved, other)]
        assert torch.equal(*noise)
        assert TrialConfig.from_json(saved.description["trial"]) == together[seed].config
    assert not host._members


def test_different_models_and_late_comers_share_a_host(tmp_path: pathlib.Path, stacks: list[int]) -> None:
    host = Host()
    runs = [hosted(host, model, tmp_path, seed) for model in ("beta_vae", "vae") for seed in range(2)]
    for reports in all_to_the_end(runs):
        assert reports[-1].step == 4
        assert reports[-1].failure is None
    assert max(stacks) <= 2
    (again,) = all_to_the_end([hosted(host, "vae", tmp_path, 7)])
    assert again[-1].done


def test_stacks_of_two_models_that_take_turns_are_kept(tmp_path: pathlib.Path, stacks: list[int]) -> None:
    """New ones are made when a trial comes or goes, not at every turn."""
    host = Host()
    changes = {"steps": 24, "evaluate_every": 2}
    runs = [hosted(host, model, tmp_path, seed, **changes) for model in ("beta_vae", "vae") for seed in range(2)]
    all_to_the_end(runs)
    assert stacks.count(2) <= 4  # of 22 turns or more
    assert not host._members


def test_a_trial_that_cannot_be_opened_or_trained_says_why_and_the_others_go_on(tmp_path: pathlib.Path) -> None:
    host = Host()
    ill = hosted(host, "few_labels", tmp_path, 0)
    ill.config = trial_config("few_labels", tmp_path, dataset="absent")
    with pytest.raises(ValueError, match="no data set 'absent'"):
        ill.advance()
    assert to_the_end(hosted(host, "vae", tmp_path, 0))[-1].done
    with pytest.raises(KeyError):
        host.next_result("never joined")


@pytest.mark.parametrize("model", ["vae", "modular"])
def test_a_trial_that_fails_in_training_costs_the_others_nothing(tmp_path: pathlib.Path, model: str) -> None:
    host = Host()
    runs = [hosted(host, model, tmp_path / "together", seed, steps=6, evaluate_every=3) for seed in range(3)]
    for run in runs:
        run._host = host
    ill = host._members[_joined(host, runs[1])].run
    before_step = ill.model.before_step

    def failing(step: int) -> bool:
        if step >= 4:
            raise ValueError("singular")
        return before_step(step)

    ill.model.before_step = failing  # type: ignore[method-assign]
    for run in (runs[0], runs[2]):
        _joined(host, run)
    with ThreadPoolExecutor(3) as threads:
        well, broken, also_well = (threads.submit(to_the_end, run) for run in runs)
    with pytest.raises(ValueError, match="singular"):
        broken.result()
    for seed, reports in ((0, well.result()), (2, also_well.result())):
        expected = to_the_end(
            TrainingRun(trial_config(model, tmp_path / "alone", seed=seed, steps=6, evaluate_every=3))
        )
        assert [report.metrics for report in reports] == [pytest.approx(other.metrics, **CLOSE) for other in expected]


def test_a_host_that_lost_its_device_leaves(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    host = Host()
    run = hosted(host, "vae", tmp_path, 0)
    ill = host._members[_joined(host, run)].run
    run._host = host

    def failing(_: int) -> bool:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    ill.model.before_step = failing  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="illegal memory access"):
        run.advance()
    assert left == [1]


def _joined(host: Host, run: HostedRun) -> str:
    host.join(run.config.to_json(), None)
    return run.config.identity


def test_a_trial_from_another_kind_of_device_is_saved_as_it_was_trained_here(tmp_path: pathlib.Path) -> None:
    """A generator of another device cannot be continued; its state is kept only until training goes on."""
    config = trial_config("vae", tmp_path)
    first = TrainingRun(config)
    first.advance()
    saved = first.checkpoint()
    training = checkpoints.decode_training(saved.training) | {"generator": torch.zeros(16, dtype=torch.uint8)}
    foreign = dataclasses.replace(saved, training=checkpoints.encode_training(training))
    host = Host()
    assert host.join(config.to_json(), foreign) == 2
    after = checkpoints.decode_training(host.next_result(config.identity).state.training)
    assert len(after["generator"]) > 16
    assert {int(state["step"]) for state in after["optimizers"]["model"]["state"].values()} == {4}


class Mortal:
    """A host that dies at its second report."""

    def __init__(self) -> None:
        self.host, self.answers = Host(), 0

    def join(self, config: dict[str, Any], checkpoint: Checkpoint | None) -> int:
        return self.host.join(config, checkpoint)

    def next_result(self, identity: str, seconds: float) -> Trained | int:
        self.answers += 1
        if self.answers == 2:
            raise HostLostError("killed")
        return self.host.next_result(identity, seconds)

    def state(self, identity: str) -> Checkpoint:
        return self.host.state(identity)

    def leave(self, identity: str) -> None:
        self.host.leave(identity)


def test_a_trial_goes_on_in_another_host_from_its_last_report(tmp_path: pathlib.Path) -> None:
    hosts = [Mortal(), Mortal()]
    left, asked = iter(hosts), []
    run = HostedRun(trial_config("vae", tmp_path / "moved"), lambda lost: asked.append(lost) or next(left))
    reports = to_the_end(run)
    expected = to_the_end(TrainingRun(trial_config("vae", tmp_path / "alone")))
    assert [report.metrics for report in reports] == [report.metrics for report in expected]
    assert [host.answers for host in hosts] == [2, 1]
    assert asked == [None, hosts[0]]


def test_a_trial_that_is_stopped_between_results_takes_the_hosts_state_along(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "ROUND", 10)
    host = Host()
    changes = {"steps": 400, "evaluate_every": 400, "metrics": (), "final_metrics": ()}
    run = hosted(host, "vae", tmp_path, 0, **changes)
    while not run.progress:
        assert not run.train_for(0.01)
    run.catch_up()
    run.save(Folder(run.config.folder))
    run.close()
    assert 0 < run.step < 400
    assert run.since == 0
    again = hosted(host, "vae", tmp_path, 0, **changes)
    assert again.restore(Folder(run.config.folder)) == run.step
    alone = TrainingRun(trial_config("vae", tmp_path / "alone", **changes))
    assert again.train_interval().metrics == pytest.approx(alone.train_interval().metrics, **CLOSE)
    assert not host._members
    with pytest.raises(KeyError):
        host.state(run.config.identity)


def test_a_trial_is_restored_into_a_host(tmp_path: pathlib.Path) -> None:
    config = trial_config("vae", tmp_path)
    first = TrainingRun(config)
    first.advance()
    first.save(Folder(config.folder))
    resumed = hosted(Host(), "vae", tmp_path, 0)
    assert resumed.restore(Folder(config.folder)) == 2
    assert resumed.advance().metrics == first.advance().metrics  # alone in its host, on a CPU


def test_training_goes_on_while_a_report_is_evaluated(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second interval is trained although the trial's process never asks for it while it evaluates."""
    host = Host()
    run = hosted(host, "vae", tmp_path, 0)
    trained_further = threading.Event()
    report = host_module._result

    def noted(member: Any, together: int) -> Trained:
        found: Trained = report(member, together)
        if found.state.step == 4:
            trained_further.set()
        return found

    def evaluate(*_: Any) -> dict[str, float]:
        assert trained_further.wait(timeout=60)
        return {}

    monkeypatch.setattr(host_module, "_result", noted)
    monkeypatch.setattr(run, "_evaluate", evaluate)
    assert run.advance().step == 2
    assert run.advance().step == 4


def test_a_trial_that_left_is_not_trained_on(tmp_path: pathlib.Path) -> None:
    host = Host()
    run = hosted(host, "vae", tmp_path, 0, steps=1000, evaluate_every=1)
    run.advance()
    run.close()
    assert not host._members
    with pytest.raises(KeyError):
        host.next_result(run.config.identity)


def test_trials_that_compute_in_other_numbers_are_never_one_stack(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose losses differ in bfloat16 trains in TF32: a stack would lend it the networks of another."""
    opened, trained = TrainingRun.__init__, Host._together
    keys = set()

    def told(run: TrainingRun, config: TrialConfig, **options: Any) -> None:
        opened(run, config, **options)
        run.precision = "tf32" if config.seed else "bf16"

    def noted(host: Host, key: str, group: list[Any]) -> Any:
        keys.add(key)
        return trained(host, key, group)

    monkeypatch.setattr(TrainingRun, "__init__", told)
    monkeypatch.setattr(Host, "_together", noted)
    host = Host()
    all_to_the_end([hosted(host, "beta_vae", tmp_path, seed) for seed in range(2)])
    assert len(keys) == 2
