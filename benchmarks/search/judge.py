"""How good a search is: by what the study would recommend, measured with true values, not with what it saw."""

import dataclasses
import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.search.problems import Problem, problems
from benchmarks.search.rehearsal import Moment, Rehearsal, rehearse
from core.formulas.bounds import FRONT
from core.pareto import hypervolume, non_dominated
from studies.record.expected import expected_values
from studies.study_file.spec import StudySpec


@dataclasses.dataclass(frozen=True)
class Setting:
    """A way to search.

    Attributes:
        label: in tables.
        search: the section of the study file.
        sections: others, such as `seeds`.
        slots: trials that run at the same time.
        searcher: path of a peer's Python and its name; empty for the service's own.
        expected: shares of the steps after which the front by expected values is judged too, rising to 1.
        most_steps: of training of all trials, after which the search is left as it is.
    """

    label: str
    search: Mapping[str, Any]
    sections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    slots: int = 4
    searcher: tuple[str, ...] = ()
    expected: tuple[float, ...] = ()
    most_steps: float = np.inf


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one search came to.

    Attributes:
        steps: of training (E,), each time when a configuration had its outcome.
        volumes: true hypervolume (E,) of what was recommended then, as a share of the best.
        claimed: hypervolume of what the study saw of its final front, in the same unit.
        possible: true hypervolume of all that it tried.
        front: configurations recommended at the end.
        right: share of these that no other that was tried truly dominates.
        trials: at the end.
        seconds: that the search took, without any training.
        expected: true volumes of the front by expected values, at shares of the steps; nothing where nobody asked.
        expected_claimed: hypervolume of the expected values of the final one.
        first_seeds: how it stood when every configuration had as many seeds as it has at least; none where it ends so.
    """

    steps: np.ndarray
    volumes: np.ndarray
    claimed: float
    possible: float
    front: int
    right: float
    trials: float
    seconds: float
    expected: Mapping[float, float] = dataclasses.field(default_factory=dict)
    expected_claimed: float = np.nan
    first_seeds: "Outcome | None" = None

    def at(self, steps: float) -> float:
        """True hypervolume when so many steps were trained."""
        known = np.searchsorted(self.steps, steps, side="right")
        return float(self.volumes[known - 1]) if known else 0.0

    def steps_to(self, volume: float) -> float:
        """Steps until the recommendation is that good, and stays so; infinite if it never is."""
        below = np.flatnonzero(self.volumes < volume)
        first = below[-1] + 1 if len(below) else 0
        return float(self.steps[first]) if first < len(self.steps) else np.inf


def judge(task: tuple[str, Setting, int]) -> Outcome:
    """Search a problem once.

    Args:
        task: name of the problem, the setting, the seed of the repetition.
    """
    name, setting, seed = task
    problem = _problems()[name]
    spec = problem.spec(seed, setting.search, **setting.sections)
    began = time.perf_counter()
    if setting.searcher:
        from benchmarks.search.peers import peer

        with peer(setting.searcher) as searcher:
            rehearsal = rehearse(spec, setting.slots, searcher, setting.most_steps)
    else:
        rehearsal = rehearse(spec, setting.slots, most_steps=setting.most_steps)
    seconds = time.perf_counter() - began
    searched = len(rehearsal.configurations) * spec.seeds.min * spec.budget.steps
    first = [each for each in rehearsal.moments if each.steps <= searched]
    whole = _outcome(problem, rehearsal, spec, seconds, setting.expected)
    if spec.seeds.until != FRONT or len(first) == len(rehearsal.moments):
        return whole
    before = dataclasses.replace(rehearsal, moments=first)
    return dataclasses.replace(whole, first_seeds=_outcome(problem, before, spec, seconds, setting.expected))


@functools.cache
def _problems() -> dict[str, Problem]:
    return problems()


def _outcome(
    problem: Problem, rehearsal: Rehearsal, spec: StudySpec, seconds: float, expect: Sequence[float]
) -> Outcome:
    directions = list(problem.objectives.values())
    moments = rehearsal.moments
    volumes = [problem.volume(_named(rehearsal, recommended(each, directions))) for each in moments]
    last = moments[-1]
    front = recommended(last, directions)
    tried = list(last.values)
    truth = np.array([problem.truth(rehearsal.configurations[key]) for key in tried])
    truly = dict(zip(tried, non_dominated(truth, directions), strict=True))
    outcome = Outcome(
        np.array([each.steps for each in moments]),
        np.array(volumes),
        hypervolume(np.array(list(last.values.values())), directions, problem.reference) / problem.best,
        problem.volume(_named(rehearsal, tried)),
        len(front),
        float(np.mean([truly[key] for key in front])),
        last.steps / spec.budget.steps,
        seconds,
    )
    return _with_expected(outcome, problem, rehearsal, spec, expect) if expect else outcome


def _with_expected(
    outcome: Outcome, problem: Problem, rehearsal: Rehearsal, spec: StudySpec, shares: Sequence[float]
) -> Outcome:
    """An outcome with the front by expected values, at shares of the steps."""
    directions = list(problem.objectives.values())
    volumes, values = {}, np.empty((0, len(directions)))
    for share in shares:
        moments = [each for each in rehearsal.moments if each.steps <= share * rehearsal.moments[-1].steps]
        keys = list(moments[-1].results) if moments else []
        if not keys:
            volumes[share] = 0.0
            continue
        results = [(rehearsal.configurations[key], seeds) for key, seeds in moments[-1].results.items()]
        values, _ = expected_values(spec, results)
        front = np.flatnonzero(non_dominated(values, directions))
        volumes[share] = problem.volume(_named(rehearsal, [keys[index] for index in front]))
    claimed = hypervolume(values, directions, problem.reference) / problem.best
    return dataclasses.replace(outcome, expected=volumes, expected_claimed=claimed)


def recommended(moment: Moment, directions: Sequence[str]) -> list[str]:
    """The front that the study shows: of the means that it saw."""
    values = moment.values
    if not values:
        return []
    mask = non_dominated(np.array(list(values.values())), directions)
    return [key for key, shown in zip(values, mask, strict=True) if shown]


def _named(rehearsal: Rehearsal, keys: Iterable[str]) -> list[Any]:
    return [rehearsal.configurations[key] for key in keys]


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
