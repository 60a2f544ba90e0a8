"""Training steps on the CPU against a plain PyTorch loop, same networks and losses, both sides in one run.

    python -m benchmarks.training [--models beta_vae factor_vae] [--steps 40] [--rounds 3]

The plain side is what a careful researcher writes: a DataLoader over a uint8 array, default memory format and Adam,
out-of-place activations, `.item()` of every loss part at every step, no allocator settings. Sides alternate, each in a
process of its own with one thread. Then: two trials at once on two cores against one, and what a step costs
besides its arithmetic (the same step of the smallest network on two images).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

BATCH = 64
IMAGES = 5_760
WARM_UP = 8
MODELS = ("beta_vae", "beta_tcvae", "factor_vae", "chyvae", "joint_vae")
# Multiply-adds per image of encoder and decoder, times 2; times 3 for forward, input and weight gradients.
STEP_GFLOP = 6.18


def ours(name: str, steps: int, **hyperparameters: Any) -> list[float]:
    """Seconds of each step in the product's own loop."""
    import pathlib
    import tempfile

    from core.configuration import Configuration, TrialConfig
    from trainables import get
    from trainables.run import TrainingRun

    complete = get(name).Hyperparameters(**{"batch_size": BATCH, **hyperparameters})
    configuration = Configuration(name, complete.model_dump(mode="json"))
    folder = tempfile.mkdtemp()
    data = str(pathlib.Path(folder) / "data")
    run = TrainingRun(
        TrialConfig("b", configuration, 0, 0, "dsprites.quick", data, 10**6, 10**6, (), (), folder, threads=1)
    )
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        run.train(run.step + 1)
        seconds.append(time.perf_counter() - began)
    return seconds


def plain(name: str, steps: int) -> list[float]:
    """Seconds of each step in a plain loop."""
    import torch
    from torch import nn

    import core.data
    import core.networks
    from core.data.batches import Batch
    from trainables import get
    from trainables.base import Model

    torch.set_num_threads(1)
    core.networks.Upsample = lambda i, o: nn.ConvTranspose2d(i, o, 4, stride=2, padding=1)  # type: ignore[misc, assignment]
    dataset = core.data.load("dsprites.quick")
    info = core.data.describe("dsprites.quick")

    def default_adam(self: Model[Any], key: str, parameters: Any, *, lr: float, betas: Any = (0.9, 0.999)) -> Any:
        self.optimizers[key] = torch.optim.Adam(parameters, lr=lr, betas=betas)
        return self.optimizers[key]

    Model.adam = default_adam  # type: ignore[method-assign]
    model = get(name)(get(name).Hyperparameters(batch_size=BATCH), info)
    for layer in model.modules():
        if isinstance(layer, nn.ReLU | nn.LeakyReLU):
            layer.inplace = False
    model.configure_optimizers()
    images = torch.as_tensor(dataset.images(np.arange(len(dataset))))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), BATCH, shuffle=True, drop_last=True)
    step = plain_factor_vae if name == "factor_vae" else type(model).training_step
    seconds: list[float] = []
    while len(seconds) < steps:
        iterator = iter(loader)
        while len(seconds) < steps:
            began = time.perf_counter()
            try:
                batches = [
                    Batch(next(iterator)[0].float() * 1.0 / 255.0, torch.zeros(BATCH, dtype=torch.int64), None)
                    for _ in model.streams
                ]
            except StopIteration:
                break
            for value in step(model, batches).values():
                value.item()
            seconds.append(time.perf_counter() - began)
    return seconds


