"""All benchmarks of the service in one run, written to `benchmarks/results/<machine>.md`.

    make bench                      # or: python -m benchmarks

Training against a plain loop, trials on a GPU where there is one, cold start and turnover, data sets against a plain
array, questions to a large study, and many small trials: on two cores in less than 15 minutes. What takes longer is a
command of its own: metrics (`python -m benchmarks.metrics`), learning (`python -m benchmarks.learning`), and the
overhead of trials of ten minutes (`python -m benchmarks.service --minutes 10 --trials 1`).
"""

import datetime
import pathlib
import platform
import subprocess
import sys
import time

from core.machine import granted_cores
from core.runtime import package_versions, source_revision

RESULTS = pathlib.Path(__file__).parent / "results"
COMMANDS = (
    ("Training steps", ("benchmarks.training", "--rounds", "3", "--steps", "20")),
    ("Trials on a GPU", ("benchmarks.device",)),
    ("Around the training", ("benchmarks.service", "--trials", "1")),
    ("Data sets", ("benchmarks.data",)),
    ("Questions to a study of 10,000 trials", ("benchmarks.analysis",)),
    ("Many small trials, random search", ("benchmarks.scale", "--trials", "1000", "--sampler", "random")),
    ("Many small trials, TPE", ("benchmarks.scale", "--trials", "500", "--sampler", "tpe")),
)


def machine() -> str:
    """`<processor>-<cores>-cores`, fit for a file name."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = "-".join("".join(c if c.isalnum() else " " for c in line.partition(":")[2]).split())
            return f"{name.lower()}-{granted_cores().amount}-cores"
    return f"{platform.machine()}-{granted_cores().amount}-cores"


def main() -> None:
    RESULTS.mkdir(exist_ok=True)
    versions = package_versions()
    del versions["host"]
    parts = [
        f"# {machine()}",
        f"{datetime.date.today()}, commit {source_revision().get('commit', 'unknown')[:12]}, `make bench`.",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    failed = []
    for title, command in COMMANDS:
        print(title, file=sys.stderr)
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True)
        seconds = time.monotonic() - began
        said = [line for line in done.stdout.splitlines() if "(raylet)" not in line]  # Ray prints its warnings there
        parts += [f"## {title}", f"`python -m {' '.join(command)}`, {seconds:.0f} s", "\n".join(said).strip()]
        if done.returncode:  # a bound was missed, or it broke: the other parts are worth having
            failed.append(title)
            parts.append(f"Ended with exit code {done.returncode}.")
    (RESULTS / f"{machine()}.md").write_text("\n\n".join(parts) + "\n")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
