"""Members of a stack take the steps that they would take alone."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

import trainables
from core.data.batches import Batch, resident
from studies.testing.trials import trial_config
from tests.trainables.training.test_loop import Calls
from trainables.training.loop import PER_LAUNCH, WARM_UP, Captured, Eager
from trainables.training.run import TrainingRun
from trainables.training.stack import Stack, StackedBatches, can_be_stacked, stack_key

ALIGNMENT = 16  # bytes
STACKABLE = [name for name in trainables.names() if can_be_stacked(trainables.get(name))]
SEEDS = (0, 1, 2)
VALUES = {"learning_rate": (1e-3, 2e-3, 3e-3), "beta": (1.0, 4.0, 10.0), "gamma": (5.0, 20.0, 50.0)}


def opened(model: str, folder: pathlib.Path, *, on_device: bool = False) -> list[TrainingRun]:
    """Trials of three seeds that also differ in what a stack lets differ, each some steps into its training.

    In double precision, since Adam divides by small moments and so makes one rounding of float32 a visible difference;
    with images on the device, in float32.
    """
    varied = [name for name in VALUES if name in trainables.get(model).stackable]
    runs = []
    for number, seed in enumerate(SEEDS):
        own = {name: VALUES[name][number] for name in varied}
        run = TrainingRun(trial_config(model, folder, seed=seed, steps=100, evaluate_every=100, hyperparameters=own))
        for source in run.sources:
            if on_device:
                source._resident = resident(source.dataset, source._subset, source.device)
            else:
                source.at = functools.partial(_in_double, source.at)  # type: ignore[method-assign]
        if not on_device:
            run.model.double()
        run.train(2 * number)
        runs.append(run)
    return runs


def _in_double(at: Callable[[int], Batch], step: int) -> Batch:
    batch = at(step)
    return batch._replace(images=batch.images.double())


def stacked(runs: list[TrainingRun]) -> tuple[Stack, list[StackedBatches]]:
    streams = zip(*(run.sources for run in runs), strict=True)
    return Stack([run.model for run in runs]), [StackedBatches(each, [run.step for run in runs]) for each in streams]


def assert_equal_weights(one: TrainingRun, other: TrainingRun, tolerance: float = 1e-9) -> None:
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(other.model.state_dict()[name], value, rtol=tolerance, atol=tolerance)


def test_the_models_that_can_be_stacked() -> None:
    """All that have neither stages, nor a solver on the host, nor a step of their own."""
    assert set(STACKABLE) == {
        "ada_gvae",
        "beta_tcvae",
        "beta_vae",
        "chyvae",
        "dip_vae",
        "factor_vae",
        "few_labels",
        "joint_vae",
        "qlae",
        "vae",
    }


@pytest.mark.parametrize("model", STACKABLE)
def test_members_take_the_steps_that_they_take_alone(tmp_path: pathlib.Path, model: str) -> None:
    alone, together = opened(model, tmp_path), opened(model, tmp_path)
    sums = Eager(*stacked(together))(0, 4)
    for number, run in enumerate(alone):
        expected = run.train(run.step + 4)
        found = {name: float(value[number]) / 4 for name, value in sums.items()}
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert_equal_weights(run, together[number])
        assert torch.equal(run.model.generator.get_state(), together[number].model.generator.get_state())
        assert int(together[number].model.steps_done) == run.step


def test_a_member_that_leaves_goes_on_alone_and_the_others_together(tmp_path: pathlib.Path) -> None:
    alone, together = opened("factor_vae", tmp_path), opened("factor_vae", tmp_path)
    Eager(*stacked(together))(0, 3)
    for run in together:
        run.step += 3
    Eager(*stacked(together[1:]))(0, 2)
    together[0].train(together[0].step + 2)
    for number, run in enumerate(alone):
        run.train(run.step + 5)
        assert_equal_weights(run, together[number])


def test_a_member_that_diverges_changes_no_other(tmp_path: pathlib.Path) -> None:
    well, ill = opened("beta_vae", tmp_path), opened("beta_vae", tmp_path)
    with torch.no_grad():
        ill[1].model.encoder[0].weight.fill_(torch.nan)
    Eager(*stacked(well))(0, 2)
    sums = Eager(*stacked(ill))(0, 2)
    assert [bool(value) for value in sums["reconstruction"].isfinite()] == [True, False, True]
    for number in (0, 2):
        assert_equal_weights(well[number], ill[number], 0.0)


@pytest.mark.parametrize("model", ["beta_vae", "factor_vae", "joint_vae", "few_labels"])
def test_a_stack_is_recorded_as_a_model_is(tmp_path: pathlib.Path, model: str) -> None:
    plain, launched = opened(model, tmp_path, on_device=True), opened(model, tmp_path, on_device=True)

    def repeated(_: Any, function: Callable[[], None]) -> Callable[[], None]:
        return function

    loop = Captured(*stacked(launched), repeated)
    steps = WARM_UP + PER_LAUNCH + 2
    expected, found = Eager(*stacked(plain))(0, steps), loop(0, steps)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-6)
    for one, other in zip(plain, launched, strict=True):
        assert_equal_weights(one, other, 0.0)
    assert loop._launch is not None


def test_only_trials_that_differ_in_factors_of_the_loss_are_put_together() -> None:
    kind = trainables.get("beta_vae")

    def key(**values: Any) -> str:
        return stack_key(kind, kind.Hyperparameters(**values).model_dump())

    assert key(beta=1.0) == key(beta=8.0, learning_rate=1e-3)
    assert key() != key(network="small")
    assert key() != key(capacity=20.0)  # chooses between two losses
    chyvae = trainables.get("chyvae")
    assert stack_key(chyvae, {"nu": 33.0}) != stack_key(chyvae, {"nu": 200.0})  # enters through log Γ on the host


@pytest.mark.cuda
@pytest.mark.parametrize("model", ["ada_gvae", "beta_vae", "factor_vae", "chyvae", "joint_vae", "qlae"])
def test_a_stack_is_recorded_on_a_device(tmp_path: pathlib.Path, model: str) -> None:
    config = {"steps": 100, "evaluate_every": 100, "device_share": 1.0}
    runs = [TrainingRun(trial_config(model, tmp_path, seed=seed, **config)) for seed in SEEDS]
    loop = Captured(*stacked(runs))
    loop(0, WARM_UP + PER_LAUNCH)
    assert loop._launch is not None
    assert not loop._refused


@pytest.mark.parametrize("model", STACKABLE)
def test_a_step_of_a_stack_reads_nothing_on_the_host(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    # PyTorch's own looks at its smallest value, on a CPU only
    monkeypatch.setattr(functional, "one_hot", lambda values, size: torch.eye(size, dtype=torch.int64)[values])
    stack, sources = stacked(opened(model, tmp_path))
    batches = [source.at(0) for source in sources]
    for _ in range(2):
        with Calls() as calls:
            stack.training_step(batches)
        assert calls.counts["aten::_local_scalar_dense"] == 0


def test_weights_of_members_lie_where_kernels_read_several_numbers_at_once(tmp_path: pathlib.Path) -> None:
    """Also a bias of one number, and after the stack is gone."""
    runs = [TrainingRun(trial_config("factor_vae", tmp_path, seed=seed)) for seed in range(3)]
    Stack([run.model for run in runs])
    weights = [weight for run in runs for weight in run.model.parameters()]
    assert any(weight.numel() % 4 for weight in weights)
    assert all(weight.data_ptr() % ALIGNMENT == 0 for weight in weights)
