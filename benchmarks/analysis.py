"""How fast a large study answers: `python -m benchmarks.analysis [--trials 10000]`, on one core.

A synthetic journal of finished trials is written to a temporary folder; then everything that a user may ask of it is
timed in a fresh process each, as a command line would.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from core.configuration import Configuration
from core.record import journal

SEEDS = 5
REPORTS = 15
MODELS = {"beta_vae": "beta", "factor_vae": "gamma", "chyvae": "nu"}
BOUNDS = {"front of 10,000 points": 0.5, "trials()": 1.0, "report": 30.0}
QUESTIONS = {
    "trials(), first time": "study.trials()",
    "trials()": "study.trials()",
    "configurations()": "study.configurations()",
    "front()": "study.front()",
    "best(top=5, where=…)": "study.best(top=5, where='reconstruction_error < 60')",
    "curves()": "study.curves()",
    "report": "study.report(redraw=True)",
    "report, unchanged": "study.report()",
}


def write_study(root: pathlib.Path, trials: int) -> None:
    """A finished study of that many trials, 15 reports each."""
    folder = root / "large"
    folder.mkdir()
    objectives = {"factor_vae_score": "maximize", "reconstruction_error": "minimize"}
    spec = {
        "name": "large",
        "dataset": "dsprites.quick",
        "seeds": {"min": SEEDS, "max": SEEDS, "until": None},
        "seed": 0,
        "models": {model: {key: {"log": [1, 100]}} for model, key in MODELS.items()},
        "defaults": {},
        "search": {"sampler": "random", "configurations": trials // SEEDS, "where": None},
        "objectives": objectives,
        "budget": {"steps": REPORTS * 1000, "evaluate_every": 1000},
        "metrics": {"during": [], "final": list(objectives)},
        "early_stop": None,
    }
    stores = {"tracking": "", "optuna": "", "checkpoints": str(root), "data": str(root / "data")}
    (folder / "study.json").write_text(json.dumps({"format": 1, "spec": spec, "stores": stores}))
    rng = np.random.default_rng(0)
    ledger = {"seconds_training": 100.0, "seconds_evaluating": 10.0, "peak_memory": 10**9, "device": "cpu", "pid": 1}
    with (folder / journal.FILE).open("w") as stream:

        def write(kind: str, **fields: object) -> None:
            stream.write(json.dumps({"type": kind, "time": 0.0, **fields}, separators=(",", ":")) + "\n")

        for index in range(trials // SEEDS):
            model, name = list(MODELS.items())[index % len(MODELS)]
            value = float(rng.uniform(1, 100))
            settings = {name: value, "num_latents": 10, "batch_size": 64, "network": "full"}
            key = Configuration(model, settings).hash
            write("configuration", configuration=key, number=index, model=model, hyperparameters=settings)
            write("seeds", configuration=key, seeds=SEEDS)
            for seed in range(SEEDS):
                who = {"trial": f"{key}-s{seed}", "configuration": key, "seed": seed}
                write("start", **who)
                noise = rng.normal(size=(REPORTS, 2))
                for report in range(REPORTS):
                    learnt = (report + 1) / REPORTS
                    metrics = {
                        "train/reconstruction": 100.0,
                        "train/kl": 10.0,
                        "factor_vae_score": 0.3 + learnt * (0.002 * value + 0.05 * float(noise[report, 0])),
                        "reconstruction_error": 90.0 - learnt * (60.0 - 0.4 * value) + float(noise[report, 1]),
                        "mig": 0.1 * learnt,
                    }
                    write("report", **who, step=1000 * (report + 1), metrics=metrics, ledger=ledger)
                steps = REPORTS * 1000
                write("end", **who, state="COMPLETED", step=steps, reason=None, metrics=metrics, ledger=ledger)


def seconds(question: str, root: pathlib.Path) -> float:
    """Time of one question in a process of its own, imports not counted."""
    code = (
        "import time, analysis.study, analysis.report, pandas, pyarrow.parquet\n"
        f"began = time.perf_counter()\nstudy = analysis.study.Study('large', {str(root)!r})\n{question}\n"
        "print(time.perf_counter() - began)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def front_of_points(count: int = 10_000) -> float:
    """Seconds for the front of random points in two objectives."""
    from core.pareto import non_dominated

    points = np.random.default_rng(0).normal(size=(count, 2))
    began = time.perf_counter()
    non_dominated(points, ["maximize", "minimize"])
    return time.perf_counter() - began


def main() -> None:
    """Print a table; exit code 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        write_study(root, arguments.trials)
        size = (root / "large" / journal.FILE).stat().st_size
        sys.stdout.write(f"{arguments.trials:,} trials, journal of {size / 1e6:.0f} MB\n")
        measured = {"front of 10,000 points": front_of_points()}
        measured |= {name: seconds(question, root) for name, question in QUESTIONS.items()}
    missed = False
    for name, value in measured.items():
        bound = BOUNDS.get(name)
        missed |= bound is not None and value > bound
        sys.stdout.write(f"{name:26} {value:8.3f} s{f'   (bound {bound:g} s)' if bound else ''}\n")
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
