"""No step of any model needs the host: all run on a GPU that is not there (`studies.testing.fake_device`).

`test_fake_device.py` runs this file in a process of its own, whose accelerator that device becomes.
"""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import trainables
from core.configuration import TrialConfig
from studies.testing.fake_device import faked, opened, register, watch, watch_use
from studies.testing.trials import trial_config
from trainables.base import parameters_of
from trainables.training.stack import Stack, StackedBatches, can_be_stacked

NAMES = [name for name in trainables.names() if trainables.get(name).learns]
STACKED = [name for name in NAMES if can_be_stacked(trainables.get(name))]
STAGES = {"zero_dim": ("stage", (1, 2, 3)), "weak": ("warming", (True, False)), "cascade_vae": ("assigning", (False,))}


@pytest.fixture(scope="module")
def gpu() -> torch.device:
    return register()


@pytest.fixture
def fake(gpu: torch.device) -> Iterator[FakeTensorMode]:  # noqa: ARG001
    with faked() as mode:
        yield mode


def trial(name: str, folder: pathlib.Path, seed: int = 0) -> TrialConfig:
    return trial_config(name, folder, steps=9, seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_stays_on_the_device(name: str, gpu: torch.device, fake: FakeTensorMode, tmp_path: pathlib.Path) -> None:
    run = opened(trial(name, tmp_path), gpu, fake)
    attribute, stages = STAGES.get(name, ("name", (name,)))
    for stage in stages:
        setattr(run.model, attribute, stage)
        watch(run.model, run.sources)
        watch_use(run.model, run.sources)


@pytest.mark.parametrize("name", STACKED)
def test_a_step_of_a_stack_stays_on_the_device(
    name: str, gpu: torch.device, fake: FakeTensorMode, tmp_path: pathlib.Path
) -> None:
    runs = [opened(trial(name, tmp_path, seed), gpu, fake) for seed in (0, 1)]
    sources = [StackedBatches(each, [0, 1]) for each in zip(*(run.sources for run in runs), strict=True)]
    watch(Stack([run.model for run in runs]), sources)


def _cpu_tensor(model: Any) -> None:
    model.decoder.register_forward_pre_hook(lambda _, given: (given[0] + torch.ones(given[0].shape[1]),))


def _host_read(model: Any) -> None:
    model.decoder.register_forward_pre_hook(lambda _, given: (given[0] * given[0].mean().item(),))


def _branch(model: Any) -> None:
    model.decoder.register_forward_pre_hook(lambda _, given: (given[0] if given[0].sum() > 0 else -given[0],))


def _wrong_generator(model: Any) -> None:
    model.generator = torch.Generator("cpu")


def _unregistered_buffer(model: Any) -> None:
    scale = torch.ones(1, 10)
    model.decoder.register_forward_pre_hook(lambda _, given: (given[0] * scale,))


def _transposed_gradient(model: Any) -> None:
    """In closed form; autograd itself lays a gradient out as its parameter is."""
    minimise = model.minimise

    def transposed(loss: torch.Tensor, optimizer: Any, _: Any = None) -> None:
        gradients = torch.autograd.grad(loss, parameters_of(optimizer))
        minimise(loss, optimizer, [each.mT.contiguous().mT if each.dim() == 2 else each for each in gradients])

    model.minimise = transposed


@pytest.mark.parametrize(
    "plant", [_cpu_tensor, _host_read, _branch, _wrong_generator, _unregistered_buffer, _transposed_gradient]
)
def test_a_planted_fault_is_seen(
    plant: Callable[[Any], None], gpu: torch.device, fake: FakeTensorMode, tmp_path: pathlib.Path
) -> None:
    run = opened(trial("beta_vae", tmp_path), gpu, fake)
    plant(run.model)
    with pytest.raises(Exception):  # noqa: B017, PT011 - PyTorch has an error of its own for each
        watch(run.model, run.sources)
