"""What chance does to the front: what the summary and several sections say about it, computed once."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from analysis import figures
from analysis.report.rules import Rules, rules
from analysis.results import Results
from analysis.statistics import uncertainty
from analysis.statistics.uncertainty import Estimate


@dataclasses.dataclass(frozen=True)
class Evidence:
    """How sure the front is.

    Attributes:
        hypervolume: of the front, with its interval where there are enough seeds; None before there is one.
        reference: the point that it is measured against, in words.
        probability: by configuration, how often it is on the front when seeds are drawn anew; empty for too few seeds.
        fewest_seeds: of a feasible configuration.
        rules: what each rule of choice would report.
    """

    hypervolume: Estimate | None
    reference: str
    probability: Mapping[str, float]
    fewest_seeds: int
    rules: Rules

    @property
    def enough_seeds(self) -> bool:
        """Whether chance can be put in numbers."""
        return self.fewest_seeds >= uncertainty.ENOUGH_SEEDS


def evidence(study: Results) -> Evidence:
    """Everything from the tables of a study, whatever is completed yet."""
    feasible = study.feasible()
    if feasible.empty:
        return Evidence(None, "", {}, 0, Rules([], [], ""))
    trials, objectives = study.trials(), study.objectives
    directions, reference = list(objectives.values()), study.reference()
    keys, fewest = list(feasible["configuration"]), int(feasible["n"].min())
    volume = Estimate(study.hypervolume(), np.nan, np.nan)
    probability: dict[str, float] = {}
    if fewest >= uncertainty.ENOUGH_SEEDS:
        values = uncertainty.seed_values(trials, keys, list(objectives))
        replicates = uncertainty.affordable_replicates(len(keys))
        volume = uncertainty.hypervolume(values, directions, list(reference), replicates)
        shares = uncertainty.front_probability(values, directions, replicates)
        probability = dict(zip(keys, shares.tolist(), strict=True))
    return Evidence(
        volume,
        ", ".join(f"{figures.label(key)} {value:.4g}" for key, value in zip(objectives, reference, strict=True)),
        probability,
        fewest,
        rules(study, trials[trials["configuration"].isin(keys)]),
    )
