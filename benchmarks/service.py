"""What a study costs around its training: cold start, turnover of a slot, and the share of time that is not training.

    python -m benchmarks.service                              # trials of one minute
    python -m benchmarks.service --minutes 10 --trials 1      # the overhead that counts: about 12 minutes

A β-VAE study is launched from the command line on as many slots as there are cores, once with short trials and once
with long ones. Their number of steps follows from the seconds of a step while every core runs the same loop without a
service around it.

Cold start: from the start of the process to the first training step. Turnover: from the last report of a trial to the
first training step of the next one in the same process. Overhead: the share of a slot's time in which no trial trains
or evaluates, from its first training step to the last report of its last trial. So reports, checkpoints, pictures,
turnovers and waiting for the driver are overhead; a metric that the study asked for is not. What slows the training
itself down, such as the delivery to MLflow on the same cores, shows in the seconds of a step.

Times are those of the journal, where a trial's start is noted between the end of its set-up and its first step; a
report tells how long its process waited for that step, how long it trained and how long it evaluated.
"""

import argparse
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

from benchmarks.training import begin, result
from core.machine import granted_cores
from core.record import journal
from core.record.events import TrialEnded, TrialReported, TrialStarted

SHORT_SECONDS, SHORT_TRIALS = 0.5, 12
COLD_START, TURNOVER, OVERHEAD = 20.0, 0.5, 0.02  # targets; the overhead is that of trials of ten minutes
LONG_TRIAL_MINUTES = 10


class Trial(NamedTuple):
    """When training began and the last report came, seconds trained and evaluated, and steps."""

    began: float
    ended: float
    training: float
    evaluating: float
    steps: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="duration of a long trial")
    parser.add_argument("--trials", type=int, default=2, help="long ones per slot")
    options = parser.parse_args()
    cores = granted_cores().amount
    step = statistics.mean(result(each) for each in [begin("ours", "beta_vae", 60) for _ in range(cores)])
    print(f"{cores} slots. A step takes {1e3 * step:.1f} ms when every core trains without a service around it.\n")
    print("| study | trials per slot | a trial, s | a step, ms | cold start, s | turnover, s (most) | overhead |")
    print("|---|---|---|---|---|---|---|")
    cold_starts, turnovers, overheads = [], [], []
    for title, trials, seconds in (
        ("short trials", SHORT_TRIALS, SHORT_SECONDS),
        (f"{options.minutes:g}-minute trials", options.trials, 60 * options.minutes),
    ):
        began, events = launch(trials * cores, max(1, round(seconds / step)))
        slots = list(by_process(events).values())
        done = [trial for slot in slots for trial in slot]
        turnover = [later.began - earlier.ended for slot in slots for earlier, later in itertools.pairwise(slot)]
        busy = [sum(trial.training + trial.evaluating for trial in slot) for slot in slots]
        overhead = statistics.mean(
            1 - part / (slot[-1].ended - slot[0].began) for part, slot in zip(busy, slots, strict=True)
        )
        cold_starts.append(min(slot[0].began for slot in slots) - began)
        turnovers += turnover
        overheads.append(overhead)
        between = f"{statistics.median(turnover):.2f} ({max(turnover):.2f})" if turnover else "–"
        lasts = statistics.median(trial.ended - trial.began for trial in done)
        pace = statistics.median(1e3 * trial.training / trial.steps for trial in done)
        print(
            f"| {title} | {trials} | {lasts:.1f} | {pace:.1f} | {cold_starts[-1]:.1f} | {between} | {overhead:.2%} |",
            flush=True,
        )
    print("\n| target | measured | wanted | |\n|---|---|---|---|")
    print_target("cold start, the longer of two", max(cold_starts), COLD_START, ".1f", " s")
    print_target("turnover of a slot, median", statistics.median(turnovers), TURNOVER, ".2f", " s")
    if options.minutes >= LONG_TRIAL_MINUTES:
        print_target(f"overhead at {options.minutes:g} minutes", overheads[-1], OVERHEAD, ".2%", "")


def print_target(name: str, value: float, wanted: float, form: str, unit: str) -> None:
    """One line of the table of targets."""
    print(f"| {name} | {value:{form}}{unit} | < {wanted:{form}}{unit} | {'met' if value < wanted else 'not met'} |")


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


def by_process(events: list[dict[str, Any]]) -> dict[int, list[Trial]]:
    """The trials of every process in their order."""
    processes: dict[int, list[Trial]] = {}
    started: dict[str, float] = {}
    waited: dict[str, float] = {}
    for event in events:
        if isinstance(event, TrialStarted):
            started[event.trial] = event.time
        elif isinstance(event, TrialReported):
            waited.setdefault(event.trial, event.ledger["seconds_waiting"])
        elif isinstance(event, TrialEnded):
            ledger, began = event.ledger, started[event.trial] + waited[event.trial]
            trial = Trial(began, event.time, ledger["seconds_training"], ledger["seconds_evaluating"], event.step)
            processes.setdefault(ledger["pid"], []).append(trial)
    return processes


if __name__ == "__main__":
    main()
