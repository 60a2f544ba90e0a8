"""How many trials a study needs until its front is good: samplers, slots, seeds and early stopping, measured.

    python -m benchmarks.search                       # on two cores in less than 15 minutes
    python -m benchmarks.search --first-seed 1000     # again, with other seeds
    python -m benchmarks.search --peers PYTHON        # Ax and Syne Tune beside it, from an environment with both

Written to `benchmarks/results/search.md` and `search.png`. Whole studies are rehearsed in memory, with the service's
own agenda, searcher, seeds and stopper (`rehearsal`), on recorded curves and on synthetic problems (`problems`).
"""

import argparse
import os
import pathlib
import sys
import time
import warnings
from concurrent.futures import Executor, ProcessPoolExecutor

from benchmarks.search import figure, tables
from benchmarks.search.judge import Outcome, Setting, repeat
from benchmarks.search.problems import problems
from core.machine import granted_cores
from core.runtime import source_revision

RESULTS = pathlib.Path(__file__).parents[1] / "results"
RACE = {"min": 1, "max": 5, "until": "front"}


def named(kind: str, **options: object) -> dict[str, object]:
    """A sampler by its class."""
    return {"class": kind, "options": options}


SAMPLERS: dict[str, object] = {
    "random": "random",
    "quasi-random": named("QMCSampler", scramble=True),
    "TPE": "tpe",
    "TPE, univariate": named("TPESampler", constant_liar=True),
    "NSGA-II": named("NSGAIISampler", population_size=10),
    "NSGA-III": named("NSGAIIISampler", population_size=10),
}
GP = {"GP, log-EHVI": named("GPSampler", n_startup_trials=10, deterministic_objective=False)}
OF_GP = ("zdt1", "beta_vae")  # it takes half a second for every configuration, and more for every model
PEERS = ("Ax", "Syne Tune: MO-REA", "Syne Tune: ehvi")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--problems", nargs="*", help="these only")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--peers", help="Python of an environment with ax-platform and syne-tune")
    parser.add_argument("--to", type=pathlib.Path, default=RESULTS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["OMP_NUM_THREADS"] = "1"
    options.to.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    names = [name for name in problems() if options.problems is None or name in options.problems]
    text: list[str] = []
    commit = source_revision().get("commit", "unknown")[:12]
    with ProcessPoolExecutor(granted_cores().amount, initializer=_quiet) as pool:
        for part in options.parts:
            print(part, file=sys.stderr)
            text.append(PARTS[part](names, pool, options))
            minutes = (time.monotonic() - began) / 60
            head = tables.head(names, options.repetitions, options.first_seed, minutes, granted_cores().amount, commit)
            (options.to / "search.md").write_text("\n\n".join([head, *text]) + "\n")


def _quiet() -> None:
    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def samplers(names: list[str], pool: Executor, options: argparse.Namespace) -> str:
    """All samplers, 40 configurations of one seed."""
    found: dict[str, dict[str, list[Outcome]]] = {}
    for name in names:
        settings = [
            Setting(label, {"sampler": sampler, "configurations": 40})
            for label, sampler in {**SAMPLERS, **(GP if name in OF_GP else {})}.items()
        ]
        settings += [
            Setting(peer, {"sampler": "random", "configurations": 40}, searcher=(options.peers, peer))
            for peer in (PEERS if options.peers else ())
        ]
        found[name] = _all(name, settings, pool, options)
    return tables.samplers(found)


def sizes(names: list[str], pool: Executor, options: argparse.Namespace) -> str:
    """Few and many configurations, few and many slots."""
    found: dict[str, dict[str, list[Outcome]]] = {}
    for name in names:
        settings = [
            Setting(f"{label}, {count} configurations, {slots} slots", {**search, "configurations": count}, {}, slots)
            for count, slots in ((10, 1), (40, 1), (40, 16), (200, 16), (200, 64))
            for label, search in (("random", {"sampler": "random"}), ("TPE", _tpe(name)))
        ]
        found[name] = _all(name, settings, pool, options)
    return tables.sizes(found)


def _tpe(name: str) -> dict[str, object]:
    """What `auto` has where it has no Gaussian process."""
    three = len(problems()[name].objectives) > 2
    return {"sampler": SAMPLERS["TPE, univariate"] if three else "tpe"}


def seeds(names: list[str], pool: Executor, options: argparse.Namespace) -> str:
    """Fixed numbers of seeds, more while a standard error is large, more for the front at the end."""
    found = {}
    for name in names:
        first = next(iter(problems()[name].objectives))
        rules = {
            "1": 1,
            "3": 3,
            "5": 5,
            "1 to 5, standard error": {"min": 1, "max": 5, "until": f"std_error({first}) < 0.01"},
            "1 to 5, front": RACE,
        }
        settings = [
            Setting(label, {**_tpe(name), "configurations": 40}, {"seeds": rule}) for label, rule in rules.items()
        ]
        settings.append(Setting("1, for 100 configurations", {**_tpe(name), "configurations": 100}))
        found[name] = _all(name, settings, pool, options)
    return tables.seeds(found)


def stopping(names: list[str], pool: Executor, options: argparse.Namespace) -> str:
    """Rules of early stopping, with the configurations that the saved steps pay for."""
    found = {}
    for name in names:
        first = next(iter(problems()[name].objectives))
        settings = [Setting("none", {**_tpe(name), "configurations": 40})]
        for rule, grace in (("dominated", 250), ("dominated", 750), ("median", 750), ("asha", 750)):
            metric = {} if rule == "dominated" else {"metric": first}
            section = {"early_stop": {"rule": rule, "grace": grace, **metric}}
            search = {**_tpe(name), "configurations": 80}
            settings.append(Setting(f"{rule}, grace {grace}", search, section))
        found[name] = _all(name, settings, pool, options)
    return tables.stopping(found)


def defaults(names: list[str], pool: Executor, options: argparse.Namespace) -> str:
    """What a study file that says nothing gets, against random search with fixed seeds."""
    found = {}
    for name in names:
        settings = [
            Setting("random, 5 seeds", {"sampler": "random", "configurations": 40}, {"seeds": 5}),
            Setting("random, 3 seeds", {"sampler": "random", "configurations": 40}, {"seeds": 3}),
            Setting("random, 1 seed", {"sampler": "random", "configurations": 40}, {"seeds": 1}),
            Setting("random, 1 to 5, front", {"sampler": "random", "configurations": 40}, {"seeds": RACE}),
            Setting("auto", {"configurations": 40}, {"seeds": "auto"}),
        ]
        found[name] = _all(name, settings, pool, options)
    if found:
        figure.draw(found, ("random, 5 seeds", "random, 1 seed", "auto"), options.to / "search.png")
    return tables.defaults(found)


def _all(name: str, settings: list[Setting], pool: Executor, options: argparse.Namespace) -> dict[str, list[Outcome]]:
    found = {}
    for setting in settings:
        began = time.monotonic()
        found[setting.label] = repeat(name, setting, options.repetitions, pool, options.first_seed)
        print(f"  {name}: {setting.label}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return found


PARTS = {"samplers": samplers, "sizes": sizes, "seeds": seeds, "stopping": stopping, "defaults": defaults}


if __name__ == "__main__":
    main()
