"""Data sets beside a plain uint8 array in memory: `python -m benchmarks.data [--quick] [--root FOLDER]`.

One core, all sides in one run, medians. Batches of 64 are compared with a β-VAE step on the shared 64×64
networks; random batches of 1,024 with the same gather from an in-memory array; and the memory that one more
trial process adds is what it alone has written, after building its first epoch.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import core.data
from core.data.batches import Batches

NAMES = ("dsprites", "shapes3d", "correlated_ellipses")
PROCESS = """
import sys, pathlib
import numpy, torch, core.data
from core.data.batches import Batches

def written():
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024

torch.set_num_threads(1)
torch.zeros(64, 1, 64, 64) + 1
before = written()
batches = Batches(core.data.load(sys.argv[1], sys.argv[2]), 64, 0)
for step in range(100):
    batches.at(step)
print(written() - before)
"""


def median_ms(call: Callable[[int], object], repeats: int) -> float:
    call(0)
    times = []
    for i in range(1, repeats + 1):
        start = time.perf_counter()
        call(i)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def beta_vae_step(channels: int) -> Callable[[torch.Tensor], None]:
    """One optimiser step of a β-VAE with ten latents; the networks of the papers, plainly written."""
    c = channels
    encoder = nn.Sequential(
        *(nn.Conv2d(c, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 64, 4, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 20)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU(), nn.Unflatten(1, (64, 4, 4))),
        *(nn.ConvTranspose2d(64, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, c, 4, 2, 1)),
    )
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-4, fused=True)

    def step(images: torch.Tensor) -> None:
        mean, log_variance = encoder(images).chunk(2, dim=1)
        codes = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        error = functional.binary_cross_entropy_with_logits(decoder(codes), images, reduction="sum")
        divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum()
        optimiser.zero_grad()
        ((error + 4 * divergence) / len(images)).backward()
        optimiser.step()

    return step


def training_batches(root: pathlib.Path, repeats: int) -> None:
    print(f"{'training batches of 64':24} {'ms':>8} {'β-VAE step ms':>14} {'share':>8}")
    for name in NAMES:
        dataset = core.data.load(name, root)
        batches = Batches(dataset, 64, 0)
        batch = median_ms(batches.at, 10 * repeats)
        train, images = beta_vae_step(dataset.image_shape[0]), batches.at(0).images
        step = median_ms(lambda _, train=train, images=images: train(images), repeats)
        print(f"{name:24} {batch:8.3f} {step:14.1f} {batch / step:8.2%}")


def random_batches(root: pathlib.Path, repeats: int) -> None:
    print(f"\n{'random batches of 1,024':24} {'MB/s':>8} {'plain array MB/s':>17}")
    for name in NAMES:
        dataset = core.data.load(name, root)
        rng = np.random.default_rng(0)
        draws = rng.integers(0, len(dataset), (repeats + 1, 1024))
        plain = np.concatenate([dataset.images(part) for part in np.split(np.arange(40_960), 40)])
        megabytes = plain[:1024].nbytes / 1e6
        ours = median_ms(lambda i, draws=draws, dataset=dataset: dataset.images(draws[i]), repeats)
        theirs = median_ms(lambda i, draws=draws, plain=plain: plain[draws[i] % len(plain)], repeats)
        print(f"{name:24} {megabytes / ours * 1e3:8,.0f} {megabytes / theirs * 1e3:17,.0f}")


def memory(root: pathlib.Path) -> None:
    print(f"\n{'one more trial process':24} {'MB':>8}")
    for name in NAMES:
        command = [sys.executable, "-c", PROCESS, name, str(root)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"{name:24} {float(out):8.1f}")


def builds(root: pathlib.Path) -> None:
    print(f"{'cold cache':24} {'s':>8} {'MB':>8}")
    for name in ("dsprites.quick", *NAMES):
        start = time.perf_counter()
        core.data.prepare(name, root)
        seconds = time.perf_counter() - start
        print(f"{name:24} {seconds:8.2f} {core.data.load(name, root).cache_bytes / 1e6:8.1f}")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repeats")
    parser.add_argument("--root", type=pathlib.Path, help="folder of originals and caches; a fresh one if not given")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    repeats = 5 if arguments.quick else 30
    with tempfile.TemporaryDirectory() as fresh:
        root = arguments.root or pathlib.Path(fresh)
        builds(root)
        training_batches(root, repeats)
        random_batches(root, repeats)
        memory(root)


if __name__ == "__main__":
    main()
