"""A GPU that is not there, on which a step of a model needs the host for nothing.

PyTorch registers a device in Python; its tensors have shapes, strides and a device, but no data. A step that reads a
value on the host, makes a tensor on the CPU, or draws from another device's generator fails. A device that is
registered is that of the whole process, so this runs in one of its own: `steps_stay_on_the_device` starts it.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils import _pytree, backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

import trainables
from core import extensions
from core.configuration import TrialConfig
from core.data import batches
from core.mistakes import reason_of
from studies.testing.contract import Bench, NotApplicable, hold
from trainables.training.loop import _take
from trainables.training.run import TrainingRun
from trainables.training.stack import Stack, StackedBatches, can_be_stacked

PATIENCE = 300.0  # seconds
WITHOUT_DATA = torch.library.Library("aten", "IMPL", "Meta")  # what PyTorch does not say of its own operators
WITHOUT_DATA.impl("_fused_adam_.tensor_lr", lambda *_, **__: None)  # all in place
PROJECT = pathlib.Path(__file__).resolve().parents[2]


class Backend(backend_registration._DummyBackendModule):
    """Not available, so that tensors made of Python data are without data too."""

    def is_available(self) -> bool:
        """No."""
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


def register() -> torch.device:
    """Make the device that of this process."""
    backend_registration._setup_privateuseone_for_python_backend("fakegpu", backend_module=Backend())
    torch.autograd.set_multithreading_enabled(False)
    return torch.device("fakegpu:0")


@contextlib.contextmanager
def faked() -> Iterator[FakeTensorMode]:
    """Tensors have no data for a while, and a device's are drawn with its own generators."""

    def own(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def drawn(*size: Any, generator: Any = None, device: Any = "cpu", **options: Any) -> torch.Tensor:
            of_device = generator is None or generator.device.type == torch.device(device).type
            hold(of_device, "it draws with a generator of another device: use self.generator and core.noise")
            given = {} if isinstance(generator, Generator) else {"generator": generator}
            return draw(*size, device=device, **options, **given)

        return drawn

    with contextlib.ExitStack() as stack:
        for name in ("rand", "randn"):
            stack.enter_context(mock.patch.object(torch, name, own(getattr(torch, name))))
        stack.enter_context(mock.patch.object(batches, "_fits", return_value=True))
        yield stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))


def opened(config: TrialConfig, gpu: torch.device, mode: FakeTensorMode) -> TrainingRun:
    """A run on the device, as `TrainingRun` moves it there."""
    kind: Any = trainables.get(config.configuration.model)
    attach = kind.attach
    attached: set[str] = set()

    def noted(model: Any, dataset: Any, seed: int) -> Any:
        before = dict(vars(model))
        streams = attach(model, dataset, seed)
        attached.update(name for name, value in vars(model).items() if before.get(name) is not value)
        return streams

    def on_device(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        like = torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device=gpu)
        return nn.Parameter(like) if isinstance(leaf, nn.Parameter) else like

    with unset_fake_temporarily(), mock.patch.object(kind, "attach", noted):
        run = TrainingRun(config)
    with mode:
        for module in run.model.modules():
            tensors: Any
            for tensors in (module._parameters, module._buffers):
                tensors.update({key: on_device(tensor) for key, tensor in tensors.items()})
        for name in attached:  # which the model has put on its device
            setattr(run.model, name, _pytree.tree_map(on_device, getattr(run.model, name)))
        run.model.generator = Generator(gpu)  # type: ignore[assignment]
        run.model.configure_optimizers()
        for source in run.sources:
            source.device, source._epoch = gpu, -1
            source._resident = batches.resident(source.dataset, source._subset, gpu)
        run.model.train()
    return run


def watch(model: Any, sources: Sequence[Any]) -> None:
    """Two steps: the first makes the optimisers' state, the second touches nothing of the CPU.

    Raises:
        AssertionError: it does, or a gradient or a moment has another layout than its parameter.
    """
    positions = [source.positions(0, 2) for source in sources]
    sums: dict[str, torch.Tensor] = {}
    _take(model, [source.gather(each[0]) for source, each in zip(sources, positions, strict=True)], sums)
    with OnDevice() as watched:
        _take(model, [source.gather(each[1]) for source, each in zip(sources, positions, strict=True)], sums)
    hold(not watched.faults, f"a step has tensors on the CPU: {'; '.join(watched.faults[:1])}")
    hold({value.device for value in sums.values()} == {model.device}, "a part of the loss is not on the device")
    for optimizer in model.optimizers.values():
        for parameter in (
            each for group in optimizer.param_groups for each in group["params"] if each.grad is not None
        ):
            moments = [value for key, value in optimizer.state[parameter].items() if key != "step"]
            for tensor in (parameter.grad, *moments):  # of one layout, as a fused Adam needs them
                pairs = zip(tensor.stride(), parameter.stride(), parameter.shape, strict=True)
                hold(
                    all(one == other for one, other, size in pairs if size != 1),
                    f"the gradient of a parameter {tuple(parameter.shape)} is laid out in memory as it is not",
                )


def watch_use(model: Any, sources: Sequence[Any]) -> None:
    """Encoding, decoding and samples of the posterior, as an evaluation asks for them, touch nothing of the CPU.

    Raises:
        AssertionError: they do.
    """
    images = sources[0].gather(sources[0].positions(0, 1)[0]).images
    model.eval()
    with torch.no_grad(), OnDevice() as watched:
        codes = model.codes(images)
        found = [codes, model.logits(codes)]
        if "posterior" in model.serves:
            found.append(model.sampled_codes(images, model.generator))
    model.train()
    hold(not watched.faults, f"encoding or decoding has tensors on the CPU: {'; '.join(watched.faults[:1])}")
    hold({value.device for value in found} == {model.device}, "codes or logits are not on the device")


def take_steps(config: TrialConfig, gpu: torch.device, mode: FakeTensorMode) -> None:
    """Steps of a model alone, and of two in a stack where it can be stacked."""
    run = opened(config, gpu, mode)
    watch(run.model, run.sources)
    watch_use(run.model, run.sources)
    if can_be_stacked(type(run.model)):
        runs = [opened(each, gpu, mode) for each in (config, dataclasses.replace(config, seed=1))]
        sources = [StackedBatches(each, [0, 1]) for each in zip(*(run.sources for run in runs), strict=True)]
        watch(Stack([run.model for run in runs]), sources)


def steps_stay_on_the_device(bench: Bench) -> None:
    """A step of the model, and of a stack of it, stays on the device: on one without data, which nobody can read."""
    if bench.model.host_bound:
        raise NotApplicable("the model says that it is bound to the host")
    if torch.cuda.is_available():
        raise NotApplicable("there is a GPU here, beside which no other can be made up")
    config = bench.trial(steps=9)
    given = {
        "trial": config.to_json(),
        "sources": [[each.module, str(each.path)] for each in extensions.active_sources()],
    }
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "studies.testing.fake_device"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=environment,
    )
    hold(done.returncode == 0, (done.stdout.strip() or done.stderr.strip() or "its process ended").splitlines()[-1])


def main() -> None:
    """Take the steps of the trial on standard input; a fault is the last line of the output, and exit code 1."""
    given = json.load(sys.stdin)
    extensions.activate(
        [extensions.load(extensions.Source(name, pathlib.Path(path))) for name, path in given["sources"]]
    )
    try:
        with faked() as mode:
            take_steps(TrialConfig.from_json(given["trial"]), register(), mode)
    except Exception as error:
        print(f"{type(error).__name__}: {reason_of(error)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
