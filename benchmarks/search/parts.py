"""What is compared, in parts: each makes one section of `benchmarks/results/search.md`."""

import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from benchmarks.search import figure, tables
from benchmarks.search.judge import Outcome, Setting
from benchmarks.search.kept import Task, judged
from benchmarks.search.problems import STEPS, Problem, problems
from studies.study_file.auto import SPREAD, gaussian_process

CONFIGURATIONS = 40
RACE = {"min": 1, "max": 5, "until": "front"}
SHARES = (0.4, 1.0)  # of the steps, after which the front by expected values is judged; it takes a moment
END = SHARES[-1:]
PEERS = ("Syne Tune: MO-REA",)
SLOW_PEERS = ("Syne Tune: ehvi", "Ax")


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
STARTUP = {"TPE, startup 5": 5, "TPE, startup 20": 20}
GAUSSIAN = {"sampler": gaussian_process(SPREAD[0]), "startup": SPREAD[0]}


@dataclasses.dataclass
class Bench:
    """Searches a number of problems, many times each, and nothing twice.

    Attributes:
        names: of the problems.
        pool: of processes.
        repetitions: of every search.
        first: seed of the first repetition.
        peers: Python of the environment of outside peers; empty without any.
        to: folder of what is written.
        keep: folder of outcomes, to go on with; none: they are kept nowhere.
        code: digest of it, which outcomes are kept for.
    """

    names: Sequence[str]
    pool: Executor
    repetitions: int
    first: int
    peers: str
    to: pathlib.Path
    keep: pathlib.Path | None
    code: str

    def __post_init__(self) -> None:
        self.problems = {name: problems()[name] for name in self.names}
        self._done: dict[str, list[Outcome]] = {}

    def run(self, name: str, settings: Sequence[Setting]) -> dict[str, list[Outcome]]:
        """Outcomes of all repetitions of each setting, by its label."""
        return {setting.label: self._repeat(name, setting) for setting in settings}

    def each(self, settings: Callable[[Problem], Sequence[Setting]]) -> dict[str, dict[str, list[Outcome]]]:
        """Outcomes by problem and label."""
        return {name: self.run(name, settings(problem)) for name, problem in self.problems.items()}

    def _repeat(self, name: str, setting: Setting) -> list[Outcome]:
        spec = self.problems[name].spec(0, setting.search, **setting.sections)  # with what `auto` stands for
        how = [setting.slots, setting.searcher, setting.expected, str(setting.most_steps), self.code]
        key = json.dumps([spec.model_dump(mode="json"), *how], sort_keys=True)
        if key not in self._done:
            began = time.monotonic()
            seeds = range(self.first, self.first + self.repetitions)
            tasks = [Task(name, setting, seed, key, self.keep) for seed in seeds]
            self._done[key] = list(self.pool.map(judged, tasks))
            print(f"  {name}: {setting.label}, {time.monotonic() - began:.0f} s", file=sys.stderr)
        return self._done[key]


def search(sampler: object, configurations: int = CONFIGURATIONS) -> dict[str, object]:
    """The section of a study file."""
    return {"sampler": sampler, "configurations": configurations}


def tpe(problem: Problem, configurations: int = CONFIGURATIONS) -> dict[str, object]:
    """As `auto` has it where it has no Gaussian process, but learning from means, which takes no time."""
    return {**search("auto" if len(problem.objectives) > 2 else "tpe", configurations), "by": "mean"}


