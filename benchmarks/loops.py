"""The training loops that `benchmarks.training` compares, and what it needs to judge them; one per process.

    python -m benchmarks.loops {ours,plain,cost,bare,gflop,peak,python} [MODEL] --steps 30

Each prints one line of JSON. The plain loop is what a careful researcher writes: a DataLoader over a uint8 array, the
default memory format and Adam, PyTorch's own layers, out-of-place activations, `.item()` of every loss part at every
step, no allocator settings.
"""

import argparse
import cProfile
import json
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

import core.data
import core.networks.builders
from core.configuration import Configuration, TrialConfig
from core.data.batches import Batch
from core.networks import lower
from core.networks.upsample import Upsample
from trainables import get
from trainables.base import Model
from trainables.training.loop import Eager
from trainables.training.run import TrainingRun

BATCH = 64
DATASET = "dsprites.quick"
WARM_UP = 8
PEAK_SIZES = (256, 384, 512, 768, 1024, 1536, 2048)
GPU_PEAK_SIZES = (4096, 8192)
PEAK_SECONDS = 0.5  # of repetitions of each size


def our_config(
    name: str, *, device: str = "cpu", seed: int = 0, precision: str = "auto", **hyperparameters: Any
) -> TrialConfig:
    """A trial on one CPU thread or a whole GPU."""
    complete = get(name).Hyperparameters(**{"batch_size": BATCH, **hyperparameters})
    configuration = Configuration(name, complete.model_dump(mode="json"))
    data, share = f"{tempfile.gettempdir()}/benchmark-data", float(device == "cuda")
    where: dict[str, Any] = {"device_share": share, "threads": 1, "precision": precision}
    return TrialConfig("b", configuration, seed, 0, DATASET, data, 10**7, 10**7, (), (), data, **where)


def our_run(name: str, **options: Any) -> TrainingRun:
    """A trial in the product's own loop; options of `our_config`."""
    return TrainingRun(our_config(name, **options))


def our_step(name: str, **options: Any) -> Callable[[], None]:
    """One step of the product's own loop; its losses are read on the host at every step too."""
    run = our_run(name, **options)

    def step() -> None:
        run.train(run.step + 1)

    return step


def plain_step(name: str, *, device: str = "cpu", **hyperparameters: Any) -> Callable[[], None]:
    """One step of a plain loop; changes classes of this process for good."""

    def default_adam(self: Model[Any], key: str, parameters: Any, *, lr: float, betas: Any = (0.9, 0.999)) -> Any:
        self.optimizers[key] = torch.optim.Adam(parameters, lr=lr, betas=betas)
        return self.optimizers[key]

    core.networks.builders.Upsample = lambda i, o: nn.ConvTranspose2d(i, o, 4, stride=2, padding=1)  # type: ignore[misc, assignment]
    Model.adam = default_adam  # type: ignore[method-assign]
    complete = get(name).Hyperparameters(**{"batch_size": BATCH, **hyperparameters})
    model = get(name)(complete, core.data.describe(DATASET)).to(device)
    model.generator = torch.Generator(device).manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.ReLU | nn.LeakyReLU):
            layer.inplace = False
    model.configure_optimizers()
    model.train()
    dataset = core.data.load(DATASET)
    images = torch.as_tensor(dataset.images(np.arange(len(dataset))))
    pinned = {"shuffle": True, "drop_last": True, "pin_memory": device == "cuda"}
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), BATCH, **pinned)
    endless = (batch.to(device, non_blocking=True) for _ in iter(int, 1) for (batch,) in loader)
    numbers = torch.zeros(BATCH, dtype=torch.int64, device=device)
    update = plain_factor_vae if name == "factor_vae" else type(model).training_step

    def step() -> None:
        for value in update(model, [Batch(next(endless).float() / 255, numbers, None) for _ in model.streams]).values():
            value.item()

    return step


def plain_factor_vae(model: Any, batches: Any) -> dict[str, Any]:
    """Algorithm 2 of Kim & Mnih as it is usually written: D(z) twice, gradients into D thrown away."""
    from core.objectives import bernoulli_reconstruction, discriminator_loss, log_ratio, permute_dimensions

    images = batches[0].images
    posterior = model.sample_posterior(images)
    reconstruction = bernoulli_reconstruction(model.decoder(posterior.codes), images)
    kl = posterior.kl.sum(1).mean()
    tc = log_ratio(model.discriminator(posterior.codes)).mean()
    model.minimise(reconstruction + kl + model.hyperparameters.gamma * tc, model.optimizers["model"])
    permuted = permute_dimensions(model.sample_posterior(batches[1].images).codes.detach(), model.generator)
    logits = model.discriminator(posterior.codes.detach()), model.discriminator(permuted)
    loss = discriminator_loss(*map(log_ratio, logits))
    model.minimise(loss, model.optimizers["discriminator"])
    return {"reconstruction": reconstruction, "kl": kl, "tc": tc, "discriminator": loss}


