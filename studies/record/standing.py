"""How a study stands: what `status`, `list` and the live table say."""

import dataclasses
import functools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.statistics.gain import Gain, gain_of, kind_of_search
from core.configuration import Configuration
from core.formulas.bounds import Bound, parse_bounds
from core.pareto import non_dominated, reference_point
from core.record.events import TrialState
from core.record.history import ConfigurationHistory, History
from studies.record.state import planned_trials
from studies.study_file.spec import StudySpec


@dataclasses.dataclass(frozen=True)
class Best:
    """The best mean of an objective over the completed seeds of a configuration, and whose it is."""

    value: float
    configuration: Configuration
    seeds: int


@dataclasses.dataclass(frozen=True)
class Standing:
    """How a study stands.

    Attributes:
        planned: trials of the whole plan.
        counts: trials by state.
        best: by objective; empty before a trial is completed.
        front: configurations that no other dominates.
        gain: what the next configurations would likely add; None where there are none, or it cannot be told yet.
        seconds: during which a driver was at work.
        seconds_left: that the rest takes at the pace so far; None before there is one.
        share_done: of the steps of the whole plan, those that are taken, or will not be.
    """

    planned: int
    counts: Mapping[TrialState, int]
    best: Mapping[str, Best]
    front: int
    gain: Gain | None
    seconds: float
    seconds_left: float | None
    share_done: float

    @property
    def ended(self) -> int:
        """Trials of which nothing more will come."""
        return sum(self.counts[state] for state in ("COMPLETED", "PRUNED", "FAILED"))

    def state(self, driven: bool) -> str:
        """`running` where somebody drives it, `done`, or `stopped` before its end."""
        if driven:
            return "running"
        return "done" if self.planned and self.ended >= self.planned else "stopped"


def standing(spec: StudySpec, history: History) -> Standing:
    """How a study stands, by its journal."""
    planned = planned_trials(spec, history)
    configurations, values = _means(spec, history)
    best = {}
    for index, (objective, direction) in enumerate(spec.objectives.items()):
        if len(values):
            row = int(values[:, index].argmax() if direction == "maximize" else values[:, index].argmin())
            found = history.configurations[configurations[row]]
            best[objective] = Best(float(values[row, index]), found.configuration, len(found.completed))
    bounds = parse_bounds(spec.search.where)
    met = [_meets(history.configurations[key], bounds) for key in configurations]
    front = int(non_dominated(values[met], list(spec.objectives.values())).sum()) if len(values) else 0
    left = seconds_left(spec, history, planned)
    done = sum(spec.budget.steps if each.ended else history.progress(each).step for each in history.trials())
    share = min(1.0, done / max(1, planned * spec.budget.steps))
    gain = likely_gain(spec, history)
    return Standing(planned, history.counts(), best, front, gain, history.seconds_driven, left, share)


def likely_gain(spec: StudySpec, history: History) -> Gain | None:
    """What the next configurations would likely add, by those whose trials all ended; none come after a grid."""
    kind, suggested = kind_of_search(spec.search.sampler), len(history.configurations)
    exhausted = suggested < spec.search.configurations and suggested >= spec.num_configurations
    if kind == "try all" or exhausted:
        return None
    bounds = parse_bounds(spec.search.where)
    means = tuple(
        feasible_means(each, spec, bounds)
        for each in history.configurations.values()
        if each.trials and all(trial.ended for trial in each.trials.values())
    )
    return _gain(means, tuple(spec.objectives.values()), kind == "learn", len(spec.search.points))


def feasible_means(each: ConfigurationHistory, spec: StudySpec, bounds: Sequence[Bound]) -> tuple[float, ...] | None:
    """The means of the objectives of a configuration that ended; None where it cannot be on the front."""
    if len(each.completed) < len(each.trials):
        return None
    values = tuple(_mean(each, key) for key in spec.objectives)
    return values if _meets(each, bounds) and all(map(math.isfinite, values)) else None


def _mean(each: ConfigurationHistory, key: str) -> float:
    """Over the completed seeds; NaN where one has none."""
    return math.fsum(trial.metrics.get(key, math.nan) for trial in each.completed) / len(each.completed)


def _meets(each: ConfigurationHistory, bounds: Sequence[Bound]) -> bool:
    return all(bound.violation({bound.metric: _mean(each, bound.metric)}) <= 0 for bound in bounds)


@functools.lru_cache(maxsize=4)
def _gain(
    means: tuple[tuple[float, ...] | None, ...], directions: tuple[str, ...], learns: bool, given: int
) -> Gain | None:
    """Once for every configuration that ends, however often a display asks."""
    points = np.array([[math.nan] * len(directions) if each is None else each for each in means], dtype=float)
    if not np.isfinite(points).any():
        return None
    return gain_of(points, directions, list(reference_point(points, directions)), learns=learns, given=given)


def outlook(gain: Gain) -> str:
    """The hypervolume, and what the next configurations would likely add to it."""
    return f"{gain.hypervolume:.4g}, next {gain.more} likely + {gain.in_percent}"


def seconds_left(spec: StudySpec, history: History, planned: int) -> float | None:
    """Steps left, at the pace of their models so far, on as many slots as were ever in use; None without a pace."""
    seconds: dict[str, float] = defaultdict(float)
    steps: dict[str, int] = defaultdict(int)
    left: dict[str, int] = defaultdict(int)
    trials = history.trials()
    for trial in trials:
        model = history.configurations[trial.configuration].configuration.model
        now = history.progress(trial)
        seconds[model] += now.seconds
        steps[model] += now.step if now.seconds else 0
        left[model] += 0 if trial.ended else max(0, spec.budget.steps - now.step)
    if not sum(steps.values()):
        return None
    mean = sum(seconds.values()) / sum(steps.values())
    unknown = max(0, planned - len(trials)) * spec.budget.steps
    total = mean * unknown
    for model, number in left.items():
        total += number * (seconds[model] / steps[model] if steps[model] else mean)
    return total / max(1, history.most_running)


def _means(spec: StudySpec, history: History) -> tuple[list[str], np.ndarray]:
    """Configurations with a completed seed, and the means of their objectives: (N, M)."""
    hashes: list[str] = []
    rows: list[Sequence[float]] = []
    for configuration in history.configurations.values():
        if not configuration.completed:
            continue
        row = [_mean(configuration, key) for key in spec.objectives]
        if np.isfinite(row).all():
            hashes.append(configuration.hash)
            rows.append(row)
    return hashes, np.array(rows, dtype=float).reshape(-1, len(spec.objectives))
