"""Training steps on a GPU: one trial against a plain loop, and how many trials together come how near to its limit.

    python -m benchmarks.device [--model beta_vae] [--trials 1 2 4 8 16 32 64] [--seconds 10] [--precision tf32]

All loops train on the same data set and networks at batch 64. The plain loop is that of `benchmarks.training` with
pinned images that are copied at every step. Many trials: in one process in both ways of `trainables.training.together`,
of which the product finds the faster, and as processes of their own that share the device, as fractional shares do;
rates are sums over the trials. There are two limits: the rate of the largest TF32 matrix product of the same run over
the operations of a step, and the rate of a large copy over the bytes that the operators of a step read and write, as if
each were a kernel and no cache held anything.

Without a CUDA device nothing is measured. `--device cpu --network tiny` runs the same code where there is none.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.loops import DATASET, gflop, megabytes, our_config, peak_gflops, peak_megabytes, plain_step
from core.machine import granted_cores
from trainables.training.run import TrainingRun
from trainables.training.together import WAYS, Together

MOST_PROCESSES = 16
ROUND = 200  # steps between two looks at the clock
REPEATS = 3


def rate(take: Callable[[int], Any], seconds: float, steps: int) -> float:
    """Steps per second: the median of several spans of time, after a first round that records."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    take(steps)
    wait()
    rates = []
    for _ in range(REPEATS):
        began, taken = time.perf_counter(), 0
        while time.perf_counter() - began < seconds / REPEATS:
            take(steps)
            wait()
            taken += steps
        rates.append(taken / (time.perf_counter() - began))
    return statistics.median(rates)


def together(options: argparse.Namespace, trials: int) -> float:
    """Steps per second of all trials of one process, trained in the way that `--measure` names."""
    runs: list[TrainingRun] = []
    for seed in range(trials):
        config = our_config(
            options.model, device=options.device, seed=seed, precision=options.precision, network=options.network
        )
        runs.append(TrainingRun(config, beside=runs[0] if runs else None))
        runs[-1].model.train()
    steps = Together(runs, options.measure)

    def take(count: int) -> None:
        steps(count)
        for run in runs:
            run.count_steps(count)

    return trials * rate(take, options.seconds, options.round)


def plain(options: argparse.Namespace, _: int) -> float:
    """Steps per second of the plain loop."""
    step = plain_step(options.model, device=options.device, network=options.network)
    return rate(lambda count: [step() for _ in range(count)], options.seconds, max(1, options.round // 10))


def apart(options: argparse.Namespace, trials: int) -> float:
    """Steps per second of all trials in processes of their own, which begin together."""
    command = [sys.executable, "-m", "benchmarks.device", "--measure", "alone", "--model", options.model]
    command += ["--device", options.device, "--network", options.network, "--round", str(options.round)]
    command += ["--seconds", str(options.seconds), "--precision", options.precision]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(trials)]
    for process in processes:
        process.stdout.readline()  # type: ignore[union-attr]
    for process in processes:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    return sum(float(process.communicate()[0]) for process in processes)


def alone(options: argparse.Namespace) -> None:
    """One of `apart`: ready, then told to begin, then the rate."""
    run = TrainingRun(
        our_config(options.model, device=options.device, precision=options.precision, network=options.network)
    )
    run.train(options.round)
    print("ready", flush=True)
    sys.stdin.readline()
    print(rate(lambda count: run.train(run.step + count), options.seconds, options.round))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="beta_vae")
    parser.add_argument("--trials", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--seconds", type=float, default=6.0, help="of one measurement")
    parser.add_argument("--round", type=int, default=ROUND)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--network", default="full")
    parser.add_argument("--precision", default="tf32", choices=["float32", "tf32", "bf16"])
    parser.add_argument("--measure", choices=["alone", "plain", *WAYS])
    parser.add_argument("--count", type=int, default=1)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("There is no CUDA device on this machine: nothing is measured here.")
        return
    if options.measure == "alone":
        alone(options)
        return
    if options.measure:
        print(json.dumps((plain if options.measure == "plain" else together)(options, options.count)))
        return
    report(options)


def of_its_own(options: argparse.Namespace, measure: str, count: int = 1) -> float:
    """A measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.device", "--measure", measure, "--count", str(count)]
    command += ["--model", options.model, "--device", options.device, "--network", options.network]
    command += ["--seconds", str(options.seconds), "--round", str(options.round), "--precision", options.precision]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def report(options: argparse.Namespace) -> None:
    name = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {granted_cores().amount} cores"
    work = gflop(options.model, network=options.network)
    peak = peak_gflops(options.device)
    size, copied = megabytes(options.model, options.precision, network=options.network), peak_megabytes(options.device)
    limit = min(peak / work, copied / size)
    print(f"{name}, {options.model}, network {options.network}, {options.precision}, {DATASET}, batch 64.\n")
    print(
        f"A step has {work:.2f} GFLOP; matrix products reach {peak:,.0f} GFLOP/s: at most {peak / work:,.0f} steps/s. "
        f"It moves {size:.0f} MB; copies reach {copied:,.0f} MB/s: at most {copied / size:,.0f} steps/s.\n"
    )
    before, after = of_its_own(options, "plain"), of_its_own(options, "streams")
    print(f"One trial: plain loop {before:,.0f} steps/s, ours {after:,.0f} steps/s, {after / before:.1f} times.\n")
    columns = "".join(f" {name}, steps/s | of the limit |" for name in (*WAYS, "processes"))
    print(f"| trials |{columns}")
    print("|---|---|---|---|---|---|---|")
    best = 0.0
    for trials in options.trials:
        rates = [of_its_own(options, way, trials) for way in WAYS]
        rates += [apart(options, trials)] if trials <= MOST_PROCESSES else []
        best = max(best, *rates)
        cells = [f"{value:,.0f} | {value / limit:.1%}" for value in rates] + [" | "] * (3 - len(rates))
        print(f"| {trials} | {' | '.join(cells)} |", flush=True)
    print(f"\nThe best, {best:,.0f} steps/s, takes a trial of 300,000 steps {300_000 / best:,.1f} s of the device.")
    if options.device == "cuda":
        print("\n| target, on one H200 | measured | wanted | |\n|---|---|---|---|")
        for title, value, wanted in (
            ("one β-VAE trial, steps/s", after, 2_500.0),
            ("against the plain loop", after / before, 5.0),
            ("all trials together, steps/s", best, 20_000.0),
        ):
            print(f"| {title} | {value:,.1f} | ≥ {wanted:,.0f} | {'met' if value >= wanted else 'not met'} |")


if __name__ == "__main__":
    main()