def first_seeds(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """How studies stood before the front got more seeds."""
    return [each.first_seeds or each for each in outcomes]


def samplers(bench: Bench) -> str:
    """All samplers, 40 configurations of one seed."""

    def settings(problem: Problem) -> list[Setting]:
        grid = problem.gridded(CONFIGURATIONS)
        points = problem.spec(0, {"sampler": "grid"}, models=grid).search.configurations
        found = [Setting(f"grid of {points}", search("grid", points), {"models": grid})]
        found += [Setting(label, search(sampler), expected=_expected(label)) for label, sampler in SAMPLERS.items()]
        found += [Setting(label, {**search("tpe"), "startup": count}) for label, count in STARTUP.items()]
        return [*found, Setting("auto", search("auto"), {"seeds": "auto"}, expected=SHARES)]

    found = bench.each(settings)
    for of_problem in found.values():
        of_problem["auto"] = first_seeds(of_problem["auto"])
    return tables.samplers(found)


def _expected(label: str) -> tuple[float, ...]:
    """Of the sampler that other parts have too, which would else search the same again."""
    return SHARES if label == "TPE" else ()


def gaussian(bench: Bench) -> str:
    """Gaussian processes wherever they can be had, one for each model; with four trials at a time, and with sixteen."""

    def settings(problem: Problem) -> list[Setting]:
        by_process = {**search("auto"), **GAUSSIAN}
        ways = (("random", search("random")), ("TPE", tpe(problem)), ("GP", by_process))
        by_default = problem.spec(0, search("auto")).search.sampler == GAUSSIAN["sampler"]
        slots = (4, 16) if by_default else (4,)
        return [
            Setting(f"{label}, {CONFIGURATIONS} configurations, {count} slots", way, {}, count)
            for count in slots
            for label, way in ways
        ]

    return tables.sizes(bench.each(settings))


def _sizes(bench: Bench, sizes: Sequence[tuple[int, int]]) -> str:
    def settings(problem: Problem) -> list[Setting]:
        return [
            Setting(f"{label}, {count} configurations, {slots} slots", way, {}, slots)
            for count, slots in sizes
            for label, way in (("random", search("random", count)), ("TPE", tpe(problem, count)))
        ]

    return tables.sizes(bench.each(settings))


def sizes(bench: Bench) -> str:
    """Few configurations, few and many slots."""
    return _sizes(bench, [(10, 1), (40, 1), (40, 16)])


def large(bench: Bench) -> str:
    """Two hundred configurations, few and many slots."""
    return _sizes(bench, [(200, 4), (200, 16), (200, 64)])


def thousand(bench: Bench) -> str:
    """A thousand configurations."""
    return _sizes(bench, [(1000, 64)])


def seeds(bench: Bench) -> str:
    """Fixed numbers of seeds, more while a standard error is large, more for the front at the end."""

    def settings(problem: Problem) -> list[Setting]:
        first = next(iter(problem.objectives))
        rules = {
            "1": 1,
            "3": 3,
            "5": 5,
            "1 to 5, standard error": {"min": 1, "max": 5, "until": f"std_error({first}) < 0.01"},
            "1 to 5, front": RACE,
        }
        found = [
            Setting(label, tpe(problem), {"seeds": rule}, expected=SHARES if rule == 1 else END)
            for label, rule in rules.items()
        ]
        return [*found, Setting("1, for 100 configurations", tpe(problem, 100), expected=END)]

    return tables.seeds(bench.each(settings))


def stopping(bench: Bench) -> str:
    """Rules of early stopping, with the configurations that the saved steps pay for."""

    def settings(problem: Problem) -> list[Setting]:
        first = next(iter(problem.objectives))
        found = [Setting("none", tpe(problem), expected=SHARES)]
        rules = (("dominated", 250), ("dominated", 750), ("dominated", 1500), ("median", 750), ("asha", 750))
        for rule, grace in rules:
            metric = {} if rule == "dominated" else {"metric": first}
            for control in (0.0, 0.1, 0.3) if (rule, grace) == ("dominated", 750) else (0.1,):
                section = {"early_stop": {"rule": rule, "grace": grace, "control": control, **metric}}
                label = f"{rule}, grace {grace}, control {control:g}"
                twice = tpe(problem, 2 * CONFIGURATIONS)
                found.append(Setting(label, twice, section, most_steps=CONFIGURATIONS * STEPS))
        return found

    return tables.stopping(bench.each(settings))


def defaults(bench: Bench) -> str:
    """What a study file that says nothing gets, against random search with fixed seeds."""

    def settings(_: Problem) -> list[Setting]:
        fixed = [Setting(f"random, {count} seeds", search("random"), {"seeds": count}) for count in (5, 3)]
        race = [
            Setting(f"{each}, seeds: auto", search(each), {"seeds": "auto"}, expected=shares)
            for each, shares in (("random", END), ("auto", SHARES))
        ]
        return [*fixed, *race]

    found = bench.each(settings)
    for of_problem in found.values():
        for sampler in ("random", "auto"):
            of_problem[f"{sampler}, 1 seed"] = first_seeds(of_problem[f"{sampler}, seeds: auto"])
    shown = ("random, 5 seeds", "random, 1 seed", "auto, seeds: auto")
    figure.draw(found, shown, bench.to / "search.png")
    return tables.defaults(found)


def peers(bench: Bench) -> str:
    """Syne Tune beside what the service does by itself, one seed each."""
    return _beside_peers(bench, PEERS)


def slow_peers(bench: Bench) -> str:
    """Gaussian processes of Syne Tune and Ax, which take a minute or more for a search."""
    return _beside_peers(bench, SLOW_PEERS)


def _beside_peers(bench: Bench, names: Sequence[str]) -> str:
    def settings(_: Problem) -> list[Setting]:
        ours = [Setting("random", search("random")), Setting("auto", search("auto"), {"seeds": "auto"})]
        return [*ours, *(Setting(peer, search("random"), searcher=(bench.peers, peer)) for peer in names)]

    found = bench.each(settings)
    for of_problem in found.values():
        of_problem["auto"] = first_seeds(of_problem["auto"])
    return tables.samplers(found)


@dataclasses.dataclass(frozen=True)
class Part:
    """A section.

    Attributes:
        title: of it.
        make: its text.
        by_default: whether it is made when none is named: what the defaults of a study file follow from.
    """

    title: str
    make: Callable[[Bench], str]
    by_default: bool = True


PARTS = {
    "samplers": Part("Samplers", samplers),
    "gaussian": Part("Gaussian processes", gaussian, by_default=False),
    "sizes": Part("Configurations and slots", sizes),
    "large": Part("Two hundred configurations", large, by_default=False),
    "thousand": Part("A thousand configurations", thousand, by_default=False),
    "seeds": Part("Seeds", seeds),
    "stopping": Part("Early stopping", stopping, by_default=False),
    "defaults": Part("Defaults", defaults),
    "peers": Part("Peers", peers, by_default=False),
    "slow_peers": Part("Peers that take a minute or more for a search", slow_peers, by_default=False),
}
