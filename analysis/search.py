"""How the search of a study went, and whether more of it would pay, in numbers and in sentences."""

import dataclasses
import math

import numpy as np
import pandas as pd

from analysis.reading.names import short_label
from analysis.results import Results
from analysis.statistics import uncertainty
from analysis.statistics.gain import FEWEST, MORE, WORTH, Gain, gain_of, kind_of_search, paid_until, percent
from core.formulas.costs import COSTS
from core.record.events import ENDED

# Shares of the variance between configurations that is their seeds', from which on so much of a gain is luck: in
# simulated searches of 30 configurations, 47 to 97 % from a half on; from a tenth on 11 to 93 %, in the middle 54 %;
# below a hundredth, with several objectives, at most a third.
MOSTLY_LUCK = 0.5
HALF_LUCK = 0.1


def untried(study: Results) -> float:
    """Configurations that more of the search could try: none after a grid, no end of them with a range."""
    if kind_of_search(study.spec["search"]["sampler"]) == "try all":
        return 0
    return max(0, sum(_combinations(study, model) for model in study.spec["models"]) - len(study.configurations()))


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
    points, more = _points(study), int(min(more, untried(study)))
    if not more or not np.isfinite(points).any():
        return None
    learns = kind_of_search(study.spec["search"]["sampler"]) == "learn"
    ways, reference = list(study.objectives.values()), list(study.reference())
    return gain_of(points, ways, reference, learns=learns, given=_given(study), more=more)


def share_of_seeds(study: Results) -> float:
    """Share of the variance between configurations' means that is only their seeds', in the objective with the most.

    Where no configuration has two seeds, by how far neighbours differ (`Results.expected`); NaN where that is unknown.
    """
    feasible = study.feasible()
    if not (feasible["n"] > 1).any():
        feasible = study.expected()
    per_mean = (1 / feasible["n"]).mean()
    shares = [
        min(1.0, noise**2 * per_mean / variance)
        for key in study.objectives
        if (variance := feasible[f"{key}_mean"].var()) > 0 and not math.isnan(noise := _deviation(feasible, key))
    ]
    return max(shares, default=math.nan)


def luck(study: Results) -> float | None:
    """Share of the hypervolume of the front that is luck of the seeds: what is expected over all seeds has it no more.

    None where every configuration has seeds enough, and where neighbours tell nothing.
    """
    known, costs = study.expected(), {*COSTS, *study.spec.get("costs", ())}
    errors = [f"{key}_error" for key in study.objectives if key not in costs]
    if known.empty or (known["n"] >= uncertainty.ENOUGH_SEEDS).all() or not known[errors].notna().any(axis=None):
        return None
    claimed = study.hypervolume()
    return max(0.0, 1 - study.hypervolume(by="expected") / claimed) if claimed else None


def _deviation(configurations: pd.DataFrame, key: str) -> float:
    """Over seeds of one configuration, measured or estimated."""
    measured = uncertainty.seed_deviation(configurations, key)
    if math.isnan(measured) and f"{key}_noise" in configurations:
        return float(np.sqrt((configurations[f"{key}_noise"] ** 2).mean()))
    return measured


def stopped_after(study: Results, volumes: np.ndarray) -> int | None:
    """After how many configurations the search had stopped paying; None where it had not, or where that means nothing.

    Args:
        study: whose order means nothing if it is a grid.
        volumes: `history(study)`.
    """
    number = len(volumes)
    if kind_of_search(study.spec["search"]["sampler"]) == "try all" or number < FEWEST or not volumes[-1]:
        return None
    until = paid_until(volumes)
    return until if number - until >= _late(number) else None


def past(study: Results, volumes: np.ndarray) -> str:
    """When the search had stopped paying, as a sentence; empty where the order means nothing, as in a grid."""
    number, until = len(volumes), stopped_after(study, volumes)
    if kind_of_search(study.spec["search"]["sampler"]) == "try all":
        return ""
    if number < FEWEST or not volumes[-1]:
        return f"Whether the search still paid cannot be told from {number} configurations."
    since = number - _late(number) if until is None else until
    added = _added(study, volumes[-1] - volumes[since - 1], volumes[-1])
    if until is None:
        return f"The search still paid at its end: the last {number - since} of {number} configurations {added}."
    return f"After configuration {until} of {number} the search had stopped paying: the last {number - until} {added}."


def _late(number: int) -> int:
    """How many configurations, the last ones, say whether a search still pays."""
    return min(MORE, number // 2)


@dataclasses.dataclass(frozen=True)
class Outlook:
    """Whether more configurations would pay.

    Attributes:
        sentence: for a person.
        gain: what they would likely add; None where there are none to add, or where it cannot be told.
        pays: whether that is worth its cost, and not mostly luck of the seeds; None where that is open.
        configurations: to ask for in all, where it pays.
    """

    sentence: str
    gain: Gain | None = None
    pays: bool | None = None
    configurations: int | None = None


def outlook(study: Results) -> Outlook:
    """Whether more configurations would pay, and by how much."""
    if not untried(study):
        return Outlook("Every point of the search space is planned: there are no more configurations to add.")
    if len(study.objectives) == 1:
        return Outlook("What more configurations would add cannot be told with one objective.")
    found = gain(study)
    if found is None:
        chosen = max(0, len(_points(study)) - _given(study))
        why = (
            f"of those that the sampler chose, {chosen} ended, and it takes {FEWEST}"
            if chosen < FEWEST
            else "nothing is on the front"
        )
        return Outlook(f"Whether more configurations would pay cannot be told yet: {why}.")
    verdict, pays = _verdict(found, share_of_seeds(study))
    asked = max(study.spec["search"]["configurations"], len(study.configurations()))
    likely = f"{found.more} more would likely add {found.in_percent} to the hypervolume"
    sentence = f"More configurations: {likely}, {verdict}."
    return Outlook(sentence, found, pays, asked + found.more if pays else None)


def _verdict(found: Gain, of_seeds: float) -> tuple[str, bool | None]:
    """What follows from a gain, as the end of its sentence; and whether it pays, None where that is open."""
    share, _, high = found.shares
    if high < WORTH:
        return "not worth it", False
    if share < WORTH:
        return "so that it is open whether they are worth it", None
    why = f"{100 * of_seeds:.0f} % of the variance between configurations is their seeds'"
    if of_seeds >= MOSTLY_LUCK:
        return f"but most of that would be luck, since {why}; more seeds come first", False
    if of_seeds >= HALF_LUCK:
        return f"worth it, though about half of that may be luck, since {why}", True
    return "worth it", True


def _given(study: Results) -> int:
    """Configurations that the study file says are tried first."""
    return len(study.spec["search"].get("points") or ())


def _added(study: Results, volume: float, whole: float) -> str:
    if len(study.objectives) == 1:
        return f"bettered the best {short_label(next(iter(study.objectives)))} by {volume:.2g}"
    return f"added {percent(volume / whole)} % of the hypervolume"


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
