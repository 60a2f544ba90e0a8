"""How the search of a study went, and whether more of it would pay, in numbers and in sentences."""

import math

import numpy as np
import pandas as pd

from analysis.reading.names import short_label
from analysis.results import Results
from analysis.statistics import uncertainty
from analysis.statistics.gain import FEWEST, MORE, WORTH, Gain, gain_of, kind_of_search, paid_until, percent

ENDED = ("COMPLETED", "FAILED", "PRUNED")
ALL_TRIED = "All points of the search space are tried, or will be: there are no more configurations to add."


def goes_on(study: Results) -> bool:
    """Whether there is more to search for: not in a grid, nor where every combination of choices is tried."""
    if kind_of_search(study.spec["search"]["sampler"]) == "try all":
        return False
    return len(study.configurations()) < sum(_combinations(study, model) for model in study.spec["models"])


def _combinations(study: Results, model: str) -> float:
    """Configurations of a model that the search could try; infinite with a range."""
    raw = {**study.spec["defaults"], **study.spec["models"][model]}
    return math.prod(len(raw[name]) if isinstance(raw[name], list) else math.inf for name in study.searched(model))


def history(study: Results) -> np.ndarray:
    """Hypervolume (N,) after each configuration that ended, in the order of suggestion."""
    points = _points(study)
    if not np.isfinite(points).any():
        return np.zeros(len(points))
    return uncertainty.hypervolume_history(points, list(study.objectives.values()), list(study.reference()))


def gain(study: Results, more: int = MORE) -> Gain | None:
    """What the next configurations would likely add; None where there are none, or where it cannot be told yet."""
    points = _points(study)
    if not goes_on(study) or not np.isfinite(points).any():
        return None
    return gain_of(points, list(study.objectives.values()), list(study.reference()), learns=_learns(study), more=more)


def noise(study: Results) -> float:
    """By how much seeds of one configuration differ, as a share of what configurations do; the most of any objective.

    NaN where no configuration has two seeds.
    """
    feasible = study.feasible()
    shares = [
        uncertainty.seed_deviation(feasible, key) / spread
        for key in study.objectives
        if (spread := feasible[f"{key}_mean"].std()) > 0
    ]
    return max(shares, default=math.nan)


def past(study: Results) -> str:
    """When the search had stopped paying, as a sentence; empty where the order means nothing, as in a grid."""
    if kind_of_search(study.spec["search"]["sampler"]) == "try all":
        return ""
    volumes = history(study)
    number = len(volumes)
    if number < FEWEST or not volumes[-1]:
        return f"Whether the search still paid cannot be told from {number} configurations."
    until, late = paid_until(volumes), min(MORE, number // 2)
    if number - until >= late:
        added = _added(study, volumes[-1] - volumes[until - 1], volumes[-1])
        return (
            f"After configuration {until} of {number} the search had stopped paying: the last {number - until} {added}."
        )
    added = _added(study, volumes[-1] - volumes[-late - 1], volumes[-1])
    return f"The search still paid at its end: the last {late} of {number} configurations {added}."


def likely(study: Results, found: Gain) -> str:
    """The gain as the end of a sentence: `10 more would likely add 1.2 % (0.1 to 3.5 %) to the hypervolume`."""
    begin = f"{found.more} more would likely"
    if len(study.objectives) == 1:
        return f"{begin} better the best {short_label(next(iter(study.objectives)))} by {found.in_units}"
    return f"{begin} add {found.in_percent} to the hypervolume"


def worth(found: Gain) -> str:
    """What follows from a gain, in two words or three."""
    share, _, high = found.shares
    return "worth it" if share >= WORTH else "hardly worth it" if high >= WORTH else "not worth it"


def outlook(study: Results, found: Gain | None) -> str:
    """Whether more configurations would pay, as a sentence."""
    if found is not None:
        return f"Of configurations, {likely(study, found)}: {worth(found)}."
    if not goes_on(study):
        return ALL_TRIED
    number = len(_points(study))
    return f"Whether more configurations would pay cannot be told yet: {number} ended, and it takes {FEWEST}."


def extended(study: Results, found: Gain) -> str:
    """The command that tries them."""
    asked = max(study.spec["search"]["configurations"], len(study.configurations()))
    return f"studies extend {study.name} --configurations {asked + found.more}"


def _added(study: Results, volume: float, whole: float) -> str:
    if len(study.objectives) == 1:
        return f"bettered the best {short_label(next(iter(study.objectives)))} by {volume:.2g}"
    return f"added {percent(volume / whole)} % of the hypervolume"


def _learns(study: Results) -> bool:
    return kind_of_search(study.spec["search"]["sampler"]) == "learn"


def _ended(study: Results) -> pd.DataFrame:
    configurations = study.configurations()
    return configurations[configurations["state"].isin(ENDED)]


def _points(study: Results) -> np.ndarray:
    """Means (N, M) of the configurations that ended, as suggested; NaN of those that cannot be on the front."""
    ended, feasible = _ended(study), study.feasible()
    columns = [f"{key}_mean" for key in study.objectives]
    points = np.full((len(ended), len(columns)), np.nan)
    if len(feasible):
        points[ended["configuration"].isin(feasible["configuration"])] = feasible[columns]
    return points
