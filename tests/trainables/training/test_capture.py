"""The captured loop takes the very steps of the plain one; here a graph is the function itself, on the CPU."""

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from core.data.batches import resident
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.training.faults import CaptureFailedError, ends_the_process
from trainables.training.loop import PER_LAUNCH, WARM_UP, Captured, Eager
from trainables.training.run import UNCAPTURED, TrainingRun
from trainables.training.stack import Stack, StackedBatches

STEPS = WARM_UP + 2 * PER_LAUNCH + 3


def opened(model: str, folder: pathlib.Path) -> TrainingRun:
    """A run on the CPU whose batches are gathered from a resident set, as on a GPU."""
    run = TrainingRun(trial_config(model, folder, steps=100, evaluate_every=100))
    for source in run.sources:
        source._resident = resident(source.dataset, source._subset, source.device)
    return run


def repeated(_: Any, function: Callable[[], None]) -> Callable[[], None]:
    return function


@pytest.mark.parametrize(
    "model", ["ada_gvae", "beta_vae", "factor_vae", "joint_vae", "few_labels", "modular", "cascade_vae_c", "qlae"]
)
def test_a_recorded_loop_takes_the_same_steps(tmp_path: pathlib.Path, model: str) -> None:
    plain, captured = opened(model, tmp_path), opened(model, tmp_path)
    loop = Captured(captured.model, captured.sources, repeated)
    plain.model.train()
    captured.model.train()
    for first, last in ((0, STEPS - 7), (STEPS - 7, STEPS)):
        sums, others = Eager(plain.model, plain.sources)(first, last), loop(first, last)
        assert {name: float(value) for name, value in sums.items()} == pytest.approx(
            {name: float(value) for name, value in others.items()}, rel=1e-6
        )
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, captured.model.state_dict()[name]), name
    assert not loop._refused


def test_most_steps_are_launched_together(tmp_path: pathlib.Path) -> None:
    run, launches = opened("beta_vae", tmp_path), []

    def counted(_: Any, function: Callable[[], None]) -> Callable[[], None]:
        return lambda: (launches.append(1), function())[1]

    Captured(run.model, run.sources, counted)(0, STEPS)
    assert len(launches) == 2 + 1  # two launches, and the one that was compared before


def test_a_recording_of_tensors_that_moved_is_made_anew(tmp_path: pathlib.Path) -> None:
    """A real one would write where they were."""
    plain, moved = opened("beta_vae", tmp_path), opened("beta_vae", tmp_path)
    graphs = []

    def noted(_: Any, function: Callable[[], None]) -> Callable[[], None]:
        graphs.append(1)
        return function

    loop = Captured(moved.model, moved.sources, noted)
    loop(0, STEPS)
    loop(STEPS, 2 * STEPS)
    assert len(graphs) == 1
    Stack([moved.model, opened("beta_vae", tmp_path).model])
    loop(2 * STEPS, 3 * STEPS)
    assert len(graphs) == 2
    Eager(plain.model, plain.sources)(0, 3 * STEPS)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, moved.model.state_dict()[name]), name


@pytest.mark.parametrize("fault", ["other numbers", "no graph"])
def test_a_recording_that_cannot_be_trusted_is_not_used(tmp_path: pathlib.Path, fault: str) -> None:
    plain, run = opened("beta_vae", tmp_path), opened("beta_vae", tmp_path)

    def broken(_: Any, function: Callable[[], None]) -> Callable[[], None]:
        if fault == "no graph":
            raise RuntimeError("operation not permitted when stream is capturing")

        def twice() -> None:
            function()
            function()

        return twice

    loop = Captured(run.model, run.sources, broken)
    loop(0, STEPS)
    assert loop._refused
    Eager(plain.model, plain.sources)(0, STEPS)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, run.model.state_dict()[name]), name


def failing(_: Any, function: Callable[[], None]) -> Callable[[], None]:
    function()
    raise RuntimeError("operation not permitted when stream is capturing")


