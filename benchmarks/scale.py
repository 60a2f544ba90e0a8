"""Many trials of the simulated model over 16 logical slots, with tracking on: rates, memory, and answers at the end.

python -m benchmarks.scale --trials 10000 --sampler random
"""

import argparse
import json
import os
import pathlib
import resource
import tempfile
import time

import numpy as np

SLOTS = 16
SEEDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--sampler", default="random", choices=["random", "tpe", "nsga2"])
    parser.add_argument("--root", type=pathlib.Path)
    options = parser.parse_args()
    root = options.root or pathlib.Path(tempfile.mkdtemp())
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    import studies
    from core.record import journal
    from core.record.events import TrialEnded

    alone = {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1"}  # no cluster that is here
    ray.init(num_cpus=SLOTS, log_to_driver=False, **alone)
    study_file = {
        "name": "scale",
        "dataset": "dsprites.quick",
        "seeds": SEEDS,
        "models": {"simulated": {"beta": {"log": [0.01, 10_000]}, "noise": {"uniform": [0.0, 1.0]}}},
        "search": {"sampler": options.sampler, "configurations": options.trials // SEEDS},
        "objectives": {"factor_vae_score": "maximize", "reconstruction_error": "minimize"},
        "budget": {"steps": 10, "evaluate_every": 10},
    }
    began = time.perf_counter()
    study = studies.launch(study_file, root=root)
    total = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    ends = np.array([event.time for _, event in journal.read(study.path) if isinstance(event, TrialEnded)])
    chunk = max(10, len(ends) // 10)
    first, last = (chunk - 1) / (ends[chunk - 1] - ends[0]), (chunk - 1) / (ends[-1] - ends[-chunk])
    row = {
        "sampler": options.sampler,
        "trials": len(ends),
        "seconds": round(total, 1),
        "trials_per_s": round(len(ends) / (ends[-1] - ends[0]), 2),
        "first_tenth_per_s": round(first, 2),
        "last_tenth_per_s": round(last, 2),
        "driver_mb": memory,
    }
    for name, question in (("best", lambda: study.best(top=5)), ("front", study.front)):
        began = time.perf_counter()
        question()
        row[f"{name}_s"] = round(time.perf_counter() - began, 3)
    row["mlflow_runs"] = _mlflow_runs(root)
    print(json.dumps(row))
    ray.shutdown()


def _mlflow_runs(root: pathlib.Path) -> int:
    import sqlite3

    with sqlite3.connect(root / "mlflow.db") as connection:
        query = "select count(*) from tags where key = 'studies.kind' and value = 'trial'"
        return int(connection.execute(query).fetchone()[0])


if __name__ == "__main__":
    main()
