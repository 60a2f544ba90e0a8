"""Two models, or two studies, compared seed by seed: seed s gives both the same initialisation and data order."""

import dataclasses

import numpy as np
import pandas as pd

from analysis.statistics import uncertainty

CLEARLY = 2.0  # standard errors between two means, from which on they differ by more than seeds do


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The first minus the second, over pairs.

    Attributes:
        pairs: number of pairs.
        first: mean of the first.
        second: mean of the second.
        difference: mean difference.
        low: lower end of the 95 % interval of the mean difference (Student's t); NaN for one pair.
        high: upper end.
        effect: mean difference in units of the differences' standard deviation, corrected for few pairs (Hedges); NaN
            for fewer than three, infinite when all differences are equal, and NaN when all are 0.
    """

    pairs: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    effect: float


def paired(first: pd.Series, second: pd.Series) -> Comparison:
    """Compare two series of values by their common index (seeds, or configurations and seeds); NaN drops a pair.

    Raises:
        ValueError: they have no pair in common.
    """
    both = pd.concat([first.astype(float), second.astype(float)], axis=1, join="inner", keys=["first", "second"])
    both = both.dropna()
    if both.empty:
        raise ValueError("the two have no completed seed in common, so nothing can be paired")
    differences = (both["first"] - both["second"]).to_numpy()
    count, mean = len(differences), uncertainty.mean(differences)
    effect = float("nan")
    if count > 2:
        with np.errstate(divide="ignore", invalid="ignore"):  # without a spread it is infinite, or 0 / 0
            effect = float(_hedges(count) * np.float64(mean.value) / differences.std(ddof=1))
    means = both.mean()
    return Comparison(count, float(means["first"]), float(means["second"]), mean.value, mean.low, mean.high, effect)


def _hedges(count: int) -> float:
    """Correction of a standardised difference for few pairs (Hedges 1981)."""
    return 1.0 - 3.0 / (4.0 * (count - 1) - 1.0)


def by_seed(trials: pd.DataFrame, metric: str) -> pd.Series:
    """A final metric by seed, averaged over the completed trials given."""
    completed = trials[trials["state"] == "COMPLETED"]
    return completed.groupby("seed")[metric].mean()


def by_trial(trials: pd.DataFrame, metric: str) -> pd.Series:
    """A final metric by (configuration, seed)."""
    completed = trials[trials["state"] == "COMPLETED"]
    return completed.set_index(["configuration", "seed"])[metric]