def plain_factor_vae(model: Any, batches: Any) -> dict[str, Any]:
    """Algorithm 2 of Kim & Mnih as it is usually written: D(z) twice, gradients into D thrown away."""
    from core.objectives import bernoulli_reconstruction, density_ratio, discriminator_loss, permute_dimensions

    images = batches[0].images
    posterior = model.sample_posterior(images)
    reconstruction = bernoulli_reconstruction(model.decoder(posterior.codes), images)
    kl = posterior.kl.sum(1).mean()
    tc = density_ratio(model.discriminator(posterior.codes))
    model.minimise(reconstruction + kl + model.hyperparameters.gamma * tc, model.optimizers["model"])
    permuted = permute_dimensions(model.sample_posterior(batches[1].images).codes.detach(), model.generator)
    loss = discriminator_loss(model.discriminator(posterior.codes.detach()), model.discriminator(permuted))
    model.minimise(loss, model.optimizers["discriminator"])
    return {"reconstruction": reconstruction, "kl": kl, "tc": tc, "discriminator": loss}


def bare(name: str, steps: int) -> list[float]:
    """Seconds of each step when there is next to nothing to compute."""
    return ours(name, steps, batch_size=2, network="tiny")


def peak_gflops() -> float:
    """Largest rate of a 1024-square float32 matrix product on one thread."""
    import torch

    torch.set_num_threads(1)
    left, right = torch.randn(2, 1024, 1024)
    best = 0.0
    for _ in range(30):
        began = time.perf_counter()
        left @ right
        best = max(best, 2 * 1024**3 / (time.perf_counter() - began) / 1e9)
    return best


SIDES = {"ours": ours, "plain": plain, "bare": bare}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=[*SIDES, "peak"])
    options = parser.parse_args()
    if options.side == "peak":
        print(json.dumps(peak_gflops()))
        return
    if options.side:
        print(json.dumps(SIDES[options.side](options.models[0], options.steps)[WARM_UP:]))
        return

    def begin(side: str, model: str = "beta_vae") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "benchmarks.training", "--side", side, "--models", model]
        command += ["--steps", str(options.steps)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def result(process: subprocess.Popen[bytes]) -> Any:
        out, _ = process.communicate()
        return json.loads(out.splitlines()[-1])

    def measure(side: str, model: str = "beta_vae") -> Any:
        return result(begin(side, model))

    peak = max(measure("peak") for _ in range(2))
    print(f"One thread, batch {BATCH}, {options.rounds} alternating rounds of {options.steps} steps; medians.\n")
    print(f"Matrix-product peak of the core: {peak:.0f} GFLOP/s.\n")
    print("| model | plain, ms | ours, ms | ratio | steps/s | share of peak | ratio by round |")
    print("|---|---|---|---|---|---|---|")
    for model in options.models:
        pairs = [
            (statistics.median(measure("plain", model)), statistics.median(measure("ours", model)))
            for _ in range(options.rounds)
        ]
        before, after = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = [left / right for left, right in pairs]
        share = f"{STEP_GFLOP / after / peak:.0%}" if model == "beta_vae" else ""
        print(
            f"| {model} | {1e3 * before:.1f} | {1e3 * after:.1f} | {statistics.median(ratios):.2f} | {1 / after:.1f} "
            f"| {share} | {', '.join(f'{ratio:.2f}' for ratio in ratios)} |",
            flush=True,
        )
    alone, together, bare_seconds = [], [], []
    for _ in range(options.rounds):
        alone.append(statistics.median(measure("ours")))
        together.append(max(statistics.median(result(process)) for process in [begin("ours"), begin("ours")]))
        bare_seconds.append(statistics.median(measure("bare")))
    gains = [2 * one / two for one, two in zip(alone, together, strict=True)]
    print(f"\nTwo β-VAE trials at once: {statistics.median(gains):.2f} times the steps of one ", end="")
    print(f"(by round: {', '.join(f'{gain:.2f}' for gain in gains)}).\n")
    shares = [least / one for least, one in zip(bare_seconds, alone, strict=True)]
    print(f"A step with next to nothing to compute: {1e3 * statistics.median(bare_seconds):.1f} ms, ", end="")
    print(f"{statistics.median(shares):.1%} of a β-VAE step.")


if __name__ == "__main__":
    main()
