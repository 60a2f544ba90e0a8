"""How many trials a study needs until its front is good: samplers, slots, seeds and early stopping, measured.

    python -m benchmarks.search                                 # what the defaults follow from: a quarter of an hour
    python -m benchmarks.search --first-seed 1000 --to benchmarks/results/search_again   # with other seeds
    python -m benchmarks.search --parts stopping                # rules of early stopping
    python -m benchmarks.search --parts gaussian                # Gaussian processes for everything: 20 minutes
    python -m benchmarks.search --parts large                   # 200 configurations: ten minutes
    python -m benchmarks.search --parts thousand                # 1,000: an hour
    python -m benchmarks.search --parts peers --python P        # Syne Tune beside it, from an environment with it
    python -m benchmarks.search --parts slow_peers --python P --keep DIR   # a minute or more a search; goes on from DIR

Written to `benchmarks/results/search.md` and `search.png`; sections of other parts stay as they are. Whole studies are
rehearsed in memory, with the service's own agenda, searcher, seeds and stopper (`rehearsal`), on recorded curves and on
synthetic problems (`problems`).
"""

import argparse
import os
import pathlib
import sys
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from benchmarks.search import tables
from benchmarks.search.parts import PARTS, Bench
from benchmarks.search.problems import Problem, problems
from core.machine import granted_cores
from core.runtime import code_digest, source_revision

CODE = ("benchmarks", "core", "studies", "trainables")
RESULTS = pathlib.Path(__file__).parents[1] / "results"


def main() -> None:
    everything = problems()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--problems", nargs="*", default=list(everything), choices=list(everything), metavar="PROBLEM")
    usual = [name for name, part in PARTS.items() if part.by_default]
    parser.add_argument("--parts", nargs="*", default=usual, choices=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--python", help="of an environment with ax-platform and syne-tune, for the parts `peers` and `slow_peers`"
    )
    parser.add_argument("--to", type=pathlib.Path, default=RESULTS)
    parser.add_argument(
        "--keep", type=pathlib.Path, help="a folder for every outcome: run again, it goes on from there"
    )
    options = parser.parse_args()
    if {"peers", "slow_peers"} & set(options.parts) and not options.python:
        parser.error("the parts `peers` and `slow_peers` need --python")
    warnings.simplefilter("ignore")
    os.environ["OMP_NUM_THREADS"] = "1"
    for folder in filter(None, (options.to, options.keep)):
        folder.mkdir(parents=True, exist_ok=True)
    file = options.to / "search.md"
    cores = granted_cores().amount
    commit = source_revision().get("commit", "unknown")[:12]
    began = time.monotonic()
    with ProcessPoolExecutor(cores, initializer=_quiet) as pool:
        bench = Bench(
            options.problems,
            pool,
            options.repetitions,
            options.first_seed,
            options.python or "",
            options.to,
            options.keep,
            code_digest(*CODE),
        )
        for name in options.parts:
            print(name, file=sys.stderr)
            since = time.monotonic()
            text = PARTS[name].make(bench)
            took = "in pieces" if options.keep else f"{max(1, round((time.monotonic() - since) / 60))} minutes"
            made = f"{options.repetitions} repetitions from seed {options.first_seed}, commit {commit}, {cores} cores, "
            write(file, everything.values(), PARTS[name].title, f"{text}\n\n*{made}{took}.*")
    print(f"{file}: {(time.monotonic() - began) / 60:.0f} minutes", file=sys.stderr)


def write(file: pathlib.Path, known: Iterable[Problem], title: str, text: str) -> None:
    """Put a section into the file, in its place; the others stay."""
    sections = {}
    if file.exists():
        for section in file.read_text().split("\n## ")[1:]:
            name, _, body = section.partition("\n")
            sections[name] = body.strip()
    sections[title] = text
    ordered = [f"## {part.title}\n\n{sections[part.title]}" for part in PARTS.values() if part.title in sections]
    file.write_text("\n\n".join([tables.head(known), *ordered]) + "\n")


def _quiet() -> None:
    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)


if __name__ == "__main__":
    main()
