"""No step of any model needs the host: all run on a GPU that is not there.

PyTorch registers a device in Python; its tensors have shapes, strides and a device, but no data. A step that reads a
value on the host, makes a tensor on the CPU, or draws from another device's generator fails. `test_fake_device.py` runs
this file in a process of its own, whose accelerator that device becomes.
"""

import pathlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree, backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

import trainables
from core.data import batches
from tests.kit import trial_config
from trainables.base import parameters_of
from trainables.training.loop import _take
from trainables.training.run import TrainingRun
from trainables.training.stack import Stack, StackedBatches, can_be_stacked

NAMES = [name for name in trainables.names() if name != "simulated"]
STACKED = [name for name in NAMES if can_be_stacked(trainables.get(name))]
STAGES = {"zero_dim": ("stage", (1, 2, 3)), "weak": ("warming", (True, False)), "cascade_vae": ("assigning", (False,))}


WITHOUT_DATA = torch.library.Library("aten", "IMPL", "Meta")  # what PyTorch does not say of its own operators
WITHOUT_DATA.impl("_fused_adam_.tensor_lr", lambda *_, **__: None)  # all in place


class Backend(backend_registration._DummyBackendModule):
    """Not available, so that tensors made of Python data are without data too."""

    def is_available(self) -> bool:
        return False


class Generator:
    """On the device, as `torch.Generator("cuda")` is."""

    def __init__(self, device: torch.device) -> None:
        self.device = device


class OnDevice(TorchDispatchMode):
    """Notes every operation that touches a tensor of the CPU, but for single numbers, which kernels take by value."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        leaves = [leaf for leaf in _pytree.tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)]
        if any(leaf.device.type == "cpu" and leaf.dim() for leaf in leaves):
            where = traceback.extract_stack(limit=12)
            self.faults.append(f"{func} in {', '.join(f'{frame.name}:{frame.lineno}' for frame in where[:-2])}")
        return out


@pytest.fixture(scope="module")
def gpu() -> torch.device:
    backend_registration._setup_privateuseone_for_python_backend("fakegpu", backend_module=Backend())
    torch.autograd.set_multithreading_enabled(False)
    return torch.device("fakegpu:0")


@pytest.fixture
def faked(gpu: torch.device, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:  # noqa: ARG001
    def own(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def drawn(*size: Any, generator: Any = None, device: Any = "cpu", **options: Any) -> torch.Tensor:
            of_device = generator is None or generator.device.type == torch.device(device).type
            assert of_device, "a generator of another device"
            given = {} if isinstance(generator, Generator) else {"generator": generator}
            return draw(*size, device=device, **options, **given)

        return drawn

    for name in ("rand", "randn"):
        monkeypatch.setattr(torch, name, own(getattr(torch, name)))
    monkeypatch.setattr(batches, "_fits", lambda size, device: True)  # noqa: ARG005
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


def opened(name: str, folder: pathlib.Path, gpu: torch.device, mode: FakeTensorMode, seed: int = 0) -> TrainingRun:
    """A run on the device, as `TrainingRun` moves it there."""
    with torch._subclasses.fake_tensor.unset_fake_temporarily():
        run = TrainingRun(trial_config(name, folder, steps=9, seed=seed))
    with mode:
        for module in run.model.modules():
            for kind in (module._parameters, module._buffers):
                for key, tensor in kind.items():
                    if tensor is not None:
                        like = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=gpu)
                        kind[key] = nn.Parameter(like) if isinstance(tensor, nn.Parameter) else like
        run.model.generator = Generator(gpu)  # type: ignore[assignment]
        run.model.configure_optimizers()
        if hasattr(run.model, "labels"):  # tensors that are no buffers
            run.model.attach(run.dataset, 0)
        for source in run.sources:
            source.device, source._epoch = gpu, -1
            source._resident = batches.resident(source.dataset, source._subset, gpu)
        run.model.train()
    return run


def check(model: Any, sources: Sequence[Any]) -> None:
    """Two steps: the first makes the optimisers' state, the second touches nothing of the CPU."""
    positions = [source.positions(0, 2) for source in sources]
    sums: dict[str, torch.Tensor] = {}
    _take(model, [source.gather(each[0]) for source, each in zip(sources, positions, strict=True)], sums)
    with OnDevice() as watched:
        _take(model, [source.gather(each[1]) for source, each in zip(sources, positions, strict=True)], sums)
    assert not watched.faults
    assert {value.device for value in sums.values()} == {model.device}
    for optimizer in model.optimizers.values():
        for parameter in (
            each for group in optimizer.param_groups for each in group["params"] if each.grad is not None
        ):
            moments = [value for key, value in optimizer.state[parameter].items() if key != "step"]
            for tensor in (parameter.grad, *moments):  # of one layout, as a fused Adam needs them
                pairs = zip(tensor.stride(), parameter.stride(), parameter.shape, strict=True)
                assert all(one == other for one, other, size in pairs if size != 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_stays_on_the_device(
    name: str, gpu: torch.device, faked: FakeTensorMode, tmp_path: pathlib.Path
) -> None:
    run = opened(name, tmp_path, gpu, faked)
    attribute, stages = STAGES.get(name, ("name", (name,)))
    for stage in stages:
        setattr(run.model, attribute, stage)
        check(run.model, run.sources)


@pytest.mark.parametrize("name", STACKED)
def test_a_step_of_a_stack_stays_on_the_device(
    name: str, gpu: torch.device, faked: FakeTensorMode, tmp_path: pathlib.Path
) -> None:
    runs = [opened(name, tmp_path, gpu, faked, seed) for seed in (0, 1)]
    sources = [StackedBatches(each, [0, 1]) for each in zip(*(run.sources for run in runs), strict=True)]
    check(Stack([run.model for run in runs]), sources)


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
    plant: Callable[[Any], None], gpu: torch.device, faked: FakeTensorMode, tmp_path: pathlib.Path
) -> None:
    run = opened("beta_vae", tmp_path, gpu, faked)
    plant(run.model)
    with pytest.raises(Exception):  # noqa: B017, PT011 - PyTorch has an error of its own for each
        check(run.model, run.sources)
