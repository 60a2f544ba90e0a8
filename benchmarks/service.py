"""What a study costs around its training: cold start, turnover of a slot, and the share of time that is not training.

    python -m benchmarks.service [--minutes 1]

A β-VAE study is launched from the command line on as many slots as there are cores. Cold start: from the start of the
process to the first training step. Turnover: from the last report of a trial to the first training step of the next
one in the same process. Overhead: the share of a slot's time in which it neither trains nor evaluates, between its
first training step and its last report. Times are those of the journal; a report tells how long it trained.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from core import journal

STEP_SECONDS = 0.1  # of a β-VAE at batch 64 on one core, to choose the number of steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="duration of a trial")
    parser.add_argument("--trials", type=int, default=2, help="per slot")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    print(f"{cores} slots, {options.trials} trials each of about {options.minutes:g} minutes.\n")
    print("| study | cold start, s | turnover, s (median, most) | overhead of a slot |")
    print("|---|---|---|---|")
    minutes = ("short trials", 12, max(1, round(0.5 / STEP_SECONDS)))
    long = (f"{options.minutes:g}-minute trials", options.trials, round(60 * options.minutes / STEP_SECONDS))
    for title, trials, steps in (minutes, long):
        began, events = launch(trials * cores, steps)
        slots = list(by_process(events).values())
        turnover = [later["began"] - earlier["ended"] for slot in slots for earlier, later in itertools.pairwise(slot)]
        overhead = [1 - sum(each["busy"] for each in slot) / (slot[-1]["ended"] - slot[0]["began"]) for slot in slots]
        cold = min(slot[0]["began"] for slot in slots) - began
        print(
            f"| {title} | {cold:.1f} | {statistics.median(turnover):.2f}, {max(turnover):.2f} "
            f"| {statistics.mean(overhead):.2%} |",
            flush=True,
        )


def launch(trials: int, steps: int) -> tuple[float, list[dict[str, Any]]]:
    """When the command was started, and what the journal of its study says."""
    folder = pathlib.Path(tempfile.mkdtemp())
    study = {
        "name": "service",
        "dataset": "dsprites.quick",
        "seeds": trials,
        "models": {"beta_vae": {"beta": 4.0}},
        "search": {"sampler": "grid", "configurations": 1},
        "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
        "metrics": {"final": ["mig", "reconstruction_error"]},
        "budget": {"steps": steps, "evaluate_every": max(1, steps // 5)},
    }
    path = folder / "service.yaml"
    path.write_text(json.dumps(study))  # JSON is YAML
    command = [sys.executable, "-m", "studies.cli", "launch", str(path), "--root", str(folder / "runs")]
    began = time.time()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return began, [event for _, event in journal.read(folder / "runs" / "service")]


def by_process(events: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """The trials of every process in their order: when training began and ended, and the seconds it was busy."""
    processes: dict[int, list[dict[str, Any]]] = {}
    first: dict[str, float] = {}
    for event in events:
        if event["type"] in ("report", "end"):
            ledger = event["ledger"]
            busy = ledger["seconds_training"] + ledger["seconds_evaluating"]
            first.setdefault(event["trial"], event["time"] - busy)
            if event["type"] == "end":
                trial = {"began": first[event["trial"]], "ended": event["time"], "busy": busy}
                processes.setdefault(ledger["pid"], []).append(trial)
    return processes


if __name__ == "__main__":
    main()