def test_a_capture_that_fails_costs_the_generators_and_no_bit(tmp_path: pathlib.Path) -> None:
    plain, run = opened("beta_vae", tmp_path), opened("beta_vae", tmp_path)
    before = run.model.generator
    loop = Captured(run.model, run.sources, failing)
    loop(0, STEPS)
    assert loop._refused
    assert run.model.generator is not before
    Eager(plain.model, plain.sources)(0, STEPS)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, run.model.state_dict()[name]), name


def test_a_stack_whose_capture_fails_goes_on_with_new_generators(tmp_path: pathlib.Path) -> None:
    plain, runs = opened("beta_vae", tmp_path), [opened("beta_vae", tmp_path) for _ in range(2)]
    before = [run.model.generator for run in runs]
    sources = [StackedBatches(each, [0, 0]) for each in zip(*(run.sources for run in runs), strict=True)]
    Captured(Stack([run.model for run in runs]), sources, failing)(0, STEPS)
    Eager(plain.model, plain.sources)(0, STEPS)
    for run, generator in zip(runs, before, strict=True):
        assert run.model.generator is not generator
        assert torch.equal(run.model.generator.get_state(), plain.model.generator.get_state())


def test_below_torch_2_13_a_failed_capture_ends_the_process_and_the_next_one_takes_step_by_step(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "__version__", "2.11.0+cu128")
    run = opened("beta_vae", tmp_path)
    run.steps = Captured(run.model, run.sources, failing)
    with pytest.raises(CaptureFailedError, match="β-VAE cannot be captured: operation not permitted") as caught:
        run.train(STEPS)
    assert ends_the_process(caught.value)
    assert UNCAPTURED in Folder(run.config.folder).entries()


@pytest.mark.parametrize("seed", [0, 4])
def test_a_right_recording_is_used_where_no_two_runs_are_equal(tmp_path: pathlib.Path, seed: int) -> None:
    """As on a GPU: gradients differ in their last digits, by which FactorVAE's total correlation moves."""
    rates = {"learning_rate": 2e-3, "discriminator_learning_rate": 1e-3}
    run = TrainingRun(
        trial_config("factor_vae", tmp_path, steps=100, evaluate_every=100, seed=seed, hyperparameters=rates)
    )
    for source in run.sources:
        source._resident = resident(source.dataset, source._subset, source.device)
    unordered = torch.Generator().manual_seed(seed)
    training_step = run.model.minimise

    def minimise(loss: Any, optimizer: Any, gradients: Any = None) -> None:
        training_step(loss, optimizer, gradients)
        with torch.no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.mul_(1 + 1e-6 * torch.randn(parameter.shape, generator=unordered))

    run.model.minimise = minimise
    loop = Captured(run.model, run.sources, repeated)
    loop(0, STEPS)
    assert not loop._refused


def test_a_member_that_diverged_refuses_no_stack(tmp_path: pathlib.Path) -> None:
    runs = [opened("beta_vae", tmp_path / str(seed)) for seed in range(2)]
    with torch.no_grad():
        next(runs[1].model.parameters()).fill_(torch.nan)
    stack = Stack([run.model for run in runs])
    loop = Captured(
        stack, [StackedBatches(each, [0, 1]) for each in zip(*(run.sources for run in runs), strict=True)], repeated
    )
    sums = loop(0, STEPS)
    assert not loop._refused
    assert sums["reconstruction"].isnan().tolist() == [False, True]


@pytest.mark.cuda
@pytest.mark.parametrize("model", ["ada_gvae", "beta_vae", "factor_vae", "chyvae", "joint_vae", "few_labels", "qlae"])
def test_a_graph_is_captured_on_a_device(tmp_path: pathlib.Path, model: str) -> None:
    run = TrainingRun(trial_config(model, tmp_path, steps=100, evaluate_every=100, device_share=1.0))
    assert isinstance(run.steps, Captured)
    run.train(STEPS)
    assert run.steps._launch is not None
    assert not run.steps._refused
