"""How sure the study is: everything that the report says about chance."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import figures
from analysis.models import ranking
from analysis.report.pictures import cached
from analysis.results import QueryError, Results
from analysis.statistics import dependence, selection, uncertainty
from analysis.statistics.uncertainty import Estimate

DRAWS = 200_000  # configurations times bootstrap replicates, for time
MOST_PAIRS = 15
MOST_ENCODED = 60  # trials whose models are loaded for the ranking without factors; a second or so each
MOST_METRICS = 12
MOST_MODELS = 5  # with a column of their own in the table of rules


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the report's section on uncertainty shows.

    Attributes:
        hypervolume: of the front, with its interval; None before there is one.
        reference: the point that it is measured against, in words.
        probability: by configuration, how often it is on the front when seeds are drawn anew; empty for single seeds.
        fewest_seeds: of a feasible configuration.
        shares: by metric label, percentages of the variance due to model, hyperparameter and seed; empty for single
            seeds.
        comparisons: rows on pairs of models.
        rules: what each rule of choice would report.
        importance: rows on hyperparameters.
    """

    hypervolume: Estimate | None
    reference: str
    probability: Mapping[str, float]
    fewest_seeds: int
    shares: Mapping[str, Mapping[str, float]]
    comparisons: list[dict[str, Any]]
    rules: "Rules"
    importance: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Rules:
    """The objective that each rule of choice would report.

    Attributes:
        rows: `rule`, `blind` (whether it never looks at the score), `chooses`, `value` over the whole study, `models`
            (its value when it chooses among the configurations of each model).
        models: names of these models; empty for one model or many.
        without: why a ranking of configurations without factors is missing; empty when it is there.
    """

    rows: list[dict[str, Any]]
    models: list[str]
    without: str


def evidence(study: Results) -> Evidence:
    """Everything from the tables of a study, whatever is completed yet."""
    feasible = study.feasible()
    if feasible.empty:
        return Evidence(None, "", {}, 0, {}, [], Rules([], [], ""), [])
    trials, objectives = study.trials(), study.objectives
    directions, reference = list(objectives.values()), study.reference()
    keys = list(feasible["configuration"])
    values = uncertainty.seed_values(trials, keys, list(objectives))
    replicates = int(np.clip(DRAWS / len(keys), 100, uncertainty.REPLICATES))
    volume = uncertainty.hypervolume(values, directions, list(reference), replicates)
    several = not np.isnan(volume.low)
    probability = dict(zip(keys, uncertainty.front_probability(values, directions, replicates).tolist(), strict=True))
    metric = next(iter(objectives))
    shown = study.scored_metrics()[:MOST_METRICS]
    return Evidence(
        volume,
        ", ".join(f"{figures.label(key)} {value:.4g}" for key, value in zip(objectives, reference, strict=True)),
        probability if several else {},
        int(feasible["n"].min()),
        {figures.label(key): dependence.variance_shares(trials, key) for key in shown} if several else {},
        _comparisons(study, metric),
        _rules(study, trials[trials["configuration"].isin(keys)], metric),
        _importance(study, feasible, metric),
    )


def _comparisons(study: Results, metric: str) -> list[dict[str, Any]]:
    rows = []
    for first, second in itertools.islice(itertools.combinations(study.spec["models"], 2), MOST_PAIRS):
        try:
            row = study.compare(first, second, metric).iloc[0].to_dict()
        except QueryError:  # one of them has nothing completed
            continue
        rows.append(
            {
                "first": figures.title(first),
                "second": figures.title(second),
                "difference": f"{row['difference']:+.3g}",
                "interval": "–" if np.isnan(row["low"]) else f"{row['low']:+.3g} to {row['high']:+.3g}",
                "effect": "–" if np.isnan(row["effect"]) else f"{row['effect']:+.2f}",
                "pairs": row["pairs"],
            }
        )
    return rows


def _rules(study: Results, completed: pd.DataFrame, metric: str) -> Rules:
    """Every rule over all trials of the feasible configurations, and within each model."""
    keys = [key for key in study.metrics() if key != metric]
    criteria = {figures.short_label(key): own for key, own in selection.unsupervised(completed, keys).items()}
    agreement, without = _agreement(study, completed)
    if agreement is not None:
        criteria["UDR (agreement of seeds)"] = agreement
    models = list(completed["model"].unique())
    models = models if 1 < len(models) <= MOST_MODELS else []
    groups = [completed, *(completed[completed["model"] == model] for model in models)]
    direction, curves = study.direction(metric), study.curves()
    whole, *parts = [selection.leakage(own, metric, direction, criteria, curves) for own in groups]
    chosen = study.configurations().set_index("configuration")
    rows = []
    for row in whole.to_dict("records"):
        winner = chosen.loc[row["configuration"]]
        values = {name: winner[name] for name in study.searched(winner["model"])}
        within = [part.set_index("rule")["value"].get(row["rule"], np.nan) for part in parts]
        rows.append(
            {
                "rule": row["rule"],
                "blind": row["rule"].removeprefix("best by ") in criteria,
                "chooses": f"{figures.title(winner['model'])}, {figures.settings(winner['model'], values)}".strip(", "),
                "value": f"{row['value']:.4g}",
                "models": ["–" if np.isnan(value) else f"{value:.4g}" for value in within],
            }
        )
    return Rules(rows, [figures.title(model) for model in models], without)


def _agreement(study: Results, completed: pd.DataFrame) -> tuple[pd.Series | None, str]:
    """UDR of the configurations that have several seeds, or why there is none."""
    from core.data import DataError
    from core.metrics import MetricError

    if not completed["configuration"].duplicated().any():
        return None, "it compares seeds, and every configuration has one"
    if len(completed) > MOST_ENCODED:
        return None, f"it loads every model, which is left to you for more than {MOST_ENCODED} trials"
    if "://" in study.stores["checkpoints"]:
        return None, "the weights are not on this machine"
    if not cached(study):
        return None, "the data set is not on this machine"
    try:
        return ranking.udr(study), ""
    except FileNotFoundError:
        return None, "not every trial's weights are kept"
    except (DataError, MetricError) as error:
        return None, str(error)


def _importance(study: Results, feasible: pd.DataFrame, metric: str) -> list[dict[str, Any]]:
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
