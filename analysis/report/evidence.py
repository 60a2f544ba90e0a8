"""What chance does to the front: what the summary and several sections say about it, computed once."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from analysis import figures
from analysis.report.rules import Rules, rules
from analysis.results import Results
from analysis.statistics import uncertainty
from analysis.statistics.uncertainty import Estimate

DRAWS = 200_000  # configurations times bootstrap replicates, for time


@dataclasses.dataclass(frozen=True)
class Evidence:
    """How sure the front is.

    Attributes:
        hypervolume: of the front, with its interval; None before there is one.
        reference: the point that it is measured against, in words.
        probability: by configuration, how often it is on the front when seeds are drawn anew; empty for single seeds.
        fewest_seeds: of a feasible configuration.
        rules: what each rule of choice would report.
    """

    hypervolume: Estimate | None
    reference: str
    probability: Mapping[str, float]
    fewest_seeds: int
    rules: Rules


def evidence(study: Results) -> Evidence:
    """Everything from the tables of a study, whatever is completed yet."""
    feasible = study.feasible()
    if feasible.empty:
        return Evidence(None, "", {}, 0, Rules([], [], ""))
    trials, objectives = study.trials(), study.objectives
    directions, reference = list(objectives.values()), study.reference()
    keys = list(feasible["configuration"])
    values = uncertainty.seed_values(trials, keys, list(objectives))
    replicates = int(np.clip(DRAWS / len(keys), 100, uncertainty.REPLICATES))
    volume = uncertainty.hypervolume(values, directions, list(reference), replicates)
    probability = dict(zip(keys, uncertainty.front_probability(values, directions, replicates).tolist(), strict=True))
    return Evidence(
        volume,
        ", ".join(f"{figures.label(key)} {value:.4g}" for key, value in zip(objectives, reference, strict=True)),
        {} if np.isnan(volume.low) else probability,
        int(feasible["n"].min()),
        rules(study, trials[trials["configuration"].isin(keys)]),
    )
