"""Training steps on the CPU against a plain PyTorch loop, same networks and losses, both sides in one run.

    python -m benchmarks.training [--models beta_vae factor_vae] [--steps 30] [--rounds 3]

The loops are in `benchmarks/loops.py`. Every measurement is a process of its own with one thread, and gives the median
over its steps; sides alternate within a round, and what is compared comes from the same round. Tables give the median
over rounds, and the least and the most of them.

GFLOP are counted by PyTorch's formulas while a step runs, 2 for each multiply-add of a convolution or matrix product,
forward and backward; element-wise work and Adam are not counted, and neither is what only one of the loops does. The
peak of the core is the best float32 matrix product of all, before and after the rounds.

Python's share is a bound from above (`loops.python_share`). The step with next to nothing to compute (a tiny network on
two images) takes the same Python and the same number of kernels: it tells what both cost at the least.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.loops import BATCH

MODELS = ("beta_vae", "beta_tcvae", "factor_vae", "chyvae", "joint_vae")
SPEED_UP = {"factor_vae": 1.7}  # targets; 1.5 for all others
PROFILED = ("beta_vae", "factor_vae")
PROFILED_STEPS = 40


def begin(measure: str, model: str, steps: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.loops", measure, model, "--steps", str(steps)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})


def result(process: subprocess.Popen[bytes]) -> Any:
    """What a process printed; the median of a list."""
    out, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, process.args))} failed")  # type: ignore[arg-type]
    value = json.loads(out.splitlines()[-1])
    return statistics.median(value) if isinstance(value, list) else value


def measure(what: str, model: str = "beta_vae", steps: int = 0) -> Any:
    return result(begin(what, model, steps))


def take_round(models: tuple[str, ...], steps: int) -> dict[str, Any]:
    """Every measurement once."""
    taken: dict[str, Any] = {"plain": {}, "ours": {}}
    for model in models:
        for side in ("plain", "ours"):
            taken[side][model] = measure(side, model, steps)
    taken["alone"] = measure("ours", "beta_vae", steps)
    taken["together"] = max(result(process) for process in [begin("ours", "beta_vae", steps) for _ in range(2)])
    taken["chyvae"] = measure("cost", "chyvae", steps)
    taken["bare"] = measure("bare", "beta_vae", steps)
    taken["python"] = {model: measure("python", model, PROFILED_STEPS) for model in PROFILED}
    return taken


def spread(values: list[float], form: str) -> str:
    """`median (least to most)`."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    models = tuple(options.models)

    peaks = [measure("peak")]
    gflop = {model: measure("gflop", model) for model in models}
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        rounds.append(take_round(models, options.steps))
    peaks.append(measure("peak"))
    peak = max(peaks)

    print(f"One thread, batch {BATCH}, {options.rounds} rounds of {options.steps} steps; median (least to most).\n")
    print(
        f"Matrix-product peak of the core: {peaks[0]:.0f} GFLOP/s before, {peaks[1]:.0f} after; {peak:.0f} is used.\n"
    )
    print("| model | GFLOP | plain, ms | ours, ms | ratio | steps/s | share of peak |")
    print("|---|---|---|---|---|---|---|")
    targets: list[tuple[str, float, str, str, float]] = []
    for model in models:
        before, after = ([1e3 * taken[side][model] for taken in rounds] for side in ("plain", "ours"))
        ratios = [left / right for left, right in zip(before, after, strict=True)]
        middle = statistics.median(after)
        share = gflop[model] / middle * 1e3 / peak
        print(
            f"| {model} | {gflop[model]:.2f} | {spread(before, '.1f')} | {spread(after, '.1f')} "
            f"| {spread(ratios, '.2f')} | {1e3 / middle:.1f} | {share:.0%} |"
        )
        targets.append(
            (f"{model} against the plain loop", statistics.median(ratios), ".2f", "≥", SPEED_UP.get(model, 1.5))
        )
        if model == "beta_vae":
            targets.append(("share of peak, beta_vae", share, ".1%", "≥", 0.5))

    gains = [2 * taken["alone"] / taken["together"] for taken in rounds]
    targets.append(("two β-VAE trials at once on two cores, against one", statistics.median(gains), ".2f", "≥", 1.9))
    print(f"\n- Two β-VAE trials at once: {spread(gains, '.2f')} times the steps of one.")
    if "chyvae" in models:
        costs = [taken["chyvae"] for taken in rounds]
        targets.append(("CHyVAE's step against β-VAE's", statistics.median(costs), ".3f", "≤", 1.05))
        print(f"- A CHyVAE step: {spread(costs, '.3f')} of a β-VAE step.")
    for model in PROFILED:
        shares = [taken["python"][model] for taken in rounds]
        targets.append((f"Python's share of a step, {model}, at most", statistics.median(shares), ".1%", "≤", 0.03))
        print(f"- Python takes at most {spread(shares, '.1%')} of a {model} step.")
    bare = [1e3 * taken["bare"] for taken in rounds]
    of_step = [taken["bare"] / taken["alone"] for taken in rounds]
    print("- A step with next to nothing to compute, which is Python and the least cost of every kernel:")
    print(f"  {spread(bare, '.1f')} ms, {spread(of_step, '.1%')} of a β-VAE step.")

    print("\n| target | measured | wanted | |\n|---|---|---|---|")
    for name, value, form, relation, wanted in targets:
        met = value >= wanted if relation == "≥" else value <= wanted
        print(f"| {name} | {value:{form}} | {relation} {wanted:{form}} | {'met' if met else 'not met'} |")


if __name__ == "__main__":
    main()
