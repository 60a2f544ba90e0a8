"""How sure the study is: everything that the report says about chance."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis import catalogue, figures
from analysis.statistics import dependence, selection, uncertainty
from analysis.statistics.uncertainty import Estimate

if TYPE_CHECKING:
    from analysis.study import Study

DRAWS = 200_000  # configurations times bootstrap replicates, for time
MOST_PAIRS = 15


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the report's section on uncertainty shows.

    Attributes:
        hypervolume: of the front, with its interval; None before there is one.
        reference: the point that it is measured against, in words.
        probability: by configuration, how often it is on the front when seeds are drawn anew; empty for single seeds.
        fewest_seeds: of a feasible configuration.
        shares: by metric label, percentages of the variance due to model, hyperparameter and seed.
        comparisons: rows on pairs of models.
        selection: rows on rules of choice.
        importance: rows on hyperparameters.
    """

    hypervolume: Estimate | None
    reference: str
    probability: Mapping[str, float]
    fewest_seeds: int
    shares: Mapping[str, Mapping[str, float]]
    comparisons: list[dict[str, Any]]
    selection: list[dict[str, Any]]
    importance: list[dict[str, Any]]


def evidence(study: "Study") -> Evidence:
    """Everything from the tables of a study, whatever is completed yet."""
    feasible = study.feasible()
    if feasible.empty:
        return Evidence(None, "", {}, 0, {}, [], [], [])
    trials, objectives = study.trials(), study.objectives
    directions, reference = list(objectives.values()), study.reference()
    keys = list(feasible["configuration"])
    values = uncertainty.seed_values(trials, keys, list(objectives))
    replicates = int(np.clip(DRAWS / len(keys), 100, uncertainty.REPLICATES))
    volume = uncertainty.hypervolume(values, directions, list(reference), replicates)
    several = not np.isnan(volume.low)
    probability = dict(zip(keys, uncertainty.front_probability(values, directions, replicates).tolist(), strict=True))
    metric = next(iter(objectives))
    return Evidence(
        volume,
        ", ".join(f"{figures.label(key)} {value:.4g}" for key, value in zip(objectives, reference, strict=True)),
        probability if several else {},
        int(feasible["n"].min()),
        {figures.label(key): dependence.variance_shares(trials, key) for key in catalogue.scores(study)[:12]},
        _comparisons(study, metric),
        _selection(study, trials, metric),
        _importance(study, feasible, metric),
    )


def _comparisons(study: "Study", metric: str) -> list[dict[str, Any]]:
    from analysis.study import QueryError

    rows = []
    for first, second in itertools.islice(itertools.combinations(study.spec["models"], 2), MOST_PAIRS):
        try:
            row = study.compare(first, second, metric).iloc[0].to_dict()
        except QueryError:  # one of them has nothing completed
            continue
        interval = "" if np.isnan(row["low"]) else f"{row['low']:+.3g} to {row['high']:+.3g}"
        effect = "" if np.isnan(row["effect"]) else f"{row['effect']:+.2f}"
        rows.append(
            {
                "first": figures.title(first),
                "second": figures.title(second),
                "difference": f"{row['difference']:+.3g}",
                "interval": interval,
                "effect": effect,
                "pairs": row["pairs"],
            }
        )
    return rows


def _selection(study: "Study", trials: pd.DataFrame, metric: str) -> list[dict[str, Any]]:
    completed = trials[trials["state"] == "COMPLETED"]
    criteria = {key: way for key, way in selection.unsupervised(study.metrics()).items() if key != metric}
    table = selection.leakage(completed, metric, study.direction(metric), criteria, study.curves())
    models = completed.drop_duplicates("configuration").set_index("configuration")["model"]
    return [
        {"rule": row["rule"], "model": figures.title(models[row["configuration"]]), "value": f"{row['value']:.4g}"}
        for row in table.to_dict("records")
    ]


def _importance(study: "Study", feasible: pd.DataFrame, metric: str) -> list[dict[str, Any]]:
    rows = []
    for model, own in feasible.groupby("model", sort=False):
        table = dependence.importance(own, study.searched(str(model)), metric)
        for row in table.to_dict("records"):
            rows.append(
                {
                    "model": figures.title(str(model)),
                    "hyperparameter": figures.symbol(str(model), row["hyperparameter"]),
                    "importance": f"{row['importance']:.0%}",
                    "explained": f"{row['explained']:.2f}",
                }
            )
    return rows
