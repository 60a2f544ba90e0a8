"""A GPU computes what a CPU computes: the same state, batches and noise give the same losses.

A CUDA generator draws other numbers than a CPU's, so that here all noise is drawn on the CPU and carried over. The same
tests run between two models on the CPU, where nothing may differ: they would see noise that came from elsewhere.
"""

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import trainables
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.training.loop import Eager
from trainables.training.run import TrainingRun, evaluate_trained

NAMES = [name for name in trainables.names() if trainables.get(name).learns]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
STEPS = 100
RELATIVE = 1e-4  # float32 on another device, losses of one step from the same state
TF32 = 1e-3  # relative, of the losses of one step
SMALLEST = 0.1  # nats; of a part of a loss below this, the difference is asked for relative to it


class CPUNoise:
    """In the place of a model's generator: whatever draws with it without being told how is a TypeError."""

    def __init__(self) -> None:
        self.source = torch.Generator().manual_seed(0)
        self.get_state, self.set_state = self.source.get_state, self.source.set_state


@pytest.fixture(autouse=True)
def _noise_is_drawn_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def carried(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def drawn(*size: Any, generator: Any = None, device: Any = None, **options: Any) -> torch.Tensor:
            if not isinstance(generator, CPUNoise):
                return draw(*size, generator=generator, device=device, **options)
            return draw(*size, generator=generator.source, device="cpu", **options).to(device)

        return drawn

    for name in ("rand", "randn"):
        monkeypatch.setattr(torch, name, carried(getattr(torch, name)))
    before = torch.backends.cuda.matmul.allow_tf32
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # ten bits of mantissa are not float32
        yield
    torch.backends.cuda.matmul.allow_tf32 = before


def training_run(name: str, folder: pathlib.Path, device: str, **changes: Any) -> TrainingRun:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    run = TrainingRun(trial_config(name, folder, steps=STEPS, device_share=float(device == "cuda"), **changes))
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # which a run allows
    assert run.device.type == device
    run.model.generator = CPUNoise()
    return run


def losses_of_a_step(run: TrainingRun) -> dict[str, float]:
    return run.train(run.step + 1)


@pytest.mark.parametrize("name", NAMES)
def test_all_noise_of_a_step_comes_from_the_generator(name: str, tmp_path: pathlib.Path) -> None:
    """Drawn on the CPU for a CPU, it is the noise that is always drawn; nothing else is random."""
    fed, plain = (training_run(name, tmp_path, "cpu") for _ in range(2))
    plain.model.generator = torch.Generator().manual_seed(0)
    state = torch.random.get_rng_state()
    for _ in range(4):
        assert losses_of_a_step(fed) == losses_of_a_step(plain)
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(fed.model.generator.get_state(), plain.model.generator.get_state())


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_losses_agree_after_a_hundred_steps_from_the_same_state(name: str, device: str, tmp_path: pathlib.Path) -> None:
    """The CPU trains; at the start, half way and at the end the other device takes its state, and both take a step.

    Two trajectories cannot be compared: on one CPU, weights changed by one rounding at the start change the losses by
    up to a quarter 100 steps later (FactorVAE's TC; a hundredth for most models), since Adam divides by small moments.
    """
    reference, other = training_run(name, tmp_path, "cpu"), training_run(name, tmp_path, device)
    for step in (0, STEPS // 2, STEPS - 1):
        reference.train(step)
        reference.save(Folder(tmp_path / f"at{step}"))
        assert other.restore(Folder(tmp_path / f"at{step}")) == step
        expected, found = losses_of_a_step(reference), losses_of_a_step(other)
        if device == "cpu":
            assert found == expected
        else:
            assert found == pytest.approx(expected, rel=RELATIVE, abs=RELATIVE * SMALLEST)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_a_restored_trial_goes_on_where_it_was(name: str, device: str, tmp_path: pathlib.Path) -> None:
    """Bit by bit on a CPU; a GPU adds in no fixed order."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    config = trial_config(name, tmp_path, device_share=float(device == "cuda"))
    straight, resumed = TrainingRun(config), TrainingRun(config)
    straight.train(2)
    straight.save(Folder(tmp_path / "half"))
    assert resumed.restore(Folder(tmp_path / "half")) == 2
    expected, found = straight.train(4), resumed.train(4)
    assert found == (expected if device == "cpu" else pytest.approx(expected, rel=10 * RELATIVE, abs=RELATIVE))


def test_a_trial_goes_on_on_another_kind_of_device_with_other_noise(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = trial_config("vae", tmp_path, steps=STEPS)
    saved, other = TrainingRun(config), TrainingRun(config)
    saved.train(2)
    noise = saved.model.generator
    saved.model.generator = CPUNoise()
    saved.model.generator.get_state = lambda: torch.zeros(16, dtype=torch.uint8)  # as long as a CUDA generator's
    saved.save(Folder(tmp_path / "saved"))
    saved.model.generator = noise
    assert other.restore(Folder(tmp_path / "saved")) == 2
    assert "another kind of device" in caplog.text
    expected, found = losses_of_a_step(saved), losses_of_a_step(other)
    assert found["kl"] == expected["kl"]  # the posteriors are those that were saved
    assert found["reconstruction"] != expected["reconstruction"]


def test_an_evaluation_elsewhere_keeps_the_training_state_of_a_gpu(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A trial that is evaluated on a CPU and extended later goes on, on a GPU, with its own noise."""
    config = trial_config("vae", tmp_path, steps=2)
    saved, folder = TrainingRun(config), Folder(config.folder)
    saved.train_interval()
    saved.model.generator = CPUNoise()
    saved.model.generator.get_state = lambda: torch.zeros(16, dtype=torch.uint8)  # as long as a CUDA generator's
    saved.save(folder)
    before = folder.read("step-000000002")["training.pt"]
    report = evaluate_trained(config)
    assert "another kind of device" not in caplog.text
    assert report.done
    assert folder.read("step-000000002")["training.pt"] == before
    assert json.loads(folder.read("step-000000002")["checkpoint.json"])["report"]["metrics"] == report.metrics

    longer = TrainingRun(trial_config("vae", tmp_path, steps=4))
    longer.restore(folder)
    longer.advance()
    longer.save(folder)
    assert folder.read("step-000000004")["training.pt"] != before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("capturable", [True, False])
def test_a_checkpoint_of_another_device_leaves_optimisers_as_this_one_needs_them(
    name: str, capturable: bool, tmp_path: pathlib.Path
) -> None:
    """A CUDA graph can hold an Adam only that is `capturable`, which one of a CPU is not."""
    run = TrainingRun(trial_config(name, tmp_path, steps=9))
    run.train(2)
    for optimizer in run.model.optimizers.values():
        for group in optimizer.param_groups:
            group["capturable"] = not capturable
    saved = run.checkpoint()
    other = TrainingRun(trial_config(name, tmp_path, steps=9))
    for optimizer in other.model.optimizers.values():
        for group in optimizer.param_groups:
            group["capturable"] = capturable
    other.take_up(saved)
    groups = [group for optimizer in other.model.optimizers.values() for group in optimizer.param_groups]
    assert {group["capturable"] for group in groups} == {capturable}
    assert {group["fused"] for group in groups} == {True}


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["beta_vae", "factor_vae", "chyvae", "joint_vae"])
def test_losses_with_tf32_products_are_near_those_of_float32(name: str, tmp_path: pathlib.Path) -> None:
    """Of one step from the same state, at full width; TF32 has ten bits of mantissa."""
    run = training_run(name, tmp_path, "cuda", hyperparameters={"network": "full", "batch_size": 64})
    run.steps = Eager(run.model, run.sources)  # no graph can hold noise of the CPU
    run.train(STEPS // 2)
    run.save(Folder(tmp_path / "state"))
    losses = []
    for allowed in (False, True):
        run.restore(Folder(tmp_path / "state"))
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=allowed):
            torch.backends.cuda.matmul.allow_tf32 = allowed
            losses.append(losses_of_a_step(run))
    assert losses[1] == pytest.approx(losses[0], rel=TF32, abs=TF32)