def timed(step: Callable[[], None], steps: int) -> list[float]:
    """Seconds of each step once the loop has settled."""
    seconds = []
    for _ in range(WARM_UP + steps):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    return seconds[WARM_UP:]


def cost(name: str, steps: int) -> float:
    """A step of our loop over one of β-VAE's: medians of steps that alternate, so that both see the same machine."""
    sides = our_step(name), our_step("beta_vae")
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(WARM_UP + steps):
        for step, taken in zip(sides, seconds, strict=True):
            began = time.perf_counter()
            step()
            taken.append(time.perf_counter() - began)
    one, other = (statistics.median(taken[WARM_UP:]) for taken in seconds)
    return one / other


class Operations(TorchDispatchMode):
    """Adds up floating-point operations by PyTorch's own formulas: 2 per multiply-add of convolutions and products.

    PyTorch's `FlopCounterMode` gives the same sums, but cannot follow a gradient with respect to a leaf (FactorVAE).
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.count += formula(*args, **(kwargs or {}), out_val=result)
        return result


def gflop(name: str, **hyperparameters: Any) -> float:
    """What one step must compute, forward and backward: the less of both loops, so that no waste counts as work."""
    counts = []
    for step in (our_step(name, **hyperparameters), plain_step(name, **hyperparameters)):
        step()
        with Operations() as operations:
            step()
        counts.append(operations.count)
    return min(counts) / 1e9


class Traffic(TorchDispatchMode):
    """Adds up the bytes of what every operator reads and writes; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view and "empty" not in func._schema.name:
            moved = [each for each in tree_leaves((args, kwargs, result)) if isinstance(each, torch.Tensor)]
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in moved)
        return result


def megabytes(name: str, precision: str = "tf32", **hyperparameters: Any) -> float:
    """What the operators of one step read and write, on a CPU whose operators are those of a GPU."""
    run = our_run(name, **hyperparameters)
    if precision == "bf16":
        lower(run.model)
    for layer in run.model.modules():
        if isinstance(layer, Upsample):
            layer.batched = True  # PyTorch's own
    step = Eager(run.model.train(), run.sources)
    step(0, 1)
    with Traffic() as traffic:
        step(1, 2)
    return traffic.bytes / 1e6


def peak_megabytes(device: str = "cpu") -> float:
    """Largest rate at which a copy reads and writes, in MB/s."""
    wait = (lambda: None) if device == "cpu" else torch.cuda.synchronize
    source = torch.zeros(1 << (26 if device == "cpu" else 30), dtype=torch.uint8, device=device)
    target, best = torch.empty_like(source), 0.0
    until = time.perf_counter() + PEAK_SECONDS
    while (began := time.perf_counter()) < until:
        target.copy_(source)
        wait()
        best = max(best, 2 * source.numel() / (time.perf_counter() - began) / 1e6)
    return best


def peak_gflops(device: str = "cpu") -> float:
    """Largest rate of matrix products, over sizes and repetitions: of float32 on one thread, of TF32 on a GPU."""
    torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = True
    sizes, wait = (PEAK_SIZES, lambda: None) if device == "cpu" else (GPU_PEAK_SIZES, torch.cuda.synchronize)
    best = 0.0
    for size in sizes:
        left, right, out = torch.randn(3, size, size, device=device)
        until = time.perf_counter() + PEAK_SECONDS
        while (began := time.perf_counter()) < until:
            torch.mm(left, right, out=out)
            wait()
            best = max(best, 2 * size**3 / (time.perf_counter() - began) / 1e9)
    return best


def python_share(name: str, steps: int) -> float:
    """The largest share of a step that Python can take: its time under a profiler, whose own cost counts as Python's.

    Counted are the own time of functions written in Python, with it that of a tensor's operators and indexing, which a
    profile does not tell apart, and built-ins that are not PyTorch's; over the time of the same steps. Whatever the
    profiler adds to both only makes the share larger.
    """
    run = our_run(name)
    run.train(WARM_UP)
    with cProfile.Profile() as profile:
        run.train(run.step + steps)
    own = {key: values[2] for key, values in pstats.Stats(profile).stats.items()}  # type: ignore[attr-defined]
    python = sum(
        seconds
        for (file, _, called), seconds in own.items()
        if file != "~" or not ("torch" in called or called == "<built-in method apply>")  # of autograd functions
    )
    return python / sum(own.values())


MEASURES: dict[str, Callable[[str, int], Any]] = {
    "ours": lambda model, steps: timed(our_step(model), steps),
    "plain": lambda model, steps: (torch.set_num_threads(1), timed(plain_step(model), steps))[1],
    "cost": cost,
    "bare": lambda model, steps: timed(our_step(model, batch_size=2, network="tiny"), steps),
    "gflop": lambda model, _: gflop(model),
    "peak": lambda *_: peak_gflops(),
    "python": python_share,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=list(MEASURES))
    parser.add_argument("model", nargs="?", default="beta_vae")
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    print(json.dumps(MEASURES[options.measure](options.model, options.steps)))


if __name__ == "__main__":
    main()
